import Dovetail
import DovetailEngine
import Synchronization

/// One consistent look at a database.
///
/// A transaction that reads one moment keeps the view and answers the small questions. A connection that sends the rows
/// of a COPY can do nothing else meanwhile, so each cursor has one of its own, whose transaction takes over the
/// exported snapshot of the first. That is no slower than a server's cursor on one connection, which would hand out
/// its rows by request and answer, and lets several tables be read at once.
final class PostgresObservation: Observation {
    let pool: ConnectionPool
    /// From how many rows on digests are added up; nil: never.
    private let digestThreshold: Int?
    private let link: Link
    private let snapshot: String
    private let state = Mutex(State())

    private struct State {
        /// What was looked up in the catalog: the look is about one moment, so that is done once.
        var plans: [TableView: ViewPlan] = [:]
        /// Nil: looked up, and there are no digests.
        var digestPlans: [TableView: DigestPlan?] = [:]
        /// What tables hold, where the feed was asked for their changes and had too many to name.
        var positions: [TableView: FeedCursor] = [:]
        var cursors: [SnapshotCursor] = []
        var isFinished = false
    }

    private init(_ pool: ConnectionPool, _ link: Link, _ snapshot: String, digestThreshold: Int?) {
        self.pool = pool
        self.digestThreshold = digestThreshold
        self.link = link
        self.snapshot = snapshot
    }

    static func begin(_ pool: ConnectionPool, digestThreshold: Int?) async throws -> PostgresObservation {
        let link = try await pool.take { try $0.begin(.snapshot) }
        do {
            let snapshot = try await link.connection.perform { session in
                try session.execute("SELECT pg_catalog.pg_export_snapshot()").text(0, 0) ?? ""
            }
            return PostgresObservation(pool, link, snapshot, digestThreshold: digestThreshold)
        } catch {
            await pool.give(back: link)
            throw error
        }
    }

    func identity(job: String) async throws -> ReplicaIdentity {
        try await perform { try ReplicaMarks.identity(job: job, $0) }
    }

    func snapshot(of view: TableView) async throws -> any RecordCursor {
        let plan = try await plan(view)
        let snapshot = snapshot
        let link = try await pool.take { session in
            try session.begin(.snapshot)
            try session.run("SET TRANSACTION SNAPSHOT '\(snapshot)'")
        }
        let cursor = SnapshotCursor(pool, link, CopyScan(plan))
        let isFinished = state.withLock { state in
            state.cursors.append(cursor)
            return state.isFinished
        }
        if isFinished { await cursor.finish() }
        return cursor
    }

    func read(_ references: [RecordReference], of view: TableView) async throws -> [Record] {
        guard !references.isEmpty else { return [] }
        let plan = try await plan(view)
        let keys = Set(references.map(\.key))
        guard plan.keyIsSearchable else { return try await pick(keys, from: view) }
        return try await perform { try RecordLookup(plan, $0).read(keys) }
    }

    /// The records with these keys, where no condition leads to them: all are looked at.
    private func pick(_ keys: Set<RecordKey>, from view: TableView) async throws -> [Record] {
        let cursor = try await snapshot(of: view)
        var records: [Record] = []
        while let batch = try await cursor.next() {
            records.append(contentsOf: batch.records().filter { keys.contains($0.key) })
        }
        return records
    }

    /// The feed is made of digests; where there are none, there is no feed.
    func changes(of view: TableView, since cursor: FeedCursor) async throws -> ChangedKeys? {
        switch try await DigestFeed(self, view: view).changes(since: cursor) {
        case .changes(let keys)?: return keys
        case .much(let position)?:
            state.withLock { $0.positions[view] = position }
            return nil
        case nil: return nil
        }
    }

    func feedPosition(of view: TableView) async throws -> FeedCursor? {
        if let known = state.withLock({ $0.positions[view] }) { return known }
        return try await DigestFeed(self, view: view).position()
    }

    func isEmpty(_ view: TableView) async throws -> Bool {
        let plan = try await plan(view)
        return try await perform { session in
            let filter = plan.condition.map { " WHERE \($0)" } ?? ""
            return try session.execute("SELECT 1 FROM \(plan.facts.sql)\(filter) LIMIT 1").count == 0
        }
    }

    func finish() async {
        let cursors = state.withLock { state -> [SnapshotCursor]? in
            guard !state.isFinished else { return nil }
            state.isFinished = true
            defer { state.cursors = [] }
            return state.cursors
        }
        guard let cursors else { return }
        for cursor in cursors { await cursor.finish() }
        await pool.give(back: link)
    }

    private func plan(_ view: TableView) async throws -> ViewPlan {
        if let plan = state.withLock({ $0.plans[view] }) { return plan }
        let (place, server) = (pool.place, link.server)
        let plan = try await perform { try ViewPlan($0, view, server: server, place: place) }
        state.withLock { $0.plans[view] = plan }
        return plan
    }

    /// Nil where the view has no digests.
    func digestPlan(_ view: TableView) async throws -> DigestPlan? {
        if let plan = state.withLock({ $0.digestPlans[view] }) { return plan }
        let plan = try await plan(view)
        let threshold = digestThreshold
        let digests = try await perform { try DigestPlan(plan, threshold: threshold, $0) }
        state.withLock { $0.digestPlans[view] = .some(digests) }
        return digests
    }

    func perform<Result: Sendable>(
        _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        guard state.withLock({ !$0.isFinished }) else {
            throw pool.place.error(.failed, "the look has ended")
        }
        return try await link.connection.perform(body)
    }
}
