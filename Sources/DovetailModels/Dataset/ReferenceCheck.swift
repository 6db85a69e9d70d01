import Dovetail
import DovetailEngine

/// Keeps references whole, as a database would: nothing is created before what it refers to, and nothing is deleted that
/// others still refer to. The engine tries again what has to wait.
struct ReferenceCheck {
    private let schema: TableSchema
    private let tables: [any AnyModelTable]
    private let named: NamedKeys

    init(_ schema: TableSchema, among tables: [any AnyModelTable], _ named: NamedKeys) {
        self.schema = schema
        self.tables = tables
        self.named = named
    }

    /// Why a write has to wait; nil when it has not.
    /// - Throws: ``PackingError``.
    func reason(against write: ReplicaWrite) throws -> String? {
        guard let key = write.key else { return nil }
        guard let record = write.write.result else {
            for (type, records) in named.byType {
                if let other = records[key], other != key || type != schema.name {
                    return "\(type) \(other.words) still refers to it"
                }
            }
            return nil
        }
        for reference in schema.references {
            guard let target = tables.first(where: { $0.schema.name == reference.table }),
                let wanted = try record.key(of: reference.fields.compactMap(schema.index(of:))),
                wanted != key || reference.table != schema.name, !target.holds(wanted)
            else { continue }
            return "it refers to \(reference.table) \(wanted.words), which is not there"
        }
        return nil
    }
}

/// The keys that other records name, as a batch of writes finds them; looked up only where any of the writes deletes.
struct NamedKeys: Sendable {
    private(set) var byType: [(type: String, records: [RecordKey: RecordKey])] = []

    init(_ writes: [ReplicaWrite], to table: any AnyModelTable, among tables: [any AnyModelTable]) {
        guard writes.contains(where: { $0.write == .delete }) else { return }
        for other in tables {
            for reference in other.schema.references where reference.table == table.schema.name {
                byType.append((other.schema.name, other.named(by: reference)))
            }
        }
    }
}

extension PackedRecord {
    /// The key that some fields make; nil when one of them is null.
    func key(of positions: [Int]) throws -> RecordKey? {
        let values = try positions.map { try value(at: $0) }
        return values.contains(where: \.isNull) ? nil : RecordKey(values)
    }
}
