/// The questions to the catalog. Each is about all tables at once; `$1` holds the numbers of those that count, as an
/// array's literal. They are good for PostgreSQL 13 to 17, ask for no right, and need no extension.
enum CatalogQueries {
    /// Whether the schema `NAME` holds a state.
    private static func holdsState(_ name: String) -> String {
        """
        EXISTS (SELECT 1 FROM pg_catalog.pg_class s JOIN pg_catalog.pg_namespace o ON o.oid = s.relnamespace
            WHERE o.nspname = \(name) AND s.relname = '\(StateMigrations.marker)')
        """
    }

    /// Puts our own schemas at the end of the search path. A role with the name of one would find `jobs` and `changes` of
    /// a state before tables of its own, and so would the triggers and conditions that it wrote. Where that can't be, the
    /// path stays as it is written.
    static let ownSchemasLast = """
        SELECT pg_catalog.set_config('search_path', coalesce(
                pg_catalog.string_agg(pg_catalog.quote_ident(p.name), ', ' ORDER BY p.is_own, p.place), ''), false)
        FROM (SELECT e.name, e.place, e.name = 'dovetail' OR \(holdsState("e.name")) AS is_own
            FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY e (name, place)) p
        -- The schema of a state may be made while this session lasts.
        HAVING pg_catalog.bool_or(p.is_own) OR CURRENT_USER = 'dovetail'
            OR pg_catalog.strpos(pg_catalog.current_setting('search_path'), 'dovetail') > 0
        """

    /// Tables a person would call theirs: none of the system's, of an extension's, of a session's, none of ours, and no
    /// parts of a partitioned table.
    ///
    /// Number, schema, name, kind, whether it is found without its schema, foreign server, rights to insert, update
    /// and delete, and the database's name in SQL when the role may make no temporary tables in it.
    static let relations = """
        SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, pg_catalog.pg_table_is_visible(c.oid),
            (SELECT s.srvname::text FROM pg_catalog.pg_foreign_table f
                JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid),
            pg_catalog.has_table_privilege(c.oid, 'INSERT'), pg_catalog.has_table_privilege(c.oid, 'UPDATE'),
            pg_catalog.has_table_privilege(c.oid, 'DELETE'),
            CASE WHEN NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')
                THEN pg_catalog.quote_ident(pg_catalog.current_database()) END
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
            AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'dovetail')
            AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            AND NOT (c.relname IN (\(StateMigrations.tables.map { "'\($0)'" }.joined(separator: ", ")))
                AND \(holdsState("n.nspname")))
            AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                    AND d.objsubid = 0 AND d.deptype = 'e')
        ORDER BY n.nspname, c.relname
        """

    /// Table, place, name, type, modifier, declared type, not null, default, identity, generated, rights to read,
    /// insert and update.
    static let columns = """
        SELECT a.attrelid, a.attnum, a.attname::text, a.atttypid, a.atttypmod,
            pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef,
            a.attidentity::text, a.attgenerated <> '',
            pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT'),
            pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'INSERT'),
            pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'UPDATE')
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attrelid, a.attnum
        """

    /// All types that the columns are made of: number, schema, name, kind, element, base, modifier, not null, the
    /// function that sends it.
    ///
    /// An array is what has elements and no fixed length; `oidvector` and `int2vector` look like one and are not.
    static let types = """
        WITH RECURSIVE used (number) AS (
            SELECT DISTINCT a.atttypid FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
            UNION
            SELECT part.number FROM used JOIN pg_catalog.pg_type t ON t.oid = used.number
                CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype)) part (number)
            WHERE part.number <> 0
        )
        SELECT t.oid, n.nspname::text, t.typname::text, t.typtype::text,
            CASE WHEN t.typlen = -1 AND t.typcategory = 'A' AND t.typtype = 'b' AND t.oid NOT IN (22, 30)
                THEN nullif(t.typelem, 0) END,
            nullif(t.typbasetype, 0), t.typtypmod, t.typnotnull,
            (SELECT p.proname::text FROM pg_catalog.pg_proc p WHERE p.oid = t.typsend)
        FROM used JOIN pg_catalog.pg_type t ON t.oid = used.number
            JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        """

    /// Enumeration and label, in the order of the labels.
    static let labels = """
        SELECT e.enumtypid, e.enumlabel::text FROM pg_catalog.pg_enum e
        WHERE e.enumtypid = ANY ($1::pg_catalog.oid[]) ORDER BY e.enumtypid, e.enumsortorder
        """

    /// Table, name, whether primary, unique, deferrable, and the places of the columns (0 for an expression),
    /// without those that are only carried along.
    static let indexes = """
        SELECT i.indrelid, c.relname::text, i.indisprimary, i.indisunique, NOT i.indimmediate,
            (SELECT pg_catalog.string_agg(k.place::text, ' ' ORDER BY k.number)
                FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k (place, number)
                WHERE k.number <= i.indnkeyatts)
        FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = ANY ($1::pg_catalog.oid[]) AND i.indpred IS NULL AND i.indisvalid
        ORDER BY i.indrelid, c.relname
        """

    /// Table, name, target table, places of the columns here and there, deferrable. Those of partitions are copies of
    /// their root's.
    static let foreignKeys = """
        SELECT k.conrelid, k.conname::text, k.confrelid, pg_catalog.array_to_string(k.conkey, ' '),
            pg_catalog.array_to_string(k.confkey, ' '), k.condeferrable
        FROM pg_catalog.pg_constraint k
        WHERE k.contype = 'f' AND k.conrelid = ANY ($1::pg_catalog.oid[]) AND k.conparentid = 0
        ORDER BY k.conrelid, k.conname
        """

    /// Names of columns of any tables, for the targets of foreign keys.
    static let columnNames = """
        SELECT a.attrelid, a.attnum, a.attname::text FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
        """

    static let server = """
        SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.getdatabaseencoding()::text
        """
}
