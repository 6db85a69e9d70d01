public import DovetailEngine

/// A replica in a PostgreSQL database, with PostGIS or without.
///
/// Looking opens read-only transactions and writes nothing. Writing happens in one transaction for each call of
/// ``apply(_:to:)``, in sets, with the rows that are written locked and compared before.
///
/// ```swift
/// let replica = PostgresReplica("postgresql://sync@localhost/fkg", name: "geofa")
/// let tables = try await replica.describe()
/// ```
///
/// The mark by which the database is recognised stands in the table `dovetail.marks`, which ``stamp(_:)`` makes; a
/// role that may not create schemas in the database carries no mark, unless someone made that table for it.
public final class PostgresReplica: Replica {
    private let pool: ConnectionPool
    private let lockTimeout: Double
    private let digestThreshold: Int?

    /// What output calls it.
    public var name: String { pool.place.name }

    /// - Parameters:
    ///   - conninfo: A URL (`postgresql://…`) or `key=value` pairs, as libpq reads them; `service=`, `.pgpass` and the
    ///     `PG*` variables work. Nothing is opened yet.
    ///   - name: What output calls it.
    ///   - lockTimeout: How many seconds to wait for rows and tables that another session has locked, unless the
    ///     connection string, the role or the database sets `lock_timeout`; 0 waits without an end.
    ///   - digestThreshold: From how many rows on a table is compared by digests that the server adds up; nil: never. Small
    ///     tables are read as fast.
    public init(
        _ conninfo: String, name: String, lockTimeout: Double = 30, digestThreshold: Int? = 10_000
    ) {
        pool = ConnectionPool(ConnectionSettings(conninfo, applicationName: "dovetail"), name: name)
        self.lockTimeout = lockTimeout
        self.digestThreshold = digestThreshold
    }

    public func describe() async throws -> [TableDescription] {
        try await once({ try $0.begin(.snapshot) }) { session, _ in
            try Catalog(session).tables().compactMap(\.description)
        }
    }

    public func observe() async throws -> any Observation {
        try await PostgresObservation.begin(pool, digestThreshold: digestThreshold)
    }

    /// There is nothing to put in place: its change feeds are made of digests.
    public func prepare(_ views: [TableView]) async throws {}

    public func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        guard !writes.isEmpty else { return ApplyResult(outcomes: []) }
        let place = pool.place
        let lockTimeout = lockTimeout
        return try await writing { session, server in
            try ApplyTransaction.prepare(session, lockTimeout: lockTimeout)
            let plan = try ViewPlan(session, view, server: server, place: place)
            let batch = try ApplyWrites(plan, session, writes)
            return ApplyResult(outcomes: try batch.run(), isProven: batch.isProven)
        }
    }

    public func stamp(_ mark: ReplicaMark) async throws -> Bool {
        do {
            try await writing { session, _ in try ReplicaMarks.stamp(mark, session) }
            return true
        } catch let error as ReplicaError where error.kind == .forbidden {
            return false
        }
    }

    /// There is no change feed to forget entries of.
    public func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {}

    public func close() async { await pool.close() }

    /// Runs on a connection that is given back afterwards.
    private func once<Result: Sendable>(
        _ begin: @escaping @Sendable (Session) throws -> Void,
        _ body: @escaping @Sendable (Session, ServerFacts) throws -> Result
    ) async throws -> Result {
        let link = try await pool.take(begin)
        do {
            let result = try await link.connection.perform { session in try body(session, link.server) }
            await pool.give(back: link)
            return result
        } catch {
            await pool.give(back: link)
            throw error
        }
    }

    /// Runs a transaction that writes; again when another session was in its way.
    private func writing<Result: Sendable>(
        _ body: @escaping @Sendable (Session, ServerFacts) throws -> Result
    ) async throws -> Result {
        var attempt = 1
        while true {
            let last = attempt == ApplyTransaction.attempts
            // Begun and rolled back once, so that a connection that was lost meanwhile shows itself before it matters.
            let result = try await once({ try $0.run("ROLLBACK") }) { session, server -> Result? in
                try ApplyTransaction.run(session, mayRepeat: !last) { try body(session, server) }
            }
            if let result { return result }
            // Those who met meet again unless they wait for different times.
            try await Task.sleep(for: .milliseconds(Int.random(in: 10...50) * attempt))
            attempt += 1
        }
    }
}

/// The transaction of a batch of writes.
enum ApplyTransaction {
    static let attempts = 6

    /// Nil when the transaction was given up for another session's sake and nothing was written.
    static func run<Result>(_ session: Session, mayRepeat: Bool, _ body: () throws -> Result) throws
        -> Result?
    {
        do {
            return try session.transaction(.readCommitted, body)
        } catch let failure as PostgresFailure where mayRepeat && failure.isCollision {
            return nil
        }
    }

    /// Sets how long the transaction waits for locks, where the user did not.
    static func prepare(_ session: Session, lockTimeout: Double) throws {
        let rows = try session.execute("SELECT pg_catalog.current_setting('lock_timeout')")
        guard lockTimeout > 0, rows.text(0, 0) == "0" else { return }
        let milliseconds = max(1, Int(lockTimeout * 1000))
        try session.run("SET LOCAL lock_timeout = \(milliseconds)")
    }
}

extension PostgresFailure {
    /// Two transactions could not both go on; this one may begin anew.
    var isCollision: Bool { sqlState == "40001" || sqlState == "40P01" }
}
