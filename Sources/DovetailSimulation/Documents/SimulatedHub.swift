import Dovetail
import DovetailDocuments

/// A hub in memory, as small as one can be. What it holds survives its crashes.
package actor SimulatedHub: Hub {
    package nonisolated let name = "a hub in memory"

    private struct Log {
        var commits: [Commit] = []
        /// The text after each commit.
        var texts: [[UInt8]?] = []
        var pruned: Int64 = 0
    }

    package private(set) var epoch: UInt64
    package private(set) var place: Int64 = 0
    private var logs: [DocumentName: Log] = [:]
    private var rules: [DocumentName: DocumentRules] = [:]
    private var held: [DocumentConflict.ID: (place: Int64, conflict: DocumentConflict?)] = [:]
    private var listeners: [Int: AsyncThrowingStream<HubEvent, any Error>.Continuation] = [:]
    private var nextListener = 0
    /// How many requests it has answered.
    package private(set) var requests = 0

    package init(epoch: UInt64 = 1) { self.epoch = epoch }

    // MARK: For tests

    package func set(_ rules: DocumentRules, of document: DocumentName) { self.rules[document] = rules }

    package func log(of document: DocumentName) -> [Commit] { logs[document]?.commits ?? [] }

    package func text(of document: DocumentName) -> [UInt8]? { logs[document]?.texts.last ?? nil }

    /// All texts that there ever were.
    package var history: [DocumentName: [[UInt8]]] { logs.mapValues { $0.texts.compactMap { $0 } } }

    package var documentNames: [DocumentName] { logs.keys.sorted() }

    /// Commits up to the newest are no longer given out.
    package func prune(_ document: DocumentName) {
        let newest = logs[document]?.commits.last?.sequence ?? 0
        logs[document]?.pruned = newest - 1
    }

    /// Goes back to an earlier time, as from a backup.
    package func restore(_ document: DocumentName, to count: Int, epoch new: UInt64) {
        epoch = new
        if let log = logs[document] {
            logs[document]?.commits = Array(log.commits.prefix(count))
            logs[document]?.texts = Array(log.texts.prefix(count))
        }
        for listener in listeners.values { listener.yield(.restart(epoch: new, place: place)) }
    }

    /// Someone without a client.
    package func edit(_ document: DocumentName, _ text: [UInt8]?, key: CommitKey? = nil) throws {
        var random = SplitMix64(UInt64(place) &+ 77)
        let log = logs[document] ?? Log()
        let parent = log.texts.last ?? nil
        _ = try add(
            CommitDraft(
                document: document,
                parent: LogPosition(epoch: epoch, sequence: Int64(log.commits.count)),
                parentHash: parent.map { TextHash(of: $0) }, result: text.map { TextHash(of: $0) },
                delta: text.map { TextDelta(from: parent ?? [], to: $0).encoded() } ?? [],
                key: key ?? CommitKey.random(using: &random)), author: "someone")
    }

    /// All connections break.
    package func disconnect() {
        for listener in listeners.values {
            listener.finish(throwing: HubError(.unavailable, "the hub is gone"))
        }
        listeners = [:]
    }

    // MARK: Hub

    package func documents() -> SetListing {
        requests += 1
        let heads = logs.sorted { $0.key < $1.key }.compactMap { name, log in
            log.commits.last.map { last in
                DocumentHead(
                    document: name, sequence: last.sequence, place: last.place, hash: last.result,
                    size: last.size,
                    author: last.author, time: last.time, rules: rules[name] ?? DocumentRules())
            }
        }
        return SetListing(epoch: epoch, place: place, documents: heads)
    }

    package func push(_ draft: CommitDraft) throws -> PushAnswer {
        requests += 1
        return try add(draft, author: "client")
    }

    private func add(_ draft: CommitDraft, author: String) throws -> PushAnswer {
        for log in logs.values {
            if let known = log.commits.first(where: { $0.key == draft.key }) {
                return .committed(sequence: known.sequence, place: known.place, time: known.time)
            }
        }
        var log = logs[draft.document] ?? Log()
        guard draft.parent.epoch == epoch, draft.parent.sequence >= log.pruned else {
            return .gone(snapshot(draft.document))
        }
        let head = Int64(log.commits.count)
        guard draft.parent.sequence == head else {
            return .stale(Array(log.commits.dropFirst(Int(draft.parent.sequence))))
        }
        let parent = log.texts.last ?? nil
        var text: [UInt8]?
        if let result = draft.result {
            do {
                text = try TextDelta(decoding: draft.delta, limit: 1 << 30).applied(
                    to: parent ?? [], proving: (draft.parentHash ?? .empty, result), by: { TextHash(of: $0) })
            } catch {
                throw HubError(.invalid, "\(error)")
            }
        }
        if let text, let refusal = (rules[draft.document] ?? DocumentRules()).refusal(of: text, after: parent)
        {
            throw HubError(.refused, refusal)
        }
        place += 1
        let commit = Commit(
            document: draft.document, sequence: head + 1, place: place, parent: draft.parentHash,
            result: draft.result, size: text?.count ?? 0, author: author, time: place, key: draft.key,
            delta: draft.delta)
        log.commits.append(commit)
        log.texts.append(text)
        logs[draft.document] = log
        for listener in listeners.values { listener.yield(.commit(commit)) }
        return .committed(sequence: commit.sequence, place: place, time: commit.time)
    }

    private func snapshot(_ document: DocumentName) -> Snapshot {
        Snapshot(
            document: document,
            position: LogPosition(epoch: epoch, sequence: Int64(logs[document]?.commits.count ?? 0)),
            text: text(of: document))
    }

    package func commits(of document: DocumentName, after position: LogPosition, limit: Int) throws -> LogPart
    {
        requests += 1
        let log = logs[document] ?? Log()
        guard position.epoch == epoch, position.sequence >= log.pruned else {
            return .gone(snapshot(document))
        }
        return .commits(Array(log.commits.dropFirst(Int(position.sequence)).prefix(limit)))
    }

    package func text(of document: DocumentName, at sequence: Int64?) throws -> Snapshot {
        requests += 1
        guard let log = logs[document] else { throw HubError(.notFound, "there is no \(document)") }
        guard let sequence else { return snapshot(document) }
        guard sequence > 0, sequence <= log.commits.count else {
            throw HubError(.notFound, "\(document) has no commit \(sequence)")
        }
        return Snapshot(
            document: document, position: LogPosition(epoch: epoch, sequence: sequence),
            text: log.texts[Int(sequence) - 1])
    }

    package func log(of document: DocumentName, before sequence: Int64?, limit: Int) throws -> [Commit] {
        Array(
            (logs[document]?.commits ?? []).filter { $0.sequence < sequence ?? .max }.reversed().prefix(limit)
        )
    }

    package nonisolated func events(after place: Int64, epoch: UInt64) -> AsyncThrowingStream<
        HubEvent, any Error
    > {
        AsyncThrowingStream { continuation in
            Task { await self.listen(place, epoch, continuation) }
        }
    }

    private func listen(
        _ place: Int64, _ epoch: UInt64, _ continuation: AsyncThrowingStream<HubEvent, any Error>.Continuation
    ) {
        requests += 1
        for event in missed(after: place, epoch: epoch) { continuation.yield(event) }
        nextListener += 1
        let number = nextListener
        listeners[number] = continuation
        continuation.onTermination = { _ in Task { await self.drop(number) } }
    }

    private func drop(_ number: Int) { listeners[number] = nil }

    private func missed(after place: Int64, epoch: UInt64) -> [HubEvent] {
        guard epoch == self.epoch else { return [.restart(epoch: self.epoch, place: self.place)] }
        let commits = logs.values.compactMap(\.commits.last).filter { $0.place > place }
        let conflicts = held.filter { $0.value.place > place }
        return commits.sorted { $0.place < $1.place }.map(HubEvent.commit)
            + conflicts.sorted { $0.value.place < $1.value.place }
            .map { .conflict(id: $0.key, place: $0.value.place) }
    }

    package func changes(after place: Int64, epoch: UInt64, waiting: Duration) throws -> [HubEvent] {
        requests += 1
        return missed(after: place, epoch: epoch)
    }

    package func report(_ conflict: DocumentConflict) throws {
        requests += 1
        if held[conflict.id]?.conflict?.resolution != nil { return }
        change(conflict.id, conflict)
    }

    private func change(_ id: DocumentConflict.ID, _ conflict: DocumentConflict?) {
        place += 1
        held[id] = (place, conflict)
        for listener in listeners.values { listener.yield(.conflict(id: id, place: place)) }
    }

    package func conflicts() throws -> [DocumentConflict] {
        requests += 1
        return held.values.compactMap(\.conflict).sorted { $0.id < $1.id }
    }

    package func resolve(_ id: DocumentConflict.ID, as resolution: DocumentConflict.Resolution) throws {
        guard var conflict = held[id]?.conflict else {
            throw HubError(.notFound, "there is no conflict \(id)")
        }
        conflict.resolution = resolution
        change(id, conflict)
    }

    package func settle(_ id: DocumentConflict.ID) throws {
        requests += 1
        if held[id]?.conflict != nil { change(id, nil) }
    }

    package func close() {}
}

extension DocumentRules {
    /// Why a text may not follow another; nil: it may.
    fileprivate func refusal(of text: [UInt8], after parent: [UInt8]?) -> String? {
        if let largest, text.count > largest {
            return "the text has \(text.count) bytes, and \(largest) are allowed"
        }
        if appendOnly, !text.starts(with: parent ?? []) { return "only additions at the end are allowed" }
        if characters == .ascii, text.contains(where: { $0 > 127 }) { return "only ASCII is allowed" }
        return nil
    }
}
