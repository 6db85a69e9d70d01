import Synchronization

/// How often each may come: a bucket for each name, that fills evenly and from which each request takes one.
final class RateLimit: Sendable {
    private struct Bucket {
        var level: Double
        var time: ContinuousClock.Instant
    }

    /// Names that are remembered; when there are more, those whose buckets are full go, who could do no more if they were.
    private static let most = 10_000

    private let rate: ServerLimits.Rate
    private let buckets = Mutex<[String: Bucket]>([:])

    init(_ rate: ServerLimits.Rate) { self.rate = rate }

    /// Nil: it may go on. Else how long it has to wait.
    ///
    /// - Parameter cost: 0 asks whether one could be taken.
    func take(_ name: String, cost: Double = 1, now: ContinuousClock.Instant = .now) -> Duration? {
        buckets.withLock { buckets in
            var bucket = buckets[name] ?? Bucket(level: rate.burst, time: now)
            bucket.level = level(of: bucket, at: now)
            bucket.time = now
            defer { buckets[name] = bucket }
            guard bucket.level >= 1 else { return .seconds((1 - bucket.level) / rate.perSecond) }
            bucket.level -= cost
            if buckets.count > Self.most {
                buckets = buckets.filter { level(of: $0.value, at: now) < rate.burst }
            }
            return nil
        }
    }

    private func level(of bucket: Bucket, at now: ContinuousClock.Instant) -> Double {
        min(rate.burst, bucket.level + (now - bucket.time) / .seconds(1) * rate.perSecond)
    }
}

/// How many bytes of requests are in memory at once.
final class ByteBudget: Sendable {
    private let left: Mutex<Int>

    init(_ bytes: Int) { left = Mutex(bytes) }

    /// False: there are not so many left.
    func take(_ bytes: Int) -> Bool {
        left.withLock {
            guard bytes <= $0 else { return false }
            $0 -= bytes
            return true
        }
    }

    func give(_ bytes: Int) { left.withLock { $0 += bytes } }
}
