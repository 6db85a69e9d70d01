import Dovetail
import DovetailEngine

/// The runs of a job, and its row.
struct StateRuns {
    let rows: StateRows

    func list(limit: Int) throws -> [RunRecord] {
        let found = try rows.execute(
            """
            SELECT number, kind, started, ended, status, counts, message FROM \(rows.schema).runs WHERE job = $1
            ORDER BY number DESC LIMIT $2
            """, [.int(rows.job), .int(Int64(clamping: max(limit, 0)))])
        return try (0..<found.count).map { row in
            guard let kind = RunKind(rawValue: try found.requiredText(row, 1)),
                let status = RunStatus(rawValue: try found.requiredText(row, 4))
            else { throw StateDamage("an entry of its runs") }
            return RunRecord(
                number: try found.required(row, 0), kind: kind, started: try found.required(row, 2),
                ended: found.number(row, 3), status: status,
                counts: try found.text(row, 5).map {
                    try StateJSON.decode([String: PlanCounts].self, from: $0)
                }
                    ?? [:],
                message: found.text(row, 6))
        }
    }

    func begin(_ run: RunStart) throws -> Int64 {
        try rows.execute(
            "UPDATE \(rows.schema).runs SET status = $2 WHERE job = $1 AND status = $3",
            [.int(rows.job), .text(RunStatus.interrupted.rawValue), .text(RunStatus.running.rawValue)])
        // Counted in the job's row, so that the number of a forgotten run is never given again.
        let number = try rows.execute(
            """
            UPDATE \(rows.schema).jobs SET last_run = last_run + 1, pending_generation = $2 WHERE id = $1
            RETURNING last_run
            """, [.int(rows.job), .int(run.generation)]
        ).required(0, 0)
        try rows.execute(
            """
            INSERT INTO \(rows.schema).runs (job, number, kind, started, status, generation)
            VALUES ($1, $2, $3, $4, $5, $6)
            """,
            [
                .int(rows.job), .int(number), .text(run.kind.rawValue), .int(run.time),
                .text(RunStatus.running.rawValue), .int(run.generation),
            ])
        for table in run.forgetsCursors {
            if let id = try rows.table(table) { try rows.forgetCursors(id) }
        }
        return number
    }

    func finish(_ end: RunEnd, run: Int64, generation: Int64) throws {
        try rows.execute(
            """
            UPDATE \(rows.schema).runs SET ended = $3, status = $4, counts = $5, message = $6
            WHERE job = $1 AND number = $2
            """,
            [
                .int(rows.job), .int(run), .int(end.time), .text(end.status.rawValue),
                .text(try StateJSON.encode(end.counts)), .optional(end.message?.storable),
            ])
        var state = try state()
        state.take(end, generation: generation)
        try write(state)
        let journal = StateJournal(rows: rows)
        if end.isConclusive {
            for (table, layout) in end.layouts { try journal.label(table, layout, run: run) }
            try rows.note(end.cursors)
        }
        if end.status != .failed, end.looksAtEverything { try journal.closeAll(upTo: run) }
        try StateRetention(rows: rows, kept: end.retention).apply(at: end.time, latest: run)
    }

    // MARK: The job's row

    func state() throws -> JobState {
        let found = try rows.execute(
            """
            SELECT identity, generation, pending_generation, marked_left, marked_right, counter_left, counter_right,
                reset_reason, last_quiet FROM \(rows.schema).jobs WHERE id = $1
            """, [.int(rows.job)])
        guard let identity = found.text(0, 0) else { throw StateDamage("it says nothing of its job") }
        var state = JobState(identity: identity)
        state.generation = try found.required(0, 1)
        state.pendingGeneration = found.number(0, 2)
        state.marked = Sides(left: found.bool(0, 3) ?? false, right: found.bool(0, 4) ?? false)
        state.changeCounters = Sides(left: found.number(0, 5), right: found.number(0, 6))
        state.resetReason = found.text(0, 7)
        state.lastQuiet = found.number(0, 8)
        let layouts = try rows.layouts()
        let tables = try rows.execute(
            "SELECT name, layout, cursors, cursor_left, cursor_right FROM \(rows.schema).tables WHERE job = $1",
            [.int(rows.job)])
        for row in 0..<tables.count {
            let table = try tables.requiredText(row, 0)
            if let id = tables.number(row, 1) { state.layouts[table] = layouts[id] }
            guard tables.bool(row, 2) == true else { continue }
            state.cursors[table] = Sides(
                left: tables.text(row, 3).map { FeedCursor($0) },
                right: tables.text(row, 4).map { FeedCursor($0) })
        }
        return state
    }

    /// Writes all but layouts and cursors.
    private func write(_ state: JobState) throws {
        try rows.execute(
            """
            UPDATE \(rows.schema).jobs SET generation = $2, pending_generation = $3, marked_left = $4,
                marked_right = $5, counter_left = $6, counter_right = $7, reset_reason = $8, last_quiet = $9
            WHERE id = $1
            """,
            [
                .int(rows.job), .int(state.generation), .optional(state.pendingGeneration),
                .bool(state.marked.left), .bool(state.marked.right), .optional(state.changeCounters.left),
                .optional(state.changeCounters.right), .optional(state.resetReason),
                .optional(state.lastQuiet),
            ])
    }
}
