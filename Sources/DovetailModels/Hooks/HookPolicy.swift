import Synchronization

/// How often and how fast hooks are called.
public struct HookPolicy: Sendable {
    /// How many may run at once, of records of one type. One: in the order of the keys.
    public var concurrency: Int
    /// How often a hook that threw is called again. None unless told: a system that did what was asked, and whose answer was
    /// lost, would be asked twice.
    public var retries: Int
    /// The wait before the first retry; each further one is twice as long, a random half of it more or less.
    public var firstWait: Duration
    public var longestWait: Duration
    /// Calls in a second at most, retries among them; nil: as fast as they come.
    public var callsPerSecond: Double?
    /// Which errors are worth a retry; all unless told.
    public var isTransient: @Sendable (any Error) -> Bool

    public init(
        concurrency: Int = 8, retries: Int = 0, firstWait: Duration = .milliseconds(500),
        longestWait: Duration = .seconds(30), callsPerSecond: Double? = nil,
        isTransient: @escaping @Sendable (any Error) -> Bool = { _ in true }
    ) {
        self.concurrency = concurrency
        self.retries = retries
        self.firstWait = firstWait
        self.longestWait = longestWait
        self.callsPerSecond = callsPerSecond
        self.isTransient = isTransient
    }
}

/// Thrown by a hook whose system says when to come again, as “429 Too Many Requests” does: the retry waits so long.
public struct SystemBusy: Error, Sendable, CustomStringConvertible {
    public let description: String
    public let retryAfter: Duration

    public init(retryAfter: Duration, _ description: String = "the system is busy") {
        self.retryAfter = retryAfter
        self.description = description
    }
}

/// Calls hooks as a policy says. All hooks that share one share its pace.
final class HookCaller: Sendable {
    let policy: HookPolicy
    /// When the next call may begin.
    private let next = Mutex<ContinuousClock.Instant?>(nil)

    init(_ policy: HookPolicy) { self.policy = policy }

    /// - Throws: what the hook throws when it is not called again; `CancellationError`.
    func call(_ hook: @Sendable () async throws -> [HookRefusal]) async throws -> [HookRefusal] {
        var wait = policy.firstWait
        var retries = policy.retries
        while true {
            try await turn()
            do {
                return try await hook()
            } catch let error as CancellationError {
                throw error
            } catch {
                guard retries > 0, policy.isTransient(error) else { throw error }
                retries -= 1
                // Spread, so that calls that failed together do not come back together.
                let spread = min(wait, policy.longestWait) * Double.random(in: 0.5...1)
                try await Task.sleep(for: (error as? SystemBusy)?.retryAfter ?? spread)
                wait = min(wait * 2, policy.longestWait)
            }
        }
    }

    private func turn() async throws {
        guard let rate = policy.callsPerSecond, rate > 0 else { return }
        let gap = Duration.seconds(1 / rate)
        let begin = next.withLock { next in
            let begin = max(next ?? .now, .now)
            next = begin + gap
            return begin
        }
        try await Task.sleep(until: begin, clock: .continuous)
    }
}
