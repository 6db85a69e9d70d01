import Dovetail
import DovetailDocuments
import Synchronization

/// The real hub on a store in memory, and what tests of a client do to it.
actor TestHub: Hub {
    nonisolated let name = "a hub in memory"
    nonisolated var set: String { Self.set }
    private static let set = "notes"

    private var store: MemoryCommitStore
    private var rules: [RuleBook.Entry] = []
    private var hub: DocumentHub
    /// How many requests it has answered.
    private(set) var requests = 0
    private var streams: [Int: AsyncThrowingStream<HubEvent, any Error>.Continuation] = [:]
    private var nextStream = 0

    init(epoch: UInt64 = 1) {
        store = MemoryCommitStore(epoch: epoch)
        hub = Self.hub(store, [])
    }

    /// It keeps no turns for late clients: tests want to be ahead of them.
    private static func hub(_ store: MemoryCommitStore, _ rules: [RuleBook.Entry]) -> DocumentHub {
        let fairness = HubSettings.Fairness(latePushes: .max, seconds: 0)
        return DocumentHub(
            store: store, settings: HubSettings(rules: RuleBook(rules.reversed()), fairness: fairness))
    }

    private var access: HubAccess { hub.access(to: Self.set, as: "client", mayWrite: true) }

    private var asked: HubAccess {
        requests += 1
        return access
    }

    // MARK: What tests do

    func set(_ rules: DocumentRules, of document: DocumentName) {
        self.rules.append(RuleBook.Entry(pattern: document.text, rules: rules))
        hub = Self.hub(store, self.rules)
    }

    var documentNames: [DocumentName] {
        get async { ((try? await access.documents().documents) ?? []).map(\.document) }
    }

    var place: Int64 { get async { (try? await access.documents().place) ?? 0 } }

    func log(of document: DocumentName) async -> [Commit] {
        await store.commits(
            of: document, in: Self.set, sequences: 1...(.max), limit: .max, newestFirst: false,
            withDeltas: true)
    }

    func text(of document: DocumentName) async -> [UInt8]? {
        (try? await access.text(of: document, at: nil))?.text
    }

    /// Commits before the newest are no longer kept.
    func prune(_ document: DocumentName) async throws {
        let head = try await access.text(of: document, at: nil)
        await store.keep(head.text ?? [], of: document, in: Self.set, at: head.position.sequence)
        try await store.prune(document, in: Self.set, before: head.position.sequence)
    }

    /// Goes back to an earlier time, as from a backup.
    func restore(_ document: DocumentName, to count: Int, epoch: UInt64) async throws {
        let earlier = MemoryCommitStore(epoch: epoch)
        var text: [UInt8] = []
        for commit in await log(of: document).prefix(count) {
            if let result = commit.result {
                text = try TextDelta(decoding: commit.delta, limit: 1 << 30).applied(
                    to: text, proving: (commit.parent ?? .empty, result), by: { TextHash(of: $0) })
            }
            _ = await earlier.append(commit, snapshot: commit.result == nil ? nil : text, to: Self.set)
        }
        await hub.close()
        store = earlier
        hub = Self.hub(store, rules)
        disconnect()
    }

    /// Someone without a client.
    func edit(_ document: DocumentName, _ text: [UInt8]?) async throws {
        let writer = hub.access(to: Self.set, as: "someone", mayWrite: true)
        let listing = try await writer.documents()
        let head = listing.documents.first { $0.document == document }
        let parent = await self.text(of: document)
        var random = SystemRandomNumberGenerator()
        let answer = try await writer.push(
            CommitDraft(
                document: document,
                parent: LogPosition(epoch: listing.epoch, sequence: head?.sequence ?? 0),
                parentHash: parent.map { TextHash(of: $0) }, result: text.map { TextHash(of: $0) },
                delta: text.map { TextDelta(from: parent ?? [], to: $0).encoded() } ?? [],
                key: .random(using: &random)))
        guard case .committed = answer else { throw HubError(.busy, "someone else was faster") }
    }

    /// All connections break.
    func disconnect() {
        for stream in streams.values { stream.finish(throwing: HubError(.unavailable, "the hub is gone")) }
        streams = [:]
    }

    // MARK: Hub

    func documents() async throws -> SetListing { try await asked.documents() }
    func push(_ draft: CommitDraft) async throws -> PushAnswer { try await asked.push(draft) }
    func commits(of document: DocumentName, after position: LogPosition, limit: Int) async throws -> LogPart {
        try await asked.commits(of: document, after: position, limit: limit)
    }
    func text(of document: DocumentName, at sequence: Int64?) async throws -> Snapshot {
        try await asked.text(of: document, at: sequence)
    }
    func log(of document: DocumentName, before sequence: Int64?, limit: Int) async throws -> [Commit] {
        try await asked.log(of: document, before: sequence, limit: limit)
    }
    nonisolated func events(after place: Int64, epoch: UInt64) -> AsyncThrowingStream<HubEvent, any Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                let number = await begin(continuation)
                do {
                    for try await event in await asked.events(after: place, epoch: epoch) {
                        continuation.yield(event)
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
                await end(number)
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
    private func begin(_ stream: AsyncThrowingStream<HubEvent, any Error>.Continuation) -> Int {
        nextStream += 1
        streams[nextStream] = stream
        return nextStream
    }
    private func end(_ number: Int) { streams[number] = nil }
    func changes(after place: Int64, epoch: UInt64, waiting: Duration) async throws -> [HubEvent] {
        try await asked.changes(after: place, epoch: epoch, waiting: waiting)
    }
    func report(_ conflict: DocumentConflict) async throws { try await asked.report(conflict) }
    func conflicts() async throws -> [DocumentConflict] { try await asked.conflicts() }
    func resolve(_ id: DocumentConflict.ID, as resolution: DocumentConflict.Resolution) async throws {
        try await asked.resolve(id, as: resolution)
    }
    func settle(_ id: DocumentConflict.ID) async throws { try await asked.settle(id) }
    func close() async {}
}

extension TestHub {
    func edit(_ text: String?, _ document: DocumentName = doc) async throws {
        try await edit(document, text.map { Array($0.utf8) })
    }

    func string(_ document: DocumentName = doc) async -> String? {
        await text(of: document).map { String(decoding: $0, as: UTF8.self) }
    }
}
