import Dovetail
import DovetailEngine
import GRDB

/// The changes of all runs: what is about to be written, and what became of it.
struct Journal {
    private let db: Database

    init(_ db: Database) { self.db = db }

    private static let columns = "place, tbl, side, key, verb, outcome, reason, layout, redaction, content"

    func generation(of run: Int64) throws -> Int64? {
        try Int64.fetchOne(db, sql: "SELECT generation FROM runs WHERE number = ?", arguments: [run])
    }

    func holds(_ run: Int64) throws -> Bool { try generation(of: run) != nil }

    /// Whether any entry has no outcome.
    func hasIntents() throws -> Bool {
        try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM changes INDEXED BY open_places WHERE outcome = 'open')")
            == true
    }

    func append(_ entries: [JournalEntry], run: Int64, places: inout JournalPlaces) throws {
        places.tidy()
        let last = try Int64.fetchOne(
            db, sql: "SELECT max(place) FROM changes WHERE place >= ? AND place < ?",
            arguments: [run << 32, (run + 1) << 32])
        var place = last.map { $0 + 1 } ?? run << 32
        let insert = try StateStatement(
            db,
            "INSERT INTO changes (place, tbl, side, key, verb, layout, content) VALUES (?, ?, ?, ?, ?, ?, ?)")
        var tables: [String: (id: Int64, layout: Int64?)] = [:]
        for entry in entries {
            let table = try tables[entry.table] ?? self.table(entry.table)
            tables[entry.table] = table
            try insert.bind(place, at: 1)
            try insert.bind(table.id, at: 2)
            try insert.bind(entry.side == .left ? 0 : 1, at: 3)
            try insert.bind(entry.key.bytes, at: 4)
            try insert.bind(entry.verb, at: 5)
            try insert.bind(table.layout, at: 6)
            try insert.bind(entry.stateBytes, at: 7)
            try insert.run()
            places.append(entry.key, entry.side, table: table.id, at: place)
            place += 1
        }
    }

    private func table(_ name: String) throws -> (id: Int64, layout: Int64?) {
        let id = try TableName.making(name, db)
        return (id, try Int64.fetchOne(db, sql: "SELECT layout FROM tables WHERE id = ?", arguments: [id]))
    }

    /// Notes outcomes, and closes what older runs left open about records that agree now.
    func note(_ memory: Memory, run: Int64, places: inout JournalPlaces) throws {
        var ids: [String: Int64] = [:]
        func id(_ table: String) throws -> Int64? {
            if let known = ids[table] { return known }
            let found = try TableName.id(of: table, db)
            ids[table] = found
            return found
        }
        let end = (run + 1) << 32
        let statement = try StateStatement(
            db,
            """
            UPDATE changes SET outcome = ?, reason = ?
            WHERE outcome = 'open' AND tbl = ? AND key = ? AND side = ? AND place < ?
            """)
        func close(
            _ table: Int64, _ key: RecordKey, _ side: Side, _ outcome: ChangeOutcome, _ reason: String?,
            before: Int64
        ) throws {
            try statement.bind(outcome.rawValue, at: 1)
            try statement.bind(reason, at: 2)
            try statement.bind(table, at: 3)
            try statement.bind(key.bytes, at: 4)
            try statement.bind(side == .left ? 0 : 1, at: 5)
            try statement.bind(before, at: 6)
            try statement.run()
        }
        // Places that follow each other and have the same outcome are closed together. Entries that are not there after
        // all, because their transaction was rolled back, are looked for by their keys.
        var spans: [Span?] = [nil, nil]
        let closeAll = try StateStatement(
            db, "UPDATE changes SET outcome = ? WHERE outcome = 'open' AND place BETWEEN ? AND ?")
        func close(_ span: Span, _ side: Side) throws {
            try closeAll.bind(span.outcome.rawValue, at: 1)
            try closeAll.bind(span.first, at: 2)
            try closeAll.bind(span.first + Int64(span.keys.count) - 1, at: 3)
            try closeAll.run()
            guard db.changesCount < span.keys.count else { return }
            for key in span.keys { try close(span.table, key, side, span.outcome, nil, before: end) }
        }
        for outcome in memory.outcomes where outcome.outcome != .open {
            guard let table = try id(outcome.table) else { continue }
            let side = outcome.side
            let number = side == .left ? 0 : 1
            guard outcome.reason == nil, let place = places.take(outcome.key, side, table: table) else {
                // The first outcome of an entry counts.
                if let span = spans[number] { try close(span, side) }
                spans[number] = nil
                try close(table, outcome.key, side, outcome.outcome, outcome.reason, before: end)
                continue
            }
            if spans[number]?.add(outcome.key, at: place, table: table, outcome.outcome) == true { continue }
            if let span = spans[number] { try close(span, side) }
            spans[number] = Span(table: table, outcome: outcome.outcome, first: place, keys: [outcome.key])
        }
        for (side, span) in zip(Side.allCases, spans) { if let span { try close(span, side) } }
        let oldest = try Int64.fetchOne(
            db, sql: "SELECT min(place) FROM changes INDEXED BY open_places WHERE outcome = 'open'")
        guard let oldest, oldest < run << 32 else { return }
        let proven = memory.agreed.map { ($0.table, $0.record.key) } + memory.gone.map { ($0.table, $0.key) }
        for (table, key) in proven {
            guard let table = try id(table) else { continue }
            for side in Side.allCases {
                try close(table, key, side, .already, ChangeOutcome.interruptedReason, before: run << 32)
            }
        }
    }

    /// Entries of consecutive places with one outcome.
    private struct Span {
        let table: Int64
        let outcome: ChangeOutcome
        let first: Int64
        var keys: [RecordKey]

        /// False when the place is not the next one.
        mutating func add(_ key: RecordKey, at place: Int64, table: Int64, _ outcome: ChangeOutcome) -> Bool {
            guard table == self.table, outcome == self.outcome, place == first + Int64(keys.count) else {
                return false
            }
            keys.append(key)
            return true
        }
    }

    /// Closes what is still open when a run has ended well.
    func closeAll(upTo run: Int64) throws {
        try db.execute(
            sql: "UPDATE changes SET outcome = ?, reason = ? WHERE outcome = 'open' AND place < ?",
            arguments: [ChangeOutcome.overtaken.rawValue, ChangeOutcome.interruptedReason, (run + 1) << 32])
    }

    func intents(of table: String) throws -> [JournalEntry] {
        guard let id = try TableName.id(of: table, db) else { return [] }
        return try Row.fetchAll(
            db, sql: "SELECT \(Self.columns) FROM changes WHERE outcome = 'open' AND tbl = ? ORDER BY place",
            arguments: [id]
        ).map { try Self.entry($0, table: table) }
    }

    func changes(of run: Int64, offset: Int, limit: Int) throws -> [HistoryChange] {
        let names = try TableName.all(db)
        let layouts = try TableName.layouts(db)
        // A run's changes have no gaps: they are forgotten all together.
        let first = run << 32 + Int64(clamping: max(offset, 0))
        let rows = try Row.fetchAll(
            db,
            sql: "SELECT \(Self.columns) FROM changes WHERE place >= ? AND place < ? ORDER BY place LIMIT ?",
            arguments: [first, (run + 1) << 32, max(limit, 0)])
        return try rows.map { row in
            guard let table = names[row["tbl"]], let outcome = ChangeOutcome(rawValue: row["outcome"]) else {
                throw StateDamage("an entry of its history")
            }
            let place: Int64 = row["place"]
            let layout: Int64? = row["layout"]
            let redaction: Int64 = row["redaction"]
            return HistoryChange(
                sequence: Int(place & 0xffff_ffff), entry: try Self.entry(row, table: table),
                outcome: outcome,
                reason: row["reason"], layout: layout.flatMap { layouts[$0] } ?? .unknown,
                valuesRemoved: redaction != 0)
        }
    }

    /// Notes the layout of a table, under which this run's changes are, and those of older runs that were
    /// interrupted before theirs was noted.
    func label(_ table: String, _ layout: TableLayout, run: Int64) throws {
        let (id, layoutID) = (try TableName.making(table, db), try TableName.layout(layout, db))
        try db.execute(sql: "UPDATE tables SET layout = ? WHERE id = ?", arguments: [layoutID, id])
        try db.execute(
            sql: "UPDATE changes SET layout = ? WHERE layout IS NULL AND tbl = ?", arguments: [layoutID, id])
        try db.execute(
            sql: """
                UPDATE changes SET layout = :layout
                WHERE place >= :first AND place < :end AND tbl = :table AND layout <> :layout
                """,
            arguments: ["layout": layoutID, "table": id, "first": run << 32, "end": (run + 1) << 32])
    }

    /// Lays out the open entries of a table anew.
    func relayout(_ table: Int64, to layout: Int64, moving: [Int?]) throws {
        let rows = try Row.fetchAll(
            db, sql: "SELECT \(Self.columns) FROM changes WHERE outcome = 'open' AND tbl = ?",
            arguments: [table])
        for row in rows {
            let moved = try Self.entry(row, table: "").moved(moving)
            try db.execute(
                sql: "UPDATE changes SET layout = ?, content = ? WHERE place = ?",
                arguments: [layout, Blob(moved.stateBytes), row["place"] as Int64])
        }
    }

    static func entry(_ row: Row, table: String) throws -> JournalEntry {
        let side: Int64 = row["side"]
        return try JournalEntry(
            table: table, side: side == 0 ? .left : .right, key: RecordKey(bytes: try row.bytes("key")),
            verb: row["verb"], stateBytes: try row.bytes("content"))
    }
}
