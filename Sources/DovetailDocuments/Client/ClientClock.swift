#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The time, as a client sees it.
public protocol ClientClock: Sendable {
    /// Microseconds from some moment; never goes back.
    var now: Int64 { get }
    /// Microseconds since 1970; may be set to anything.
    var date: Int64 { get }
    /// - Throws: `CancellationError`.
    func sleep(until moment: Int64) async throws
}

/// The clocks of the system.
public struct SystemClock: ClientClock {
    private let start = ContinuousClock.now

    public init() {}

    public var now: Int64 { (ContinuousClock.now - start).microseconds }

    public var date: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    public func sleep(until moment: Int64) async throws {
        try await Task.sleep(until: start + .microseconds(moment), tolerance: .zero, clock: .continuous)
    }
}

extension Duration {
    /// Whole microseconds.
    var microseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
