import Dovetail
import DovetailEngine

/// The memory of a sync that makes one dataset like another: as if both had last agreed on what the follower holds, so that
/// every difference is a change of the source. What the run itself notes is kept beside it, in memory.
struct MirrorState: StateStore {
    let follower: Dataset
    let memory = MemoryStateStore(name: "this run", identity: "mirror")

    var name: String { memory.name }

    func base(of table: String, mirrored: Bool) async throws -> any RecordCursor {
        AgreedCursor(AgreedBatches(follower.batch(of: table) ?? RecordBatch([])))
    }

    func base(of table: String, keys: [RecordKey]) async throws -> [BaseRecord] {
        keys.compactMap { key in
            follower.record(key, of: table).map { BaseRecord(key: key, left: $0, right: $0) }
        }
    }

    func baseKeys(of table: String, in ranges: [KeyRange]) async throws -> [RecordKey] {
        (follower.batch(of: table)?.records() ?? []).map(\.key).filter { key in
            ranges.contains { $0.contains(key) }
        }
    }

    func baseCount(of table: String) async throws -> Int { follower.count(of: table) }

    // MARK: As any memory

    func lock(as owner: LockOwner, patience: Double) async throws {
        try await memory.lock(as: owner, patience: patience)
    }
    func unlock() async { await memory.unlock() }
    func lockState() async throws -> LockState { await memory.lockState() }
    func load() async throws -> JobState { await memory.load() }
    func relayout(_ table: String, to layout: TableLayout, moving: [Int?]) async throws {
        try await memory.relayout(table, to: layout, moving: moving)
    }
    func forgetBase(of tables: [String]) async throws { await memory.forgetBase(of: tables) }
    func unsettled(of table: String) async throws -> Unsettled { await memory.unsettled(of: table) }
    func pendingKeys(of table: String) async throws -> [RecordKey] { await memory.pendingKeys(of: table) }
    func openIntents(of table: String) async throws -> [JournalEntry] { await memory.openIntents(of: table) }
    func begin(_ run: RunStart) async throws -> Int64 { await memory.begin(run) }
    func journal(_ entries: [JournalEntry], run: Int64) async throws {
        try await memory.journal(entries, run: run)
    }
    func remember(_ memory: Memory, run: Int64) async throws {
        await self.memory.remember(memory, run: run)
    }
    func finish(_ end: RunEnd, run: Int64) async throws { try await memory.finish(end, run: run) }
    func discard(_ run: Int64) async throws { await memory.discard(run) }
    func retain(_ retention: HistoryRetention, at time: Int64) async throws {
        try await memory.retain(retention, at: time)
    }
    func noteQuiet(at time: Int64, cursors: [String: Sides<FeedCursor?>]) async throws {
        await memory.noteQuiet(at: time, cursors: cursors)
    }
    func runs(limit: Int) async throws -> [RunRecord] { await memory.runs(limit: limit) }
    func changes(of run: Int64, offset: Int, limit: Int) async throws -> [HistoryChange] {
        await memory.changes(of: run, offset: offset, limit: limit)
    }
    func conflicts() async throws -> [ConflictRecord] { await memory.conflicts() }
    func decide(_ resolutions: [ConflictRecord.ID: Resolution?]) async throws {
        try await memory.decide(resolutions)
    }
    func rejections() async throws -> [RejectionRecord] { await memory.rejections() }
    func close() async { await memory.close() }
}

/// Hands out what both sides agreed on.
private actor AgreedCursor: RecordCursor {
    private var batches: AgreedBatches

    init(_ batches: AgreedBatches) { self.batches = batches }

    func next() async throws -> RecordBatch? { batches.next() }
}
