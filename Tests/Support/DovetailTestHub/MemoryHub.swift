import Dovetail
import DovetailDocuments
import Foundation
import Synchronization

/// A hub in memory that keeps everything: small enough to be seen to be right, for tests and measurements of what is around hubs.
public final class MemoryHub: Sendable {
    struct State {
        var place: Int64 = 0
        /// Texts and commits of each document, from its first.
        var documents: [DocumentName: [(commit: Commit, text: [UInt8]?)]] = [:]
        var keys: [CommitKey: PushAnswer] = [:]
        var history: [HubEvent] = []
        var conflicts: [DocumentConflict] = []
        var listeners: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var next: UInt64 = 0
        var failure: HubError?
    }

    public let epoch: UInt64
    let state = Mutex(State())

    public init(epoch: UInt64 = 0xfeed_beef_0123_4567) { self.epoch = epoch }

    /// The access of someone.
    public func access(author: String = "anna") -> MemoryAccess { MemoryAccess(hub: self, author: author) }

    /// From now on every call fails with this.
    public func fail(_ error: HubError?) { state.withLock { $0.failure = error } }

    /// How many wait for news.
    public var listeners: Int { state.withLock { $0.listeners.count } }

    /// Makes a text the newest of a document.
    @discardableResult
    public func write(_ text: [UInt8]?, to document: DocumentName, author: String = "anna") async throws
        -> PushAnswer
    {
        let head = state.withLock { $0.documents[document]?.last }
        var generator = SystemRandomNumberGenerator()
        return try await access(author: author).push(
            CommitDraft(
                document: document, parent: LogPosition(epoch: epoch, sequence: head?.commit.sequence ?? 0),
                parentHash: head?.text.map { TextHash(of: $0) }, result: text.map { TextHash(of: $0) },
                delta: text.map { TextDelta(from: head?.text ?? [], to: $0).encoded() } ?? [],
                key: .random(using: &generator)))
    }
}

/// What someone may do with a ``MemoryHub``: all.
public struct MemoryAccess: Hub {
    let hub: MemoryHub
    let author: String

    public var name: String { "memory" }
    public var set: String { "notes" }

    private func withState<Value>(_ work: (inout MemoryHub.State) throws -> Value) throws -> Value {
        try hub.state.withLock { state in
            if let failure = state.failure { throw failure }
            return try work(&state)
        }
    }

    public func documents() async throws -> SetListing {
        try withState { state in
            let heads = state.documents.compactMap { name, log in
                log.last.map {
                    DocumentHead(
                        document: name, sequence: $0.commit.sequence, place: $0.commit.place,
                        hash: $0.commit.result, size: $0.commit.size, author: $0.commit.author,
                        time: $0.commit.time, rules: DocumentRules())
                }
            }
            return SetListing(
                epoch: hub.epoch, place: state.place, documents: heads.sorted { $0.document < $1.document })
        }
    }

    public func push(_ draft: CommitDraft) async throws -> PushAnswer {
        try withState { state in
            if let known = state.keys[draft.key] { return known }
            let log = state.documents[draft.document] ?? []
            guard draft.parent.epoch == hub.epoch else { return .gone(snapshot(draft.document, log)) }
            guard draft.parent.sequence == Int64(log.count) else {
                return .stale(log.dropFirst(Int(clamping: draft.parent.sequence)).map(\.commit))
            }
            let parent = log.last?.text
            guard draft.parentHash == log.last?.commit.result else {
                throw HubError(.invalid, "the parent is another text")
            }
            var text: [UInt8]?
            if let result = draft.result {
                do {
                    text = try TextDelta(decoding: draft.delta, limit: 1 << 28).applied(
                        to: parent ?? [], proving: (draft.parentHash ?? .empty, result),
                        by: { TextHash(of: $0) })
                } catch { throw HubError(.invalid, "\(error)") }
            }
            state.place += 1
            let commit = Commit(
                document: draft.document, sequence: Int64(log.count) + 1, place: state.place,
                parent: draft.parentHash, result: draft.result, size: text?.count ?? 0, author: author,
                time: Int64(Date().timeIntervalSince1970 * 1e6), key: draft.key, delta: draft.delta)
            state.documents[draft.document, default: []].append((commit, text))
            let answer = PushAnswer.committed(
                sequence: commit.sequence, place: commit.place, time: commit.time)
            state.keys[draft.key] = answer
            happen(.commit(commit), &state)
            return answer
        }
    }

    private func snapshot(_ document: DocumentName, _ log: [(commit: Commit, text: [UInt8]?)]) -> Snapshot {
        Snapshot(
            document: document, position: LogPosition(epoch: hub.epoch, sequence: Int64(log.count)),
            text: log.last?.text)
    }

    private func happen(_ event: HubEvent, _ state: inout MemoryHub.State) {
        state.history.append(event)
        for listener in state.listeners.values { listener.yield() }
    }

    public func commits(of document: DocumentName, after position: LogPosition, limit: Int) async throws
        -> LogPart
    {
        try withState { state in
            let log = state.documents[document] ?? []
            guard position.epoch == hub.epoch else { return .gone(snapshot(document, log)) }
            return .commits(log.dropFirst(Int(clamping: position.sequence)).prefix(limit).map(\.commit))
        }
    }

    public func text(of document: DocumentName, at sequence: Int64?) async throws -> Snapshot {
        try withState { state in
            guard let log = state.documents[document] else {
                throw HubError(.notFound, "there is no document “\(document)”")
            }
            let sequence = sequence ?? Int64(log.count)
            guard (1...Int64(log.count)).contains(sequence) else {
                throw HubError(.notFound, "there is no commit \(sequence)")
            }
            return Snapshot(
                document: document, position: LogPosition(epoch: hub.epoch, sequence: sequence),
                text: log[Int(sequence) - 1].text)
        }
    }

    public func log(of document: DocumentName, before sequence: Int64?, limit: Int) async throws -> [Commit] {
        try withState { state in
            let log = (state.documents[document] ?? []).map(\.commit)
            return log.filter { $0.sequence < sequence ?? .max }.suffix(limit).reversed().map {
                var commit = $0
                commit.delta = []
                return commit
            }
        }
    }

    public func events(after place: Int64, epoch: UInt64) -> AsyncThrowingStream<HubEvent, any Error> {
        let follower = Follower(access: self, place: place, epoch: epoch)
        return AsyncThrowingStream { try await follower.next() }
    }

    public func changes(after place: Int64, epoch: UInt64, waiting: Duration) async throws -> [HubEvent] {
        let follower = Follower(access: self, place: place, epoch: epoch)
        return try await withThrowingTaskGroup(of: [HubEvent].self) { group in
            group.addTask { try await follower.next().map { [$0] } ?? [] }
            group.addTask {
                try await Task.sleep(for: waiting)
                return []
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }

    /// What came after a place, by now.
    func happened(after place: Int64) throws -> [HubEvent] {
        try withState { state in
            // Places grow, so only the end of the history is looked at.
            let start = state.history.lastIndex { ($0.place ?? 0) <= place }.map { $0 + 1 } ?? 0
            return Array(state.history[start...])
        }
    }

    public func report(_ conflict: DocumentConflict) async throws {
        try change(conflict.id) { _ in conflict }
    }

    public func conflicts() async throws -> [DocumentConflict] { try withState { $0.conflicts } }

    public func resolve(_ id: DocumentConflict.ID, as resolution: DocumentConflict.Resolution) async throws {
        try change(id) { known in
            guard var conflict = known else { throw HubError(.notFound, "there is no conflict “\(id)”") }
            conflict.resolution = resolution
            return conflict
        }
    }

    public func settle(_ id: DocumentConflict.ID) async throws { try change(id) { _ in nil } }

    private func change(
        _ id: DocumentConflict.ID, _ change: (DocumentConflict?) throws -> DocumentConflict?
    ) throws {
        try withState { state in
            let changed = try change(state.conflicts.first { $0.id == id })
            state.conflicts.removeAll { $0.id == id }
            if let changed { state.conflicts.append(changed) }
            state.place += 1
            happen(.conflict(id: id, place: state.place), &state)
        }
    }

    public func close() async {}
}

/// Gives what happens, from a place on.
private actor Follower {
    private let access: MemoryAccess
    private var place: Int64
    private let isKnown: Bool
    private var hasBegun = false
    private var pending: ArraySlice<HubEvent> = []
    private let number: UInt64
    private let wakes: AsyncStream<Void>

    init(access: MemoryAccess, place: Int64, epoch: UInt64) {
        self.access = access
        self.place = place
        isKnown = epoch == access.hub.epoch
        let (wakes, continuation) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.wakes = wakes
        number = access.hub.state.withLock { state in
            state.next += 1
            state.listeners[state.next] = continuation
            return state.next
        }
    }

    deinit { _ = access.hub.state.withLock { $0.listeners.removeValue(forKey: number) } }

    func next() async throws -> HubEvent? {
        if !hasBegun, !isKnown {
            hasBegun = true
            place = try await access.documents().place
            return .restart(epoch: access.hub.epoch, place: place)
        }
        hasBegun = true
        while true {
            if let event = pending.popFirst() {
                place = max(place, event.place ?? place)
                return event
            }
            pending = try access.happened(after: place)[...]
            guard pending.isEmpty else { continue }
            for await _ in wakes { break }
            try Task.checkCancellation()
        }
    }
}

extension DocumentName {
    /// A name that is known to be one.
    public static func known(_ text: String) -> DocumentName {
        guard let name = try? DocumentName(text) else { preconditionFailure("“\(text)” is no name") }
        return name
    }
}
