import Dovetail
import DovetailEngine

/// A state store on a failing, filling disk.
struct FaultyStateStore: StateStore {
    let inner: MemoryStateStore
    let faults: FaultSource

    var name: String { inner.name }
    private var world: World { faults.world }

    func lock(as owner: LockOwner, patience: Double) async throws {
        try await faults.call("lock") { try await inner.lock(as: owner, patience: patience) }
    }

    func unlock() async { if !faults.life.isDead { await inner.unlock() } }

    func lockState() async throws -> LockState {
        try await faults.call("lockState") { await inner.lockState() }
    }

    func load() async throws -> JobState { try await faults.call("load") { await inner.load() } }

    func base(of table: String, mirrored: Bool) async throws -> any RecordCursor {
        let cursor = try await faults.call("base") { await inner.base(of: table, mirrored: mirrored) }
        return FaultyCursor(inner: cursor, faults: faults)
    }

    func base(of table: String, keys: [RecordKey]) async throws -> [BaseRecord] {
        try await faults.call("base by keys") { await inner.base(of: table, keys: keys) }
    }

    func baseKeys(of table: String, in ranges: [KeyRange]) async throws -> [RecordKey] {
        try await faults.call("baseKeys") { await inner.baseKeys(of: table, in: ranges) }
    }

    func baseCount(of table: String) async throws -> Int {
        try await faults.call("baseCount") { await inner.baseCount(of: table) }
    }

    func relayout(_ table: String, to layout: TableLayout, moving: [Int?]) async throws {
        try await faults.call("relayout", mayBeFull: true) {
            try await inner.relayout(table, to: layout, moving: moving)
        }
    }

    func forgetBase(of tables: [String]) async throws {
        try await faults.call("forgetBase", mayBeFull: true) {
            await inner.forgetBase(of: tables)
            world.ledger.meetings += 1
        }
    }

    func unsettled(of table: String) async throws -> Unsettled {
        try await faults.call("unsettled") { await inner.unsettled(of: table) }
    }

    func pendingKeys(of table: String) async throws -> [RecordKey] {
        try await faults.call("pendingKeys") { await inner.pendingKeys(of: table) }
    }

    func openIntents(of table: String) async throws -> [JournalEntry] {
        try await faults.call("openIntents") { await inner.openIntents(of: table) }
    }

    func begin(_ run: RunStart) async throws -> Int64 {
        try await faults.call("begin", mayBeFull: true) { await inner.begin(run) }
    }

    func journal(_ entries: [JournalEntry], run: Int64) async throws {
        world.ledger.journals(entries)
        for entry in entries { world.check(entry, life: faults.life) }
        try await faults.call("journal \(entries.count)", mayBeFull: true) {
            try await inner.journal(entries, run: run)
            // Unlinked records are only known once they have both names.
            if world.shape.layout != .content { world.ledger.journalled(entries) }
        }
    }

    func remember(_ memory: Memory, run: Int64) async throws {
        world.check(memory, life: faults.life)
        try await faults.call("remember \(memory.agreed.count)", mayBeFull: true) {
            await inner.remember(memory, run: run)
            world.learnt(memory)
            world.ledger.remembered(memory, keys: world.keys)
            for outcome in memory.outcomes { world.ledger.learnt(outcome.side, outcome.table, outcome.key) }
        }
    }

    func finish(_ end: RunEnd, run: Int64) async throws {
        try await faults.call("finish \(end.status.rawValue)", mayBeFull: true) {
            try await inner.finish(end, run: run)
            if end.stamped { world.runFinished() }
        }
    }

    func discard(_ run: Int64) async throws {
        try await faults.call("discard", mayBeFull: true) { await inner.discard(run) }
    }

    func retain(_ retention: HistoryRetention, at time: Int64) async throws {
        try await faults.call("retain", mayBeFull: true) { try await inner.retain(retention, at: time) }
    }

    func noteQuiet(at time: Int64, cursors: [String: Sides<FeedCursor?>]) async throws {
        try await faults.call("noteQuiet", mayBeFull: true) {
            await inner.noteQuiet(at: time, cursors: cursors)
        }
    }

    func runs(limit: Int) async throws -> [RunRecord] {
        try await faults.call("runs") { await inner.runs(limit: limit) }
    }

    func changes(of run: Int64, offset: Int, limit: Int) async throws -> [HistoryChange] {
        try await faults.call("changes") { await inner.changes(of: run, offset: offset, limit: limit) }
    }

    func conflicts() async throws -> [ConflictRecord] {
        try await faults.call("conflicts") { await inner.conflicts() }
    }

    func decide(_ resolutions: [ConflictRecord.ID: Resolution?]) async throws {
        try await faults.call("decide") { try await inner.decide(resolutions) }
    }

    func rejections() async throws -> [RejectionRecord] {
        try await faults.call("rejections") { await inner.rejections() }
    }

    func close() async {}
}
