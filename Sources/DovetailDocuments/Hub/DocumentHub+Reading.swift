import Synchronization

extension DocumentHub {
    func documents(for caller: HubCaller) async throws -> SetListing {
        try caller.check()
        let epoch = try await store.epoch()
        let (place, heads) = try await store.heads(of: caller.set)
        return SetListing(
            epoch: epoch, place: place,
            documents: heads.map { head in
                DocumentHead(
                    document: head.document, sequence: head.sequence, place: head.place, hash: head.hash,
                    size: head.size, author: head.author, time: head.time,
                    rules: settings.rules.rules(of: head.document, in: caller.set))
            })
    }

    func commits(
        of document: DocumentName, after position: LogPosition, limit: Int, for caller: HubCaller
    ) async throws -> LogPart {
        try caller.check()
        let key = key(document, caller)
        let epoch = try await store.epoch()
        let head = try await store.head(of: document, in: key.set)
        guard position == LogPosition(epoch: epoch, sequence: head?.sequence ?? 0) else {
            guard position.epoch == epoch, let head, position.sequence >= 0,
                position.sequence < head.sequence,
                let commits = try await page(after: position.sequence, upTo: head, limit: limit, key)
            else { return .gone(try await snapshot(of: head, epoch, key)) }
            return .commits(commits)
        }
        return .commits([])
    }

    func text(of document: DocumentName, at sequence: Int64?, for caller: HubCaller) async throws -> Snapshot
    {
        try caller.check()
        let key = key(document, caller)
        let epoch = try await store.epoch()
        let head = try await existingHead(key)
        guard let sequence, sequence != head.sequence else { return try await snapshot(of: head, epoch, key) }
        guard sequence > 0, sequence < head.sequence else {
            throw HubError(
                .notFound,
                "“\(document)” has the commits 1 to \(head.sequence); there is no commit \(sequence)")
        }
        func pruned(before oldest: Int64) -> HubError {
            HubError(
                .pruned, "commit \(sequence) of “\(document)” is no longer kept; the oldest one is \(oldest)")
        }
        guard sequence >= head.oldest else { throw pruned(before: head.oldest) }
        do {
            let replayed = try await LogReplay(store: store, key: key).text(at: sequence)
            return Snapshot(
                document: document, position: LogPosition(epoch: epoch, sequence: sequence),
                text: replayed.text)
        } catch let damage as LogDamage {
            // It may have been pruned since the head was read.
            let now = try await existingHead(key)
            guard sequence >= now.oldest else { throw pruned(before: now.oldest) }
            throw note(damage, of: key)
        }
    }

    func log(
        of document: DocumentName, before sequence: Int64?, limit: Int, for caller: HubCaller
    ) async throws -> [Commit] {
        try caller.check()
        let key = key(document, caller)
        let head = try await existingHead(key)
        let last = min(sequence ?? head.sequence, head.sequence)
        guard last >= 1, limit > 0 else { return [] }
        return try await store.commits(
            of: document, in: key.set, sequences: 1...last, limit: min(limit, 1000), newestFirst: true,
            withDeltas: false)
    }

    // MARK: Parts

    private func existingHead(_ key: DocumentKey) async throws -> StoredHead {
        guard let head = try await store.head(of: key.document, in: key.set) else {
            throw HubError(.notFound, "there is no document “\(key.document)” in the set \(key.set)")
        }
        return head
    }

    /// The commits after a sequence, as many as fit, at least one; nil: they are no longer kept.
    ///
    /// Each part is one look at the store, and the parts are joined only where they meet, so that no hole can come of a log that is
    /// pruned meanwhile.
    func page(after sequence: Int64, upTo head: StoredHead, limit: Int, _ key: DocumentKey) async throws
        -> [Commit]?
    {
        let room = settings.limits.largestMessage
        var commits: [Commit] = []
        var bytes = 0
        let limit = max(1, min(limit, 1000))
        while commits.count < limit, bytes < room {
            let next = sequence + 1 + Int64(commits.count)
            guard next <= head.sequence else { break }
            // The first few say how large deltas are here.
            let fitting = commits.isEmpty ? 4 : max(1, (room - bytes) / max(64, bytes / commits.count))
            let part = try await store.commits(
                of: key.document, in: key.set, sequences: next...head.sequence,
                limit: min(fitting, limit - commits.count, 256), newestFirst: false, withDeltas: true)
            guard part.first?.sequence == next else {
                if !commits.isEmpty { break }
                let now = try await store.head(of: key.document, in: key.set)
                guard let now, next >= now.oldest else { return nil }
                throw note(LogDamage(sequence: next, reason: "commit \(next) is missing"), of: key)
            }
            for commit in part {
                if let last = commits.last {
                    guard commit.sequence == last.sequence + 1, commit.parent == last.result else {
                        let reason =
                            "commit \(last.sequence + 1) is missing, or does not follow the one before it"
                        throw note(LogDamage(sequence: last.sequence + 1, reason: reason), of: key)
                    }
                }
                guard commits.isEmpty || bytes + commit.delta.count <= room else { return commits }
                bytes += commit.delta.count
                commits.append(commit)
            }
        }
        return commits
    }

    /// The text of a head; nil: there never was such a document.
    func snapshot(of head: StoredHead?, _ epoch: UInt64, _ key: DocumentKey) async throws -> Snapshot {
        Snapshot(
            document: key.document, position: LogPosition(epoch: epoch, sequence: head?.sequence ?? 0),
            text: try await headText(head, key).text)
    }

    /// The text of a head with how far it is from the last whole one, proven by the head's hash.
    func headText(_ head: StoredHead?, _ key: DocumentKey) async throws -> ReplayedText {
        guard let head, let hash = head.hash else { return ReplayedText() }
        if let cached = headTexts.text(of: key, at: head.sequence),
            cached.text.map({ TextHash(of: $0) }) == hash
        {
            return cached
        }
        do {
            let replayed = try await LogReplay(store: store, key: key).text(at: head.sequence)
            guard let text = replayed.text, TextHash(of: text) == hash else {
                throw LogDamage(sequence: head.sequence, reason: "its head says another text than its log")
            }
            headTexts.keep(replayed, of: key, at: head.sequence)
            return replayed
        } catch let damage as LogDamage {
            throw note(damage, of: key)
        }
    }

    // MARK: Damage

    /// Remembers that a document is damaged, so that it is not written.
    func note(_ damage: LogDamage, of key: DocumentKey) -> HubError {
        damages.withLock { $0[key] = damage.reason }
        return damageError(damage.reason, key)
    }

    func checkSound(_ key: DocumentKey) throws(HubError) {
        guard let reason = damages.withLock({ $0[key] }) else { return }
        throw damageError(reason, key)
    }

    private func damageError(_ reason: String, _ key: DocumentKey) -> HubError {
        HubError(
            .damaged,
            "the log of “\(key.document)” in the set \(key.set) is damaged (\(reason)); it can be read as far as it is"
                + " proven, and not written until whoever runs the hub repairs it (dovetail serve repair) or restores a backup"
        )
    }
}
