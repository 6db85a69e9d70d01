import Dovetail

/// What the hub has.
extension DocumentClient {
    /// The hub's text of a document.
    struct HubText {
        var position: LogPosition
        var text: [UInt8]?
        /// Whether it came of what was agreed.
        var followsBase: Bool
        var rules: DocumentRules
    }

    /// The most commits that are asked for at once.
    private static let part = 256

    /// Learns which documents there are.
    func learn() async throws { try took(try await hub.documents()) }

    /// The same, and what was decided at the hub.
    func connect() async throws {
        try await learn()
        try await carryOutDecisionsOfHub()
    }

    private func took(_ listing: SetListing) throws(FileProblem) {
        try memory?.enter(set: hub.set)
        if let epoch, epoch != listing.epoch { forgetHub() }
        epoch = listing.epoch
        place = max(place, listing.place)
        for head in listing.documents {
            // An event may be newer than the listing.
            if let known = heads[head.document], known.sequence > head.sequence {
                heads[head.document]?.rules = head.rules
                continue
            }
            // The events after this listing's place don't tell of it.
            if heads[head.document]?.sequence != head.sequence { queue.insert(head.document) }
            heads[head.document] = KnownHead(sequence: head.sequence, hash: head.hash, rules: head.rules)
        }
    }

    /// A commit that the hub told of, in an event or in an answer. Only events are in the order of places.
    func note(_ commit: Commit) {
        noteHead(commit.document, commit.sequence, commit.result)
        if let last = arrived[commit.document]?.last, last.sequence + 1 == commit.sequence {
            arrived[commit.document]?.append(commit)
        } else {
            arrived[commit.document] = [commit]
        }
    }

    /// - Returns: false: that is no news.
    @discardableResult
    func noteHead(_ document: DocumentName, _ sequence: Int64, _ hash: TextHash?) -> Bool {
        if let known = heads[document], known.sequence >= sequence { return false }
        heads[document] = KnownHead(sequence: sequence, hash: hash, rules: heads[document]?.rules)
        return true
    }

    /// The text of a document at the hub's head.
    ///
    /// - Parameter base: what was agreed; nil: that text is lost.
    func hubText(of record: DocumentRecord, base: [UInt8]??) async throws -> HubText {
        let document = record.document
        if epoch == nil { try await learn() }
        guard let epoch else {
            throw HubError(.unavailable, "the hub has not said who it is; it is asked again")
        }
        guard let head = heads[document] else {
            return HubText(
                position: LogPosition(epoch: epoch, sequence: 0), text: nil,
                followsBase: record.agreed.position == LogPosition(epoch: epoch, sequence: 0),
                rules: DocumentRules())
        }
        // Rules are needed only where both sides changed.
        if head.rules == nil, head.hash != record.agreed.text,
            try folder?.hash(of: folder?.path(record.path) ?? "") != record.agreed.text
        {
            try await learn()
        }
        let rules = heads[document]?.rules ?? DocumentRules()
        let agreed = record.agreed.position
        if agreed.epoch == epoch, agreed.sequence >= head.sequence, let base {
            return HubText(position: agreed, text: base, followsBase: true, rules: rules)
        }
        if let held = record.conflict, held.state == .waits, held.position.epoch == epoch,
            held.position.sequence == head.sequence
        {
            let theirs = try remembered(held.theirs)
            if theirs.isKnown {
                return HubText(
                    position: held.position, text: theirs.text, followsBase: agreed.epoch == epoch,
                    rules: rules)
            }
        }
        if agreed.epoch == epoch, agreed.sequence > 0, let base,
            let text = try await followed(record, from: base)
        {
            return HubText(position: text.position, text: text.text, followsBase: true, rules: rules)
        }
        let snapshot = try await hub.text(of: document, at: nil)
        noteEpoch(snapshot.position.epoch)
        noteHead(document, snapshot.position.sequence, snapshot.hash)
        // With the same epoch the log goes on from what was agreed, also where it is no longer whole.
        return HubText(
            position: snapshot.position, text: snapshot.text,
            followsBase: agreed.epoch == snapshot.position.epoch, rules: rules)
    }

    /// The head's text, made from the agreed one by the commits since; nil: they don't lead there.
    private func followed(
        _ record: DocumentRecord, from base: [UInt8]?
    ) async throws -> (position: LogPosition, text: [UInt8]?)? {
        var (position, text, hash) = (record.agreed.position, base, record.agreed.text)
        func follow(_ commit: Commit) -> Bool {
            guard commit.sequence == position.sequence + 1, commit.parent == hash else { return false }
            if let result = commit.result {
                guard let delta = try? TextDelta(decoding: commit.delta, limit: Int.max),
                    let next = try? delta.applied(
                        to: text ?? [], proving: (hash ?? .empty, result), by: { TextHash(of: $0) })
                else { return false }
                text = next
            } else {
                text = nil
            }
            hash = commit.result
            position.sequence = commit.sequence
            return true
        }
        for commit in arrived.removeValue(forKey: record.document) ?? []
        where commit.sequence > record.agreed.position.sequence {
            try checkIdentity(commit)
            guard follow(commit) else { break }
        }
        if let head = heads[record.document], head.sequence <= position.sequence { return (position, text) }
        while true {
            guard
                case .commits(let commits) = try await hub.commits(
                    of: record.document, after: position, limit: Self.part)
            else { return nil }
            for commit in commits {
                try checkIdentity(commit)
                guard follow(commit) else { return nil }
            }
            guard let last = commits.last else { return (position, text) }
            noteHead(record.document, last.sequence, last.result)
            if let head = heads[record.document], head.sequence <= position.sequence {
                return (position, text)
            }
        }
    }

    /// A commit that has our name and that we don't remember was made by someone with a copy of our memory, or by ourselves
    /// before that was restored from a backup.
    private func checkIdentity(_ commit: Commit) throws(FileProblem) {
        guard let id = memory?.client.id, memory?.isReadOnly == false else { return }
        guard commit.key.bytes.starts(with: withUnsafeBytes(of: id.bigEndian, Array.init)) else { return }
        try memory?.renewClient(using: &random)
        tell(.renewed)
    }

    private func noteEpoch(_ new: UInt64) {
        guard let epoch, epoch != new else { return }
        // Everything is asked anew before the next document.
        forgetHub()
    }

    // MARK: Telling it

    /// Reports conflicts, and those that are over.
    func tellHub() async throws {
        let untold = memory?.records.values.filter { $0.conflict?.isReported == false || !$0.settled.isEmpty }
        for document in (untold ?? []).map(\.document).sorted() {
            if let held = record(of: document).conflict, !held.isReported {
                do {
                    try await hub.report(try conflict(of: record(of: document), held))
                } catch let error as HubError where error.concernsOneDocument {
                    // It waits here all the same.
                    if problems[document] != error.message { tell(.problem(document, error.message)) }
                    problems[document] = error.message
                    continue
                }
                var record = record(of: document)
                if record.conflict == held {
                    record.conflict?.isReported = true
                    try save(record)
                }
            }
            for id in record(of: document).settled {
                do {
                    try await hub.settle(id)
                } catch let error as HubError where error.kind == .notFound {}
                var record = record(of: document)
                record.settled.removeAll { $0 == id }
                try save(record)
            }
        }
    }
}
