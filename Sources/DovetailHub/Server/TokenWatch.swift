import Synchronization

/// Ends what waits for news when the token that it was asked for with is revoked. One task looks for all who wait.
final class TokenWatch: Sendable {
    /// Whether a token is good.
    typealias Check = @Sendable (_ token: String) async throws -> Bool

    private struct Wait {
        var token: String
        var end: @Sendable () -> Void
    }

    private struct State {
        var waits: [Int: Wait] = [:]
        var last = 0
        var isLooking = false
    }

    private let pause: Duration
    private let isGood: Check
    private let state = Mutex(State())

    /// - Parameter pause: between two looks.
    init(pause: Duration, isGood: @escaping Check) {
        self.pause = max(pause, .milliseconds(10))
        self.isGood = isGood
    }

    /// - Parameter end: is called once at most, when the token is no longer good.
    /// - Returns: what ``stop(_:)`` takes.
    func watch(_ token: String, end: @escaping @Sendable () -> Void) -> Int {
        let (id, begins) = state.withLock { state in
            state.last += 1
            state.waits[state.last] = Wait(token: token, end: end)
            defer { state.isLooking = true }
            return (state.last, !state.isLooking)
        }
        if begins { Task.detached { await self.look() } }
        return id
    }

    func stop(_ id: Int) { state.withLock { $0.waits[id] = nil } }

    private func look() async {
        while let tokens = await next() {
            await withTaskGroup(of: Void.self) { group in
                for token in tokens {
                    // A store that can't be asked ends nothing: before anything is sent, it is asked again.
                    group.addTask { if (try? await self.isGood(token)) == false { self.end(token) } }
                }
            }
        }
    }

    /// The tokens to look at, each once; nil: nobody waits any more.
    private func next() async -> Set<String>? {
        try? await Task.sleep(for: pause)
        return state.withLock { state in
            state.isLooking = !state.waits.isEmpty
            return state.isLooking ? Set(state.waits.values.map(\.token)) : nil
        }
    }

    private func end(_ token: String) {
        let ended = state.withLock { state in
            let ended = state.waits.filter { $0.value.token == token }
            for id in ended.keys { state.waits[id] = nil }
            return ended.values.map(\.end)
        }
        for end in ended { end() }
    }
}
