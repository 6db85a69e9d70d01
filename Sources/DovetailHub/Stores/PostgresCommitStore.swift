public import DovetailDocuments
import DovetailEngine
import DovetailPostgres
import Synchronization

/// Logs in a PostgreSQL database, for several hubs at once.
///
/// ```swift
/// let store = try await PostgresCommitStore.open("postgresql://hub@db.example.org/texts?schema=notes")
/// ```
///
/// The tables are in a schema of their own, which is made on first use. Hubs wake each other by `NOTIFY`. Each call is one
/// transaction; a connection that was lost is opened anew, and the call done once more, as it may be because of the commit's key.
public final class PostgresCommitStore: CommitStore {
    /// The schema when the address names none.
    public static let defaultSchema = "dovetail_hub"
    private static let channel = "dovetail_hub"

    public let name: String
    private let address: PostgresStateAddress
    private let dialect: CommitDialect
    private let connections: HubConnections
    /// Who writes, so that a hub is not woken by itself.
    private let identity = String(UInt64.random(in: 0...(.max)), radix: 36)
    private let listeners = Mutex<[Task<Void, Never>]>([])

    /// Opens the store.
    ///
    /// - Parameters:
    ///   - text: `postgresql://…` or `key=value` pairs, as libpq reads them, with `schema=NAME` among its parameters or without.
    ///   - making: whether its schema is made when it is not there.
    /// - Throws: ``HubError``: ``HubError/Kind/invalid`` for an address that can't be read, and a schema that holds something else or
    ///   is not there.
    public static func open(_ text: String, making: Bool = true) async throws -> PostgresCommitStore {
        let address: PostgresStateAddress
        do {
            address = try PostgresStateAddress(text, otherwise: defaultSchema)
        } catch {
            throw HubError(.invalid, "the address of the hub's database \(error)")
        }
        let store = PostgresCommitStore(address)
        do {
            try await store.prepare(making: making)
        } catch {
            await store.close()
            throw error
        }
        return store
    }

    private init(_ address: PostgresStateAddress) {
        self.address = address
        name = address.display
        dialect = .postgres(schema: address.quotedSchema)
        connections = HubConnections(address)
    }

    deinit { for task in listeners.withLock({ $0 }) { task.cancel() } }

    private func prepare(making: Bool) async throws {
        let (address, name) = (address, name)
        try await writing { tables, session in
            // Hubs that start at the same time make one schema.
            try session.rows("SELECT pg_advisory_xact_lock(7065882)")
            let found = try session.rows(
                """
                SELECT c.relname::text FROM pg_catalog.pg_class AS c
                JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                """, [.text(address.schemaText)])
            if found.isEmpty {
                guard making else { throw HubError.noStore(name) }
                try session.rows("CREATE SCHEMA IF NOT EXISTS \(address.quotedSchema)")
                try tables.create(epoch: .random(in: 1...(.max)))
            } else if !found.contains([.text("hub")]) {
                throw HubError(
                    .invalid,
                    "\(name) holds something else than a hub's documents; name another schema with schema=NAME"
                )
            }
            try tables.checkFormat(of: name)
        }
    }

    // MARK: Transactions

    private func reading<R: Sendable>(_ body: @escaping @Sendable (CommitTables) throws -> R) async throws
        -> R
    {
        let dialect = dialect
        return try await connections.use { try body(CommitTables($0, dialect)) }
    }

    /// Not given up in the middle by a cancelled task.
    private func writing<R: Sendable>(
        _ body: @escaping @Sendable (CommitTables, PlainSession) throws -> R
    ) async throws -> R {
        let (dialect, connections) = (dialect, connections)
        return try await Task.detached {
            try await connections.use { session in
                try session.transaction { try body(CommitTables(session, dialect), session) }
            }
        }.value
    }

    /// Tells other hubs, once the transaction is through.
    @Sendable private func notify(_ set: String, _ session: PlainSession) throws {
        try session.rows(
            "SELECT pg_notify($1, $2)::text",
            [.text(Self.channel), .text("\(identity) \(set) \(address.schemaText)")])
    }

    // MARK: CommitStore

    public func epoch() async throws -> UInt64 { try await reading { try $0.epoch() } }

    public func renewEpoch() async throws { try await writing { tables, _ in try tables.renewEpoch() } }

    public func sets() async throws -> [String] { try await reading { try $0.sets() } }

    public func heads(of set: String) async throws -> (place: Int64, heads: [StoredHead]) {
        try await reading { try $0.heads(of: set) }
    }

    public func head(of document: DocumentName, in set: String) async throws -> StoredHead? {
        try await reading { try $0.head(of: document, in: set)?.head }
    }

    public func append(_ commit: Commit, snapshot: [UInt8]?, to set: String) async throws -> AppendOutcome {
        try await writing { tables, session in
            let outcome = try tables.append(commit, snapshot: snapshot, to: set)
            if case .appended = outcome { try self.notify(set, session) }
            return outcome
        }
    }

    public func commit(with key: CommitKey, in set: String) async throws -> Commit? {
        try await reading { try $0.commit(with: key, in: set) }
    }

    public func commits(
        of document: DocumentName, in set: String, sequences: ClosedRange<Int64>, limit: Int,
        newestFirst: Bool,
        withDeltas: Bool
    ) async throws -> [Commit] {
        try await reading {
            try $0.commits(
                of: document, in: set, sequences: sequences, limit: limit, newestFirst: newestFirst,
                withDeltas: withDeltas)
        }
    }

    public func commits(of set: String, after place: Int64, limit: Int) async throws -> [Commit] {
        try await reading { try $0.commits(of: set, after: place, limit: limit) }
    }

    public func snapshot(
        of document: DocumentName, in set: String, before sequence: Int64
    ) async throws -> (sequence: Int64, text: [UInt8])? {
        try await reading { try $0.snapshot(of: document, in: set, before: sequence) }
    }

    public func keep(_ text: [UInt8], of document: DocumentName, in set: String, at sequence: Int64)
        async throws
    {
        try await writing { tables, _ in try tables.keep(text, of: document, in: set, at: sequence) }
    }

    public func prune(_ document: DocumentName, in set: String, before sequence: Int64) async throws {
        try await writing { tables, _ in try tables.prune(document, in: set, before: sequence) }
    }

    public func mend(_ document: DocumentName, in set: String, by mend: LogMend) async throws {
        try await writing { tables, session in
            try tables.mend(document, in: set, by: mend)
            try self.notify(set, session)
        }
    }

    public func conflicts(of set: String) async throws -> [DocumentConflict] {
        try await reading { try $0.conflicts(of: set) }
    }

    public func keep(
        _ conflict: DocumentConflict?, id: DocumentConflict.ID, in set: String
    ) async throws -> Int64 {
        try await writing { tables, session in
            let place = try tables.keep(conflict, id: id, in: set)
            try self.notify(set, session)
            return place
        }
    }

    public func tokens() async throws -> [HubToken] { try await reading { try $0.tokens() } }

    public func keep(_ token: HubToken) async throws {
        try await writing { tables, _ in try tables.keep(token) }
    }

    public func close() async {
        let tasks = listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        await connections.close()
    }

    // MARK: Wakes

    /// Whenever the listening begins, every set is named: what came before it was not heard.
    public func wakes() -> AsyncStream<String> {
        let (stream, wakes) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(10_000))
        let (address, identity) = (address, identity)
        let task = Task { [weak self] in
            while !Task.isCancelled {
                if let connection = try? await PlainPostgres.open(address) {
                    // An error is a lost connection, and what was said meanwhile is asked for afterwards.
                    try? await connection.perform { _ = try $0.rows("LISTEN \(Self.channel)") }
                    for set in (try? await self?.sets()) ?? [] { wakes.yield(set) }
                    while let texts = try? await connection.perform({ try $0.notices(within: 500) }) {
                        for set in Self.sets(in: texts, except: identity, schema: address.schemaText) {
                            wakes.yield(set)
                        }
                    }
                    await connection.close()
                }
                try? await Task.sleep(for: .milliseconds(500))
            }
            wakes.finish()
        }
        wakes.onTermination = { _ in task.cancel() }
        listeners.withLock { $0.append(task) }
        return stream
    }

    private static func sets(in texts: [String], except identity: String, schema: String) -> Set<String> {
        Set(
            texts.compactMap { text in
                let words = text.split(separator: " ", maxSplits: 2)
                guard words.count == 3, words[0] != identity, words[2] == schema else { return nil }
                return String(words[1])
            })
    }
}

extension CommitTables {
    fileprivate init(_ session: PlainSession, _ dialect: CommitDialect) {
        self.init(dialect: dialect) { sql, values in try session.rows(sql, values) }
    }
}

/// Connections of a store, opened as they are needed.
private actor HubConnections {
    private static let most = 6

    private let address: PostgresStateAddress
    private var idle: [PlainPostgres] = []
    private var used = 0
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ address: PostgresStateAddress) { self.address = address }

    /// - Throws: ``HubError``, `CancellationError`.
    func use<R: Sendable>(_ body: @escaping @Sendable (PlainSession) throws -> R) async throws -> R {
        if used == Self.most {
            // The one that is done hands its place on.
            await withCheckedContinuation { waiting.append($0) }
        } else {
            used += 1
        }
        defer { handOn() }
        do {
            do {
                return try await once(body)
            } catch let error as ReplicaError where error.kind == .unreachable {
                // The server was restarted; the others are lost too.
                for connection in idle { await connection.close() }
                idle = []
                return try await once(body)
            }
        } catch let error as ReplicaError {
            throw HubError(
                error.kind == .damaged ? .damaged : .unavailable, "the hub's store: \(error)",
                retryAfter: .seconds(2))
        }
    }

    private func once<R: Sendable>(_ body: @escaping @Sendable (PlainSession) throws -> R) async throws -> R {
        let connection: PlainPostgres
        if let found = idle.popLast() { connection = found } else { connection = try await .open(address) }
        do {
            let result = try await connection.perform(body)
            idle.append(connection)
            return result
        } catch let error as HubError {
            idle.append(connection)
            throw error
        } catch {
            await connection.close()
            throw error
        }
    }

    private func handOn() {
        if waiting.isEmpty { used -= 1 } else { waiting.removeFirst().resume() }
    }

    func close() async {
        for connection in idle { await connection.close() }
        idle = []
    }
}
