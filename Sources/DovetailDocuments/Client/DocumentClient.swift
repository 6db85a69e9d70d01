import Dovetail

/// Keeps a file, or a folder of documents, in agreement with a set at a hub.
///
/// ```swift
/// let client = DocumentClient(.folder("/home/eva/notes"), hub: hub)
/// try await client.run()
/// ```
///
/// Files are the users': they are replaced only by texts that hold what they held, and by what someone decided. What the client knows is
/// kept in a folder of its own beside them, so that it may be killed at any moment and goes on where it was. Everything is decided by
/// ``DocumentTexts/agreement(_:)``.
public actor DocumentClient {
    let hub: any Hub
    let source: DocumentSource
    let options: Options
    let files: any FileSystem
    let clock: any ClientClock
    private let stateFolder: String
    let watcher: (any FileWatcher)?
    private let observer: @Sendable (ClientNotice) -> Void

    var random: any RandomNumberGenerator & Sendable
    /// Nil until it is opened.
    var memory: ClientState?
    var folder: DocumentFolder?

    // What is known of the hub; a restart forgets it.
    var epoch: UInt64?
    var place: Int64 = 0
    var heads: [DocumentName: KnownHead] = [:]
    /// The newest commits with their deltas, one after the other, as events and answers brought them.
    var arrived: [DocumentName: [Commit]] = [:]

    /// Why a document is not in agreement, for people.
    var problems: [DocumentName: String] = [:]
    var nameProblems: [String: String] = [:]
    var isHubAway = false

    // The watch; see `run()`.
    var settling: Settling
    var queue: Set<DocumentName> = []
    var later: [DocumentName: Int64] = [:]
    var seen: [DocumentName: (path: String, facts: FileFacts)] = [:]
    var isWatching = false
    /// Whether the hub may have decisions that were not carried out.
    var hasDecisions = false
    /// What was in each file when it was last quiet, or was written by us. Nothing else is taken for an edit while files are watched: it
    /// could be half of one.
    var settled: [DocumentName: TextHash?] = [:]
    var retryAt: Int64 = 0
    var scanAt: Int64 = 0
    var backoff: Backoff
    let wake = Wake()

    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// The head of a document, as far as a client needs it.
    struct KnownHead: Sendable, Hashable {
        var sequence: Int64
        var hash: TextHash?
        /// Nil: not told yet.
        var rules: DocumentRules?
    }

    /// How a client works.
    public struct Options: Sendable, Hashable {
        /// What is put into a file whose lines are in conflict.
        public enum Conflicts: Sendable, Hashable {
            /// The user's text, as it is.
            case mine
            /// Both texts, between marks; the document goes on when these are gone.
            case marks
        }

        public var conflicts: Conflicts = .mine
        /// Whether edits are sent to the hub. Else only what others did is taken in, and edits wait.
        public var sends = true
        /// How long a file has to be quiet before it is read. The others of its waiting times keep their proportion to it.
        public var quiet: Duration = .milliseconds(250)
        /// How long a file may be gone before its document is deleted.
        public var grace: Duration = .seconds(1)
        /// How often every file is read, for changes of which the system did not tell.
        public var scan: Duration = .seconds(600)
        /// How often files are looked at where the system does not tell of changes.
        public var poll: Duration = .seconds(2)
        /// Where the system could tell, but is not to be asked.
        public var polls = false
        /// The longest wait before a hub that is away is tried again.
        public var longestRetry: Duration = .seconds(30)
        /// Whether all of three or more documents may be deleted because their files are gone. Else they are taken for mislaid.
        public var mayEmpty = false

        public init() {}
    }

    /// - Parameters:
    ///   - source: absolute paths.
    ///   - state: a folder for what the client knows; nil: one beside the files. It must not be shared.
    ///   - watcher: who tells where something happens; nil: the system where it can, else files are looked at now and then.
    ///   - random: what keys and jitter come from.
    ///   - observer: is told what happens, in order; must not wait.
    public init(
        _ source: DocumentSource, hub: any Hub, state: String? = nil, options: Options = Options(),
        files: any FileSystem = SystemFiles(), watcher: (any FileWatcher)? = nil,
        clock: any ClientClock = SystemClock(),
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
        observer: @escaping @Sendable (ClientNotice) -> Void = { _ in }
    ) {
        self.source = source
        self.hub = hub
        self.options = options
        self.files = files
        self.watcher = watcher
        self.clock = clock
        self.random = random
        self.observer = observer
        stateFolder = state ?? source.state
        var times = Settling.Times()
        times.quiet = options.quiet.microseconds
        times.gone = max(options.grace.microseconds, times.quiet)
        times.emptied = times.quiet * 8
        times.open = times.quiet * 12
        times.longest = times.quiet * 40
        backoff = Backoff(first: 200_000, most: options.longestRetry.microseconds)
        settling = Settling(times: times)
    }

    // MARK: What it does

    /// Takes hold of the files, and finishes what was begun when it died.
    /// - Throws: ``FileProblem``, also when another client has them.
    public func open() async throws {
        await enter()
        defer { leave() }
        try openNow()
    }

    /// Brings every document into agreement, once.
    /// - Throws: ``FileProblem`` when the folder can't be read, ``HubError`` when the hub can't be reached. What concerns one document only
    ///   is told by ``problemsByDocument()`` and holds up no other.
    public func synchronize() async throws {
        await enter()
        defer { leave() }
        try openNow()
        try carryOutDecisions()
        try await connect()
        queue.formUnion(try scanFolder(reading: true))
        queue.formUnion(heads.keys.filter { folder?.holds($0) ?? false })
        try await agreeQueued()
        try await tellHub()
    }

    /// Lets go of the files. The client can be opened again.
    public func close() async {
        await enter()
        defer { leave() }
        memory = nil
        folder = nil
        forgetHub()
    }

    func openNow() throws {
        guard memory == nil else { return }
        let state = try ClientState(folder: stateFolder, files: files, random: &random)
        let folder = try DocumentFolder(files: files, source: source, state: stateFolder)
        for problem in state.problems { tell(.problem(nil, problem)) }
        memory = state
        self.folder = folder
        do {
            for record in state.records.values where record.write != nil { try finishWrite(record) }
            try folder.removeDrafts(except: [])
        } catch {
            memory = nil
            throw error
        }
    }

    /// Why documents are not in agreement, where something is in the way.
    public func problemsByDocument() -> [DocumentName: String] { problems }

    /// Files that can't be documents, and folders that can't be looked into, and why.
    public func problemsByPath() -> [String: String] { nameProblems }

    func tell(_ notice: ClientNotice) { observer(notice) }

    func forgetHub() {
        epoch = nil
        place = 0
        heads = [:]
        arrived = [:]
    }

    // MARK: Its turns

    // An actor lets others in wherever it waits; what is done with files and memory must not be mixed.

    func enter() async {
        if isBusy {
            await withCheckedContinuation { waiting.append($0) }
        } else {
            isBusy = true
        }
    }

    func leave() {
        if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
    }

    // MARK: Its memory

    /// The file of a document has its name in another form of Unicode than it had.
    func take(path: String, of document: DocumentName) throws(FileProblem) {
        guard let folder, var record = memory?.records[document], !record.path.isSameName(as: path),
            try files.facts(of: folder.path(record.path)) == nil
        else { return }
        record.path = path
        try save(record)
    }

    /// What is in the file of a document, also where that was given another form of its name in Unicode.
    func readFile(of record: inout DocumentRecord, in folder: DocumentFolder) throws(FileProblem) -> [UInt8]?
    {
        if let text = try folder.read(record.path) { return text }
        guard let other = try folder.otherForm(of: record.path) else { return nil }
        record.path = other
        if memory?.records[record.document] != nil { try save(record) }
        return try folder.read(other)
    }

    func record(of document: DocumentName) -> DocumentRecord {
        memory?.records[document]
            ?? DocumentRecord(
                document: document,
                path: seen[document]?.path ?? folder?.path(for: document) ?? document.text,
                agreed: DocumentRecord.Agreed(
                    text: nil, position: LogPosition(epoch: epoch ?? 0, sequence: 0)))
    }

    func save(_ record: DocumentRecord, _ texts: [[UInt8]?] = []) throws(FileProblem) {
        try memory?.save(record, texts: texts.compactMap { $0 })
    }

    /// A text of the memory; false beside it: it should be there and is not.
    func remembered(_ hash: TextHash?) throws(FileProblem) -> (text: [UInt8]?, isKnown: Bool) {
        guard let hash else { return (nil, true) }
        let text = try memory?.text(hash)
        return (text, text != nil)
    }

    var statePath: String { stateFolder }
}

/// What happens to a client's documents, for those who watch it.
public enum ClientNotice: Sendable, Hashable {
    case pushed(DocumentName, sequence: Int64)
    case taken(DocumentName)
    case merged(DocumentName)
    /// Its file went to the trash, because it was deleted at the hub.
    case trashed(DocumentName)
    case conflict(DocumentName, DocumentConflict.ID, Agreement.Reason)
    case resolved(DocumentName, DocumentConflict.ID)
    /// The hub refused the text; a copy of it is kept.
    case refused(DocumentName, reason: String, copy: String)
    /// Something is in the way of a document, or of all.
    case problem(DocumentName?, String)
    case hubAway(String)
    case hubBack
    /// Somebody else has a copy of this client's memory; it calls itself otherwise from now on.
    case renewed
}
