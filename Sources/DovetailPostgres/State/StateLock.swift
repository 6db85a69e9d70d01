import DovetailEngine

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The lock of one job: an advisory lock of the session, so that it ends with the connection however that ends, and
/// the job's row that says for whom it is held.
struct StateLock: Sendable {
    let schema: SchemaName
    let job: Int64

    private var name: Parameter { .text("dovetail job \(schema.text) \(job)") }

    enum Attempt: Sendable {
        case taken(Fence)
        case held(by: LockOwner?)
    }

    /// What a held lock is proven by in each transaction that writes.
    struct Fence: Sendable {
        /// Grows each time the lock is taken: who comes with an older one has lost it.
        let token: Int64
        /// Another backend behind the same connection is a pooler's, and holds no lock.
        let backend: Int64
        let owner: LockOwner
    }

    /// Tries once, and again where the lock came free while it was asked who holds it.
    func take(_ session: Session, owner: LockOwner, store: String) throws -> Attempt {
        var triesLeft = 5
        while try session.execute("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", [name]).bool(0, 0)
            != true
        {
            triesLeft -= 1
            switch try state(session) {
            case .held(let other): return .held(by: other)
            case .free where triesLeft == 0: return .held(by: nil)
            case .free: break
            }
        }
        do {
            let row = try session.execute(
                """
                UPDATE \(schema).jobs SET fence = fence + 1, holder = $2, holder_backend = pg_backend_pid()
                WHERE id = $1 RETURNING fence, holder_backend
                """, [.int(job), .text(try StateJSON.encode(owner))])
            guard row.count == 1 else { throw Self.gone(store) }
            return .taken(
                Fence(token: try row.required(0, 0), backend: try row.required(0, 1), owner: owner))
        } catch {
            // Where even this fails the connection is lost, and the lock with it.
            _ = try? session.execute("SELECT pg_advisory_unlock(hashtextextended($1, 0))", [name])
            throw error
        }
    }

    /// Takes the lock for the rest of the transaction, when nobody holds it.
    func takeForTransaction(_ session: Session) throws -> Bool {
        try session.execute("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", [name]).bool(0, 0)
            ?? false
    }

    /// Who holds the lock now. The row of one who died without a word is not believed.
    func state(_ session: Session) throws -> LockState {
        let found = try session.execute(
            """
            SELECT (SELECT j.holder FROM \(schema).jobs j WHERE j.id = $1 AND j.holder_backend = l.pid)
            FROM pg_catalog.pg_locks l
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
                AND ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended($2, 0)
            """, [.int(job), name])
        guard found.count > 0 else { return .free }
        return .held(by: found.text(0, 0).flatMap { try? StateJSON.decode(LockOwner.self, from: $0) })
    }

    /// The same, without telling a lock that is free from one whose holder is not known.
    func holder(_ session: Session) throws -> LockOwner? {
        if case .held(let owner) = try state(session) { owner } else { nil }
    }

    func release(_ session: Session, _ fence: Fence) throws {
        try session.execute(
            "UPDATE \(schema).jobs SET holder = NULL, holder_backend = NULL WHERE id = $1 AND fence = $2",
            [.int(job), .int(fence.token)])
        try session.execute("SELECT pg_advisory_unlock(hashtextextended($1, 0))", [name])
    }

    /// Locks the job's row until the end of the transaction, and proves that the lock is still held.
    ///
    /// Writes go only over the connection that took the lock, so a session that ended can't write. The token is for
    /// what the client can't see: another server behind the same address, a pooler in between.
    /// - Parameter fence: nil when no lock was taken: a person's decision needs none.
    func check(_ session: Session, _ fence: Fence?, version: Int, store: String) throws {
        let row = try session.execute(
            """
            SELECT fence, pg_backend_pid(), (SELECT version FROM \(schema).\(StateMigrations.marker))
            FROM \(schema).jobs WHERE id = $1 FOR UPDATE
            """, [.int(job)])
        guard row.count == 1 else { throw Self.gone(store) }
        guard row.int(0, 2) == version else {
            throw StateError.failed(
                store: store, message: "a newer Dovetail has changed its format meanwhile; upgrade Dovetail")
        }
        guard let fence else { return }
        guard row.number(0, 1) == fence.backend else {
            throw StateError.failed(
                store: store,
                message:
                    "the connection is served by several sessions of the server, which a lock can't outlast"
                    + " (a pooler in transaction mode?); connect to the server itself")
        }
        guard row.number(0, 0) == fence.token else {
            throw StateError.failed(
                store: store,
                message: "the lock was lost, and another run has begun; run again when it has ended")
        }
    }

    private static func gone(_ store: String) -> StateError {
        .failed(
            store: store,
            message:
                "what it remembered of this job is gone; run again, both sides then meet as for the first time"
        )
    }
}

extension LockOwner {
    /// Whether it is a process of this machine that does not live any more. Its session ends as soon as the server
    /// notices, which is soon.
    func isDead(seenFrom other: LockOwner) -> Bool {
        host == other.host && process != other.process && process > 0 && kill(process, 0) != 0
            && errno == ESRCH
    }
}
