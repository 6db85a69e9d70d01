/// The tokens as the store has them, read once for all who ask at the same time.
///
/// Each answer was read after it was asked for: who asks while the tokens are being read waits for the next reading. So a revocation
/// counts at once, and a thousand streams that are about to send the same event ask the store twice.
actor TokenTable {
    typealias Tokens = [TextHash: HubToken]

    private let store: any CommitStore
    private var running: Task<Tokens, any Error>?
    /// Has not begun to read.
    private var next: Task<Tokens, any Error>?

    init(store: any CommitStore) { self.store = store }

    /// - Throws: ``HubError``.
    func tokens() async throws -> Tokens {
        if let next { return try await next.value }
        let before = running
        let task = Task {
            _ = await before?.result
            begin()
            let tokens = try await store.tokens()
            return Tokens(tokens.map { ($0.hash, $0) }) { _, last in last }
        }
        next = task
        return try await task.value
    }

    private func begin() { (running, next) = (next, nil) }
}
