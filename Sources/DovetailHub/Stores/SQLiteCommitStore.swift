public import DovetailDocuments
import DovetailEngine
import DovetailPostgres
import DovetailSQLite
import Foundation
import GRDB

/// Logs in a file, for one hub.
///
/// Each call is one transaction of SQLite with a write-ahead log, on the disk before the call returns: after a crash a commit is
/// there with its head, or neither is. Commits that come at the same time share one transaction, and so one wait for the disk.
public final class SQLiteCommitStore: CommitStore {
    public let name: String
    fileprivate let pool: DatabasePool
    private let lock: LockFile?
    private let appends: AppendQueue

    /// Opens the file. The folder has to be there.
    ///
    /// - Parameters:
    ///   - besideHub: also while a hub has it open. Only tokens may then be changed: the hub asks for those each time, and
    ///     believes that nobody else commits.
    ///   - making: whether the file is made when there is none.
    /// - Throws: ``HubError/Kind/unavailable`` when another process has it, or it can't be written;
    ///   ``HubError/Kind/damaged``; ``HubError/Kind/invalid`` when the file is something else, or there is none.
    public static func open(
        _ path: String, besideHub: Bool = false, making: Bool = true
    ) async throws -> SQLiteCommitStore {
        let failure = SQLiteHubFailure(store: path)
        do {
            // An empty file is one that is about to be a store.
            if !making, try Self.size(path) == 0 { throw HubError.noStore(path) }
            // Made here, so that nobody else can read the texts.
            let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw failure.unavailable(String(cString: strerror(errno))) }
            Foundation.close(descriptor)
            // By whichever link it was named, it is one file, with one lock and one log beside it.
            let path = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
            if besideHub { return SQLiteCommitStore(path, try makePool(path), nil) }
            guard case .taken(let lock) = try LockFile.take(path + ".lock", owner: .current, store: path)
            else {
                throw HubError(
                    .unavailable,
                    "another hub has \(path) open; end it, or give this one a file of its own (several hubs share a"
                        + " PostgreSQL database)")
            }
            do {
                return SQLiteCommitStore(path, try makePool(path), lock)
            } catch {
                lock.release()
                throw error
            }
        } catch {
            throw failure.error(error)
        }
    }

    /// Of a file; 0: there is none.
    private static func size(_ path: String) throws -> Int64 {
        var facts = stat()
        guard stat(path, &facts) != 0 else { return Int64(facts.st_size) }
        guard errno == ENOENT else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        return 0
    }

    private init(_ path: String, _ pool: DatabasePool, _ lock: LockFile?) {
        (name, self.pool, self.lock) = (path, pool, lock)
        appends = AppendQueue(pool: pool)
    }

    deinit { lock?.release() }

    /// “DvtH”: what tells the file from others'.
    private static let applicationID: Int32 = 0x4476_7448

    private static func makePool(_ path: String) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.label = "dovetail.hub"
        let pool = try DatabasePool(path: path, configuration: configuration)
        // GRDB takes NORMAL for a write-ahead log, which may lose the last commits in a power failure.
        try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        try pool.write { db in
            let id = try Int32.fetchOne(db, sql: "PRAGMA application_id")
            let tables = CommitTables(db)
            if id == 0, try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0 {
                try tables.create(epoch: .random(in: 1...(.max)))
                try db.execute(sql: "PRAGMA application_id = \(applicationID)")
            } else if id != applicationID {
                throw HubError(
                    .invalid,
                    "\(path) is a database of something else than a hub; give the hub a file of its own")
            }
            try tables.checkFormat(of: path)
        }
        return pool
    }

    // MARK: Transactions

    private func reading<R: Sendable>(_ body: @escaping @Sendable (CommitTables) throws -> R) async throws
        -> R
    {
        do {
            return try await pool.read { try body(CommitTables($0)) }
        } catch {
            throw SQLiteHubFailure(store: name).error(error)
        }
    }

    /// Not given up in the middle by a cancelled task.
    private func writing<R: Sendable>(_ body: @escaping @Sendable (CommitTables) throws -> R) async throws
        -> R
    {
        do {
            let pool = pool
            return try await Task.detached { try await pool.write { try body(CommitTables($0)) } }.value
        } catch {
            throw SQLiteHubFailure(store: name).error(error)
        }
    }

    // MARK: CommitStore

    public func epoch() async throws -> UInt64 { try await reading { try $0.epoch() } }

    public func renewEpoch() async throws { try await writing { try $0.renewEpoch() } }

    public func sets() async throws -> [String] { try await reading { try $0.sets() } }

    public func heads(of set: String) async throws -> (place: Int64, heads: [StoredHead]) {
        try await reading { try $0.heads(of: set) }
    }

    public func head(of document: DocumentName, in set: String) async throws -> StoredHead? {
        try await reading { try $0.head(of: document, in: set)?.head }
    }

    public func append(_ commit: Commit, snapshot: [UInt8]?, to set: String) async throws -> AppendOutcome {
        do {
            return try await appends.append(commit, snapshot: snapshot, to: set)
        } catch {
            throw SQLiteHubFailure(store: name).error(error)
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
        try await writing { try $0.keep(text, of: document, in: set, at: sequence) }
    }

    public func prune(_ document: DocumentName, in set: String, before sequence: Int64) async throws {
        try await writing { try $0.prune(document, in: set, before: sequence) }
    }

    public func mend(_ document: DocumentName, in set: String, by mend: LogMend) async throws {
        try await writing { try $0.mend(document, in: set, by: mend) }
    }

    public func conflicts(of set: String) async throws -> [DocumentConflict] {
        try await reading { try $0.conflicts(of: set) }
    }

    public func keep(
        _ conflict: DocumentConflict?, id: DocumentConflict.ID, in set: String
    ) async throws -> Int64 {
        try await writing { try $0.keep(conflict, id: id, in: set) }
    }

    /// Nobody else writes to the file.
    public func wakes() -> AsyncStream<String> { AsyncStream { $0.finish() } }

    public func tokens() async throws -> [HubToken] { try await reading { try $0.tokens() } }

    public func keep(_ token: HubToken) async throws { try await writing { try $0.keep(token) } }

    public func close() async {
        // What is left in the log is taken over at the next opening.
        try? pool.close()
        lock?.release()
    }
}

extension SQLiteCommitStore {
    /// What SQLite says of itself, for tests.
    func setting(_ name: String) async throws -> Int {
        try await pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA \(name)") ?? 0 }
    }

    /// As a disk that is full, for tests.
    func limit(toPages pages: Int) async throws {
        try await pool.writeWithoutTransaction {
            _ = try Int.fetchOne($0, sql: "PRAGMA max_page_count = \(pages)")
        }
    }
}

extension CommitTables {
    /// In the transaction that is open.
    init(_ db: Database) {
        self.init(dialect: .sqlite) { sql, values in
            // To SQLite $1 is a name and ?1 a number.
            let arguments = StatementArguments(
                values.map { value -> (any DatabaseValueConvertible)? in
                    switch value {
                    case .null: nil
                    case .int(let number): number
                    case .text(let text): text
                    case .bytes(let bytes): Data(bytes)
                    }
                })
            let statement = try db.cachedStatement(sql: sql.replacing("$", with: "?"))
            let cursor = try Row.fetchCursor(statement, arguments: arguments)
            var rows: [[PlainValue]] = []
            while let row = try cursor.next() {
                rows.append(
                    row.databaseValues.map { value in
                        switch value.storage {
                        case .null: .null
                        case .int64(let number): .int(number)
                        case .double(let number): .text("\(number)")
                        case .string(let text): .text(text)
                        case .blob(let data): .bytes(Array(data))
                        }
                    })
            }
            return rows
        }
    }
}

extension LockOwner {
    /// This process.
    fileprivate static var current: LockOwner {
        let process = ProcessInfo.processInfo
        return LockOwner(
            process: process.processIdentifier, host: process.hostName, user: NSUserName(), command: "serve",
            since: Int64(Date().timeIntervalSince1970 * 1e6))
    }
}

/// Turns what went wrong with the file into words.
struct SQLiteHubFailure {
    let store: String

    func unavailable(_ reason: String) -> HubError {
        HubError(
            .unavailable, "the hub can't write to \(store): \(reason); nothing was done",
            retryAfter: .seconds(5))
    }

    func error(_ error: any Error) -> any Error {
        switch error {
        case is HubError, is CancellationError: return error
        case let error as POSIXError: return unavailable(String(cString: strerror(error.code.rawValue)))
        case let error as DatabaseError: return self.error(error)
        default: return unavailable("\(error)")
        }
    }

    private func error(_ error: DatabaseError) -> HubError {
        // Never GRDB's own description: it quotes statements with their values.
        let words = error.message ?? error.resultCode.description
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return RowReader.damaged("\(store): \(words)")
        case .SQLITE_FULL: return unavailable("no space is left on the disk; free some")
        case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHMSIZE:
            return unavailable("no space is left on the disk; free some")
        case .SQLITE_BUSY, .SQLITE_LOCKED: return unavailable("another program is using it")
        default: return unavailable(words)
        }
    }
}

extension HubError {
    /// Who looks at a store means one that is there.
    static func noStore(_ name: String) -> HubError {
        HubError(
            .invalid,
            "there is no hub's store at \(name); name it with --store or --config (dovetail serve, and dovetail serve token add,"
                + " make one)")
    }
}
