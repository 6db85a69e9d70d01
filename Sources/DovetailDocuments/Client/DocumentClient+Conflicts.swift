import Dovetail

/// Texts that can't be brought together, until someone decides.
extension DocumentClient {
    /// The conflicts of these documents, those that wait first. Reads what another process keeps as well.
    /// - Throws: ``FileProblem``.
    public func conflicts() throws -> [DocumentConflict] {
        let state = try memory ?? ClientState(reading: statePath, files: files)
        let held = state.records.values.compactMap { record in record.conflict.map { (record, $0) } }
        func order(_ place: (DocumentRecord, DocumentRecord.HeldConflict)) -> (Int, DocumentName) {
            (place.1.state == .noted ? 1 : 0, place.0.document)
        }
        return try held.sorted { order($0) < order($1) }.map { try Self.conflict(of: $0.0, $0.1, state) }
    }

    /// Decides the conflict of a document. What is not in conflict is merged in each case. It is carried out at once where this client is
    /// open, else by the one that is, or the next time.
    /// - Throws: ``FileProblem``, ``NoSuchConflict``.
    public func resolve(_ document: DocumentName, as resolution: DocumentConflict.Resolution) async throws {
        await enter()
        defer { leave() }
        let state = try memory ?? ClientState(reading: statePath, files: files)
        guard let record = state.records[document], let held = record.conflict else {
            throw NoSuchConflict(document: document)
        }
        func text(_ hash: TextHash?) throws -> [UInt8]? { try hash.flatMap { try state.text($0) } }
        let texts = DocumentTexts(
            base: try text(held.base), local: try text(held.mine), hub: try text(held.theirs))
        guard texts.allows(resolution) else { throw CannotBeBoth(document: document) }
        var decision = ClientState.Decision(resolution: resolution, theirs: held.theirs)
        if case .text = resolution { decision.mine = try files.read("\(source.folder)/\(record.path)") }
        try state.decide(held.id, decision)
        guard memory != nil else { return }
        try carryOutDecisions()
        wake.signal()
    }

    /// A document that is in no conflict was to be decided.
    public struct NoSuchConflict: Error, Sendable, Hashable, CustomStringConvertible {
        public let document: DocumentName
        public var description: String { "\(document) is in no conflict here; nothing was done" }
    }

    /// Two texts without lines were to be kept both.
    public struct CannotBeBoth: Error, Sendable, Hashable, CustomStringConvertible {
        public let document: DocumentName
        public var description: String { document.cannotBeBoth }
    }

    func conflict(of record: DocumentRecord, _ held: DocumentRecord.HeldConflict) throws -> DocumentConflict {
        guard let memory else { throw NoSuchConflict(document: record.document) }
        return try Self.conflict(of: record, held, memory)
    }

    private static func conflict(
        of record: DocumentRecord, _ held: DocumentRecord.HeldConflict, _ state: ClientState
    ) throws -> DocumentConflict {
        func text(_ hash: TextHash?) throws -> [UInt8]? { try hash.flatMap { try state.text($0) } }
        return DocumentConflict(
            id: held.id, document: record.document, client: state.client.name, base: try text(held.base),
            mine: try text(held.mine), theirs: try text(held.theirs), position: held.position,
            time: held.time,
            resolution: try state.decision(held.id)?.resolution)
    }

    // MARK: Holding

    /// Remembers a conflict, or what became of one.
    /// - Returns: false: something changed meanwhile.
    func hold(
        _ record: inout DocumentRecord, _ texts: DocumentTexts, _ reason: Agreement.Reason,
        _ hub: DocumentRecord.Agreed, _ rules: DocumentRules, _ folder: DocumentFolder
    ) throws -> Bool {
        let waiting = record.conflict.flatMap { $0.state == .waits ? $0 : nil }
        if waiting == nil, let old = record.conflict { record.settled.append(old.id) }
        let mine = texts.local.map { TextHash(of: $0) }
        let base = texts.isBaseKnown ? texts.base : nil
        // With other texts it is another conflict: what someone decides is only about the texts that they saw.
        let same = waiting.flatMap { $0.mine == mine && $0.theirs == hub.text ? $0.id : nil }
        if let waiting, same == nil { record.settled.append(waiting.id) }
        var held = DocumentRecord.HeldConflict(
            id: same ?? String(random.next() as UInt64, radix: 16)
                + String(random.next() as UInt64, radix: 16),
            reason: reason, state: .waits, base: base.map { TextHash(of: $0) }, mine: mine, theirs: hub.text,
            position: hub.position, time: waiting?.time ?? clock.date, isReported: false)
        let isNew = waiting?.reason != reason
        defer { if isNew, record.conflict != nil { tell(.conflict(record.document, held.id, reason)) } }

        if reason == .deletedHere, let theirs = texts.hub {
            // Nothing was written here that could be lost: the text comes back, and that it was deleted is noted.
            held.state = .noted
            record.conflict = held
            // What waited here was in the file that is gone.
            if let waited = try remembered(waiting?.mine).text {
                try folder.keepInTrash(waited, of: record.path, at: clock.date)
            }
            return try write(theirs, &record, over: nil, hub, folder, keeping: [theirs, base])
        }
        if options.conflicts == .marks, texts.local != nil, texts.hub != nil, texts.hasLines {
            held.state = .marked
            record.conflict = held
            let marked = texts.merge(rules).marked(
                left: Self.markName("here", held.id), right: Self.markName("at the hub", held.id))
            return try write(
                marked, &record, over: texts.local, hub, folder, keeping: [base, texts.local, texts.hub])
        }
        held.isReported = waiting?.isReported ?? false
        if held != waiting { held.isReported = false }
        record.conflict = held
        try save(record, [base, texts.local, texts.hub, texts.base])
        return true
    }

    private static func markName(_ side: String, _ id: DocumentConflict.ID) -> String {
        "\(side), conflict \(id.prefix(8))"
    }

    /// Whether marks of ours are still in a file.
    func waitsForMarks(_ record: DocumentRecord, _ local: [UInt8]?) -> Bool {
        guard let held = record.conflict, held.state == .marked, let local else { return false }
        return TextLines(local).contains { line in
            [(UInt8(ascii: "<"), "here"), (UInt8(ascii: ">"), "at the hub")].contains { mark, side in
                line.first == mark
                    && line.drop { $0 == mark }.dropFirst().starts(with: Self.markName(side, held.id).utf8)
            }
        }
    }

    // MARK: Deciding

    /// Carries out what was decided here.
    func carryOutDecisions() throws {
        let records = memory?.records.values.filter { $0.conflict != nil } ?? []
        for record in records.sorted(by: { $0.document < $1.document }) {
            guard let held = record.conflict, let decision = try memory?.decision(held.id) else { continue }
            do {
                if decision.theirs == held.theirs {
                    guard
                        try carryOut(decision.resolution, record, held, at: held.position, on: decision.mine)
                    else { continue }
                } else {
                    tell(
                        .problem(
                            record.document,
                            "\(record.document) was changed at the hub since its conflict was decided: decide again"
                        ))
                }
                try memory?.forgetDecision(held.id)
            } catch let error as FileProblem {
                problems[record.document] = error.message
                tell(.problem(record.document, error.message))
            }
        }
    }

    /// Carries out what was decided at the hub.
    func carryOutDecisionsOfHub() async throws {
        hasDecisions = false
        guard let memory, memory.records.values.contains(where: { $0.conflict != nil }) else { return }
        for decided in try await hub.conflicts() {
            guard let resolution = decided.resolution, let record = self.memory?.records[decided.document],
                let held = record.conflict, held.id == decided.id
            else { continue }
            do {
                // A conflict with other texts has another id, so these are the ones that were seen.
                if try !carryOut(resolution, record, held, at: decided.position, on: decided.mine) {
                    hasDecisions = true
                }
            } catch let error as FileProblem {
                hasDecisions = true
                problems[record.document] = error.message
                tell(.problem(record.document, error.message))
            }
        }
    }

    /// - Parameter seen: what was in the file when it was decided; nil: it is not known, or there was none.
    /// - Returns: false: it has to wait.
    private func carryOut(
        _ resolution: DocumentConflict.Resolution, _ record: DocumentRecord,
        _ held: DocumentRecord.HeldConflict, at position: LogPosition, on seen: [UInt8]?
    ) throws -> Bool {
        guard let folder, record.pending == nil else { return false }
        var record = record
        let id = held.id
        record.conflict = nil
        record.settled.append(id)
        defer { queue.insert(record.document) }

        if held.state == .noted {
            try carryOutNoted(resolution, record, held, folder)
            tell(.resolved(record.document, id))
            return true
        }
        let local = try readFile(of: &record, in: folder)
        let theirs = try remembered(held.theirs).text
        // In a marked file both sides stand already; what they were is remembered.
        let mine = held.state == .marked ? try remembered(held.mine).text : local
        let base = try remembered(held.base)
        let texts = DocumentTexts(base: base.text, isBaseKnown: base.isKnown, local: mine, hub: theirs)
        let rules = heads[record.document]?.rules ?? DocumentRules()
        guard texts.allows(resolution) else {
            throw FileProblem(.failed, record.document.cannotBeBoth)
        }
        var result = texts.resolved(resolution, rules)
        var isLost = false
        if case .text(let text) = resolution, let seen, held.state == .waits, seen != local {
            // It was edited since: the edit goes on top of what was decided.
            let edit = DocumentTexts(base: seen, local: local, hub: text)
            if case .merge(let both) = edit.agreement(rules) { result = both } else { isLost = local != nil }
        }
        if let local, result != local, !isKept(local, by: resolution, held) {
            try folder.keepInTrash(local, of: record.path, at: clock.date)
        }
        if isLost {
            tell(
                .problem(
                    record.document,
                    "\(record.path) was edited after its conflict was decided, in the same lines; what it was is in \(folder.state)/trash"
                ))
        }
        let agreed = DocumentRecord.Agreed(text: theirs.map { TextHash(of: $0) }, position: position)
        if result == local {
            record.agreed = agreed
            settled[record.document] = local.map { TextHash(of: $0) }
            try save(record, [theirs])
        } else if let result {
            // If it is overtaken by an edit, the decision is carried out on that, the next time.
            guard try write(result, &record, over: local, agreed, folder, keeping: [theirs]) else {
                throw FileProblem(
                    .failed, "\(record.path) was written to meanwhile; the decision is carried out again")
            }
        } else if let local {
            let outcome = try folder.discard(record.path, expecting: TextHash(of: local), at: clock.date)
            guard outcome == .written else {
                throw FileProblem(
                    .failed, "\(record.path) was written to meanwhile; the decision is carried out again")
            }
            record.agreed = agreed
            try save(record)
        }
        tell(.resolved(record.document, id))
        return true
    }

    /// Whether all lines of the file stay.
    private func isKept(
        _ local: [UInt8], by resolution: DocumentConflict.Resolution, _ held: DocumentRecord.HeldConflict
    ) -> Bool {
        guard held.state == .waits else { return false }
        return switch resolution {
        case .mine, .both: true
        case .theirs, .text: false
        }
    }

    /// A document that was deleted here and changed at the hub is there again; only “mine” deletes it after all.
    private func carryOutNoted(
        _ resolution: DocumentConflict.Resolution, _ record: DocumentRecord,
        _ held: DocumentRecord.HeldConflict, _ folder: DocumentFolder
    ) throws {
        var record = record
        switch resolution {
        case .mine:
            if let theirs = held.theirs, record.agreed.text == theirs {
                _ = try folder.discard(record.path, expecting: theirs, at: clock.date)
                settled[record.document] = .some(nil)
            }
            try save(record)
        case .theirs, .both: try save(record)
        case .text(let text):
            let local = try folder.read(record.path)
            if let local, local != text { try folder.keepInTrash(local, of: record.path, at: clock.date) }
            _ = try write(text, &record, over: local, record.agreed, folder, keeping: [])
        }
    }
}

extension TextLines {
    /// Whether a line fulfils something.
    fileprivate func contains(_ fulfils: (ArraySlice<UInt8>) -> Bool) -> Bool {
        (0..<count).contains { fulfils(self[$0]) }
    }
}
