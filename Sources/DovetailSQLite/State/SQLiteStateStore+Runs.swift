public import Dovetail
public import DovetailEngine
import Foundation
import GRDB
import Synchronization

extension SQLiteStateStore {
    public func load() async throws -> JobState {
        try await read { db in try JobRow.read(db) }
    }

    public func begin(_ run: RunStart) async throws -> Int64 {
        try await write(durable: true) { [self] db in
            let isOpen = try Journal(db).hasIntents()
            places.withLock { $0 = JournalPlaces(isTrusted: !isOpen) }
            try db.execute(sql: "UPDATE runs SET status = 'interrupted' WHERE status = 'running'")
            // Counted in the job's row, so that the number of a forgotten run is never given again.
            try db.execute(
                sql: "UPDATE job SET last_run = last_run + 1, pending_generation = ?",
                arguments: [run.generation])
            guard let number = try Int64.fetchOne(db, sql: "SELECT last_run FROM job") else {
                throw StateDamage("it says nothing of its job")
            }
            try db.execute(
                sql:
                    """
                    INSERT INTO runs (number, kind, started, status, generation)
                    VALUES (?, ?, ?, 'running', ?)
                    """,
                arguments: [number, run.kind.rawValue, run.time, run.generation])
            for table in run.forgetsCursors {
                if let id = try TableName.id(of: table, db) { try TableName.forgetCursors(id, db) }
            }
            return number
        }
    }

    public func journal(_ entries: [JournalEntry], run: Int64) async throws {
        guard !entries.isEmpty else { return }
        try await write(durable: true) { [self] db in
            guard try Journal(db).holds(run) else {
                throw StateError.failed(store: name, message: "there is no run \(run)")
            }
            try places.withLock { try Journal(db).append(entries, run: run, places: &$0) }
        }
    }

    public func remember(_ memory: Memory, run: Int64) async throws {
        guard !memory.isEmpty else { return }
        try await write { [self] db in
            try Unsettlement(db).settle(memory)
            for table in Set(memory.agreed.map(\.table) + memory.gone.map(\.table)).sorted() {
                let base = BaseTable(id: try TableName.making(table, db))
                try base.upsert(memory.agreed.lazy.filter { $0.table == table }.map(\.record), db)
                try base.delete(memory.gone.lazy.filter { $0.table == table }.map(\.key), db)
            }
            try places.withLock { try Journal(db).note(memory, run: run, places: &$0) }
            try Unsettlement(db).add(memory)
        }
    }

    public func finish(_ end: RunEnd, run: Int64) async throws {
        try await write(durable: true) { [name] db in
            guard let generation = try Journal(db).generation(of: run) else {
                throw StateError.failed(store: name, message: "there is no run \(run)")
            }
            try db.execute(
                sql: "UPDATE runs SET ended = ?, status = ?, counts = ?, message = ? WHERE number = ?",
                arguments: [
                    end.time, end.status.rawValue, try StateJSON.encode(end.counts), end.message, run,
                ])
            var state = try JobRow.read(db)
            state.take(end, generation: generation)
            try JobRow.write(state, db)
            if end.isConclusive {
                for (table, layout) in end.layouts { try Journal(db).label(table, layout, run: run) }
                try TableName.note(end.cursors, db)
            }
            if end.status != .failed, end.looksAtEverything { try Journal(db).closeAll(upTo: run) }
            try Retention(db, end.retention).apply(at: end.time, latest: run)
        }
        // What was removed is gone from the file once the log is emptied. Somebody who reads meanwhile only
        // delays that to the next run's end.
        try? await perform { db in
            try db.execute(sql: "PRAGMA busy_timeout = 200")
            defer { try? db.execute(sql: "PRAGMA busy_timeout = 10000") }
            try db.checkpoint(.truncate)
        }
    }

    public func discard(_ run: Int64) async throws {
        try await write { db in
            let range: StatementArguments = [run << 32, (run + 1) << 32]
            try db.execute(sql: "DELETE FROM changes WHERE place >= ? AND place < ?", arguments: range)
            try db.execute(sql: "DELETE FROM runs WHERE number = ?", arguments: [run])
            try db.execute(sql: "UPDATE job SET pending_generation = NULL")
        }
    }

    public func retain(_ retention: HistoryRetention, at time: Int64) async throws {
        try await write { db in try Retention(db, retention).apply(at: time, latest: nil) }
    }

    public func noteQuiet(at time: Int64, cursors: [String: Sides<FeedCursor?>]) async throws {
        try await write { db in
            try db.execute(sql: "UPDATE job SET last_quiet = ?", arguments: [time])
            try TableName.note(cursors, db)
        }
    }

    public func runs(limit: Int) async throws -> [RunRecord] {
        try await read { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT * FROM runs ORDER BY number DESC LIMIT ?", arguments: [max(limit, 0)])
            return try rows.map(RunRow.read)
        }
    }

    public func changes(of run: Int64, offset: Int, limit: Int) async throws -> [HistoryChange] {
        try await read { db in try Journal(db).changes(of: run, offset: offset, limit: limit) }
    }
}

/// The one row about the job.
enum JobRow {
    static func read(_ db: Database) throws -> JobState {
        guard let row = try Row.fetchOne(db, sql: "SELECT * FROM job") else {
            throw StateDamage("it says nothing of its job")
        }
        var state = JobState(identity: row["identity"])
        state.generation = row["generation"]
        state.pendingGeneration = row["pending_generation"]
        state.marked = Sides(left: row["marked_left"], right: row["marked_right"])
        state.changeCounters = Sides(left: row["counter_left"], right: row["counter_right"])
        state.resetReason = row["reset_reason"]
        state.lastQuiet = row["last_quiet"]
        let layouts = try TableName.layouts(db)
        for row in try Row.fetchAll(db, sql: "SELECT * FROM tables") {
            let table: String = row["name"]
            if let id: Int64 = row["layout"] { state.layouts[table] = layouts[id] }
            guard row["cursors"] else { continue }
            let left: String? = row["cursor_left"]
            let right: String? = row["cursor_right"]
            state.cursors[table] = Sides(
                left: left.map { FeedCursor($0) }, right: right.map { FeedCursor($0) })
        }
        return state
    }

    /// Writes all but layouts and cursors.
    static func write(_ state: JobState, _ db: Database) throws {
        try db.execute(
            sql: """
                UPDATE job SET generation = ?, pending_generation = ?, marked_left = ?, marked_right = ?,
                    counter_left = ?, counter_right = ?, reset_reason = ?, last_quiet = ?
                """,
            arguments: [
                state.generation, state.pendingGeneration, state.marked.left, state.marked.right,
                state.changeCounters.left, state.changeCounters.right, state.resetReason, state.lastQuiet,
            ])
    }
}

enum RunRow {
    static func read(_ row: Row) throws -> RunRecord {
        guard let kind = RunKind(rawValue: row["kind"]), let status = RunStatus(rawValue: row["status"])
        else {
            throw StateDamage("an entry of its runs")
        }
        let counts: String? = row["counts"]
        return RunRecord(
            number: row["number"], kind: kind, started: row["started"], ended: row["ended"], status: status,
            counts: try counts.map { try StateJSON.decode([String: PlanCounts].self, from: $0) } ?? [:],
            message: row["message"])
    }
}
