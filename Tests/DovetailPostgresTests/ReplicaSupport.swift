import Dovetail
import DovetailEngine
import DovetailPostgres
import DovetailTestPostgres

extension TestDatabase {
    /// Empties the database, runs SQL, and looks at it as a replica.
    func replica(_ sql: String = "", lockTimeout: Double = 5, digestThreshold: Int? = 0) async throws
        -> PostgresReplica
    {
        try await empty()
        if !sql.isEmpty { try await run(sql) }
        return PostgresReplica(
            conninfo, name: "postgres", lockTimeout: lockTimeout, digestThreshold: digestThreshold)
    }
}

extension Replica {
    /// A view of the columns of a table as they are.
    func view(
        _ table: String, _ identity: Dovetail.Identity = .match(["id"]), only: [String]? = nil,
        filter: String? = nil
    ) async throws -> TableView {
        guard let found = try await describe().first(where: { $0.name == table }) else {
            throw ReplicaError(.unsuitable, replica: name, "no table \(table)")
        }
        let columns = found.columns.filter { only?.contains($0.name) ?? true }
        return TableView(
            schema: TableSchema(table, fields: columns.map { Field($0.name, $0.type) }, identity: identity),
            table: table, columns: columns.map { ColumnBinding($0.name) }, filter: filter)
    }

    func look<Result: Sendable>(_ body: (any Observation) async throws -> Result) async throws -> Result {
        let observation = try await observe()
        do {
            let result = try await body(observation)
            await observation.finish()
            return result
        } catch {
            await observation.finish()
            throw error
        }
    }

    /// All records of a view, as a snapshot gives them.
    func records(_ view: TableView) async throws -> [Record] {
        try await look { try await $0.snapshot(of: view).all() }
    }

    func values(_ view: TableView) async throws -> [[Value]] {
        try await records(view).map { try $0.fields.values() }
    }

    func send(_ writes: [ReplicaWrite], _ view: TableView) async throws -> [WriteOutcome] {
        try await apply(writes, to: view).outcomes
    }
}

extension RecordCursor {
    func all() async throws -> [Record] {
        var records: [Record] = []
        while let batch = try await next() { records += batch.records() }
        return records
    }
}

extension TableView {
    func inserting(_ values: Value..., id: Int64? = nil) -> ReplicaWrite {
        let key: RecordKey? =
            id.map { RecordKey([.int($0)]) }
            ?? (keyFields.isEmpty ? nil : RecordKey(keyFields.map { values[$0] }))
        return ReplicaWrite(key: key, expected: nil, write: .insert(PackedRecord(values)))
    }

    func updating(_ record: Record, _ changes: [String: Value]) throws -> ReplicaWrite {
        var values = try record.fields.values()
        for (name, value) in changes { if let index = schema.index(of: name) { values[index] = value } }
        return ReplicaWrite(
            key: record.key, expected: record.fields,
            write: .update(PackedRecord(values), fields: changes.keys.compactMap(schema.index(of:)).sorted()))
    }

    func deleting(_ record: Record) -> ReplicaWrite {
        ReplicaWrite(key: record.key, expected: record.fields, write: .delete)
    }
}

extension WriteOutcome {
    var isApplied: Bool { if case .applied = self { true } else { false } }
    var reason: String { if case .rejected(let rejection) = self { rejection.reason } else { "\(self)" } }
    var dependsOnOthers: Bool {
        if case .rejected(let rejection) = self { rejection.dependsOnOthers } else { false }
    }
    /// What the store gave back.
    var values: [Value]? {
        switch self {
        case .applied(let record?), .already(let record?): try? record.fields.values()
        default: nil
        }
    }
}
