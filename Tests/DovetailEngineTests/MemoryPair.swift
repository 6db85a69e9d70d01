import Dovetail
import DovetailEngine
import DovetailMemory

/// A job over two replicas in memory, with what tests do to it.
struct MemoryPair: Sendable {
    let left: MemoryReplica
    let right: MemoryReplica
    var state = MemoryStateStore()
    var job: SyncJob
    var chunkSize = 4096

    /// Names and sizes of benches, the same on both sides.
    static let benches = TableSchema(
        "benches", fields: [Field("id", .int), Field("name", .text), Field("size", .int)],
        identity: .match(["id"]))

    init(
        _ schemas: [TableSchema] = [benches], rules: TableRules = TableRules(), limits: Limits = Limits(),
        holdsMarks: Sides<Bool> = Sides(left: true, right: true), addsUpDigests: Bool = false
    ) {
        let tables = schemas.map { schema in
            var table = MemoryTable(schema)
            table.addsUpDigests = addsUpDigests
            return table
        }
        left = MemoryReplica(name: "the office", tables: tables, holdsMarks: holdsMarks.left)
        right = MemoryReplica(name: "the field", tables: tables, holdsMarks: holdsMarks.right)
        job = SyncJob(
            name: "benches", labels: Sides(left: "office", right: "field"),
            replicas: Sides(left: left, right: right), tables: schemas.map { JobTable($0, rules: rules) },
            limits: limits)
    }

    /// Both sides hold benches 1…count and agree on them.
    static func agreed(
        _ count: Int, rules: TableRules = TableRules(), limits: Limits = Limits(),
        holdsMarks: Sides<Bool> = Sides(left: true, right: true)
    ) async throws -> MemoryPair {
        let pair = MemoryPair(rules: rules, limits: limits, holdsMarks: holdsMarks)
        await pair.insert(1...count, rules.direction == .rightToLeft ? .right : .left)
        _ = try await pair.sync()
        return pair
    }

    subscript(side: Side) -> MemoryReplica { side == .left ? left : right }

    func synchronizer(_ owner: String = "test", over store: (any StateStore)? = nil) -> Synchronizer {
        Synchronizer(
            job: job, state: store ?? state,
            owner: LockOwner(process: 7, host: "here", user: owner, command: "sync", since: 0), clock: { 0 },
            chunkSize: chunkSize)
    }

    func sync(_ allowing: Set<Allowance> = []) async throws -> RunResult {
        try await synchronizer().sync(allowing: allowing)
    }

    // MARK: Another program

    func insert(_ ids: some Sequence<Int>, _ side: Side, name: String = "bench") async {
        let ids = Array(ids)
        _ = await self[side].edit("benches") { table in
            for id in ids {
                table.insert(["id": .int(Int64(id)), "name": .text("\(name) \(id)"), "size": .int(1)])
            }
        }
    }

    func update(_ ids: some Sequence<Int>, _ side: Side, _ columns: MemoryRow) async {
        let keys = Set(ids.map { Value.int(Int64($0)) })
        _ = await self[side].edit("benches") { table in
            for (id, row) in table.rows where keys.contains(row["id"] ?? .null) {
                table.update(id) { $0.merge(columns) { _, new in new } }
            }
        }
    }

    func delete(_ ids: some Sequence<Int>, _ side: Side) async {
        let keys = Set(ids.map { Value.int(Int64($0)) })
        _ = await self[side].edit("benches") { table in
            for (id, row) in table.rows where keys.contains(row["id"] ?? .null) { table.delete(id) }
        }
    }

    // MARK: What stands

    func rows(_ side: Side, _ table: String = "benches") async -> [MemoryRow] {
        await self[side].table(table)?.rows.sorted { $0.key < $1.key }.map(\.value) ?? []
    }

    func count(_ side: Side) async -> Int { await self[side].table("benches")?.rows.count ?? 0 }

    /// The number of records on the left and on the right.
    func counts(_ table: String = "benches") async -> [Int] {
        [await rows(.left, table).count, await rows(.right, table).count]
    }

    func name(of id: Int, _ side: Side) async -> Value? {
        await rows(side).first { $0["id"] == .int(Int64(id)) }?["name"]
    }

    /// Anything a run could change.
    func moment() async throws -> [String] {
        var moment: [String] = []
        for side in Side.allCases {
            let identity = try await self[side].observe().identity(job: job.name)
            moment.append("\(identity)")
        }
        moment.append("\(await state.runs(limit: .max).count) runs")
        moment.append(
            "generation \(await state.load().generation), base \(await state.baseCount(of: "benches"))")
        return moment
    }

    /// The message of a sync that halts, after which everything is as before.
    func halted(_ allowing: Set<Allowance> = []) async throws -> String {
        let before = try await moment()
        do {
            let result = try await sync(allowing)
            return "it ran: \(result.totals)"
        } catch let halted as RunHalted {
            return try await moment() == before ? halted.description : "it halted after writing"
        }
    }
}

/// A replica that does what it is told and then fails to say so, or fails at once.
actor FaultyReplica: Replica {
    private let replica: MemoryReplica
    private var failures: [Int: Failure] = [:]
    private var batches = 0
    private var failsToStamp = false
    private var meddling: (@Sendable () async -> Void)?

    enum Failure { case beforeWrite, afterWrite }

    init(_ replica: MemoryReplica) { self.replica = replica }

    func failNext(_ failure: Failure) { fail(at: 1, failure) }

    /// Fails at the given batch from now on, counted from one.
    func fail(at batch: Int, _ failure: Failure) { failures[batches + batch] = failure }

    func failNextStamp() { failsToStamp = true }
    /// Another program writes just before the next batch comes.
    func meddleNext(_ work: @escaping @Sendable () async -> Void) { meddling = work }

    nonisolated var name: String { replica.name }
    func describe() async throws -> [TableDescription] { try await replica.describe() }
    func observe() async throws -> any Observation { try await replica.observe() }
    func prepare(_ views: [TableView]) async throws { try await replica.prepare(views) }
    func stamp(_ mark: ReplicaMark) async throws -> Bool {
        guard !failsToStamp else {
            failsToStamp = false
            throw ReplicaError(.unreachable, replica: name, "the line is cut")
        }
        return try await replica.stamp(mark)
    }
    func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {}
    func close() async {}

    func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        batches += 1
        let failure = failures[batches]
        await meddling?()
        meddling = nil
        if failure == .beforeWrite { throw ReplicaError(.unreachable, replica: name, "the line is cut") }
        let result = try await replica.apply(writes, to: view)
        if failure == .afterWrite { throw ReplicaError(.unreachable, replica: name, "the line is cut") }
        return result
    }
}

/// A memory whose store fails before it forgets a base, as a process that dies there would.
struct ForgetfulStore: StateStore {
    let store: MemoryStateStore

    func forgetBase(of tables: [String]) async throws {
        throw StateError.failed(store: name, message: "the disk is gone")
    }

    var name: String { store.name }
    func lock(as owner: LockOwner, patience: Double) async throws {
        try await store.lock(as: owner, patience: patience)
    }
    func unlock() async { await store.unlock() }
    func lockState() async throws -> LockState { await store.lockState() }
    func load() async throws -> JobState { await store.load() }
    func base(of table: String, mirrored: Bool) async throws -> any RecordCursor {
        await store.base(of: table, mirrored: mirrored)
    }
    func base(of table: String, keys: [RecordKey]) async throws -> [BaseRecord] {
        await store.base(of: table, keys: keys)
    }
    func baseKeys(of table: String, in ranges: [KeyRange]) async throws -> [RecordKey] {
        await store.baseKeys(of: table, in: ranges)
    }
    func baseCount(of table: String) async throws -> Int { await store.baseCount(of: table) }
    func relayout(_ table: String, to layout: TableLayout, moving: [Int?]) async throws {
        try await store.relayout(table, to: layout, moving: moving)
    }
    func unsettled(of table: String) async throws -> Unsettled { await store.unsettled(of: table) }
    func pendingKeys(of table: String) async throws -> [RecordKey] { await store.pendingKeys(of: table) }
    func openIntents(of table: String) async throws -> [JournalEntry] { await store.openIntents(of: table) }
    func begin(_ run: RunStart) async throws -> Int64 { await store.begin(run) }
    func journal(_ entries: [JournalEntry], run: Int64) async throws {
        try await store.journal(entries, run: run)
    }
    func remember(_ memory: Memory, run: Int64) async throws { await store.remember(memory, run: run) }
    func finish(_ end: RunEnd, run: Int64) async throws { try await store.finish(end, run: run) }
    func discard(_ run: Int64) async throws { await store.discard(run) }
    func retain(_ retention: HistoryRetention, at time: Int64) async throws {
        try await store.retain(retention, at: time)
    }
    func noteQuiet(at time: Int64, cursors: [String: Sides<FeedCursor?>]) async throws {
        await store.noteQuiet(at: time, cursors: cursors)
    }
    func runs(limit: Int) async throws -> [RunRecord] { await store.runs(limit: limit) }
    func changes(of run: Int64, offset: Int, limit: Int) async throws -> [HistoryChange] {
        await store.changes(of: run, offset: offset, limit: limit)
    }
    func conflicts() async throws -> [ConflictRecord] { await store.conflicts() }
    func decide(_ resolutions: [ConflictRecord.ID: Resolution?]) async throws {
        try await store.decide(resolutions)
    }
    func rejections() async throws -> [RejectionRecord] { await store.rejections() }
    func close() async {}
}

/// A replica that takes a filter, which every record meets.
struct FilteringReplica: Replica {
    private let replica: MemoryReplica

    init(_ replica: MemoryReplica) { self.replica = replica }

    var name: String { replica.name }
    func describe() async throws -> [TableDescription] { try await replica.describe() }
    func observe() async throws -> any Observation { Look(look: try await replica.observe()) }
    func prepare(_ views: [TableView]) async throws {}
    func stamp(_ mark: ReplicaMark) async throws -> Bool { try await replica.stamp(mark) }
    func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {}
    func close() async {}
    func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        try await replica.apply(writes, to: view.unfiltered)
    }

    private struct Look: Observation {
        let look: any Observation

        func identity(job: String) async throws -> ReplicaIdentity { try await look.identity(job: job) }
        func snapshot(of view: TableView) async throws -> any RecordCursor {
            try await look.snapshot(of: view.unfiltered)
        }
        func read(_ references: [RecordReference], of view: TableView) async throws -> [Record] {
            try await look.read(references, of: view.unfiltered)
        }
        func changes(of view: TableView, since cursor: FeedCursor) async throws -> ChangedKeys? { nil }
        func feedPosition(of view: TableView) async throws -> FeedCursor? { nil }
        func isEmpty(_ view: TableView) async throws -> Bool { try await look.isEmpty(view.unfiltered) }
        func finish() async { await look.finish() }
    }
}

extension TableView {
    fileprivate var unfiltered: TableView {
        var view = self
        view.filter = nil
        return view
    }
}
