/// How long to wait before something that failed is tried again: twice as long each time, up to a bound, less a random part, so that
/// clients of a hub that comes back don't all come at once.
struct Backoff: Sendable, Hashable {
    let first: Int64
    let most: Int64
    private(set) var failures = 0

    /// Microseconds.
    init(first: Int64, most: Int64) {
        self.first = first
        self.most = most
    }

    mutating func succeed() { failures = 0 }

    /// Microseconds until the next try.
    mutating func fail(using random: inout some RandomNumberGenerator) -> Int64 {
        let bound = min(most, first << Int64(min(failures, 30)))
        failures += 1
        return bound / 2 + Int64(random.next(upperBound: UInt64(max(bound / 2, 1))))
    }
}
