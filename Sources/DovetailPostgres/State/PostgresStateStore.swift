import Dovetail
public import DovetailEngine
import Foundation

/// The memory of jobs in a PostgreSQL database, shared by workers on several machines.
///
/// ```swift
/// let address = try PostgresStateAddress("postgresql://sync@db.example.org/fkg")
/// let store = try await PostgresStateStore.open(address, job: "benches")
/// ```
///
/// - One schema holds many jobs. Each run of a job holds that job's lock; runs of different jobs don't wait for each
///   other.
/// - The lock lives and dies with the connection that took it, and only over that connection is written. When it is
///   lost in the middle of a run, the run can't go on; nothing writes behind the back of the one that follows.
/// - What is damaged is put aside, never deleted, and begun anew: both sides then meet as for the first time, and
///   ``JobState/resetReason`` says why until a run has ended well.
/// - Each method is one transaction, on the disk before it returns.
/// - Cancelling a task does not cancel a method that has begun: what was done is remembered. The base is read in
///   batches, between which a cancellation is heeded.
public actor PostgresStateStore: StateStore {
    private enum Access {
        case full(Int64)
        case reading(Int64)
        /// There is nothing; what a new store would show is shown.
        case absent(JobState)
    }

    private enum Holding {
        case free
        /// The lock is being taken or given back.
        case changing(LockOwner)
        case held(StateLock.Fence)
        /// The connection ended while the lock was held.
        case lost
    }

    public nonisolated let name: String
    private let address: PostgresStateAddress
    private let access: Access
    private let version: Int
    private let errors: StateErrors
    /// For everything but reading a base. Nil after it was lost.
    private var main: PostgresConnection?
    /// For reading a base; they are used again.
    private var spare: [PostgresConnection] = []
    private var holding = Holding.free

    private init(
        _ address: PostgresStateAddress, _ connection: PostgresConnection, _ found: StateOpening.Found,
        isWritable: Bool, version: Int
    ) {
        name = address.display
        self.address = address
        self.version = version
        errors = StateErrors(store: address.display, place: connection.place)
        main = connection
        switch found {
        case .job(let id): access = isWritable ? .full(id) : .reading(id)
        case .absent(let reason):
            var state = JobState(identity: UUID().uuidString.lowercased())
            state.resetReason = reason
            access = .absent(state)
        }
    }

    // MARK: Opening

    /// Opens the memory of a job, making schema and job when they are not there.
    /// - Throws: ``StateError`` in words.
    public static func open(_ address: PostgresStateAddress, job: String) async throws -> PostgresStateStore {
        try await open(address, job: job, isWritable: true) { .job(try $0.make($1)) }
    }

    /// Opens the memory of a job without making or changing anything. Where there is none, or a damaged one, it shows
    /// what a new one would.
    ///
    /// Every method that would write throws ``StateError/forbidden(store:message:)``.
    public static func openForReading(
        _ address: PostgresStateAddress, job: String
    ) async throws -> PostgresStateStore {
        try await open(address, job: job, isWritable: false) { try $0.look($1) }
    }

    /// Opens the memory of a job for a person's decisions: what is there can be written, and nothing is made.
    public static func openExisting(
        _ address: PostgresStateAddress, job: String
    ) async throws -> PostgresStateStore {
        try await open(address, job: job, isWritable: true) { try $0.look($1) }
    }

    static func open(
        _ address: PostgresStateAddress, job: String, isWritable: Bool,
        migrations: [@Sendable (SchemaName) -> String] = StateMigrations.all,
        _ find: @escaping @Sendable (StateOpening, Session) throws -> StateOpening.Found
    ) async throws -> PostgresStateStore {
        let connection = try await connect(address)
        let opening = StateOpening(
            schema: address.schema, job: job, store: address.display, migrations: migrations)
        let found = try await connection.perform { session in Result { try find(opening, session) } }
        do {
            return PostgresStateStore(
                address, connection, try found.get(), isWritable: isWritable, version: migrations.count)
        } catch {
            await connection.close()
            throw StateErrors(store: address.display, place: connection.place).error(error)
        }
    }

    private static func connect(_ address: PostgresStateAddress) async throws -> PostgresConnection {
        do {
            let connection = try await PostgresConnection.open(address.settings, name: address.display)
            try await connection.perform(prepare)
            return connection
        } catch {
            let place = DatabasePlace(name: address.display, display: address.settings.display)
            throw StateErrors(store: address.display, place: place).error(error)
        }
    }

    /// A connection waits while the replicas work, for as long as that takes; and one whose machine died is noticed
    /// within a minute, so that its lock comes free.
    @Sendable static func prepare(_ session: Session) throws {
        try session.run(
            """
            SET jit = off; SET work_mem = '32MB'; SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10;
            SET tcp_keepalives_count = 3;
            SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
            """)
        guard session.serverVersion >= 140_000 else { return }
        try session.run("SET idle_session_timeout = 0")
        // Not every system can do it; then a dead client is noticed when its statement ends.
        _ = try? session.run("SET client_connection_check_interval = '1s'")
    }

    // MARK: Lock

    public func lock(as owner: LockOwner, patience: Double) async throws {
        let patience = Duration.seconds(min(max(patience, 0), 1e9))
        let begun = ContinuousClock.now
        var deadSince: ContinuousClock.Instant?
        var unknownSince: ContinuousClock.Instant?
        while true {
            guard case .held(let other) = try await attempt(owner) else { return }
            let now = ContinuousClock.now
            var end = begun + patience
            if let other, other.isDead(seenFrom: owner) {
                deadSince = deadSince ?? now
                end = max(end, (deadSince ?? now) + Self.graceForDead)
            } else if other == nil {
                // Someone is about to write down that the lock is theirs, or to let go of it.
                unknownSince = unknownSince ?? now
                end = max(end, (unknownSince ?? now) + Self.graceForUnknown)
            }
            guard now < end else { throw StateError.locked(by: other) }
            try await Task.sleep(for: min(.milliseconds(100), end - now))
        }
    }

    /// How long the server may take to notice that a process of this machine is dead.
    private static let graceForDead = Duration.seconds(10)
    /// How long a lock may be held by nobody who says so.
    private static let graceForUnknown = Duration.seconds(2)

    private func attempt(_ owner: LockOwner) async throws -> StateLock.Attempt {
        guard case .full(let job) = access else { throw readOnly }
        switch holding {
        case .held(let fence): return .held(by: fence.owner)
        case .changing(let other): return .held(by: other)
        case .free, .lost: holding = .changing(owner)
        }
        let (lock, name) = (StateLock(schema: address.schema, job: job), name)
        do {
            let wasOpen = main != nil
            var attempt: StateLock.Attempt
            do {
                attempt = try await serve(try await connected()) {
                    try lock.take($0, owner: owner, store: name)
                }
            } catch  where wasOpen && main == nil {
                // The server was restarted since the connection was last used.
                attempt = try await serve(try await connected()) {
                    try lock.take($0, owner: owner, store: name)
                }
            }
            if case .taken(let fence) = attempt { holding = .held(fence) } else { holding = .free }
            return attempt
        } catch {
            holding = .free
            throw error
        }
    }

    public func unlock() async {
        guard case .held(let fence) = holding, case .full(let job) = access, let connection = main else {
            if case .lost = holding { holding = .free }
            return
        }
        holding = .changing(fence.owner)
        let lock = StateLock(schema: address.schema, job: job)
        do {
            try await serve(connection) { try lock.release($0, fence) }
        } catch {
            // With its connection the lock is gone for certain.
            main = nil
            await connection.close()
        }
        holding = .free
    }

    public func lockState() async throws -> LockState {
        try await read { rows in
            try StateLock(schema: rows.schema, job: rows.job).state(rows.session)
        } ?? .free
    }

    public func close() async {
        await unlock()
        let all = spare + [main].compactMap { $0 }
        (spare, main) = ([], nil)
        for connection in all { await connection.close() }
    }

    // MARK: Transactions

    private var readOnly: StateError {
        .forbidden(store: name, message: "it was opened for reading; nothing can be written to it")
    }

    /// What a job shows that has no memory yet; nil when it has one.
    var absentState: JobState? {
        if case .absent(let state) = access { state } else { nil }
    }

    /// Runs `body` in a transaction that writes, under the lock when it is held.
    func write<R: Sendable>(_ body: @escaping @Sendable (StateRows) throws -> R) async throws -> R {
        guard case .full(let job) = access else { throw readOnly }
        let fence: StateLock.Fence? = if case .held(let fence) = holding { fence } else { nil }
        let (schema, version, name) = (address.schema, version, name)
        return try await serve(try await connected()) { session in
            try session.transaction(.readCommitted) {
                try StateLock(schema: schema, job: job).check(session, fence, version: version, store: name)
                return try body(StateRows(session: session, schema: schema, job: job))
            }
        }
    }

    /// Runs `body` in a transaction that reads one moment. Nil when there is no memory yet.
    func read<R: Sendable>(_ body: @escaping @Sendable (StateRows) throws -> R) async throws -> R? {
        let job: Int64
        switch access {
        case .full(let id), .reading(let id): job = id
        case .absent: return nil
        }
        let schema = address.schema
        return try await serve(try await connected()) { session in
            try session.transaction(.snapshot) {
                try body(StateRows(session: session, schema: schema, job: job))
            }
        }
    }

    private func connected() async throws -> PostgresConnection {
        if let main { return main }
        if case .lost = holding {
            throw StateError.failed(
                store: name,
                message: "the connection was lost in the middle of the run, and the lock with it; run again")
        }
        let opened = try await Self.connect(address)
        if let main {
            await opened.close()
            return main
        }
        main = opened
        return opened
    }

    /// Runs `body` on a connection's thread, to its end even if the task is cancelled.
    private func serve<R: Sendable>(
        _ connection: PostgresConnection, _ body: @escaping @Sendable (Session) throws -> R
    ) async throws -> R {
        let work = Task.detached {
            try await connection.perform { session in
                (result: Result { try body(session) }, isOpen: session.isOpen)
            }
        }
        let done = try await work.value
        if !done.isOpen { lose(connection) }
        do {
            return try done.result.get()
        } catch {
            throw await translated(error)
        }
    }

    private func lose(_ connection: PostgresConnection) {
        guard connection === main else { return }
        main = nil
        if case .held = holding { holding = .lost }
    }

    // MARK: Reading a base

    func baseCursor(table: Int64, mirrored: Bool) async throws -> StateBaseCursor {
        let connection = try await reader()
        return try await StateBaseCursor(
            connection, copying: StateBase.copy(address.schema, table: table, mirrored: mirrored),
            mirrored: mirrored, store: self)
    }

    /// A connection that nobody else uses.
    private func reader() async throws -> PostgresConnection {
        while let connection = spare.popLast() {
            // The server may have been restarted since it was last used.
            if try await connection.perform({ (try? $0.run("SELECT 1")) != nil }) { return connection }
        }
        let connection = try await Self.connect(address)
        // How long a base is read is up to the replicas.
        try await connection.perform { _ = try $0.run("SET statement_timeout = 0") }
        return connection
    }

    func giveBack(_ connection: PostgresConnection) { spare.append(connection) }

    /// Words for what went wrong, and a note about damage for the next opening.
    func translated(_ error: any Error) async -> any Error {
        if StateErrors.isDamage(error) { await suspect(errors.words(error)) }
        return errors.error(error)
    }

    /// Notes that the job's memory can't be trusted. What can't be noted is found again.
    private func suspect(_ words: String) async {
        guard case .full(let job) = access, let connection = main else { return }
        let schema = address.schema
        _ = try? await Task.detached {
            try await connection.perform { session in
                _ = try session.execute(
                    "UPDATE \(schema).jobs SET suspect = $2 WHERE id = $1",
                    [.int(job), .text(words.storable)])
            }
        }.value
    }
}
