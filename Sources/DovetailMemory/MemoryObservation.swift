import Dovetail
import DovetailEngine

/// One moment of a ``MemoryReplica``.
struct MemoryObservation: Observation {
    let replica: String
    let tables: [String: MemoryTable]
    let marks: [ReplicaMark]
    let changeCounter: Int64
    let feedIdentity: Int

    func identity(job: String) async throws -> ReplicaIdentity {
        ReplicaIdentity(marks: marks.filter { $0.job == job }, changeCounter: changeCounter)
    }

    func snapshot(of view: TableView) async throws -> any RecordCursor {
        let table = try table(view)
        let records = table.rows.map { table.record($0.key, $0.value, view) }
            .sorted { $0.key == $1.key ? $0.locator.lexicographicallyPrecedes($1.locator) : $0.key < $1.key }
        // Small batches, so that whoever joins them meets every seam between batches.
        var batches: [RecordBatch] = []
        for start in stride(from: 0, to: records.count, by: 7) {
            batches.append(RecordBatch(records[start..<min(start + 7, records.count)]))
        }
        return MemoryCursor(batches)
    }

    func read(_ references: [RecordReference], of view: TableView) async throws -> [Record] {
        let table = try table(view)
        let wanted = Set(references.map(\.key))
        return table.rows.map { table.record($0.key, $0.value, view) }.filter { wanted.contains($0.key) }
    }

    func changes(of view: TableView, since cursor: FeedCursor) async throws -> ChangedKeys? {
        let table = try table(view)
        if table.addsUpDigests {
            guard case .changes(let keys)? = try await DigestFeed(self, view: view).changes(since: cursor)
            else {
                return nil
            }
            return keys
        }
        let parts = cursor.text.split(separator: ".")
        guard table.keepsLog, parts.count == 2, parts[0] == "\(feedIdentity)", let from = Int(parts[1]),
            from <= table.log.count
        else { return nil }
        var keys: Set<RecordKey> = []
        for entry in table.log[from...] {
            if let before = entry.before { keys.insert(table.key(entry.id, before, view)) }
            if let now = table.rows[entry.id] { keys.insert(table.key(entry.id, now, view)) }
        }
        return ChangedKeys(keys: keys.sorted(), cursor: FeedCursor("\(feedIdentity).\(table.log.count)"))
    }

    func feedPosition(of view: TableView) async throws -> FeedCursor? {
        let table = try table(view)
        if table.addsUpDigests { return try await DigestFeed(self, view: view).position() }
        return table.keepsLog ? FeedCursor("\(feedIdentity).\(table.log.count)") : nil
    }

    func isEmpty(_ view: TableView) async throws -> Bool { try table(view).rows.isEmpty }

    func finish() async {}

    func table(_ view: TableView) throws -> MemoryTable {
        if view.filter != nil {
            throw ReplicaError(.unsuitable, replica: replica, "a replica in memory has no filters")
        }
        guard let table = tables[view.table] else {
            throw ReplicaError(.unsuitable, replica: replica, "there is no table \(view.table)")
        }
        return table
    }
}

/// Hands out batches one by one.
actor MemoryCursor: RecordCursor {
    private var rest: ArraySlice<RecordBatch>

    init(_ batches: [RecordBatch]) { rest = batches[...] }

    func next() async throws -> RecordBatch? { rest.popFirst() }
}
