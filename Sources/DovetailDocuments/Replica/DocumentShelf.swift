import DovetailEngine

/// Documents by their names, wherever they are: what ``DocumentReplica`` makes a table of.
protocol DocumentShelf: Sendable {
    /// What output calls it, without credentials.
    var name: String { get }
    /// - Throws: ``HubError``, ``FileProblem``.
    func look() async throws -> any ShelfLook
    /// Writes a text, or deletes the document where there is none, if it still has the text that is expected.
    /// - Throws: ``HubError``, ``FileProblem``: of a document alone those that ``ShelfOutcome/refused(_:)`` is not for.
    func write(_ text: [UInt8]?, to document: DocumentName, expecting old: [UInt8]?) async throws
        -> ShelfOutcome
    func close() async
}

/// What became of a text that was to be written.
enum ShelfOutcome: Sendable {
    case written
    /// It is not the text any more that was expected.
    case overtaken
    case refused(String)
}

/// One look at a shelf.
protocol ShelfLook: Sendable {
    /// The documents that there are, in the order of their names.
    var names: [DocumentName] { get }
    /// Nil: there is no such document.
    func text(of document: DocumentName) async throws -> [UInt8]?
    /// Which documents were changed after a place, and the present place; nil: the shelf does not know.
    func changes(after place: FeedCursor?) -> (names: [DocumentName], place: FeedCursor)?
    /// A number that only grows; nil: there is none.
    var changeCounter: Int64? { get }
}

// MARK: A folder

/// The documents of a folder: its files, except what editors leave there for a while.
struct FolderShelf: DocumentShelf {
    private let folder: DocumentFolder
    let name: String
    private let clock: any ClientClock

    /// - Parameter path: absolute.
    /// - Throws: ``FileProblem``.
    init(
        _ path: String, name: String, files: any FileSystem = SystemFiles(),
        clock: any ClientClock = SystemClock()
    )
        throws(FileProblem)
    {
        let source = DocumentSource.folder(path)
        folder = try DocumentFolder(files: files, source: source, state: source.state, probing: false)
        self.name = name
        self.clock = clock
    }

    private struct Look: ShelfLook {
        let folder: DocumentFolder
        let paths: [DocumentName: String]
        let names: [DocumentName]
        let changeCounter: Int64? = nil

        func text(of document: DocumentName) throws(FileProblem) -> [UInt8]? {
            guard let path = paths[document] else { return nil }
            return try folder.read(path)
        }

        func changes(after place: FeedCursor?) -> (names: [DocumentName], place: FeedCursor)? { nil }
    }

    func look() throws(FileProblem) -> any ShelfLook {
        let scan = try folder.scan()
        if let problem = scan.problems.values.sorted().first { throw FileProblem(.failed, problem) }
        return Look(folder: folder, paths: scan.files.mapValues(\.path), names: scan.files.keys.sorted())
    }

    func write(_ text: [UInt8]?, to document: DocumentName, expecting old: [UInt8]?) throws(FileProblem)
        -> ShelfOutcome
    {
        let path = try folder.scan().files[document]?.path ?? document.text
        let expected = old.map { TextHash(of: $0) }
        // A client makes it when it begins; here there may never have been one.
        if old != nil { try folder.files.makeFolder("\(folder.state)/trash") }
        guard let text else {
            guard let expected else { return .overtaken }
            return try folder.discard(path, expecting: expected, at: clock.date) == .written
                ? .written : .overtaken
        }
        guard !IgnoredNames.ignores(path: document.text) else {
            return .refused("a file of that name is never a document: editors leave such files behind")
        }
        let draft = folder.draft(for: path, .random(in: .min ... .max))
        guard try folder.write(text, to: path, expecting: expected, draft: draft) == .written else {
            return .overtaken
        }
        try folder.finish(draft: draft, old: expected, of: path)
        return .written
    }

    func close() {}
}

// MARK: A hub

/// The documents of a set at a hub. What is written is a commit.
struct HubShelf: DocumentShelf {
    private let hub: any Hub
    var name: String { hub.name }

    init(_ hub: any Hub) { self.hub = hub }

    private struct Look: ShelfLook {
        let hub: any Hub
        let listing: SetListing
        private let heads: [DocumentName: DocumentHead]

        init(_ hub: any Hub, _ listing: SetListing) {
            self.hub = hub
            self.listing = listing
            heads = Dictionary(
                listing.documents.map { ($0.document, $0) }, uniquingKeysWith: { first, _ in first })
        }

        var names: [DocumentName] { listing.documents.filter { $0.hash != nil }.map(\.document).sorted() }
        var changeCounter: Int64? { listing.place }

        /// As of the commit that was the head when the look began.
        func text(of document: DocumentName) async throws -> [UInt8]? {
            guard let head = heads[document], head.hash != nil else { return nil }
            return try await hub.text(of: document, at: head.sequence).text
        }

        func changes(after place: FeedCursor?) -> (names: [DocumentName], place: FeedCursor)? {
            let now = FeedCursor("\(listing.epoch) \(listing.place)")
            guard let place else { return ([], now) }
            let parts = place.text.split(separator: " ")
            guard parts.count == 2, parts[0] == "\(listing.epoch)", let since = Int64(parts[1]),
                since <= listing.place
            else { return nil }
            return (listing.documents.filter { $0.place > since }.map(\.document).sorted(), now)
        }
    }

    func look() async throws -> any ShelfLook { Look(hub, try await hub.documents()) }

    func write(_ text: [UInt8]?, to document: DocumentName, expecting old: [UInt8]?) async throws
        -> ShelfOutcome
    {
        do {
            let came = try await DocumentHistory(document, at: hub).write(text, expecting: old)
            return came ? .written : .overtaken
        } catch let error as HubError {
            switch error.kind {
            case .refused, .tooLarge, .invalid, .damaged, .forbidden: return .refused(error.message)
            case .unauthorized, .notFound, .pruned, .busy, .unavailable: throw error
            }
        }
    }

    func close() async { await hub.close() }
}
