import DovetailDocuments
import Synchronization

/// A clock that only moves when someone sleeps, and whose date can be set to anything.
package final class SimulatedClock: ClientClock {
    private let state = Mutex((now: Int64(0), jump: Int64(0)))

    package init() {}

    package var now: Int64 { state.withLock { $0.now } }
    package var date: Int64 { state.withLock { 1_700_000_000_000_000 + $0.now + $0.jump } }

    package func jump(by microseconds: Int64) { state.withLock { $0.jump += microseconds } }

    package func sleep(until moment: Int64) async throws {
        state.withLock { $0.now = max($0.now, moment) }
        await SeededScheduler.pause()
        try Task.checkCancellation()
    }
}
