import Dovetail

/// One document: what it is here, what it is at the hub, and what follows.
extension DocumentClient {
    /// How often a document is looked at at once when others were faster; each time takes two, a merge and a push.
    private static let tries = 24

    /// Brings the waiting documents into agreement. What is wrong with one is told and holds up no other.
    /// - Throws: ``HubError`` when the hub is away; what waits goes on waiting.
    func agreeQueued() async throws {
        for document in queue.sorted() {
            do {
                try await agree(document)
                queue.remove(document)
                later[document] = nil
                problems[document] = nil
            } catch let error as Postponed {
                queue.remove(document)
                postpone(document, error.reason)
            } catch let error as FileProblem {
                queue.remove(document)
                postpone(document, error.message)
            } catch let error as HubError {
                guard error.concernsOneDocument else { throw error }
                queue.remove(document)
                // A refused text was told of, with the place of its copy.
                if record(of: document).refused != nil { problems[document] = error.message }
                postpone(document, error.message)
            }
        }
    }

    /// Something that has to wait, for a reason.
    struct Postponed: Error {
        var reason: String
    }

    private func postpone(_ document: DocumentName, _ reason: String) {
        later[document] = clock.now + min(options.longestRetry.microseconds, 10_000_000)
        if problems[document] != reason {
            problems[document] = reason
            tell(.problem(document, reason))
        }
    }

    func agree(_ document: DocumentName) async throws {
        guard let folder, folder.holds(document) else { return }
        for attempt in 0..<Self.tries {
            if attempt > 1 {
                // Others are faster, again: not all at once.
                let bound = UInt64(5_000) << UInt64(min(attempt / 2, 6))
                try await clock.sleep(until: clock.now + Int64(random.next(upperBound: bound)))
            }
            if try await agreeOnce(document, folder) { return }
        }
        throw Postponed(reason: "\(document) is changed by others all the time; it is tried again")
    }

    /// - Returns: false: something changed meanwhile, and all is to be looked at again.
    private func agreeOnce(_ document: DocumentName, _ folder: DocumentFolder) async throws -> Bool {
        if record(of: document).pending != nil {
            guard options.sends else { return true }
            return try await send(record(of: document)) && isSettled(document)
        }
        let base = try remembered(record(of: document).agreed.text)
        let hub = try await hubText(of: record(of: document), base: base.isKnown ? .some(base.text) : nil)
        // Nothing waits from here to the end of a decision.
        var record = record(of: document)
        let local = try readFile(of: &record, in: folder)
        if waits(for: local, of: record) || waitsForMarks(record, local) { return true }
        let texts = DocumentTexts(
            base: base.text, isBaseKnown: base.isKnown && record.agreed.isKnown && hub.followsBase,
            local: local, hub: hub.text)
        let agreement = texts.agreement(hub.rules)
        let hubAgreed = DocumentRecord.Agreed(text: hub.text.map { TextHash(of: $0) }, position: hub.position)

        if case .conflict(let reason) = agreement {
            return try hold(&record, texts, reason, hubAgreed, hub.rules, folder)
        }
        if let over = record.conflict, over.state != .noted {
            record.conflict = nil
            record.settled.append(over.id)
            tell(.resolved(document, over.id))
        }
        switch agreement {
        case .nothing, .adopt:
            record.agreed = hubAgreed
            record.refused = nil
            try save(record, [hub.text])
            return true
        case .push:
            guard options.sends else { return true }
            record.agreed = hubAgreed
            return try await push(record, local, hub.text, folder)
        case .take:
            guard let text = hub.text else { return try discard(&record, local, hubAgreed, folder) }
            guard try write(text, &record, over: local, hubAgreed, folder, keeping: [text]) else {
                return false
            }
            tell(.taken(document))
            return true
        case .merge(let text):
            guard try write(text, &record, over: local, hubAgreed, folder, keeping: [hub.text]) else {
                return false
            }
            tell(.merged(document))
            return false
        case .conflict: return true
        }
    }

    /// Whether nothing was written into a document's file since it was sent.
    private func isSettled(_ document: DocumentName) throws -> Bool {
        let record = record(of: document)
        guard record.pending == nil, record.conflict == nil,
            heads[document]?.sequence == record.agreed.position.sequence
        else { return false }
        guard let folder else { return true }
        var found = record
        let local = try readFile(of: &found, in: folder)
        return local.map { TextHash(of: $0) } == record.agreed.text || waits(for: local, of: record)
    }

    /// Whether a text may be half of an edit: while files are watched, one that was not quiet yet. It comes again when it is.
    private func waits(for local: [UInt8]?, of record: DocumentRecord) -> Bool {
        guard isWatching else { return false }
        let hash = local.map { TextHash(of: $0) }
        if hash == record.agreed.text || settled[record.document] == .some(hash) { return false }
        settling.happened(to: record.path, isOpen: false, at: clock.now)
        return true
    }

    // MARK: To the hub

    private func push(
        _ record: DocumentRecord, _ local: [UInt8]?, _ parent: [UInt8]?, _ folder: DocumentFolder
    ) async throws -> Bool {
        var record = record
        let hash = local.map { TextHash(of: $0) }
        if let refused = record.refused {
            guard refused.text != hash else {
                try save(record, [parent])
                throw Postponed(
                    reason:
                        "\(record.document) is not accepted: \(refused.reason); a copy is at \(refused.copy)")
            }
            record.refused = nil
        }
        if local == nil { try checkEmptied(folder) }
        record.pending = DocumentRecord.Pending(key: newKey(), text: hash)
        try save(record, [parent, local])
        return try await send(record) && isSettled(record.document)
    }

    /// When all files are gone at once, it is more likely that the folder is.
    private func checkEmptied(_ folder: DocumentFolder) throws {
        try folder.checkRoot()
        if let reason = reasonIfEmptied(folder) { throw Postponed(reason: reason) }
    }

    /// Why nothing is deleted at the hub, where the files of all documents are gone; nil: there are some, or all may be deleted.
    func reasonIfEmptied(_ folder: DocumentFolder) -> String? {
        guard !options.mayEmpty, let records = memory?.records.values.filter({ $0.agreed.text != nil }),
            records.count > 2
        else { return nil }
        // One that can't be looked at is there.
        func isGone(_ record: DocumentRecord) -> Bool {
            do { return try files.facts(of: folder.path(record.path)) == nil } catch { return false }
        }
        guard records.allSatisfy(isGone) else { return nil }
        return "all \(records.count) documents are gone from \(folder.root): nothing is deleted at the hub;"
            + " bring them back, or allow that all are deleted (--allow-empty)"
    }

    private func newKey() -> CommitKey {
        guard let client = memory?.client.id else { return CommitKey.random(using: &random) }
        let bytes = [client, random.next()].flatMap { number in
            withUnsafeBytes(of: number.bigEndian, Array.init)
        }
        return CommitKey(bytes: bytes) ?? CommitKey.random(using: &random)
    }

    /// Sends what is pending, once more if it was sent before: the hub knows it by its key.
    /// - Returns: false: others were faster.
    private func send(_ record: DocumentRecord) async throws -> Bool {
        guard let pending = record.pending else { return true }
        let (parent, text) = (try remembered(record.agreed.text), try remembered(pending.text))
        guard parent.isKnown, text.isKnown else {
            // Without it nothing can be sent; whether it was is seen from the texts.
            return try unknownBase(record)
        }
        let draft = CommitDraft(
            document: record.document, parent: record.agreed.position, parentHash: record.agreed.text,
            result: pending.text,
            delta: text.text.map { TextDelta(from: parent.text ?? [], to: $0).encoded() } ?? [],
            key: pending.key)
        do {
            switch try await hub.push(draft) {
            case .committed(let sequence, _, _):
                try acknowledged(record, sequence)
                return true
            case .stale(let commits):
                var record = record
                record.pending = nil
                try save(record)
                for commit in commits { note(commit) }
                return false
            case .gone(let snapshot):
                var record = record
                record.pending = nil
                if snapshot.position.epoch != record.agreed.position.epoch { record.agreed.isKnown = false }
                try save(record)
                noteHead(record.document, snapshot.position.sequence, snapshot.hash)
                return false
            }
        } catch let error as HubError {
            switch error.kind {
            case .refused, .tooLarge, .invalid: try refused(record, text.text, error)
            default: break
            }
            throw error
        }
    }

    private func acknowledged(_ record: DocumentRecord, _ sequence: Int64) throws {
        guard let pending = record.pending else { return }
        var record = record
        record.agreed = DocumentRecord.Agreed(
            text: pending.text,
            position: LogPosition(epoch: record.agreed.position.epoch, sequence: sequence))
        record.pending = nil
        record.refused = nil
        try save(record)
        noteHead(record.document, sequence, pending.text)
        tell(.pushed(record.document, sequence: sequence))
    }

    private func refused(_ record: DocumentRecord, _ text: [UInt8]?, _ error: HubError) throws {
        var record = record
        record.pending = nil
        if let text, let folder {
            let hash = TextHash(of: text)
            let copy = try folder.keepRefused(text, hash, of: record.path)
            record.refused = DocumentRecord.RefusedText(text: hash, reason: error.message, copy: copy)
            tell(.refused(record.document, reason: error.message, copy: copy))
        }
        try save(record)
    }

    private func unknownBase(_ record: DocumentRecord) throws -> Bool {
        var record = record
        record.pending = nil
        record.agreed.isKnown = false
        try save(record)
        return false
    }

    // MARK: Into the file

    /// Writes a text into the file of a document, so that what is agreed and what is in the file never part.
    ///
    /// What is to hold afterwards is remembered before: if the client dies in between, the draft tells which of the two it is.
    /// - Returns: false: there is another text in the file by now.
    func write(
        _ text: [UInt8], _ record: inout DocumentRecord, over local: [UInt8]?,
        _ agreed: DocumentRecord.Agreed,
        _ folder: DocumentFolder, keeping texts: [[UInt8]?]
    ) throws(FileProblem) -> Bool {
        try checkCase(record, folder)
        let old = local.map { TextHash(of: $0) }
        let conflict = record.conflict
        // Until it is written, what was remembered of conflicts holds.
        let before = memory?.records[record.document]
        record.conflict = before?.conflict
        let settled = record.settled
        record.settled = before?.settled ?? []
        let draft = folder.draft(for: record.path, random.next())
        record.write = DocumentRecord.PlannedWrite(
            draft: draft, old: old, new: TextHash(of: text), agreed: agreed, conflict: conflict,
            settled: settled)
        try save(record, texts + [text])
        do throws(FileProblem) {
            guard try folder.write(text, to: record.path, expecting: old, draft: draft) == .written else {
                record.write = nil
                try save(record)
                return false
            }
        } catch {
            record.write = nil
            try save(record)
            throw error
        }
        try wrote(&record, folder)
        return true
    }

    private func wrote(_ record: inout DocumentRecord, _ folder: DocumentFolder) throws(FileProblem) {
        guard let write = record.write else { return }
        record.agreed = write.agreed
        record.conflict = write.conflict
        record.settled = write.settled
        record.write = nil
        record.refused = nil
        try save(record)
        settled[record.document] = write.new
        if try folder.finish(draft: write.draft, old: write.old, of: record.path) != nil {
            tell(
                .problem(
                    record.document,
                    "a program wrote into \(record.path) while it was replaced; what it wrote is in \(folder.state)/trash"
                ))
        }
    }

    /// Finds out whether a file was written when the client died, and remembers it.
    func finishWrite(_ record: DocumentRecord) throws(FileProblem) {
        guard let folder, let write = record.write else { return }
        var record = record
        let draft = try files.read(write.draft)
        let local = try folder.read(record.path).map { TextHash(of: $0) }
        if try wasWritten(write, draft: draft, local: local) {
            try wrote(&record, folder)
        } else {
            record.write = nil
            try save(record)
            try files.remove(write.draft)
        }
    }

    private func wasWritten(
        _ write: DocumentRecord.PlannedWrite, draft: [UInt8]?, local: TextHash?
    ) throws(FileProblem) -> Bool {
        guard let draft else {
            // Not begun, or there was nothing to exchange with.
            return local == write.new
        }
        if TextHash(of: draft) == write.new || write.old == nil { return local == write.new }
        // It has the old file's place, perhaps with what someone wrote into that after all.
        return true
    }

    private func discard(
        _ record: inout DocumentRecord, _ local: [UInt8]?, _ agreed: DocumentRecord.Agreed,
        _ folder: DocumentFolder
    ) throws(FileProblem) -> Bool {
        if let local {
            guard
                try folder.discard(record.path, expecting: TextHash(of: local), at: clock.date) == .written
            else { return false }
            tell(.trashed(record.document))
        }
        record.agreed = agreed
        try save(record)
        return true
    }

    /// Where names that differ in case only are one file, only the first of them has it.
    private func checkCase(_ record: DocumentRecord, _ folder: DocumentFolder) throws(FileProblem) {
        guard folder.ignoresCase, let others = memory?.records.values else { return }
        let path = record.path.lowercased()
        for other in others
        where other.document != record.document && other.agreed.text != nil && other.path.lowercased() == path
        {
            throw FileProblem(
                .exists,
                "\(record.document) and \(other.document) are one file here, because names that differ in case only are:"
                    + " rename one of them at the hub")
        }
    }
}
