import DovetailEngine
import GRDB

/// What makes a file a GeoPackage.
enum GeoPackageContents {
    /// - Throws: ``ReplicaError`` when a file that is to be read as a GeoPackage is none.
    static func check(_ db: Database, _ place: Place) throws {
        guard place.kind == .geoPackage, try !db.tableExists("gpkg_contents") else { return }
        throw place.error(
            .damaged,
            "\(place.path) is no GeoPackage: it has no table gpkg_contents; read it with sqlite: instead")
    }

    /// Says in `gpkg_extensions` that a table is ours, as the standard asks of tables of its own.
    static func registerHelper(_ table: String, _ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS gpkg_extensions (
                    table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL,
                    scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))
                """)
        try db.execute(
            sql: """
                INSERT INTO gpkg_extensions (table_name, column_name, extension_name, definition, scope)
                SELECT ?1, NULL, 'dovetail_sync', 'Marks and change feeds of Dovetail, a synchroniser; no layers', 'read-write'
                WHERE NOT EXISTS (
                    SELECT 1 FROM gpkg_extensions WHERE table_name = ?1 AND extension_name = 'dovetail_sync')
                """,
            arguments: [table])
    }

    static func unregisterHelper(_ table: String, _ db: Database) throws {
        guard try db.tableExists("gpkg_extensions") else { return }
        try db.execute(
            sql: "DELETE FROM gpkg_extensions WHERE table_name = ? AND extension_name = 'dovetail_sync'",
            arguments: [table])
    }
}
