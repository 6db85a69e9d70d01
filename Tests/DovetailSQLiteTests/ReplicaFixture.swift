import Dovetail
import DovetailEngine
import DovetailSQLite
import DovetailTestSQLite

extension SQLiteReplica {
    /// A view of all columns of a table as they are.
    func view(
        _ table: String, _ identity: Dovetail.Identity, only: [String]? = nil, filter: String? = nil,
        feed: Bool = false, conversions: [String: DovetailEngine.Conversion] = [:],
        types: [String: FieldType] = [:]
    ) async throws -> TableView {
        guard let found = try await describe().first(where: { $0.name == table }) else {
            throw ReplicaError(.unsuitable, replica: name, "no table \(table)")
        }
        let columns = found.columns.filter { only?.contains($0.name) ?? true }
        let schema = TableSchema(
            table, fields: columns.map { Field($0.name, types[$0.name] ?? $0.type) }, identity: identity)
        return TableView(
            schema: schema, table: table,
            columns: columns.map { ColumnBinding($0.name, conversion: conversions[$0.name]) }, filter: filter,
            wantsChangeFeed: feed)
    }

    /// All records of a view, as a snapshot gives them.
    func records(_ view: TableView) async throws -> [Dovetail.Record] {
        try await look { observation in
            var records: [Dovetail.Record] = []
            let cursor = try await observation.snapshot(of: view)
            while let batch = try await cursor.next() { records += batch.records() }
            return records
        }
    }

    /// The values of all records.
    func values(_ view: TableView) async throws -> [[Value]] {
        try await records(view).map { try $0.fields.values() }
    }

    func look<Result: Sendable>(
        _ body: (any Observation) async throws -> Result
    ) async throws -> Result {
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

    /// Changes records that are now as `records(_:)` gives them.
    func update(
        _ view: TableView, where isMeant: ([Value]) -> Bool, _ change: (inout [Value]) -> Void
    ) async throws -> [ReplicaWrite] {
        try await records(view).compactMap { record in
            let old = try record.fields.values()
            guard isMeant(old) else { return nil }
            var new = old
            change(&new)
            let result = PackedRecord(new)
            return ReplicaWrite(
                key: record.key, locator: record.locator, expected: record.fields,
                write: .update(result, fields: try view.schema.differingFields(record.fields, result)))
        }
    }

    func deletes(_ view: TableView, where isMeant: ([Value]) -> Bool) async throws -> [ReplicaWrite] {
        try await records(view).filter { isMeant(try $0.fields.values()) }.map {
            ReplicaWrite(key: $0.key, locator: $0.locator, expected: $0.fields, write: .delete)
        }
    }
}

extension TableView {
    /// An insert of these values.
    func insert(_ values: [Value], id: Int64? = nil) -> ReplicaWrite {
        let key: RecordKey? =
            id.map { RecordKey([.int($0)]) }
            ?? (keyFields.isEmpty ? nil : RecordKey(keyFields.map { values[$0] }))
        return ReplicaWrite(key: key, expected: nil, write: .insert(PackedRecord(values)))
    }
}

extension WriteOutcome {
    var isApplied: Bool { if case .applied = self { true } else { false } }
    var isAlready: Bool { if case .already = self { true } else { false } }
    var reason: String? { if case .rejected(let rejection) = self { rejection.reason } else { nil } }
    var dependsOnOthers: Bool {
        if case .rejected(let rejection) = self { rejection.dependsOnOthers } else { false }
    }
    var record: Dovetail.Record? {
        switch self {
        case .applied(let record), .already(let record): record
        default: nil
        }
    }
}

/// Geometries for tests.
enum Shapes {
    static func wkb(_ code: UInt32, _ counts: [UInt32] = [], _ ordinates: [Double]) -> [UInt8] {
        var bytes: [UInt8] = [1]
        for word in [code] + counts { withUnsafeBytes(of: word.littleEndian) { bytes += Array($0) } }
        for ordinate in ordinates {
            withUnsafeBytes(of: ordinate.bitPattern.littleEndian) { bytes += Array($0) }
        }
        return bytes
    }

    static func point(_ x: Double, _ y: Double, srid: Int32 = 25832) -> Value {
        .geometry(Geometry(srid: srid, canonicalWKB: wkb(1, [], [x, y])))
    }

    static func line(_ ordinates: Double..., srid: Int32 = 25832) -> Value {
        .geometry(Geometry(srid: srid, canonicalWKB: wkb(2, [UInt32(ordinates.count / 2)], ordinates)))
    }
}

extension Sequence<WriteOutcome> {
    var areApplied: Bool { allSatisfy { $0.isApplied } }
}
