import Dovetail
import DovetailEngine
import GRDB

/// Reads the schema of a file.
struct TableInspection {
    private let db: Database
    private let kind: SQLiteReplica.Kind
    private let usesUTF8: Bool
    private let layers: [String: [String: GeometryLayer]]

    init(_ db: Database, kind: SQLiteReplica.Kind) throws {
        self.db = db
        self.kind = kind
        usesUTF8 = try String.fetchOne(db, sql: "PRAGMA encoding") == "UTF-8"
        layers = kind == .geoPackage ? try Self.layers(db) : [:]
    }

    /// All tables a person would call theirs, by name.
    func tables() throws -> [TableFacts] {
        let hidden = try foreignContents()
        return try entries().filter { !Self.isHidden($0.name) && !hidden.contains($0.name.lowercased()) }
            .sorted { $0.name < $1.name }.map(facts)
    }

    /// One table.
    func table(_ name: String) throws -> TableFacts? {
        let all = try entries()
        let found = all.first { $0.name == name } ?? all.first { $0.name.lowercased() == name.lowercased() }
        return try found.map(facts)
    }

    /// Names kept out of sight: those of SQLite, of GeoPackage, of spatial indexes, and Dovetail's own.
    static func isHidden(_ name: String) -> Bool {
        let name = name.lowercased()
        if ["sqlite_", "gpkg_", "rtree_"].contains(where: name.hasPrefix) { return true }
        return HelperTables.isOwn(name)
    }

    private struct Entry {
        var name: String
        var form: TableFacts.Form
        var hasNoRowid: Bool
        var isStrict: Bool
    }

    private func entries() throws -> [Entry] {
        try Row.fetchAll(db, sql: "PRAGMA main.table_list").compactMap { row in
            let form: TableFacts.Form
            switch row["type"] as String {
            case "table": form = .table
            case "view": form = .view
            case "virtual": form = .virtual
            default: return nil
            }
            guard row["schema"] as String == "main" else { return nil }
            return Entry(name: row["name"], form: form, hasNoRowid: row["wr"], isStrict: row["strict"])
        }
    }

    private func facts(_ entry: Entry) throws -> TableFacts {
        let layers = layers[entry.name.lowercased()] ?? [:]
        let rows = try Row.fetchAll(db, sql: "PRAGMA main.table_xinfo(\(entry.name.quoted))")
        let columns = rows.compactMap { row -> ColumnFacts? in
            let hidden: Int = row["hidden"]
            guard hidden != 1 else { return nil }
            let name: String = row["name"]
            let declared: String = row["type"] ?? ""
            let layer = layers[name.lowercased()]
            return ColumnFacts(
                name: name, declared: declared,
                type: layer.map { .geometry($0.kind) } ?? DeclaredType.fieldType(of: declared, in: kind),
                affinity: Affinity(declared: declared, strict: entry.isStrict), isNotNull: row["notnull"],
                hasDefault: row["dflt_value"] as String? != nil, isGenerated: hidden > 1,
                keyPosition: row["pk"], layer: layer)
        }
        let indexes = try indexes(of: entry.name)
        return TableFacts(
            name: entry.name, form: entry.form, isStrict: entry.isStrict, hasNoRowid: entry.hasNoRowid,
            columns: columns, indexes: indexes, foreignKeys: try foreignKeys(of: entry.name),
            idColumn: entry.form == .table && !entry.hasNoRowid ? idColumn(columns, indexes) : nil,
            usesUTF8: usesUTF8)
    }

    /// An `INTEGER PRIMARY KEY` is the row id itself and has no index (with `DESC` it has one, and is not).
    private func idColumn(_ columns: [ColumnFacts], _ indexes: [IndexFacts]) -> String? {
        let key = columns.filter { $0.keyPosition > 0 }
        guard key.count == 1, key[0].declared.uppercased() == "INTEGER",
            !indexes.contains(where: \.isPrimaryKey)
        else { return nil }
        return key[0].name
    }

    private func indexes(of table: String) throws -> [IndexFacts] {
        try Row.fetchAll(db, sql: "PRAGMA main.index_list(\(table.quoted))").map { row in
            let name: String = row["name"]
            let columns = try Row.fetchAll(db, sql: "PRAGMA main.index_info(\(name.quoted))")
            return IndexFacts(
                name: name, isUnique: row["unique"], isPartial: row["partial"],
                isPrimaryKey: row["origin"] as String == "pk", columns: columns.map { $0["name"] as String? })
        }
    }

    private func foreignKeys(of table: String) throws -> [TableDescription.ForeignKey] {
        var keys: [Int: TableDescription.ForeignKey] = [:]
        for row in try Row.fetchAll(db, sql: "PRAGMA main.foreign_key_list(\(table.quoted))") {
            let id: Int = row["id"]
            let target: String = row["table"]
            var key = keys[id] ?? TableDescription.ForeignKey(columns: [], table: target, targetColumns: [])
            key.columns.append(row["from"])
            if let column: String = row["to"] { key.targetColumns.append(column) }
            keys[id] = key
        }
        return try keys.sorted { $0.key < $1.key }.map { _, key in
            guard key.targetColumns.isEmpty else { return key }
            // Without columns it means the primary key there.
            let target = try Row.fetchAll(db, sql: "PRAGMA main.table_xinfo(\(key.table.quoted))")
            var full = key
            full.targetColumns = target.filter { ($0["pk"] as Int) > 0 }
                .sorted { ($0["pk"] as Int) < ($1["pk"] as Int) }.map { $0["name"] }
            return full
        }
    }
}

extension TableInspection {
    /// Tables that a GeoPackage registers as something else than records: tiles, coverages.
    private func foreignContents() throws -> Set<String> {
        guard kind == .geoPackage else { return [] }
        let names = try String.fetchAll(
            db,
            sql: """
                SELECT lower(table_name) FROM gpkg_contents
                WHERE data_type NOT IN ('features', 'attributes', 'aspatial')
                """)
        return Set(names)
    }

    private static func layers(_ db: Database) throws -> [String: [String: GeometryLayer]] {
        guard try db.tableExists("gpkg_geometry_columns") else { return [:] }
        let systems = try db.tableExists("gpkg_spatial_ref_sys")
        let rows = try Row.fetchAll(
            db,
            sql: systems
                ? """
                SELECT g.table_name, g.column_name, g.geometry_type_name, g.srs_id, g.z, g.m,
                    s.organization, s.organization_coordsys_id AS code
                FROM gpkg_geometry_columns g LEFT JOIN gpkg_spatial_ref_sys s ON s.srs_id = g.srs_id
                """
                : "SELECT *, NULL AS organization, NULL AS code FROM gpkg_geometry_columns")
        var layers: [String: [String: GeometryLayer]] = [:]
        for row in rows {
            let srs: Int32 = row["srs_id"]
            let isEPSG = (row["organization"] as String?)?.uppercased() == "EPSG"
            let table: String = row["table_name"]
            let column: String = row["column_name"]
            let type: String = row["geometry_type_name"]
            layers[table.lowercased(), default: [:]][column.lowercased()] = GeometryLayer(
                srs: srs, srid: isEPSG ? (row["code"] as Int32?) ?? srs : max(srs, 0),
                typeName: type.uppercased(),
                z: row["z"], m: row["m"])
        }
        return layers
    }
}
