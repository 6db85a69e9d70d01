import Dovetail
import Synchronization

extension DocumentHub {
    /// - Throws: ``HubError``; nothing was added then.
    func push(_ draft: CommitDraft, by caller: HubCaller) async throws -> PushAnswer {
        try caller.checkWriting()
        try pace.count(caller.client)
        guard draft.delta.count <= settings.limits.largestDelta else {
            throw HubError.tooLarge(
                "the change of “\(draft.document)” has \(draft.delta.count) bytes",
                limit: settings.limits.largestText)
        }
        let key = key(draft.document, caller)
        return try await turns.inTurn(key) { try await self.pushInTurn(draft, key, caller) }
    }

    private func pushInTurn(
        _ draft: CommitDraft, _ key: DocumentKey, _ caller: HubCaller
    ) async throws -> PushAnswer {
        let epoch = try await store.epoch()
        let head = try await store.head(of: draft.document, in: key.set)
        guard draft.parent == LogPosition(epoch: epoch, sequence: head?.sequence ?? 0),
            draft.parentHash == head?.hash
        else { return try await answer(late: draft, head, epoch, key, caller) }
        try patience.check(caller.client, at: key)
        try checkSound(key)
        guard draft.result != draft.parentHash else {
            throw HubError(
                .invalid, "the commit of “\(draft.document)” changes nothing; there is no need to push it")
        }
        if head == nil { try await checkRoom(in: key.set) }

        let parent = try await headText(head, key)
        let text = try makeText(draft, of: parent.text)
        try await checkRules(text, after: parent.text, key)

        let commits = parent.commitsSince + 1
        let bytes = parent.bytesSince + draft.delta.count
        let isKept =
            commits >= settings.commitsPerSnapshot || (commits > 1 && bytes > max(text?.count ?? 0, 4096))
        let commit = Commit(
            document: draft.document, sequence: draft.parent.sequence + 1, place: 0, parent: draft.parentHash,
            result: draft.result, size: text?.count ?? 0, author: caller.client, time: clock.time(),
            key: draft.key,
            delta: draft.delta)
        switch try await store.append(commit, snapshot: isKept ? text : nil, to: key.set) {
        case .appended(let commit):
            let isWhole = isKept || text == nil
            headTexts.keep(
                ReplayedText(
                    text: text, commitsSince: isWhole ? 0 : commits, bytesSince: isWhole ? 0 : bytes),
                of: key, at: commit.sequence)
            if head == nil { documentCounts.withLock { $0[key.set]? += 1 } }
            patience.gotThrough(caller.client, at: key)
            await happenings.publish(commit, in: key.set)
            return .committed(sequence: commit.sequence, place: commit.place, time: commit.time)
        case .known(let commit): return try answer(known: commit, to: draft)
        case .stale(let head): return try await answer(late: draft, head, epoch, key, caller)
        }
    }

    // MARK: What a push must be

    private func makeText(_ draft: CommitDraft, of parent: [UInt8]?) throws(HubError) -> [UInt8]? {
        guard let result = draft.result else {
            guard draft.delta.isEmpty else {
                throw HubError(
                    .invalid, "the commit deletes “\(draft.document)”, and brings a delta all the same")
            }
            return nil
        }
        do {
            let delta = try TextDelta(decoding: draft.delta, limit: settings.limits.largestText)
            return try delta.applied(to: parent ?? [], proving: (draft.parentHash ?? .empty, result)) {
                TextHash(of: $0)
            }
        } catch .tooLarge(let size, let limit) {
            throw HubError.tooLarge("“\(draft.document)” would have \(size) bytes", limit: limit)
        } catch {
            throw HubError(.invalid, "“\(draft.document)” was not changed: \(error)")
        }
    }

    private func checkRules(_ text: [UInt8]?, after parent: [UInt8]?, _ key: DocumentKey) async throws {
        let rules = settings.rules.rules(of: key.document, in: key.set)
        let check = RuleCheck(rules: rules, document: key.document)
        try check.check(text, after: parent)
        guard let command = rules.command, let text else { return }
        try await RuleProgram(command: command, seconds: settings.commandSeconds, document: key.document)
            .check(text)
    }

    private func checkRoom(in set: String) async throws {
        var count = documentCounts.withLock { $0[set] }
        if count == nil {
            count = try await store.heads(of: set).heads.count
            documentCounts.withLock { $0[set] = count }
        }
        guard count ?? 0 < settings.limits.documentsPerSet else {
            throw HubError(
                .tooLarge,
                "the set \(set) has \(settings.limits.documentsPerSet) documents, which is as many as this hub takes"
            )
        }
    }

    // MARK: Answers to those who are not the next

    private func answer(known commit: Commit, to draft: CommitDraft) throws(HubError) -> PushAnswer {
        guard commit.document == draft.document, commit.parent == draft.parentHash,
            commit.result == draft.result
        else {
            throw HubError(
                .invalid,
                "the key of this commit of “\(draft.document)” was another commit's; push it with a new one")
        }
        return .committed(sequence: commit.sequence, place: commit.place, time: commit.time)
    }

    private func answer(
        late draft: CommitDraft, _ head: StoredHead?, _ epoch: UInt64, _ key: DocumentKey, _ caller: HubCaller
    ) async throws -> PushAnswer {
        if let known = try await store.commit(with: draft.key, in: key.set) {
            return try answer(known: known, to: draft)
        }
        guard draft.parent.epoch == epoch, let head, draft.parent.sequence >= 0,
            draft.parent.sequence < head.sequence,
            let missing = try await page(after: draft.parent.sequence, upTo: head, limit: .max, key),
            missing.first?.parent == draft.parentHash
        else { return .gone(try await snapshot(of: head, epoch, key)) }
        patience.wasLate(caller.client, at: key)
        return .stale(missing)
    }
}
