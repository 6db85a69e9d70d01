import Dovetail
import DovetailDocuments
import Synchronization

/// The real hub on a store in memory. It dies at writes: before one is done, or after it and before anyone hears of it. What was written
/// stays, and everything else is forgotten.
package final class MortalHub: Sendable {
    private let store = MortalStore()
    private let settings: HubSettings
    private let clock: HubClock
    private let hub: Mutex<DocumentHub>
    package static let set = "notes"

    /// - Parameter time: by the hub's clock, which may jump; microseconds since 1970.
    package init(rules: RuleBook, time: @escaping @Sendable () -> Int64) {
        var settings = HubSettings(rules: rules, commitsPerSnapshot: 4)
        settings.limits.cachedTexts = 300
        self.settings = settings
        let uptime = Mutex(Duration.zero)
        clock = HubClock(
            time: time,
            uptime: {
                uptime.withLock { now in
                    now += .milliseconds(20)
                    return now
                }
            },
            sleep: { _ in
                await SeededScheduler.pause()
                try Task.checkCancellation()
            })
        hub = Mutex(DocumentHub(store: store, settings: settings, clock: clock))
    }

    /// Dies at a write, soon.
    package func die(after writes: Int, isDone: Bool) { store.die(after: writes, isDone: isDone) }
    package var isDead: Bool { store.isDead }

    /// Starts anew, from what is stored.
    package func restart() {
        store.revive()
        hub.withLock { $0 = DocumentHub(store: store, settings: settings, clock: clock) }
    }

    /// What a client sees of it, across its deaths.
    package func access(as client: String) -> any Hub { MortalAccess(machine: self, client: client) }

    fileprivate func present(as client: String) -> HubAccess {
        hub.withLock { $0 }.access(to: Self.set, as: client, mayWrite: true)
    }

    // MARK: For the laws

    /// Every commit of a document, oldest first, as stored.
    package func log(of document: DocumentName) async throws -> [Commit] {
        try await store.commits(
            of: document, in: Self.set, sequences: 1...(.max), limit: .max, newestFirst: false,
            withDeltas: true)
    }

    package func text(of document: DocumentName) async throws -> [UInt8]? {
        do {
            return try await present(as: "law").text(of: document, at: nil).text
        } catch let error as HubError where error.kind == .notFound {
            return nil
        }
    }

    /// What a proof of all logs finds wrong.
    package func damages() async throws -> [String] {
        let hub = hub.withLock { $0 }
        return try await hub.verify().damages.map { "\($0)" }
    }
}

private struct MortalAccess: Hub {
    let machine: MortalHub
    let client: String
    var name: String { "a hub that dies" }
    var set: String { hub.set }
    private var hub: HubAccess { machine.present(as: client) }

    func documents() async throws -> SetListing { try await hub.documents() }
    func push(_ draft: CommitDraft) async throws -> PushAnswer { try await hub.push(draft) }
    func commits(of document: DocumentName, after position: LogPosition, limit: Int) async throws -> LogPart {
        try await hub.commits(of: document, after: position, limit: limit)
    }
    func text(of document: DocumentName, at sequence: Int64?) async throws -> Snapshot {
        try await hub.text(of: document, at: sequence)
    }
    func log(of document: DocumentName, before sequence: Int64?, limit: Int) async throws -> [Commit] {
        try await hub.log(of: document, before: sequence, limit: limit)
    }
    func events(after place: Int64, epoch: UInt64) -> AsyncThrowingStream<HubEvent, any Error> {
        hub.events(after: place, epoch: epoch)
    }
    func changes(after place: Int64, epoch: UInt64, waiting: Duration) async throws -> [HubEvent] {
        try await hub.changes(after: place, epoch: epoch, waiting: waiting)
    }
    func report(_ conflict: DocumentConflict) async throws { try await hub.report(conflict) }
    func conflicts() async throws -> [DocumentConflict] { try await hub.conflicts() }
    func resolve(_ id: DocumentConflict.ID, as resolution: DocumentConflict.Resolution) async throws {
        try await hub.resolve(id, as: resolution)
    }
    func settle(_ id: DocumentConflict.ID) async throws { try await hub.settle(id) }
    func close() async {}
}

/// A store that its hub dies at.
private final class MortalStore: CommitStore {
    private let inner: any CommitStore = MemoryCommitStore()
    private let state = Mutex(State())
    var name: String { inner.name }

    private struct State {
        var isDead = false
        /// Writes until it dies; nil: it does not.
        var writes: Int?
        /// Whether the write at which it dies is done.
        var isDone = false
    }

    private let dead = HubError(.unavailable, "the hub died")

    var isDead: Bool { state.withLock { $0.isDead } }

    func die(after writes: Int, isDone: Bool) {
        state.withLock { state in
            if state.writes == nil { (state.writes, state.isDone) = (writes, isDone) }
        }
    }

    func revive() { state.withLock { $0 = State() } }

    private func read<Answer: Sendable>(_ work: () async throws -> Answer) async throws -> Answer {
        await SeededScheduler.pause()
        if isDead { throw dead }
        return try await work()
    }

    private func write<Answer: Sendable>(_ work: () async throws -> Answer) async throws -> Answer {
        await SeededScheduler.pause()
        let (fails, isDone) = state.withLock { state in
            if state.isDead { return (true, false) }
            guard let left = state.writes else { return (false, true) }
            state.writes = left - 1
            if left > 0 { return (false, true) }
            state.isDead = true
            return (true, state.isDone)
        }
        if fails, !isDone { throw dead }
        let answer = try await work()
        if fails { throw dead }
        return answer
    }

    func epoch() async throws -> UInt64 { try await read { try await inner.epoch() } }
    func renewEpoch() async throws { try await write { try await inner.renewEpoch() } }
    func sets() async throws -> [String] { try await read { try await inner.sets() } }
    func heads(of set: String) async throws -> (place: Int64, heads: [StoredHead]) {
        try await read { try await inner.heads(of: set) }
    }
    func head(of document: DocumentName, in set: String) async throws -> StoredHead? {
        try await read { try await inner.head(of: document, in: set) }
    }
    func append(_ commit: Commit, snapshot: [UInt8]?, to set: String) async throws -> AppendOutcome {
        try await write { try await inner.append(commit, snapshot: snapshot, to: set) }
    }
    func commit(with key: CommitKey, in set: String) async throws -> Commit? {
        try await read { try await inner.commit(with: key, in: set) }
    }
    func commits(
        of document: DocumentName, in set: String, sequences: ClosedRange<Int64>, limit: Int,
        newestFirst: Bool,
        withDeltas: Bool
    ) async throws -> [Commit] {
        try await read {
            try await inner.commits(
                of: document, in: set, sequences: sequences, limit: limit, newestFirst: newestFirst,
                withDeltas: withDeltas)
        }
    }
    func commits(of set: String, after place: Int64, limit: Int) async throws -> [Commit] {
        try await read { try await inner.commits(of: set, after: place, limit: limit) }
    }
    func snapshot(of document: DocumentName, in set: String, before sequence: Int64) async throws -> (
        sequence: Int64, text: [UInt8]
    )? {
        try await read { try await inner.snapshot(of: document, in: set, before: sequence) }
    }
    func keep(_ text: [UInt8], of document: DocumentName, in set: String, at sequence: Int64) async throws {
        try await write { try await inner.keep(text, of: document, in: set, at: sequence) }
    }
    func prune(_ document: DocumentName, in set: String, before sequence: Int64) async throws {
        try await write { try await inner.prune(document, in: set, before: sequence) }
    }
    func mend(_ document: DocumentName, in set: String, by mend: LogMend) async throws {
        try await write { try await inner.mend(document, in: set, by: mend) }
    }
    func conflicts(of set: String) async throws -> [DocumentConflict] {
        try await read { try await inner.conflicts(of: set) }
    }
    func keep(_ conflict: DocumentConflict?, id: DocumentConflict.ID, in set: String) async throws -> Int64 {
        try await write { try await inner.keep(conflict, id: id, in: set) }
    }
    func wakes() -> AsyncStream<String> { inner.wakes() }
    func tokens() async throws -> [HubToken] { try await read { try await inner.tokens() } }
    func keep(_ token: HubToken) async throws { try await write { try await inner.keep(token) } }
    func close() async {}
}
