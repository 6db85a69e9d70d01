/// What counts about a table only when it is written to.
struct TableTraits {
    /// Rows may change after the statement that wrote them: by triggers, or because a reference to this table or
    /// another takes changes over.
    let changesAfterwards: Bool
    /// The columns of each unique or exclusion index: of partial ones and of those on expressions too.
    let uniqueColumns: [[String]]
    /// The columns, by name, of each index that lets no value occur twice at any time.
    let uniqueKeys: Set<[String]>
    /// Rules may make other statements of ours.
    let hasRules: Bool
    /// One table of PostgreSQL's own kind, whose rows nothing hides and nothing redirects.
    let isPlainTable: Bool
    /// Whether the role may read the whole table, and with it the places of rows, rather than some of its columns.
    let mayReadPlaces: Bool

    init(_ facts: TableFacts, _ session: Session) throws {
        let number = Parameter.int(Int64(facts.number))
        // Triggers of partitions count as the root's.
        let later = try session.execute(
            """
            WITH RECURSIVE tree (number) AS (
                SELECT $1::pg_catalog.int8::pg_catalog.oid
                UNION SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.number
            )
            SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t JOIN tree ON t.tgrelid = tree.number
                    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D')
                OR EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k JOIN tree ON k.conrelid = tree.number
                    WHERE k.contype = 'f' AND (k.confupdtype IN ('c', 'n', 'd') OR k.confdeltype IN ('n', 'd'))),
                pg_catalog.has_table_privilege($1::pg_catalog.int8::pg_catalog.oid, 'SELECT'), c.relhasrules,
                c.relkind = 'r' AND NOT c.relhasrules AND NOT c.relhassubclass
                    AND NOT pg_catalog.row_security_active(c.oid)
                    AND c.relam = (SELECT m.oid FROM pg_catalog.pg_am m WHERE m.amname = 'heap')
            FROM pg_catalog.pg_class c WHERE c.oid = $1::pg_catalog.int8::pg_catalog.oid
            """, [number])
        hasRules = later.bool(0, 2) ?? true
        isPlainTable = later.bool(0, 3) ?? false
        mayReadPlaces = later.bool(0, 1) ?? false
        changesAfterwards = later.bool(0, 0) ?? true
        let unique = try session.execute(
            """
            SELECT i.indexrelid, a.attname::pg_catalog.text,
                i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
                    AND a.attnum = ANY (i.indkey::pg_catalog.int2[])
                    -- In the order of the index, without what is only carried along.
                    AND pg_catalog.array_position(i.indkey::pg_catalog.int2[], a.attnum) < i.indnkeyatts
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid
            WHERE i.indrelid = $1::pg_catalog.int8::pg_catalog.oid AND (i.indisunique OR i.indisexclusion)
                AND a.attnum > 0
                AND (a.attnum = ANY (i.indkey::pg_catalog.int2[]) OR EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.indexrelid
                        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                        AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum))
            ORDER BY i.indexrelid, a.attnum
            """, [number])
        var columns: [Int: [String]] = [:]
        var keys: [Int: [String]] = [:]
        for row in 0..<unique.count {
            guard let index = unique.int(row, 0), let name = unique.text(row, 1) else { continue }
            columns[index, default: []].append(name)
            if unique.bool(row, 2) == true { keys[index, default: []].append(name) }
        }
        uniqueKeys = Set(keys.values.map { $0.sorted() })
        uniqueColumns = columns.sorted { $0.key < $1.key }.map(\.value)
    }
}
