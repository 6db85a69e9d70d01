import Dovetail
import DovetailConformance
import DovetailEngine
import DovetailSQLite
import Foundation
import GRDB
import Synchronization

/// GeoPackages as the other side of scenarios over flat files.
final class GeoPackageHarness: ConformanceHarness {
    private let files = Mutex<[ObjectIdentifier: URL]>([:])

    var abilities: ConformanceAbilities {
        ConformanceAbilities(types: [
            .bool, .int, .double, .text, .date, .timestampWithZone, .uuid, .json,
            .geometry(GeometryKind(type: "POINT", srid: 4326)),
        ])
    }

    func make(_ tables: [TableDescription]) async throws -> any Replica {
        let file = FileManager.default.temporaryDirectory.appending(
            path: "scenario-\(UUID().uuidString).gpkg")
        let queue = try DatabaseQueue(path: file.path)
        let sql = Self.base + tables.map(sql).joined(separator: "\n")
        try await queue.write { try $0.execute(sql: sql) }
        try queue.close()
        let replica = SQLiteReplica(path: file.path, kind: .geoPackage, name: "gpkg")
        files.withLock { $0[ObjectIdentifier(replica)] = file }
        return replica
    }

    private static let base = """
        PRAGMA application_id = 0x47504B47; PRAGMA user_version = 10300;
        CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY,
            organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL,
            description TEXT);
        INSERT INTO gpkg_spatial_ref_sys VALUES ('WGS 84', 4326, 'EPSG', 4326, 'undefined', NULL),
            ('undefined', -1, 'NONE', -1, 'undefined', NULL), ('undefined', 0, 'NONE', 0, 'undefined', NULL);
        CREATE TABLE gpkg_contents (table_name TEXT PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
            description TEXT DEFAULT '', last_change DATETIME DEFAULT '2026-01-01T00:00:00.000Z', min_x DOUBLE,
            min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER);
        CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
            geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
            PRIMARY KEY (table_name, column_name));

        """

    private func sql(_ table: TableDescription) -> String {
        var parts = table.columns.map { column in
            let key = table.primaryKey == [column.name] ? " PRIMARY KEY" : ""
            return
                "\"\(column.name)\" \(declaration(column.type))\(key)\(column.isNullable ? "" : " NOT NULL")"
        }
        parts += table.uniqueKeys.map { "UNIQUE (\($0.joined(separator: ", ")))" }
        parts += table.foreignKeys.map {
            "FOREIGN KEY (\($0.columns.joined(separator: ", "))) "
                + "REFERENCES \"\($0.table)\" (\($0.targetColumns.joined(separator: ", ")))"
        }
        let geometry = table.columns.first { if case .geometry = $0.type { true } else { false } }
        var sql = """
            CREATE TABLE "\(table.name)" (\(parts.joined(separator: ", ")));
            INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id)
            VALUES ('\(table.name)', '\(geometry == nil ? "attributes" : "features")', '\(table.name)', 4326);

            """
        if let geometry {
            sql +=
                "INSERT INTO gpkg_geometry_columns VALUES ('\(table.name)', '\(geometry.name)', 'POINT', 4326, 0, 0);"
        }
        return sql
    }

    private func declaration(_ type: FieldType) -> String {
        switch type {
        case .bool: "BOOLEAN"
        case .int: "INTEGER"
        case .double: "REAL"
        case .text: "TEXT"
        case .date: "DATE"
        case .timestampWithZone: "DATETIME"
        case .uuid: "UUID"
        case .json: "JSON"
        case .geometry(let kind): kind.type
        default: ""
        }
    }

    func insert(_ row: [String: Value], into table: String, of replica: any Replica) async throws {
        let columns = row.keys.sorted()
        try await run(
            "INSERT INTO \"\(table)\" (\(columns.map { "\"\($0)\"" }.joined(separator: ", "))) "
                + "VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))",
            columns.map { row[$0] ?? .null }, replica)
    }

    func update(
        _ columns: [String: Value], where key: String, is value: Value, in table: String,
        of replica: any Replica
    ) async throws {
        let names = columns.keys.sorted()
        try await run(
            "UPDATE \"\(table)\" SET \(names.map { "\"\($0)\" = ?" }.joined(separator: ", ")) WHERE \"\(key)\" IS ?",
            names.map { columns[$0] ?? .null } + [value], replica)
    }

    func delete(where key: String, is value: Value, from table: String, of replica: any Replica) async throws
    {
        try await run("DELETE FROM \"\(table)\" WHERE \"\(key)\" IS ?", [value], replica)
    }

    private func run(_ sql: String, _ values: [Value], _ replica: any Replica) async throws {
        let queue = try DatabaseQueue(path: try file(of: replica).path)
        let arguments = StatementArguments(values.map(stored))
        try await queue.write { try $0.execute(sql: sql, arguments: arguments) }
        try queue.close()
    }

    private func stored(_ value: Value) -> (any DatabaseValueConvertible)? {
        switch value {
        case .int(let number): number
        case .double(let number): number
        case .text(let text): text
        case .bool(let flag): flag ? 1 : 0
        case .date(let date): date.iso
        case .geometry(let geometry): Data(GeoPackageGeometry.encode(geometry))
        default: nil
        }
    }

    private func file(of replica: any Replica) throws -> URL {
        guard let replica = replica as? SQLiteReplica,
            let file = files.withLock({ $0[ObjectIdentifier(replica)] })
        else { throw ReplicaError(.failed, replica: replica.name, "no file of this harness") }
        return file
    }

    func fingerprint(of replica: any Replica) async throws -> String {
        "\(try Data(contentsOf: try file(of: replica)).hashValue)"
    }

    func destroy(_ replica: any Replica) async {
        guard let replica = replica as? SQLiteReplica,
            let file = files.withLock({ $0.removeValue(forKey: ObjectIdentifier(replica)) })
        else { return }
        for ending in ["", "-wal", "-shm", "-journal"] {
            try? FileManager.default.removeItem(atPath: file.path + ending)
        }
    }
}
