import CLibPQ
import Dispatch
import Foundation
import Synchronization

/// Ends a statement from outside of the connection's thread.
///
/// A cancel request is a message of its own to the server and can come too early (then the server forgets it) or
/// too late (then it would hit the next statement). So it is repeated while the statement runs, and the next
/// statement waits until no request is under way. A server that doesn't react is left by shutting the socket down.
final class Canceller: Sendable {
    /// How long the server may take to react before the connection is given up.
    static let patience: DispatchTimeInterval = .seconds(10)
    private static let pause: DispatchTimeInterval = .milliseconds(200)

    private struct State {
        /// Which call of `perform` is being served; nil between them.
        var current: Int?
        var last = 0
        var cancelled: Set<Int> = []
        /// A statement is being sent or waited for.
        var isRunning = false
        /// A duplicate: libpq may close its own at any time, and its number may then be another file's.
        var socket: Int32
        /// The socket was shut down; whoever waits for a cancel request need not any more.
        var gaveUp = false
    }

    /// What a request needs: address and secret of the session.
    ///
    /// `@unchecked` because of the pointer: libpq never changes what it points to, and allows its use on any thread.
    private struct Handle: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    private let state: Mutex<State>
    /// Held while a request is under way.
    private let request: Mutex<Handle?>

    init(_ connection: OpaquePointer) {
        state = Mutex(State(socket: fcntl(PQsocket(connection), F_DUPFD_CLOEXEC, 0)))
        request = Mutex(PQgetCancel(connection).map(Handle.init))
    }

    deinit {
        state.withLock { if $0.socket >= 0 { Foundation.close($0.socket) } }
        request.withLock { if let handle = $0 { PQfreeCancel(handle.pointer) } }
    }

    /// A number for a call of `perform`, taken before it is queued.
    func ticket() -> Int {
        state.withLock {
            $0.last += 1
            return $0.last
        }
    }

    /// The call's turn has come.
    func begin(_ ticket: Int) throws(CancellationError) {
        let wasCancelled = state.withLock { state in
            state.current = ticket
            return state.cancelled.contains(ticket)
        }
        if wasCancelled { throw CancellationError() }
    }

    func end(_ ticket: Int) {
        state.withLock {
            $0.current = nil
            $0.cancelled.remove(ticket)
        }
    }

    /// From the task's cancellation handler; never blocks.
    func cancel(_ ticket: Int) {
        let runs = state.withLock { state in
            state.cancelled.insert(ticket)
            return state.current == ticket && state.isRunning
        }
        if runs { pursue(ticket) }
    }

    /// Whether the call that is being served was cancelled.
    var isCancelled: Bool {
        state.withLock { state in state.current.map { state.cancelled.contains($0) } ?? false }
    }

    /// Runs what waits for the server, on the connection's thread. An error of a cancelled statement becomes a
    /// `CancellationError`.
    func running<R>(_ body: () throws -> R) throws -> R {
        try state.withLock { state throws(CancellationError) in
            if let current = state.current, state.cancelled.contains(current) { throw CancellationError() }
            state.isRunning = true
        }
        do {
            let result = try body()
            settle()
            return result
        } catch {
            throw settle() ? CancellationError() : error
        }
    }

    /// Marks the statement's end, and waits until no request for it is under way. Returns whether it was cancelled.
    @discardableResult
    private func settle() -> Bool {
        let (wasCancelled, gaveUp) = state.withLock { state in
            state.isRunning = false
            return (state.current.map { state.cancelled.contains($0) } ?? false, state.gaveUp)
        }
        if wasCancelled, !gaveUp { request.withLock { _ in } }
        return wasCancelled
    }

    /// The connection is being closed.
    func close() {
        state.withLock { state in
            if state.socket >= 0 { Foundation.close(state.socket) }
            state.socket = -1
        }
    }

    private func isRunning(_ ticket: Int) -> Bool {
        state.withLock { $0.isRunning && $0.current == ticket }
    }

    private func pursue(_ ticket: Int) {
        DispatchQueue.global().async { self.ask(ticket) }
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.patience) { self.giveUp(ticket) }
    }

    private func ask(_ ticket: Int) {
        request.withLock { handle in
            guard let handle, isRunning(ticket) else { return }
            var reason = [CChar](repeating: 0, count: 256)
            // A failure needs no words: it is asked again, and given up in the end.
            _ = PQcancel(handle.pointer, &reason, Int32(reason.count))
        }
        guard isRunning(ticket) else { return }
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.pause) { self.ask(ticket) }
    }

    private func giveUp(_ ticket: Int) {
        state.withLock { state in
            guard state.isRunning, state.current == ticket, state.socket >= 0 else { return }
            shutdown(state.socket, Int32(SHUT_RDWR))
            state.gaveUp = true
        }
    }
}
