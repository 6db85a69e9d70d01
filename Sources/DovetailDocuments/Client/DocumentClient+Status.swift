/// What would be done.
public struct DocumentStatus: Sendable, Hashable {
    public var document: DocumentName
    /// What would be done now; nil: it can't be known, because the hub is away.
    public var agreement: Agreement?
    /// Whether a push is on its way, of which it is not known if it arrived.
    public var isPending: Bool
    /// The hub's reason for not accepting the text.
    public var refused: String?
    public var conflict: DocumentConflict.ID?
    /// What is agreed; its sequence is 0 before the first time.
    public var position: LogPosition
    /// What is in the way of it, for people.
    public var problem: String?
}

/// All documents of a client.
public struct ClientStatus: Sendable, Hashable {
    /// In the order of their names.
    public var documents: [DocumentStatus]
    /// Why the hub can't be asked; nil: it was.
    public var hubAway: String?
    /// Files that can't be documents, and why.
    public var problems: [String: String]
}

extension DocumentClient {
    /// What would be pushed, taken, merged and asked now. Changes nothing, here or at the hub, and may be asked while another process keeps
    /// the same documents.
    /// - Throws: ``FileProblem`` when the folder or what is remembered can't be read; ``HubError`` when the hub does not let one in.
    public func status() async throws -> ClientStatus {
        await enter()
        defer { leave() }
        let hadMemory = memory != nil
        let hadFolder = folder
        if memory == nil { memory = try ClientState(reading: statePath, files: files) }
        if folder == nil {
            folder = try DocumentFolder(files: files, source: source, state: statePath, probing: false)
        }
        defer {
            if !hadMemory { memory = nil }
            folder = hadFolder
        }
        guard let folder else { return ClientStatus(documents: [], problems: [:]) }
        let scan = try folder.scan()
        var away: String?
        do {
            try await learn()
        } catch let error as HubError {
            guard error.kind == .unavailable || error.kind == .busy else { throw error }
            away = error.message
        }
        let mislaid = reasonIfEmptied(folder)
        var documents: [DocumentStatus] = []
        let names = Set(scan.files.keys).union(memory?.records.keys.map { $0 } ?? []).union(heads.keys)
        for name in names.sorted() where folder.holds(name) {
            var record = record(of: name)
            if let found = scan.files[name] { record.path = found.path }
            var status = DocumentStatus(
                document: name, isPending: record.pending != nil, refused: record.refused?.reason,
                conflict: record.conflict?.id, position: record.agreed.position)
            if away == nil {
                do {
                    let base = try remembered(record.agreed.text)
                    let hub = try await hubText(of: record, base: base.isKnown ? .some(base.text) : nil)
                    let texts = DocumentTexts(
                        base: base.text,
                        isBaseKnown: base.isKnown && record.agreed.isKnown && hub.followsBase,
                        local: try readFile(of: &record, in: folder), hub: hub.text)
                    let agreement = texts.agreement(hub.rules)
                    status.agreement = agreement
                    if agreement == .push, texts.local == nil { status.problem = mislaid }
                } catch let error as HubError {
                    if error.kind == .unavailable || error.kind == .busy { away = error.message }
                    status.problem = error.message
                } catch let error as FileProblem {
                    status.problem = error.message
                }
            }
            if status.agreement != .nothing || record.agreed.text != nil || status.problem != nil {
                documents.append(status)
            }
        }
        return ClientStatus(documents: documents, hubAway: away, problems: scan.problems)
    }
}
