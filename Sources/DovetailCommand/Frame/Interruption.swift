import Dispatch
import Foundation
import Synchronization

/// Lets a run end after its present chunk when the user interrupts it; the second time it ends at once.
enum Interruption {
    /// Runs `work`, cancelling it on SIGINT and SIGTERM.
    /// - Parameter words: what the user is told when it ends.
    /// - Throws: what `work` throws; `CancellationError` when it was interrupted.
    static func heeded<Result: Sendable>(
        saying words: String = "ending after the records in hand; interrupt again to end at once",
        _ work: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let task = Task { try await work() }
        let count = Mutex(0)
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                let times = count.withLock { count in
                    count += 1
                    return count
                }
                if times > 1 { _exit(ExitStatus.failed.rawValue) }
                Console.error(words)
                task.cancel()
            }
            source.resume()
            return source
        }
        defer {
            for source in sources { source.cancel() }
            signal(SIGINT, SIG_DFL)
            signal(SIGTERM, SIG_DFL)
        }
        return try await task.value
    }
}
