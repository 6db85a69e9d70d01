import Synchronization

/// Wakes the one who waits, once for any number of signals.
final class Wake: Sendable {
    private struct State {
        var isSignalled = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func signal() {
        let waiting = state.withLock { state in
            let waiting = state.waiting
            state.waiting = nil
            state.isSignalled = waiting == nil
            return waiting
        }
        waiting?.resume()
    }

    /// Returns with the next signal, at a moment, or when the task is cancelled.
    func wait(until moment: Int64, _ clock: any ClientClock) async {
        let alarm = Task {
            try await clock.sleep(until: moment)
            signal()
        }
        defer { alarm.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isSignalled = state.withLock { state in
                    if state.isSignalled || Task.isCancelled {
                        state.isSignalled = false
                        return true
                    }
                    state.waiting = continuation
                    return false
                }
                if isSignalled { continuation.resume() }
            }
        } onCancel: {
            signal()
        }
    }
}
