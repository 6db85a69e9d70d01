public import Dovetail

/// A job's memory in the memory of the process: for tests, simulation, and one-off comparisons in code.
///
/// It keeps the whole contract of ``StateStore``. What a run has noted survives the end of that run however
/// it came, as long as someone keeps the store:
///
/// ```swift
/// let store = MemoryStateStore()
/// // … a run that stops half-way …
/// await store.releaseAbandonedLock()   // as the death of its process would have
/// // … the next run completes it
/// ```
///
/// The same calls in the same order give the same answers; it has no clock and no randomness.
public actor MemoryStateStore: StateStore {
    public nonisolated let name: String
    private let batchBytes: Int
    private var holder: LockOwner?
    var state: JobState
    var bases: [String: MemoryBase] = [:]
    var conflictRecords: [MemoryAddress: ConflictRecord] = [:]
    var rejectionRecords: [MemoryAddress: RejectionRecord] = [:]
    var pending: Set<MemoryAddress> = []
    var history = MemoryHistory()

    /// - Parameters:
    ///   - identity: What marks on replicas carry; another one stands for another store.
    ///   - batchBytes: The size of base batches; small ones exercise the seams between batches.
    public init(name: String = "memory", identity: String = "memory", batchBytes: Int = 1 << 18) {
        self.name = name
        self.batchBytes = max(batchBytes, 1)
        state = JobState(identity: identity)
    }

    // MARK: Lock

    public func lock(as owner: LockOwner, patience: Double) async throws {
        var waited = 0.0
        while let holder {
            guard waited < patience else { throw StateError.locked(by: holder) }
            try await Task.sleep(for: .milliseconds(20))
            waited += 0.02
        }
        holder = owner
    }

    public func unlock() { holder = nil }

    public func lockState() -> LockState { holder.map { .held(by: $0) } ?? .free }

    /// Lets go of a lock whose run was stopped without a chance to unlock: here nobody can see a process die.
    public func releaseAbandonedLock() { holder = nil }

    public func close() {}

    // MARK: Base

    public func load() -> JobState { state }

    public func base(of table: String, mirrored: Bool) -> any RecordCursor {
        let base = bases[table] ?? MemoryBase()
        return MemoryBaseCursor(mirrored ? base.mirrored : base.sorted, batchBytes: batchBytes)
    }

    public func base(of table: String, keys: [RecordKey]) -> [BaseRecord] {
        guard let base = bases[table] else { return [] }
        return Set(keys).sorted().compactMap { base.records[$0] }
    }

    public func baseKeys(of table: String, in ranges: [KeyRange]) -> [RecordKey] {
        guard let base = bases[table], !ranges.isEmpty else { return [] }
        return base.records.keys.filter { key in ranges.contains { $0.contains(key) } }.sorted()
    }

    public func baseCount(of table: String) -> Int { bases[table]?.records.count ?? 0 }

    public func relayout(_ table: String, to layout: TableLayout, moving: [Int?]) throws {
        // Everything that can fail comes before the first change: the method happens whole or not at all.
        let base = try bases[table]?.records.mapValues { try $0.moved(moving) }
        let history = try history.moved(table, to: layout, moving)
        bases[table] = base.map(MemoryBase.init(records:))
        self.history = history
        conflictRecords = conflictRecords.filter { $0.key.table != table }
        rejectionRecords = rejectionRecords.filter { $0.key.table != table }
        pending = pending.filter { $0.table != table }
        state.layouts[table] = layout
        state.cursors[table] = nil
    }

    public func forgetBase(of tables: [String]) {
        for table in tables {
            bases[table] = nil
            state.cursors[table] = nil
        }
    }

    // MARK: What did not agree

    public func unsettled(of table: String) -> Unsettled {
        var unsettled = Unsettled()
        for (address, record) in rejectionRecords where address.table == table && !record.isRetried {
            unsettled.rejections[address.key] = record.rejection
        }
        for (address, record) in conflictRecords where address.table == table {
            unsettled.resolutions[address.key] = record.resolution
        }
        return unsettled
    }

    public func pendingKeys(of table: String) -> [RecordKey] {
        var keys = Set(pending.filter { $0.table == table }.map(\.key))
        for address in conflictRecords.keys where address.table == table { keys.insert(address.key) }
        for address in rejectionRecords.keys where address.table == table { keys.insert(address.key) }
        for entry in history.intents(of: table) { keys.insert(entry.key) }
        return keys.sorted()
    }

    public func openIntents(of table: String) -> [JournalEntry] { history.intents(of: table) }

    public func conflicts() -> [ConflictRecord] {
        conflictRecords.sorted { $0.key < $1.key }.map(\.value)
    }

    public func rejections() -> [RejectionRecord] {
        rejectionRecords.sorted { $0.key < $1.key }.map(\.value)
    }

    public func decide(_ resolutions: [ConflictRecord.ID: Resolution?]) throws {
        var decided = conflictRecords
        for (id, resolution) in resolutions {
            let named = conflictRecords.filter { $0.value.id == id }
            // Two records may share a short name; the digests tell which one the person saw.
            let meant = named.count > 1 ? named.filter { resolution?.isAbout($0.value) ?? true } : named
            guard !meant.isEmpty else {
                throw StateError.failed(store: name, message: "there is no open conflict \(id.text)")
            }
            for address in meant.keys { decided[address]?.resolution = resolution }
        }
        conflictRecords = decided
    }

    // MARK: Runs

    public func begin(_ run: RunStart) -> Int64 {
        state.pendingGeneration = run.generation
        for table in run.forgetsCursors { state.cursors[table] = nil }
        return history.begin(run)
    }

    public func journal(_ entries: [JournalEntry], run: Int64) throws {
        try history.append(entries, run: run, layouts: state.layouts, store: name)
    }

    public func remember(_ memory: Memory, run: Int64) {
        for (table, key) in memory.settled { settle(MemoryAddress(table, key)) }
        for (table, record) in memory.agreed {
            bases[table, default: MemoryBase()].records[record.key] = record
            settle(MemoryAddress(table, record.key))
        }
        for (table, key) in memory.gone {
            bases[table]?.records[key] = nil
            settle(MemoryAddress(table, key))
        }
        history.note(memory, run: run)
        for conflict in memory.conflicts {
            let address = MemoryAddress(conflict.table, conflict.key)
            conflictRecords[address] = conflict.succeeding(conflictRecords[address])
            rejectionRecords[address] = nil
        }
        for rejection in memory.rejections {
            let address = MemoryAddress(rejection.table, rejection.key)
            rejectionRecords[address] = rejection.succeeding(rejectionRecords[address])
            // A record waits for one thing at a time.
            conflictRecords[address] = nil
        }
        for (table, key) in memory.pending { pending.insert(MemoryAddress(table, key)) }
    }

    private func settle(_ address: MemoryAddress) {
        conflictRecords[address] = nil
        rejectionRecords[address] = nil
        pending.remove(address)
    }

    public func finish(_ end: RunEnd, run: Int64) throws {
        var history = history
        try history.finish(end, run: run, store: name)
        self.history = history
        state.take(end, generation: history.generation(of: run))
    }

    public func discard(_ run: Int64) {
        history.discard(run)
        state.pendingGeneration = nil
    }

    public func retain(_ retention: HistoryRetention, at time: Int64) throws {
        var history = history
        try history.retain(retention, at: time, sparing: nil)
        self.history = history
    }

    public func noteQuiet(at time: Int64, cursors: [String: Sides<FeedCursor?>]) {
        state.lastQuiet = time
        state.cursors.merge(cursors) { $1 }
    }

    public func runs(limit: Int) -> [RunRecord] { history.runs(limit: limit) }

    public func changes(of run: Int64, offset: Int, limit: Int) -> [HistoryChange] {
        history.changes(of: run, offset: offset, limit: limit)
    }
}

/// A record of a job: its table and key.
struct MemoryAddress: Hashable, Comparable {
    let table: String
    let key: RecordKey

    init(_ table: String, _ key: RecordKey) {
        self.table = table
        self.key = key
    }

    static func < (a: MemoryAddress, b: MemoryAddress) -> Bool {
        // By bytes: the order of Swift's strings is another one.
        a.table == b.table ? a.key < b.key : a.table.utf8.lexicographicallyPrecedes(b.table.utf8)
    }
}

/// The base of one table.
struct MemoryBase {
    var records: [RecordKey: BaseRecord] = [:]

    var sorted: [BaseRecord] { records.values.sorted { $0.key < $1.key } }

    /// The base as the right side of a linked table sees it. Records without a right locator have no place in
    /// it.
    var mirrored: [BaseRecord] {
        records.values.compactMap(\.seenFromRight).sorted { $0.key < $1.key }
    }
}

private actor MemoryBaseCursor: RecordCursor {
    private let records: [BaseRecord]
    private let batchBytes: Int
    private var position = 0

    init(_ records: [BaseRecord], batchBytes: Int) {
        self.records = records
        self.batchBytes = batchBytes
    }

    func next() -> RecordBatch? {
        guard position < records.count else { return nil }
        let start = position
        var bytes = 0
        while position < records.count, position == start || bytes < batchBytes {
            let record = records[position]
            bytes += record.key.bytes.count + record.left.bytes.count + record.rest.count
            position += 1
        }
        return RecordBatch(base: records[start..<position])
    }
}
