import Dovetail
import DovetailEngine
import GRDB
import GRDBSQLite

/// A table's change feed: a log that triggers fill with the keys of the rows that changed.
///
/// The triggers use nothing but plain SQL, since any program may write to the file. A cursor is the id of the
/// feed and the last number read; a feed that was made anew has another id.
struct ChangeFeed {
    private let plan: ViewPlan
    private let tables: HelperTables

    init(_ plan: ViewPlan) {
        self.plan = plan
        tables = HelperTables(plan.place.kind)
    }

    /// A feed as it stands in the file.
    struct State {
        var number: Int64
        var id: String
        /// Numbers up to this one are forgotten.
        var pruned: Int64
        var last: Int64
        func cursor(_ sequence: Int64) -> FeedCursor { FeedCursor("\(id):\(sequence)") }
    }

    /// The feed when its log and its triggers are all as they were made.
    func state(_ db: Database) throws -> State? {
        guard try db.tableExists(tables.feed),
            let row = try Row.fetchOne(
                db,
                sql: "SELECT number, id, pruned FROM \(tables.feed) WHERE table_name = ? AND key_columns = ?",
                arguments: [plan.facts.name, triggers.columnList])
        else { return nil }
        let number: Int64 = row["number"]
        for (name, sql) in triggers.statements(number) {
            let found = try String.fetchOne(
                db, sql: "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?",
                arguments: [name])
            guard found == sql else { return nil }
        }
        guard try db.tableExists(tables.log(number)) else { return nil }
        let last = try Int64.fetchOne(
            db, sql: "SELECT seq FROM sqlite_sequence WHERE name = ?", arguments: [tables.log(number)])
        return State(number: number, id: row["id"], pruned: row["pruned"], last: last ?? 0)
    }

    func position(_ db: Database) throws -> FeedCursor? {
        try state(db).map { $0.cursor($0.last) }
    }

    /// The keys noted since a cursor; nil when the feed doesn't reach back that far.
    func changes(since cursor: FeedCursor, _ db: Database) throws -> ChangedKeys? {
        guard let state = try state(db), let since = sequence(cursor, of: state), since >= state.pruned,
            since <= state.last, let handle = db.sqliteConnection
        else { return nil }
        let columns = triggers.logColumns.joined(separator: ", ")
        let statement = try RawStatement(
            handle, "SELECT DISTINCT \(columns) FROM \(tables.log(state.number)) WHERE seq > ? AND seq <= ?")
        try statement.bind(.int(since), at: 1)
        try statement.bind(.int(state.last), at: 2)
        let packer = RowPacker(
            triggers.codecs, layout: RowLayout(key: .fields(Array(triggers.codecs.indices))),
            isUTF8: plan.facts.usesUTF8)
        var keys: Set<RecordKey> = []
        while try statement.step() { keys.insert(packer.key(statement)) }
        return ChangedKeys(keys: keys.sorted(), cursor: state.cursor(state.last))
    }

    private func sequence(_ cursor: FeedCursor, of state: State) -> Int64? {
        let parts = cursor.text.split(separator: ":")
        return parts.count == 2 && parts[0] == state.id ? Int64(parts[1]) : nil
    }

    private var triggers: FeedTriggers { FeedTriggers(plan, tables) }
}

extension ChangeFeed {
    /// Makes the feed, or makes it anew when anything about it is missing.
    func install(_ db: Database) throws {
        if let reason = plan.facts.readOnlyReason {
            throw plan.place.error(
                .unsuitable, "table \(plan.facts.name) can't have a change feed: \(reason)")
        }
        if try state(db) != nil { return }
        try db.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS \(tables.feed) (
                    number INTEGER PRIMARY KEY, table_name TEXT NOT NULL, key_columns TEXT NOT NULL,
                    id TEXT NOT NULL, pruned INTEGER NOT NULL DEFAULT 0, UNIQUE (table_name, key_columns))
                """)
        try db.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS \(tables.reader) (
                    feed TEXT NOT NULL, job TEXT NOT NULL, seq INTEGER NOT NULL, seen TEXT NOT NULL,
                    PRIMARY KEY (feed, job))
                """)
        try removeRest(db)
        try db.execute(
            sql:
                """
                INSERT INTO \(tables.feed) (table_name, key_columns, id)
                VALUES (?, ?, lower(hex(randomblob(8))))
                """,
            arguments: [plan.facts.name, triggers.columnList])
        let number = db.lastInsertedRowID
        let columns = triggers.logColumns.joined(separator: ", ")
        try db.execute(
            sql: "CREATE TABLE \(tables.log(number)) (seq INTEGER PRIMARY KEY AUTOINCREMENT, \(columns))")
        for (_, sql) in triggers.statements(number) { try db.execute(sql: sql) }
        if plan.place.kind == .geoPackage {
            for table in [tables.feed, tables.reader, tables.log(number)] {
                try GeoPackageContents.registerHelper(table, db)
            }
        }
    }

    /// Removes what is left of a feed that lost a part of itself.
    private func removeRest(_ db: Database) throws {
        let row = try Row.fetchOne(
            db, sql: "SELECT number, id FROM \(tables.feed) WHERE table_name = ? AND key_columns = ?",
            arguments: [plan.facts.name, triggers.columnList])
        guard let row else { return }
        let number: Int64 = row["number"]
        for (name, _) in triggers.statements(number) { try db.execute(sql: "DROP TRIGGER IF EXISTS \(name)") }
        try db.execute(sql: "DROP TABLE IF EXISTS \(tables.log(number))")
        try db.execute(sql: "DELETE FROM \(tables.reader) WHERE feed = ?", arguments: [row["id"] as String])
        try db.execute(sql: "DELETE FROM \(tables.feed) WHERE number = ?", arguments: [number])
        if plan.place.kind == .geoPackage { try GeoPackageContents.unregisterHelper(tables.log(number), db) }
    }

    /// Notes how far a job has read, and forgets what all have read.
    ///
    /// A reader that was not seen for 90 days holds up nothing: it will look at everything once.
    func acknowledge(job: String, _ cursor: FeedCursor, _ db: Database) throws {
        guard let state = try state(db), let sequence = sequence(cursor, of: state) else { return }
        let known = try Int64.fetchOne(
            db, sql: "SELECT seq FROM \(tables.reader) WHERE feed = ? AND job = ?",
            arguments: [state.id, job])
        guard known != sequence else { return }
        try db.execute(
            sql: """
                INSERT INTO \(tables.reader) (feed, job, seq, seen) VALUES (?, ?, ?, datetime('now'))
                ON CONFLICT (feed, job) DO UPDATE SET seq = excluded.seq, seen = excluded.seen
                """,
            arguments: [state.id, job, sequence])
        try db.execute(
            sql: "DELETE FROM \(tables.reader) WHERE feed = ? AND seen < datetime('now', '-90 days')",
            arguments: [state.id])
        let read = try Int64.fetchOne(
            db, sql: "SELECT min(seq) FROM \(tables.reader) WHERE feed = ?", arguments: [state.id])
        guard let read, read > state.pruned else { return }
        try db.execute(sql: "DELETE FROM \(tables.log(state.number)) WHERE seq <= ?", arguments: [read])
        try db.execute(
            sql: "UPDATE \(tables.feed) SET pruned = ? WHERE number = ?", arguments: [read, state.number])
    }
}
