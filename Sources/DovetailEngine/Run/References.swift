import Dovetail

/// The order in which tables are written: parents before children.
struct TableOrder {
    /// Parents first. Tables that refer to each other in a circle stand in the order of the job.
    let tables: [JobTable]
    /// The references of a table that lie on a circle, its own included.
    let circular: [String: [Reference]]

    init(_ tables: [JobTable]) {
        let byName = Dictionary(tables.map { ($0.schema.name, $0) }, uniquingKeysWith: { first, _ in first })
        func reaches(_ from: String, _ target: String, _ seen: inout Set<String>) -> Bool {
            guard seen.insert(from).inserted, let table = byName[from] else { return false }
            return table.schema.references.contains { $0.table == target || reaches($0.table, target, &seen) }
        }
        var circular: [String: [Reference]] = [:]
        for table in tables {
            let onCircle = table.schema.references.filter { reference in
                var seen: Set<String> = []
                return reference.table == table.schema.name
                    || reaches(reference.table, table.schema.name, &seen)
            }
            if !onCircle.isEmpty { circular[table.schema.name] = onCircle }
        }
        var ordered: [JobTable] = []
        var placed: Set<String> = []
        func place(_ table: JobTable) {
            guard placed.insert(table.schema.name).inserted else { return }
            let skipped = circular[table.schema.name] ?? []
            for reference in table.schema.references where !skipped.contains(reference) {
                if let parent = byName[reference.table] { place(parent) }
            }
            ordered.append(table)
        }
        for table in tables { place(table) }
        self.tables = ordered
        self.circular = circular
    }
}

/// Records that should exist on a side and could not be written, so that their children are held back.
struct MissingParents {
    private var keys: [Side: [String: Set<RecordKey>]] = [:]

    /// Whether nothing was ever noted.
    var isEmpty: Bool { keys.isEmpty }

    mutating func note(_ table: String, _ key: RecordKey, on side: Side) {
        keys[side, default: [:]][table, default: []].insert(key)
    }

    mutating func found(_ table: String, _ key: RecordKey, on side: Side) {
        if keys.isEmpty { return }
        keys[side]?[table]?.remove(key)
    }

    /// The name of a missing parent that `record` refers to on `side`; nil when there is none.
    func parent(of record: PackedRecord, in table: JobTable, on side: Side, job: SyncJob) throws -> String? {
        guard let missing = keys[side], !missing.isEmpty else { return nil }
        for reference in table.schema.references {
            guard let parents = missing[reference.table], !parents.isEmpty,
                let parent = job.table(reference.table), parent.keyFields == reference.targetFields
            else { continue }
            let indices = reference.fields.compactMap(table.schema.index(of:))
            guard indices.count == reference.fields.count else { continue }
            let key = RecordKey(try indices.map { try record.value(at: $0) })
            if parents.contains(key) { return "\(reference.table) \(key.words)" }
        }
        return nil
    }
}

extension RecordKey {
    /// The key as output names it: its values, separated by commas.
    public var words: String {
        guard let values = try? values() else { return "(damaged key)" }
        return values.map(\.words).joined(separator: ", ")
    }
}
