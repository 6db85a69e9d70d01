public import DovetailEngine
import Dovetail
import Foundation
import GRDB
import Synchronization

/// A job's memory in a SQLite file of its own.
///
/// ```swift
/// let store = try SQLiteStateStore.open(path: ".dovetail/benches.state", job: "benches")
/// ```
///
/// - One file holds one job. The file of another job, or of another program, is refused and left alone.
/// - A damaged file is moved aside, never deleted, and a new store is made: both sides then meet as for the
///   first time, and ``JobState/resetReason`` says why until a run has ended well.
/// - Each method is one transaction. Where the promise hangs on it (``begin(_:)``, ``journal(_:run:)`` and
///   ``finish(_:run:)``) it is on the disk before the method returns; otherwise a power cut may take back the
///   latest transactions, and the next run learns them anew.
/// - Cancelling a task does not cancel a method that has begun: what was done is remembered.
public final class SQLiteStateStore: StateStore {
    public let name: String
    let queue: DatabaseQueue
    let access: StateAccess
    private let held = Mutex<LockFile?>(nil)
    /// Where the run's entries without an outcome stand in the journal.
    let places = Mutex(JournalPlaces(isTrusted: false))

    private init(name: String, queue: DatabaseQueue, access: StateAccess) {
        self.name = name
        self.queue = queue
        self.access = access
    }

    /// Opens the store in `path`, making it and its folder when they are not there. A newly made folder that
    /// is called `.dovetail` is kept out of git.
    /// - Throws: ``StateError``: the file belongs to another job or program, comes from a newer Dovetail, or
    ///   can't be written.
    public static func open(path: String, job: String) throws -> SQLiteStateStore {
        let file = StateFile(path: path, job: job)
        return try file.translating {
            SQLiteStateStore(name: path, queue: try file.open(), access: .full(path: path))
        }
    }

    /// Opens the store in `path` without changing anything on the disk: its folder need not be writable, nor
    /// be there. Without a file, or with a damaged one, it shows what a new store would.
    ///
    /// Every method that would write throws ``StateError/forbidden(store:message:)``.
    /// - Throws: ``StateError``, as ``open(path:job:)``.
    public static func openForReading(path: String, job: String) throws -> SQLiteStateStore {
        let file = StateFile(path: path, job: job)
        return try file.translating {
            let (queue, access) = try file.openForReading()
            return SQLiteStateStore(name: path, queue: queue, access: access)
        }
    }

    // MARK: Lock

    public func lock(as owner: LockOwner, patience: Double) async throws {
        guard case .full(let path) = access else { throw readOnly }
        var waited = 0.0
        // Somebody who only asks whether a run is under way holds the lock for an instant.
        var attempts = 0
        while true {
            attempts += 1
            let attempt = try LockFile.take(path + ".lock", owner: owner, store: name)
            switch attempt {
            case .taken(let lock):
                held.withLock { $0 = lock }
                return
            case .held(let other):
                guard waited < patience || attempts < 3 else { throw StateError.locked(by: other) }
            }
            let pause = min(0.1, max(patience - waited, 0.01))
            try await Task.sleep(for: .seconds(pause))
            waited += pause
        }
    }

    public func unlock() async {
        held.withLock { lock in
            lock?.release()
            lock = nil
        }
    }

    public func lockState() async throws -> LockState {
        guard let path = access.path else { return .free }
        let (held, owner) = LockFile.isHeld(path + ".lock")
        return held ? .held(by: owner) : .free
    }

    public func close() async {
        await unlock()
        // A connection that can't be closed (a cursor still reads) is closed when the last reader lets go of
        // it.
        try? queue.close()
    }

    // MARK: Transactions

    var readOnly: StateError {
        .forbidden(store: name, message: "it was opened for reading; nothing can be written to it")
    }

    /// Runs `body` in a transaction that writes, off the cooperative pool.
    /// - Parameter durable: The transaction is on the disk before this returns.
    func write<Result: Sendable>(
        durable: Bool = false, _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws -> Result {
        guard access.isWritable else { throw readOnly }
        return try await perform { db in
            if durable { try db.execute(sql: "PRAGMA synchronous = FULL") }
            defer {
                // Failing to go back to NORMAL costs time and nothing else.
                if durable { try? db.execute(sql: "PRAGMA synchronous = NORMAL") }
            }
            return try db.committing(body)
        }
    }

    /// Runs `body` in a transaction that reads one consistent state.
    func read<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws -> Result {
        try await perform { db in
            var result: Result?
            try db.inTransaction(.deferred) {
                result = try body(db)
                return .commit
            }
            guard let result else { throw DatabaseError(message: "a read was not carried out") }
            return result
        }
    }

    /// Runs `body` on the connection's own thread. Not cancelled with the task.
    func perform<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws -> Result {
        try await StateFailure.translating(name, access.path) {
            try await queue.uncancelled(body)
        }
    }
}

/// How a store may be used.
enum StateAccess: Sendable {
    case full(path: String)
    case reading(path: String)
    /// There is no file; the connection is to an empty store in memory.
    case absent

    var isWritable: Bool { if case .full = self { true } else { false } }

    /// The file, when there is one.
    var path: String? {
        switch self {
        case .full(let path), .reading(let path): path
        case .absent: nil
        }
    }
}

extension Database {
    /// A writing transaction that gives back a result.
    func committing<Result>(_ body: (Database) throws -> Result) throws -> Result {
        var result: Result?
        try inTransaction(.immediate) {
            result = try body(self)
            return .commit
        }
        guard let result else { throw DatabaseError(message: "a write was not carried out") }
        return result
    }
}

extension DatabaseQueue {
    /// Access off the cooperative pool that runs to its end even if the task is cancelled.
    func uncancelled<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            asyncWriteWithoutTransaction { db in
                continuation.resume(with: Swift.Result { try body(db) })
            }
        }
    }
}
