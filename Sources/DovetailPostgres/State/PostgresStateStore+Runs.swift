public import Dovetail
public import DovetailEngine

extension PostgresStateStore {
    public func load() async throws -> JobState {
        if let state = absentState { return state }
        guard let state = try await read({ try StateRuns(rows: $0).state() }) else {
            throw StateError.failed(store: name, message: "it says nothing of its job")
        }
        return state
    }

    public func begin(_ run: RunStart) async throws -> Int64 {
        try await write { try StateRuns(rows: $0).begin(run) }
    }

    public func journal(_ entries: [JournalEntry], run: Int64) async throws {
        guard !entries.isEmpty else { return }
        let name = name
        try await write { rows in
            let journal = StateJournal(rows: rows)
            guard try journal.generation(of: run) != nil else { throw Self.noRun(run, name) }
            try journal.append(entries, run: run)
        }
    }

    public func remember(_ memory: Memory, run: Int64) async throws {
        guard !memory.isEmpty else { return }
        try await write { rows in
            try StateUnsettlement(rows: rows).settle(memory)
            var agreed: [String: [BaseRecord]] = [:]
            var gone: [String: [RecordKey]] = [:]
            for (table, record) in memory.agreed { agreed[table, default: []].append(record) }
            for (table, key) in memory.gone { gone[table, default: []].append(key) }
            for table in Set(agreed.keys).union(gone.keys).sorted() {
                let base = StateBase(rows: rows, table: try rows.makingTable(table))
                try base.upsert(agreed[table] ?? [])
                try base.delete(gone[table] ?? [])
            }
            try StateJournal(rows: rows).note(memory, run: run)
            try StateUnsettlement(rows: rows).add(memory)
        }
    }

    public func finish(_ end: RunEnd, run: Int64) async throws {
        let name = name
        try await write { rows in
            guard let generation = try StateJournal(rows: rows).generation(of: run) else {
                throw Self.noRun(run, name)
            }
            try StateRuns(rows: rows).finish(end, run: run, generation: generation)
        }
    }

    public func discard(_ run: Int64) async throws {
        try await write { rows in
            try StateJournal(rows: rows).forget(run)
            try rows.execute(
                "UPDATE \(rows.schema).jobs SET pending_generation = NULL WHERE id = $1", [.int(rows.job)])
        }
    }

    public func retain(_ retention: HistoryRetention, at time: Int64) async throws {
        try await write { try StateRetention(rows: $0, kept: retention).apply(at: time, latest: nil) }
    }

    public func noteQuiet(at time: Int64, cursors: [String: Sides<FeedCursor?>]) async throws {
        try await write { rows in
            try rows.execute(
                "UPDATE \(rows.schema).jobs SET last_quiet = $2 WHERE id = $1", [.int(rows.job), .int(time)])
            try rows.note(cursors)
        }
    }

    public func runs(limit: Int) async throws -> [RunRecord] {
        try await read { try StateRuns(rows: $0).list(limit: limit) } ?? []
    }

    public func changes(of run: Int64, offset: Int, limit: Int) async throws -> [HistoryChange] {
        try await read { try StateJournal(rows: $0).changes(of: run, offset: offset, limit: limit) } ?? []
    }

    private static func noRun(_ run: Int64, _ store: String) -> StateError {
        .failed(store: store, message: "there is no run \(run)")
    }
}
