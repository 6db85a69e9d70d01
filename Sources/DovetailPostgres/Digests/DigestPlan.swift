import Dovetail
import DovetailEngine

/// How the digests of a view are added up: which expressions say what a record holds, and which ranges it can be cut into.
struct DigestPlan: Sendable {
    let plan: ViewPlan
    /// See ``DigestingObservation/digestDialect(of:)``.
    let dialect: String
    let hash: RecordHash
    /// Nil: the table is one range.
    let range: RangeColumn?
    /// About how many rows it has, and exactly how many pages.
    let size: TableSize

    /// Nil where there are no digests: where a key may belong to several records, to a record and to none, or where it can't be
    /// known without looking; where a look at everything costs as little; and where text is in an encoding of its own.
    /// - Parameter threshold: from how many rows on digests are added up; nil: never.
    init?(_ plan: ViewPlan, threshold: Int?, _ session: Session) throws {
        guard let threshold, plan.server.encoding == "UTF8",
            plan.facts.form == .table || plan.facts.form == .partitioned,
            plan.keyColumns.allSatisfy(\.isDigestibleKey), plan.keyIsUnique
        else { return nil }
        let size = try TableSize(plan.facts, session)
        // Constraints hold for each table of an inheritance by itself.
        guard !size.hasHeirs, size.rows >= threshold else { return nil }
        let names = { (column: ColumnPlan) in "\(plan.alias).\(column.column.name.quotedIdentifier)" }
        let keyColumns = plan.keyColumns.map { ColumnHash($0, name: names($0)) }
        let fields = plan.columns.map { ColumnHash($0, name: names($0)) }
        let others = fields.indices.filter { !plan.keyFields.contains($0) }
        hash = RecordHash(key: keyColumns, others: others.map { fields[$0] })
        range = plan.keyColumns.first.flatMap { RangeColumn($0, name: names($0), of: plan.facts) }
        if try Self.hasFarKey(plan, session) { return nil }
        self.plan = plan
        self.size = size
        // What fields and key are made of, and where the key is among the fields, is all that decides about a digest.
        let keys = zip(keyColumns, plan.keyFields).map { "\($0.kind)@\($1.map(String.init) ?? "-")" }
        dialect =
            (["postgresql", "2", "\(plan.server.version / 10_000)", keys.joined(separator: "+")]
            + fields.map(\.kind)).joined(separator: "/")
    }

    /// Whether a key has a timestamp beyond canonical values, which a look at everything calls damaged.
    private static func hasFarKey(_ plan: ViewPlan, _ session: Session) throws -> Bool {
        for (place, column) in plan.keyColumns.enumerated() {
            let rule = column.column.form.rule
            guard rule == .timestamp || rule == .timestampWithZone else { continue }
            // Only for the first column an index answers.
            guard place == 0 else { return true }
            let name = "\(plan.alias).\(column.column.name.quotedIdentifier)"
            let far = try session.execute(
                """
                SELECT EXISTS (SELECT 1 FROM \(plan.facts.sql)
                    WHERE \(name) > '294247-01-10 04:00:54.775805' AND \(name) < 'infinity')
                """)
            if far.bool(0, 0) ?? true { return true }
        }
        return false
    }
}

extension ColumnPlan {
    /// Whether two values that PostgreSQL tells apart are never one key.
    fileprivate var isDigestibleKey: Bool {
        guard codec.change == .none, column.isNotNull, !column.form.isTextForm else { return false }
        switch column.form.rule {
        case .json, .jsonb, .geometry, .array: return false
        default: return true
        }
    }
}

extension ViewPlan {
    /// Whether a constraint sees to it that no two records have one key.
    fileprivate var keyIsUnique: Bool {
        let key = Set(keyColumns.map(\.column.name))
        let unique = [facts.primaryKey] + facts.uniqueKeys.map(\.columns)
        return unique.contains { !$0.isEmpty && key.isSuperset(of: $0) }
    }
}

/// What the catalog knows of a table's size.
struct TableSize: Sendable {
    let rows: Int
    let pages: Int
    /// Whether other tables inherit from it.
    let hasHeirs: Bool

    init(_ facts: TableFacts, _ session: Session) throws {
        // Of a table that was never analyzed it is only known how large it is.
        let found = try session.execute(
            """
            WITH parts AS (
                SELECT c.reltuples, c.relpages, c.relkind,
                    pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int8
                        AS pages
                FROM pg_catalog.pg_class c
                WHERE c.oid = $1::pg_catalog.int8::pg_catalog.oid
                    OR c.oid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.int8::pg_catalog.oid::pg_catalog.regclass) t)
            )
            SELECT coalesce(pg_catalog.sum(pages), 0)::pg_catalog.int8,
                coalesce(pg_catalog.sum(pages * CASE WHEN relpages > 0 AND reltuples > 0 THEN reltuples / relpages
                    ELSE 50 END), 0)::pg_catalog.int8,
                EXISTS (SELECT 1 FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
                    WHERE p.oid = $1::pg_catalog.int8::pg_catalog.oid AND p.relkind = 'r')
            FROM parts
            """, [.int(Int64(facts.number))])
        pages = found.int(0, 0) ?? 0
        rows = found.int(0, 1) ?? 0
        hasHeirs = found.bool(0, 2) ?? true
    }
}
