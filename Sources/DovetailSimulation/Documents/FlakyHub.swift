import DovetailDocuments
import Synchronization

/// A hub behind a network that loses requests and answers, repeats requests, delays them, and is away for a while.
package final class FlakyHub: Hub {
    /// Shares of 1000 requests.
    package struct Faults: Sendable {
        package var lostRequest = 0
        package var lostAnswer = 0
        package var repeated = 0
        package init(lostRequest: Int = 0, lostAnswer: Int = 0, repeated: Int = 0) {
            self.lostRequest = lostRequest
            self.lostAnswer = lostAnswer
            self.repeated = repeated
        }
    }

    private struct State {
        var faults: Faults
        var random: SplitMix64
        var isAway = false
        var isSilent = false
        var silent: [AsyncThrowingStream<HubEvent, any Error>.Continuation] = []
        /// Requests until an answer is lost; nil: none is.
        var losesAnswerAfter: Int?
        var acknowledged: [CommitKey: DocumentName] = [:]
    }

    private let inner: any Hub
    private let state: Mutex<State>
    package var name: String { inner.name }
    package var set: String { inner.set }

    package init(_ inner: any Hub, faults: Faults = Faults(), seed: UInt64 = 0) {
        self.inner = inner
        state = Mutex(State(faults: faults, random: SplitMix64(seed: seed, stream: "network")))
    }

    package func set(_ faults: Faults) { state.withLock { $0.faults = faults } }
    /// Whether nobody can be reached.
    package func set(isAway: Bool) { state.withLock { $0.isAway = isAway } }
    /// Whether events don't come through, though the connections stand; these break when it is over.
    package func set(isSilent: Bool) {
        let broken = state.withLock { state in
            state.isSilent = isSilent
            defer { if !isSilent { state.silent = [] } }
            return isSilent ? [] : state.silent
        }
        for stream in broken { stream.finish(throwing: HubError(.unavailable, "the connection broke")) }
    }
    /// The hub dies between a commit and its answer.
    package func loseAnswer(after requests: Int) { state.withLock { $0.losesAnswerAfter = requests } }

    /// Commits that a client was told to be in the log.
    package var acknowledged: [CommitKey: DocumentName] { state.withLock { $0.acknowledged } }

    private enum Fate { case through, away, lostRequest, lostAnswer, repeated }

    private func fate() -> Fate {
        state.withLock { state in
            if state.isAway { return .away }
            if let left = state.losesAnswerAfter {
                state.losesAnswerAfter = left == 0 ? nil : left - 1
                if left == 0 { return .lostAnswer }
            }
            let faults = state.faults
            if state.random.chance(faults.lostRequest) { return .lostRequest }
            if state.random.chance(faults.lostAnswer) { return .lostAnswer }
            if state.random.chance(faults.repeated) { return .repeated }
            return .through
        }
    }

    private func pass<Answer: Sendable>(_ request: () async throws -> Answer) async throws -> Answer {
        await SeededScheduler.pause()
        let away = HubError(.unavailable, "the hub can't be reached")
        switch fate() {
        case .away, .lostRequest: throw away
        case .lostAnswer:
            _ = try? await request()
            await SeededScheduler.pause()
            throw away
        case .repeated:
            let first = try await request()
            await SeededScheduler.pause()
            _ = try? await request()
            return first
        case .through:
            let answer = try await request()
            await SeededScheduler.pause()
            return answer
        }
    }

    package func documents() async throws -> SetListing { try await pass { try await inner.documents() } }
    package func push(_ draft: CommitDraft) async throws -> PushAnswer {
        let answer = try await pass { try await inner.push(draft) }
        if case .committed = answer { state.withLock { $0.acknowledged[draft.key] = draft.document } }
        return answer
    }
    package func commits(
        of document: DocumentName, after position: LogPosition, limit: Int
    ) async throws -> LogPart {
        try await pass { try await inner.commits(of: document, after: position, limit: limit) }
    }
    package func text(of document: DocumentName, at sequence: Int64?) async throws -> Snapshot {
        try await pass { try await inner.text(of: document, at: sequence) }
    }
    package func log(of document: DocumentName, before sequence: Int64?, limit: Int) async throws -> [Commit]
    {
        try await pass { try await inner.log(of: document, before: sequence, limit: limit) }
    }
    package func events(after place: Int64, epoch: UInt64) -> AsyncThrowingStream<HubEvent, any Error> {
        if state.withLock({ $0.isAway }) {
            return AsyncThrowingStream {
                $0.finish(throwing: HubError(.unavailable, "the hub can't be reached"))
            }
        }
        if state.withLock({ $0.isSilent }) {
            return AsyncThrowingStream { continuation in state.withLock { $0.silent.append(continuation) } }
        }
        return inner.events(after: place, epoch: epoch)
    }
    package func changes(after place: Int64, epoch: UInt64, waiting: Duration) async throws -> [HubEvent] {
        try await pass { try await inner.changes(after: place, epoch: epoch, waiting: waiting) }
    }
    package func report(_ conflict: DocumentConflict) async throws {
        try await pass { try await inner.report(conflict) }
    }
    package func conflicts() async throws -> [DocumentConflict] {
        try await pass { try await inner.conflicts() }
    }
    package func resolve(
        _ id: DocumentConflict.ID, as resolution: DocumentConflict.Resolution
    ) async throws {
        try await pass { try await inner.resolve(id, as: resolution) }
    }
    package func settle(_ id: DocumentConflict.ID) async throws {
        try await pass { try await inner.settle(id) }
    }
    package func close() async { await inner.close() }
}
