public import Dovetail
public import DovetailConformance
public import DovetailEngine
public import DovetailSQLite
import Foundation
import GRDB
import Synchronization

/// Real files in folders of their own; the outside writer is another connection.
public final class SQLiteHarness: ConformanceHarness {
    private let kind: SQLiteReplica.Kind
    private let files = Mutex<[ObjectIdentifier: ReplicaFixture]>([:])

    public init(kind: SQLiteReplica.Kind) { self.kind = kind }

    public var abilities: ConformanceAbilities {
        var types: [FieldType] = [
            .bool, .int, .double, .text, .bytes, .date, .time, .timestampWithZone, .uuid, .json,
        ]
        if kind == .sqlite {
            types.append(.timestamp)
        } else {
            types.append(.geometry(GeometryKind(type: "POINT", srid: 4326)))
        }
        return ConformanceAbilities(types: types, condition: "name = 'in'")
    }

    public func make(_ tables: [TableDescription]) async throws -> any Replica {
        let fixture = try ReplicaFixture(kind, tables.map(sql).joined(separator: "\n"))
        let replica = fixture.replica()
        files.withLock { $0[ObjectIdentifier(replica)] = fixture }
        return replica
    }

    private func sql(_ table: TableDescription) -> String {
        var parts = table.columns.map { column in
            let key = table.primaryKey == [column.name] ? " PRIMARY KEY" : ""
            return
                "\"\(column.name)\" \(declaration(column.type))\(key)\(column.isNullable ? "" : " NOT NULL")"
        }
        parts += table.uniqueKeys.map { "UNIQUE (\($0.joined(separator: ", ")))" }
        parts += table.foreignKeys.map {
            "FOREIGN KEY (\($0.columns.joined(separator: ", "))) REFERENCES \"\($0.table)\" (\($0.targetColumns.joined(separator: ", ")))"
        }
        var sql = "CREATE TABLE \"\(table.name)\" (\(parts.joined(separator: ", ")));"
        guard kind == .geoPackage else { return sql }
        let geometry = table.columns.first { if case .geometry = $0.type { true } else { false } }
        sql += """
            INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id)
            VALUES ('\(table.name)', '\(geometry == nil ? "attributes" : "features")', '\(table.name)', 4326);
            """
        if let geometry, case .geometry(let kind) = geometry.type {
            sql += """
                INSERT INTO gpkg_geometry_columns (table_name, column_name, geometry_type_name, srs_id, z, m)
                VALUES ('\(table.name)', '\(geometry.name)', '\(kind.type)', \(kind.srid), 0, 0);
                """
        }
        return sql
    }

    private func declaration(_ type: FieldType) -> String {
        switch type {
        case .bool: "BOOLEAN"
        case .int: "INTEGER"
        case .double: "REAL"
        case .text: "TEXT"
        case .bytes: "BLOB"
        case .date: "DATE"
        case .time: "TIME"
        case .timestamp: "TIMESTAMP"
        case .timestampWithZone: kind == .geoPackage ? "DATETIME" : "TIMESTAMPTZ"
        case .uuid: "UUID"
        case .json: "JSON"
        case .geometry(let kind): kind.type
        default: ""
        }
    }

    public func insert(_ row: [String: Value], into table: String, of replica: any Replica) async throws {
        let columns = row.keys.sorted()
        let sql =
            "INSERT INTO \"\(table)\" (\(columns.map { "\"\($0)\"" }.joined(separator: ", "))) "
            + "VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))"
        try run(sql, columns.map { row[$0] ?? .null }, replica)
    }

    public func update(
        _ columns: [String: Value], where key: String, is value: Value, in table: String,
        of replica: any Replica
    ) async throws {
        let names = columns.keys.sorted()
        let set = names.map { "\"\($0)\" = ?" }.joined(separator: ", ")
        try run(
            "UPDATE \"\(table)\" SET \(set) WHERE \"\(key)\" IS ?",
            names.map { columns[$0] ?? .null } + [value], replica)
    }

    public func delete(where key: String, is value: Value, from table: String, of replica: any Replica)
        async throws
    {
        try run("DELETE FROM \"\(table)\" WHERE \"\(key)\" IS ?", [value], replica)
    }

    private func run(_ sql: String, _ values: [Value], _ replica: any Replica) throws {
        let fixture = try fixture(of: replica)
        try fixture.other { db in
            try db.execute(sql: sql, arguments: StatementArguments(values.map(stored)))
        }
    }

    private func stored(_ value: Value) -> (any DatabaseValueConvertible)? {
        switch value {
        case .int(let number): number
        case .double(let number): number
        case .text(let text): text
        case .bool(let flag): flag ? 1 : 0
        case .geometry(let geometry): Data(GeoPackageGeometry.encode(geometry))
        default: nil
        }
    }

    private func fixture(of replica: any Replica) throws -> ReplicaFixture {
        guard let replica = replica as? SQLiteReplica,
            let fixture = files.withLock({ $0[ObjectIdentifier(replica)] })
        else { throw ReplicaError(.failed, replica: replica.name, "no file of this harness") }
        return fixture
    }

    public func fingerprint(of replica: any Replica) async throws -> String {
        let fixture = try fixture(of: replica)
        return "\(try fixture.files) \(try fixture.bytes.hashValue)"
    }

    public func destroy(_ replica: any Replica) async {
        guard let replica = replica as? SQLiteReplica else { return }
        files.withLock { $0[ObjectIdentifier(replica)] = nil }
    }
}
