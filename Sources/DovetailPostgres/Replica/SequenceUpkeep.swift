import Dovetail
import DovetailEngine

/// Moves the sequences behind a table's columns past ids that were inserted, so that the inserts of others, which let
/// the database give the id, don't meet them.
struct SequenceUpkeep {
    /// Up to this distance a sequence is moved by taking its numbers, which can't undo what others take meanwhile.
    private static let steps = 1000

    private let plan: ViewPlan
    private let session: Session

    init(_ plan: ViewPlan, _ session: Session) {
        self.plan = plan
        self.session = session
    }

    /// - Parameter records: as they are after their insert.
    func move(past records: some Sequence<Record>) throws {
        var highest: [String: Int64] = [:]
        let columns = plan.columns.enumerated().filter { _, plan in
            plan.column.form.fieldType == .int && (plan.column.isIdentity || plan.column.hasDefault)
        }
        guard !columns.isEmpty || plan.keyFields == [nil] else { return }
        for record in records {
            for (field, plan) in columns {
                guard case .int(let number)? = try? record.fields.value(at: field) else { continue }
                highest[plan.column.name] = max(highest[plan.column.name] ?? .min, number)
            }
            if plan.view.schema.identity == .id, plan.keyFields == [nil],
                case .int(let number)? = try? record.key.values().first
            {
                let name = plan.keyColumns[0].column.name
                highest[name] = max(highest[name] ?? .min, number)
            }
        }
        for (column, number) in highest.sorted(by: { $0.key < $1.key }) { try move(column, past: number) }
    }

    private func move(_ column: String, past number: Int64) throws {
        for sequence in try sequences(of: column) {
            try session.run("SAVEPOINT dovetail_sequence")
            do {
                try advance(sequence, past: number)
                try session.run("RELEASE dovetail_sequence")
            } catch let failure as PostgresFailure where failure.isAboutRecords {
                // A sequence that ends before this number, or a right taken away just now: the record is in all the same.
                try session.run("ROLLBACK TO dovetail_sequence; RELEASE dovetail_sequence")
            }
        }
    }

    private func advance(_ sequence: String, past number: Int64) throws {
        let state = try session.execute(
            "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM \(sequence)")
        guard let last = state.int(0, 0), last < number else { return }
        let quoted = "'\(sequence.replacing("'", with: "''"))'"
        if number - Int64(last) <= Self.steps {
            // One that counts by more than one gets further, which does no harm.
            try session.execute(
                "SELECT pg_catalog.max(pg_catalog.nextval(\(quoted))) FROM pg_catalog.generate_series(1, $1)",
                [.int(number - Int64(last))])
        } else {
            try session.execute("SELECT pg_catalog.setval(\(quoted), $1)", [.int(number)])
        }
    }

    /// The sequences that ascend, and that the role may use: the one the column owns, and those its default names.
    private func sequences(of column: String) throws -> [String] {
        let rows = try session.execute(
            """
            SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname)
            FROM pg_catalog.pg_attribute a
            LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
            JOIN pg_catalog.pg_depend d ON
                d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                    AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i')
                OR d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid
                    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            JOIN pg_catalog.pg_sequence s ON s.seqrelid = CASE WHEN d.objid = f.oid THEN d.refobjid ELSE d.objid END
            JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE a.attrelid = $1::pg_catalog.int8::pg_catalog.oid AND a.attname = $2 AND s.seqincrement > 0
                AND pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
                AND pg_catalog.has_sequence_privilege(c.oid, 'UPDATE')
            """, [.int(Int64(plan.facts.number)), .text(column)])
        return (0..<rows.count).compactMap { rows.text($0, 0) }
    }
}
