import Synchronization

/// Lets pushes to one document go one after the other, in the order in which they came.
///
/// The store would let only one of them through anyway; here the others don't do the work first.
final class Turns<Key: Hashable & Sendable>: Sendable {
    private let waiting = Mutex<[Key: [CheckedContinuation<Void, Never>]]>([:])
    /// More are turned away.
    private static var longestQueue: Int { 1000 }

    /// - Throws: ``HubError/Kind/busy`` when too many wait; what `body` throws.
    func inTurn<R: Sendable>(_ key: Key, _ body: () async throws -> R) async throws -> R {
        try await take(key)
        defer { pass(key) }
        return try await body()
    }

    private func take(_ key: Key) async throws {
        let isFull = waiting.withLock { ($0[key]?.count ?? 0) >= Self.longestQueue }
        guard !isFull else {
            throw HubError(
                .busy, "too many want to write the same now; come again", retryAfter: .seconds(1))
        }
        await withCheckedContinuation { continuation in
            let isFree = waiting.withLock { waiting in
                if waiting[key] == nil {
                    waiting[key] = []
                    return true
                }
                waiting[key]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func pass(_ key: Key) {
        let next: CheckedContinuation<Void, Never>? = waiting.withLock { waiting in
            guard waiting[key]?.isEmpty == false else {
                waiting[key] = nil
                return nil
            }
            return waiting[key]?.removeFirst()
        }
        next?.resume()
    }
}

/// Sees to it that a client gets through which others are always ahead of: after some late pushes in a row, the document's next
/// commit is its own, and for a moment others are asked to come again.
final class Patience: Sendable {
    private struct State {
        var late: [String: Int] = [:]
        var turn: (client: String, until: Duration)?
    }

    private let settings: HubSettings.Fairness
    private let clock: HubClock
    private let state = Mutex<[DocumentKey: State]>([:])
    /// Of documents with late clients, and of late clients of one document; beyond them all are forgotten, and counting begins anew.
    private static let most = 10_000
    private static let mostClients = 1000

    init(_ settings: HubSettings.Fairness, clock: HubClock) {
        (self.settings, self.clock) = (settings, clock)
    }

    /// - Throws: ``HubError/Kind/busy`` while it is someone else's turn.
    func check(_ client: String, at key: DocumentKey) throws(HubError) {
        let now = clock.uptime()
        let wait: Duration? = state.withLock { state in
            guard let turn = state[key]?.turn, turn.client != client else { return nil }
            guard now < turn.until else {
                // It did not come; it has to be late again as often for another turn.
                state[key]?.turn = nil
                state[key]?.late[turn.client] = nil
                return nil
            }
            return min(turn.until - now, .milliseconds(100))
        }
        guard let wait else { return }
        throw HubError(
            .busy, "“\(key.document)” waits for a client that others were ahead of; come again in a moment",
            retryAfter: wait)
    }

    func wasLate(_ client: String, at key: DocumentKey) {
        let until = clock.uptime() + .seconds(settings.seconds)
        state.withLock { all in
            if all.count > Self.most { all = [:] }
            var state = all[key] ?? State()
            if state.late.count > Self.mostClients { state.late = [:] }
            let count = (state.late[client] ?? 0) + 1
            state.late[client] = count
            if count >= settings.latePushes, state.turn == nil { state.turn = (client, until) }
            all[key] = state
        }
    }

    func gotThrough(_ client: String, at key: DocumentKey) {
        state.withLock { state in
            guard var found = state[key] else { return }
            found.late[client] = nil
            if found.turn?.client == client { found.turn = nil }
            state[key] = found.late.isEmpty && found.turn == nil ? nil : found
        }
    }
}

/// Holds each client to so many pushes a minute.
final class Pace: Sendable {
    private let perMinute: Double
    private let clock: HubClock
    private let left = Mutex<[String: (pushes: Double, at: Duration)]>([:])
    private static let most = 100_000

    init(perMinute: Int, clock: HubClock) {
        (self.perMinute, self.clock) = (Double(max(perMinute, 1)), clock)
    }

    /// - Throws: ``HubError/Kind/busy``.
    func count(_ client: String) throws(HubError) {
        let now = clock.uptime()
        let missing: Double? = left.withLock { left in
            if left.count > Self.most { left = [:] }
            let (pushes, at) = left[client] ?? (perMinute, now)
            let available = min(perMinute, pushes + Double((now - at) / .seconds(60)) * perMinute)
            guard available >= 1 else { return 1 - available }
            left[client] = (available - 1, now)
            return nil
        }
        guard let missing else { return }
        throw HubError(
            .busy, "\(client) pushes more than \(Int(perMinute)) commits a minute; come again later",
            retryAfter: .seconds(missing / perMinute * 60))
    }
}
