/// The tokens that a hub takes: random, shown once, and kept only as their hashes.
public struct HubTokens: Sendable {
    private let store: any CommitStore
    private let table: TokenTable
    private let clock: HubClock
    /// What a token begins with, so that one is known for what it is where it should not be.
    private static let prefix = "dovetail_"

    public init(store: any CommitStore, clock: HubClock = .system) {
        (self.store, self.clock) = (store, clock)
        table = TokenTable(store: store)
    }

    /// Makes a token of 256 random bits.
    ///
    /// - Parameters:
    ///   - name: whose it is: the author of what is done with it. One name may have several tokens.
    ///   - sets: it is for; empty: all.
    /// - Returns: the token, which is known to nobody afterwards but to who has it.
    /// - Throws: ``HubError``.
    public func make(name: String, sets: [String] = [], mayWrite: Bool = true) async throws -> String {
        try Self.check(name)
        for set in sets where !SetName.isValid(set) {
            throw HubError(.invalid, "“\(set.prefix(80))” can't be the name of a set: \(SetName.rule)")
        }
        var generator = SystemRandomNumberGenerator()
        let words = (0..<4).map { _ in generator.next() as UInt64 }
        let token = Self.prefix + words.map { Self.padded(String($0, radix: 16)) }.joined()
        try await store.keep(
            HubToken(
                name: name, hash: Self.hash(token), sets: sets, mayWrite: mayWrite, created: clock.time()))
        return token
    }

    /// Who has a token.
    ///
    /// A token that was revoked before this is called is not good. It is found by its hash, so that the time it takes says nothing of
    /// the token.
    /// - Throws: ``HubError/Kind/unauthorized`` for one that is wrong or revoked, in the same words.
    public func check(_ token: String) async throws -> HubToken {
        guard let found = try await table.tokens()[Self.hash(token)], found.revoked == nil else {
            throw HubError(
                .unauthorized, "the token is wrong or revoked; ask whoever runs the hub for another one")
        }
        return found
    }

    /// The same, for one set.
    /// - Throws: ``HubError``: also ``HubError/Kind/forbidden`` when the token is for other sets.
    public func check(_ token: String, for set: String) async throws -> HubToken {
        let found = try await check(token)
        guard found.allows(set) else {
            throw HubError(.forbidden, "the token of \(found.name) is not for the set \(set.prefix(80))")
        }
        return found
    }

    /// All of them, the oldest first, revoked ones too.
    /// - Throws: ``HubError``.
    public func list() async throws -> [HubToken] { try await store.tokens() }

    /// Ends all tokens of a name, at once.
    /// - Returns: how many there were.
    /// - Throws: ``HubError``.
    @discardableResult
    public func revoke(name: String) async throws -> Int {
        let ended = try await store.tokens().filter { $0.name == name && $0.revoked == nil }
        for var token in ended {
            token.revoked = clock.time()
            try await store.keep(token)
        }
        return ended.count
    }

    private static func hash(_ token: String) -> TextHash { TextHash(of: Array(token.utf8)) }

    private static func padded(_ digits: String) -> String {
        String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func check(_ name: String) throws(HubError) {
        let isPlain = !name.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
        guard isPlain, (1...100).contains(name.utf8.count) else {
            throw HubError(.invalid, "the name of a token has 1 to 100 bytes and no control characters")
        }
    }
}

extension HubToken {
    /// Whether it is for a set.
    public func allows(_ set: String) -> Bool { sets.isEmpty || sets.contains(set) }
}
