/// The SQL of a small GeoPackage, as GDAL and QGIS make it.
public enum GeoPackageSQL {
    public static let start = """
        PRAGMA application_id = 1196444487;
        PRAGMA user_version = 10300;
        CREATE TABLE gpkg_spatial_ref_sys (
            srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT NOT NULL,
            organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
        INSERT INTO gpkg_spatial_ref_sys VALUES
            ('Undefined cartesian', -1, 'NONE', -1, 'undefined', NULL),
            ('Undefined geographic', 0, 'NONE', 0, 'undefined', NULL),
            ('WGS 84', 4326, 'EPSG', 4326,
                'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],'
                || 'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]', NULL),
            ('ETRS89 / UTM zone 32N', 25832, 'EPSG', 25832,
                'PROJCS["ETRS89 / UTM zone 32N",GEOGCS["ETRS89",'
                || 'DATUM["European_Terrestrial_Reference_System_1989",'
                || 'SPHEROID["GRS 1980",6378137,298.257222101]],PRIMEM["Greenwich",0],'
                || 'UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
                || 'PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",9],'
                || 'PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],'
                || 'PARAMETER["false_northing",0],UNIT["metre",1]]', NULL);
        CREATE TABLE gpkg_contents (
            table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
            description TEXT DEFAULT '',
            last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
            min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
            CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
        CREATE TABLE gpkg_geometry_columns (
            table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL,
            srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
            CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
            CONSTRAINT uk_gc_table_name UNIQUE (table_name),
            CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
            CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
        CREATE TABLE gpkg_extensions (
            table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL,
            scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
        CREATE TABLE gpkg_ogr_contents (
            table_name TEXT NOT NULL PRIMARY KEY, feature_count INTEGER DEFAULT NULL);
        """

    /// A layer with a spatial index and GDAL's count of features.
    public static func layer(
        _ table: String, type: String, columns: String = "", srs: Int = 25832, z: Int = 0, m: Int = 0
    ) -> String {
        let index = "rtree_\(table)_geom"
        let bounds = ["ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"].map { "\($0)(NEW.geom)" }.joined(
            separator: ", ")
        let present = "(NEW.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom))"
        return """
            CREATE TABLE \(table) (
                fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
                geom \(type)\(columns.isEmpty ? "" : ", " + columns));
            INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id)
                VALUES ('\(table)', 'features', '\(table)', \(srs));
            INSERT INTO gpkg_geometry_columns VALUES ('\(table)', 'geom', '\(type)', \(srs), \(z), \(m));
            INSERT INTO gpkg_extensions VALUES ('\(table)', 'geom', 'gpkg_rtree_index',
                'http://www.geopackage.org/spec120/#extension_rtree', 'write-only');
            INSERT INTO gpkg_ogr_contents VALUES ('\(table)', 0);
            CREATE TRIGGER trigger_insert_feature_count_\(table) AFTER INSERT ON \(table)
                BEGIN UPDATE gpkg_ogr_contents SET feature_count = feature_count + 1
                WHERE lower(table_name) = lower('\(table)'); END;
            CREATE TRIGGER trigger_delete_feature_count_\(table) AFTER DELETE ON \(table)
                BEGIN UPDATE gpkg_ogr_contents SET feature_count = feature_count - 1
                WHERE lower(table_name) = lower('\(table)'); END;
            CREATE VIRTUAL TABLE \(index) USING rtree(id, minx, maxx, miny, maxy);
            CREATE TRIGGER \(index)_insert AFTER INSERT ON \(table) WHEN \(present)
                BEGIN INSERT OR REPLACE INTO \(index) VALUES (NEW.fid, \(bounds)); END;
            CREATE TRIGGER \(index)_update1 AFTER UPDATE OF geom ON \(table)
                WHEN OLD.fid = NEW.fid AND \(present)
                BEGIN INSERT OR REPLACE INTO \(index) VALUES (NEW.fid, \(bounds)); END;
            CREATE TRIGGER \(index)_update2 AFTER UPDATE OF geom ON \(table)
                WHEN OLD.fid = NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
                BEGIN DELETE FROM \(index) WHERE id = OLD.fid; END;
            CREATE TRIGGER \(index)_update3 AFTER UPDATE ON \(table)
                WHEN OLD.fid != NEW.fid AND \(present)
                BEGIN DELETE FROM \(index) WHERE id = OLD.fid;
                INSERT OR REPLACE INTO \(index) VALUES (NEW.fid, \(bounds)); END;
            CREATE TRIGGER \(index)_update4 AFTER UPDATE ON \(table)
                WHEN OLD.fid != NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom))
                BEGIN DELETE FROM \(index) WHERE id IN (OLD.fid, NEW.fid); END;
            CREATE TRIGGER \(index)_delete AFTER DELETE ON \(table) WHEN OLD.geom NOT NULL
                BEGIN DELETE FROM \(index) WHERE id = OLD.fid; END;

            """
    }
}
