import DovetailEngine
import Foundation
import Synchronization

/// One connection to a database, with a thread of its own on which libpq blocks.
///
/// It stays off Swift's cooperative threads; measured, that is the simplest way and not slower than waiting for
/// the socket.
///
/// `@unchecked` because of the session: it is reached only on `queue`, which is serial, and in `deinit`, where
/// nobody else is left.
final class PostgresConnection: @unchecked Sendable {
    let place: DatabasePlace
    private let queue: DispatchQueue
    private let session: Session
    private let canceller: Canceller

    private init(_ place: DatabasePlace, _ queue: DispatchQueue, _ session: Session) {
        self.place = place
        self.queue = queue
        self.session = session
        canceller = session.canceller
    }

    deinit { session.finish() }

    /// Connects and pins what the form of values depends on.
    /// - Throws: ``ReplicaError`` in words, or `CancellationError`.
    static func open(_ settings: ConnectionSettings, name: String) async throws -> PostgresConnection {
        let place = DatabasePlace(name: name, display: settings.display)
        let queue = DispatchQueue(label: "dovetail.postgres")
        let isCancelled = CancelFlag()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                queue.async {
                    continuation.resume(
                        with: Result {
                            let session = try Opening(settings: settings, place: place)
                                .open { isCancelled.isSet }
                            return PostgresConnection(place, queue, session)
                        })
                }
            }
        } onCancel: {
            isCancelled.set()
        }
    }

    /// Runs on the connection's thread. When the task is cancelled, the running statement is cancelled on the
    /// server, a transaction opened by ``Session/transaction(_:_:)`` is rolled back, and the connection stays
    /// usable.
    /// - Throws: ``ReplicaError`` for what `body` throws, or `CancellationError`.
    func perform<R: Sendable>(_ body: @escaping @Sendable (Session) throws -> R) async throws -> R {
        let canceller = canceller
        let ticket = canceller.ticket()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                queue.async {
                    continuation.resume(with: Result { try self.serve(ticket, body) })
                }
            }
        } onCancel: {
            canceller.cancel(ticket)
        }
    }

    /// The same, also in a task that is cancelled already or meanwhile: for the way out, as the end of a copy or of a
    /// transaction. For nothing that may take long.
    func performToEnd<R: Sendable>(_ body: @escaping @Sendable (Session) throws -> R) async throws -> R {
        let ticket = canceller.ticket()
        return try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(with: Result { try self.serve(ticket, body) })
            }
        }
    }

    /// Ends the connection, after what is still being done on it. Whoever does not close leaves it to `deinit`.
    func close() async {
        await withCheckedContinuation { continuation in
            queue.async {
                self.session.finish()
                continuation.resume()
            }
        }
    }

    private func serve<R>(_ ticket: Int, _ body: (Session) throws -> R) throws -> R {
        defer { canceller.end(ticket) }
        do {
            try canceller.begin(ticket)
            return try body(session)
        } catch {
            throw place.error(error)
        }
    }
}

/// Set once, from any thread.
private final class CancelFlag: Sendable {
    private let flag = Atomic(false)
    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
}
