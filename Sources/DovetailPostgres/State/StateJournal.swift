import Dovetail
import DovetailEngine

/// The changes of all runs of a job: what is about to be written, and what became of it.
struct StateJournal {
    let rows: StateRows
    private var changes: String { "\(rows.schema).changes" }
    private static let columns = "place, tbl, side, key, verb, outcome, reason, layout, redaction, content"

    func generation(of run: Int64) throws -> Int64? {
        try rows.execute(
            "SELECT generation FROM \(rows.schema).runs WHERE job = $1 AND number = $2",
            [.int(rows.job), .int(run)]
        ).number(0, 0)
    }

    func append(_ entries: [JournalEntry], run: Int64) throws {
        let last = try rows.execute(
            "SELECT max(place) FROM \(changes) WHERE job = $1 AND place >= $2 AND place < $3",
            [.int(rows.job), .int(run << 32), .int((run + 1) << 32)])
        var place = last.number(0, 0).map { $0 + 1 } ?? run << 32
        var tables: [String: (id: Int64, layout: Int64?)] = [:]
        for name in Set(entries.map(\.table)).sorted() {
            let id = try rows.makingTable(name)
            let layout = try rows.execute(
                "SELECT layout FROM \(rows.schema).tables WHERE id = $1", [.int(id)])
            tables[name] = (id, layout.number(0, 0))
        }
        let sql =
            "COPY \(changes) (job, place, tbl, side, key, verb, layout, content) FROM STDIN (FORMAT binary)"
        _ = try rows.session.copyIn(sql) { copy in
            try copy.header()
            for entry in entries {
                guard let table = tables[entry.table] else { continue }
                try copy.row(8)
                try copy.field(number: rows.job)
                try copy.field(number: place)
                try copy.field(number: table.id)
                try copy.field(small: entry.side == .left ? 0 : 1)
                try copy.field(entry.key.bytes)
                try copy.field(text: entry.verb)
                if let layout = table.layout { try copy.field(number: layout) } else { try copy.null() }
                try copy.field(entry.stateBytes)
                place += 1
            }
            try copy.trailer()
        }
    }

    /// Notes outcomes, and closes what older runs left open about records that agree now.
    func note(_ memory: Memory, run: Int64) throws {
        for (place, outcomes) in Outcomes.grouped(memory) {
            guard let table = try rows.table(place.table) else { continue }
            try rows.join(
                """
                UPDATE \(changes) AS c SET outcome = o.outcome,
                    reason = CASE WHEN o.reason <> '' THEN substr(o.reason, 2) END
                FROM unnest($4::bytea[], $5::text[], $6::text[]) AS o(key, outcome, reason)
                WHERE c.job = $1 AND c.outcome = 'open' AND c.tbl = $2 AND c.side = $3 AND c.key = o.key
                    AND c.place < $7
                """,
                [
                    .int(rows.job), .int(table), .int(place.side == .left ? 0 : 1),
                    .byteArrays(outcomes.keys),
                    .texts(outcomes.outcomes), .texts(outcomes.reasons), .int((run + 1) << 32),
                ])
        }
        let hasOlder = try rows.holds(
            "SELECT EXISTS (SELECT 1 FROM \(changes) WHERE outcome = 'open' AND job = $1 AND place < $2)",
            [.int(rows.job), .int(run << 32)])
        guard hasOlder else { return }
        var proven: [String: Set<RecordKey>] = [:]
        for (table, record) in memory.agreed { proven[table, default: []].insert(record.key) }
        for (table, key) in memory.gone { proven[table, default: []].insert(key) }
        for (name, keys) in proven {
            guard let table = try rows.table(name) else { continue }
            try rows.join(
                """
                UPDATE \(changes) AS c SET outcome = $4, reason = $5 FROM unnest($3::bytea[]) AS k(key)
                WHERE c.job = $1 AND c.outcome = 'open' AND c.tbl = $2 AND c.key = k.key AND c.place < $6
                """,
                [
                    .int(rows.job), .int(table), .keys(keys), .text(ChangeOutcome.already.rawValue),
                    .text(ChangeOutcome.interruptedReason), .int(run << 32),
                ])
        }
    }

    /// Closes what is still open when a run has ended well.
    func closeAll(upTo run: Int64) throws {
        try rows.execute(
            "UPDATE \(changes) SET outcome = $2, reason = $3 WHERE job = $1 AND outcome = 'open' AND place < $4",
            [
                .int(rows.job), .text(ChangeOutcome.overtaken.rawValue),
                .text(ChangeOutcome.interruptedReason),
                .int((run + 1) << 32),
            ])
    }

    func intents(of table: String) throws -> [JournalEntry] {
        guard let id = try rows.table(table) else { return [] }
        return try open(id).map { try $0.entry(table: table) }
    }

    private func open(_ table: Int64) throws -> [Row] {
        let found = try rows.execute(
            """
            SELECT \(Self.columns) FROM \(changes) WHERE job = $1 AND outcome = 'open' AND tbl = $2 ORDER BY place
            """, [.int(rows.job), .int(table)])
        return try (0..<found.count).map { try Row(found, $0) }
    }

    func changes(of run: Int64, offset: Int, limit: Int) throws -> [HistoryChange] {
        let names = try rows.tableNames()
        let layouts = try rows.layouts()
        // A run's changes have no gaps: they are forgotten all together.
        let first = (run << 32).addingReportingOverflow(Int64(clamping: max(offset, 0)))
        guard !first.overflow else { return [] }
        let found = try rows.execute(
            """
            SELECT \(Self.columns) FROM \(changes) WHERE job = $1 AND place >= $2 AND place < $3
            ORDER BY place LIMIT $4
            """,
            [
                .int(rows.job), .int(first.partialValue), .int((run + 1) << 32),
                .int(Int64(clamping: max(limit, 0))),
            ])
        return try (0..<found.count).map { index in
            let row = try Row(found, index)
            guard let table = names[row.table], let outcome = ChangeOutcome(rawValue: row.outcome) else {
                throw StateDamage("an entry of its history")
            }
            return HistoryChange(
                sequence: Int(row.place & 0xffff_ffff), entry: try row.entry(table: table), outcome: outcome,
                reason: row.reason, layout: row.layout.flatMap { layouts[$0] } ?? .unknown,
                valuesRemoved: row.redaction != 0)
        }
    }

    /// Notes the layout of a table, under which this run's changes are, and those of older runs that were interrupted
    /// before theirs was noted.
    func label(_ table: String, _ layout: TableLayout, run: Int64) throws {
        let (id, layoutID) = (try rows.makingTable(table), try rows.layout(layout))
        try rows.execute(
            "UPDATE \(rows.schema).tables SET layout = $2 WHERE id = $1 AND layout IS DISTINCT FROM $2",
            [.int(id), .int(layoutID)])
        try rows.execute(
            "UPDATE \(changes) SET layout = $2 WHERE layout IS NULL AND tbl = $1", [.int(id), .int(layoutID)])
        try rows.execute(
            """
            UPDATE \(changes) SET layout = $3
            WHERE job = $1 AND place >= $4 AND place < $5 AND tbl = $2 AND layout <> $3
            """,
            [.int(rows.job), .int(id), .int(layoutID), .int(run << 32), .int((run + 1) << 32)])
    }

    /// Lays out the open entries of a table anew.
    func relayout(_ table: Int64, to layout: Int64, moving: [Int?]) throws {
        for row in try open(table) {
            let moved = try row.entry(table: "").moved(moving)
            try rows.execute(
                "UPDATE \(changes) SET layout = $3, content = $4 WHERE job = $1 AND place = $2",
                [.int(rows.job), .int(row.place), .int(layout), .bytes(moved.stateBytes)])
        }
    }

    func forget(_ run: Int64) throws {
        let range: [Parameter] = [.int(rows.job), .int(run << 32), .int((run + 1) << 32)]
        try rows.execute("DELETE FROM \(changes) WHERE job = $1 AND place >= $2 AND place < $3", range)
        try rows.execute(
            "DELETE FROM \(rows.schema).runs WHERE job = $1 AND number = $2", [.int(rows.job), .int(run)])
    }

    /// The next closed changes after `place` under another rule than `rule`.
    func closed(after place: Int64, notUnder rule: Int64) throws -> [Row] {
        let found = try rows.execute(
            """
            SELECT \(Self.columns) FROM \(changes)
            WHERE job = $1 AND place > $2 AND redaction <> $3 AND outcome <> 'open' ORDER BY place LIMIT 2000
            """, [.int(rows.job), .int(place), .int(rule)])
        return try (0..<found.count).map { try Row(found, $0) }
    }

    /// A row of the table `changes`.
    struct Row {
        let place: Int64
        let table: Int64
        let outcome: String
        let reason: String?
        let layout: Int64?
        let redaction: Int64
        private let side: Side
        private let key: RecordKey
        private let verb: String
        private let content: [UInt8]

        init(_ rows: ResultRows, _ row: Int) throws {
            place = try rows.required(row, 0)
            table = try rows.required(row, 1)
            side = try rows.required(row, 2) == 0 ? .left : .right
            key = RecordKey(bytes: try rows.array(row, 3))
            verb = try rows.requiredText(row, 4)
            outcome = try rows.requiredText(row, 5)
            reason = rows.text(row, 6)
            layout = rows.number(row, 7)
            redaction = try rows.required(row, 8)
            content = try rows.array(row, 9)
        }

        func entry(table: String) throws -> JournalEntry {
            try JournalEntry(table: table, side: side, key: key, verb: verb, stateBytes: content)
        }
    }
}

/// Outcomes of one table and side, as parameters of one statement.
private struct Outcomes {
    struct Place: Hashable {
        let table: String
        let side: Side
    }

    private var known: Set<RecordKey> = []
    private(set) var keys: [[UInt8]] = []
    private(set) var outcomes: [String] = []
    /// Arrays hold no nulls: empty for none, else the words after one sign.
    private(set) var reasons: [String] = []

    static func grouped(_ memory: Memory) -> [(Place, Outcomes)] {
        var groups: [Place: Outcomes] = [:]
        for outcome in memory.outcomes where outcome.outcome != .open {
            groups[Place(table: outcome.table, side: outcome.side), default: Outcomes()]
                .add(outcome.key, outcome.outcome, outcome.reason)
        }
        return groups.map { ($0.key, $0.value) }
    }

    /// The first outcome closes an entry; one that follows finds nothing open.
    private mutating func add(_ key: RecordKey, _ outcome: ChangeOutcome, _ reason: String?) {
        guard known.insert(key).inserted else { return }
        keys.append(key.bytes)
        outcomes.append(outcome.rawValue)
        reasons.append(reason.map { "=" + $0.storable } ?? "")
    }
}
