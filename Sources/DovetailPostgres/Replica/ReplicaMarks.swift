import Dovetail
import DovetailEngine

/// The marks by which a database is recognised, in a small table in a schema of its own.
enum ReplicaMarks {
    static let relation = "marks"
    private static let table = "dovetail.\(relation)"

    /// Reads what there is, in the transaction of a look.
    static func identity(job: String, _ session: Session) throws -> ReplicaIdentity {
        ReplicaIdentity(marks: try marks(job: job, session), changeCounter: try changeCounter(session))
    }

    private static func marks(job: String, _ session: Session) throws -> [ReplicaMark] {
        let isThere = try session.execute(
            """
            SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'dovetail' AND c.relname = 'marks'
                AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
            """)
        guard isThere.count > 0 else { return [] }
        let rows = try session.execute(
            "SELECT side::text, state::text, generation FROM \(table) WHERE job = $1 ORDER BY side, state",
            [.text(job)])
        return (0..<rows.count).compactMap { row in
            guard let side = rows.text(row, 0).flatMap(Side.init(rawValue:)), let state = rows.text(row, 1),
                let generation = rows.int(row, 2)
            else { return nil }
            return ReplicaMark(job: job, side: side, state: state, generation: Int64(generation))
        }
    }

    /// PostgreSQL numbers its transactions, for ever and in each cluster on its own: a cluster restored from a backup
    /// shows a lower number. A standby does not, behind a name that leads to one of several they would go up and down.
    private static func changeCounter(_ session: Session) throws -> Int64? {
        let rows = try session.execute(
            """
            SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN
                pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text::pg_catalog.int8 END
            """)
        return rows.int(0, 0).map(Int64.init)
    }

    static func stamp(_ mark: ReplicaMark, _ session: Session) throws {
        // Asked before, because CREATE … IF NOT EXISTS needs the right to create even where there is nothing to do.
        let found = try session.execute(
            """
            SELECT n.oid IS NOT NULL, c.oid IS NOT NULL FROM (VALUES (1)) one
            LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = 'dovetail'
            LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'marks'
            """)
        if found.bool(0, 0) != true { try session.run("CREATE SCHEMA IF NOT EXISTS dovetail") }
        if found.bool(0, 1) != true {
            try session.run(
                """
                CREATE TABLE IF NOT EXISTS \(table) (
                    job text NOT NULL, side text NOT NULL, state text NOT NULL, generation bigint NOT NULL,
                    PRIMARY KEY (job, side));
                COMMENT ON TABLE \(table) IS 'What Dovetail recognises this database by: one line for each job';
                """)
        }
        try session.execute(
            """
            INSERT INTO \(table) (job, side, state, generation) VALUES ($1, $2, $3, $4)
            ON CONFLICT (job, side) DO UPDATE SET state = excluded.state, generation = excluded.generation
            """, [.text(mark.job), .text(mark.side.rawValue), .text(mark.state), .int(mark.generation)])
    }
}
