/// A client's access to one set of documents at a hub: in this process, or over the network.
///
/// Every call may be repeated: what was done is done once. Who calls, and what they may do, is known from how the access was made.
public protocol Hub: Sendable {
    /// What output calls it, without credentials.
    var name: String { get }
    /// The name of the set. Hubs have logs of their own for each, under one epoch.
    var set: String { get }

    /// The documents of the set, deleted ones too, in the order of their names.
    /// - Throws: ``HubError``.
    func documents() async throws -> SetListing

    /// Adds a commit, if its parent is the head. A commit whose key is known is answered as it was the first time.
    /// - Throws: ``HubError``; nothing was added then.
    func push(_ draft: CommitDraft) async throws -> PushAnswer

    /// The commits of a document after a place in its log, in order.
    /// - Parameter limit: how many at most; a hub may give fewer, and at least one when there is one.
    /// - Throws: ``HubError``.
    func commits(of document: DocumentName, after position: LogPosition, limit: Int) async throws -> LogPart

    /// The text of a document at a commit, or at its head.
    /// - Throws: ``HubError``: ``HubError/Kind/notFound`` when there never was such a document or commit,
    ///   ``HubError/Kind/pruned`` when it is no longer kept.
    func text(of document: DocumentName, at sequence: Int64?) async throws -> Snapshot

    /// The commits of a document up to one, newest first, without their deltas.
    /// - Throws: ``HubError``.
    func log(of document: DocumentName, before sequence: Int64?, limit: Int) async throws -> [Commit]

    /// What happens in the set after a place, from now on and until the stream is dropped or breaks off. A hub may leave out the deltas
    /// of commits that are large, and tells only the last of many commits of one document: who needs the others asks for them.
    /// - Parameters:
    ///   - epoch: of the place; where the hub has another one, the first event is ``HubEvent/restart(epoch:place:)``.
    /// - Throws: ``HubError`` from the stream.
    func events(after place: Int64, epoch: UInt64) -> AsyncThrowingStream<HubEvent, any Error>

    /// The same, once: waits until something happens, at most so long, and gives what has happened; nothing when nothing has.
    /// - Throws: ``HubError``.
    func changes(after place: Int64, epoch: UInt64, waiting: Duration) async throws -> [HubEvent]

    /// Shows a conflict to everyone. One that is known by its id takes the old one's place, unless that is decided.
    /// - Throws: ``HubError``.
    func report(_ conflict: DocumentConflict) async throws

    /// Conflicts that wait, or that are decided and not yet carried out.
    /// - Throws: ``HubError``.
    func conflicts() async throws -> [DocumentConflict]

    /// Decides a conflict. The client that has it carries it out.
    /// - Throws: ``HubError``.
    func resolve(_ id: DocumentConflict.ID, as resolution: DocumentConflict.Resolution) async throws

    /// Forgets a conflict: the client carried out what was decided, or it is none any more.
    /// - Throws: ``HubError``.
    func settle(_ id: DocumentConflict.ID) async throws

    /// Lets go of connections.
    func close() async
}

/// The documents of a set.
public struct SetListing: Sendable, Hashable, Codable {
    public var epoch: UInt64
    /// Of the newest commit of the set; 0: there is none.
    public var place: Int64
    public var documents: [DocumentHead]

    public init(epoch: UInt64, place: Int64, documents: [DocumentHead]) {
        self.epoch = epoch
        self.place = place
        self.documents = documents
    }
}

/// What came of a push.
public enum PushAnswer: Sendable, Hashable {
    /// It is in the log, now or since an earlier try.
    case committed(sequence: Int64, place: Int64, time: Int64)
    /// Others were faster: what is missing, in order, as many as fit.
    case stale([Commit])
    /// The parent is no longer in the log, or of another epoch: the head instead.
    case gone(Snapshot)
}

/// Some of a document's log.
public enum LogPart: Sendable, Hashable {
    /// In order; empty: there is nothing after it.
    case commits([Commit])
    /// What comes after it is no longer whole, or it is of another epoch: the head instead.
    case gone(Snapshot)
}

/// What happens in a set.
public enum HubEvent: Sendable, Hashable {
    /// A commit; its delta is empty when it was left out, which a client sees by its hashes.
    case commit(Commit)
    /// A conflict is new, decided, or settled.
    case conflict(id: DocumentConflict.ID, place: Int64)
    /// The hub is another one than the client knows, or has forgotten what came after its place: everything has to be looked at anew.
    case restart(epoch: UInt64, place: Int64)
    /// All is well, and nothing happened.
    case alive
}

/// What a hub refuses, or can't do.
public struct HubError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable, Codable {
        /// The token is missing, wrong or revoked.
        case unauthorized
        /// The token is for other documents, or nobody may write this one for now.
        case forbidden
        case notFound
        /// The commit is no longer kept.
        case pruned
        /// The delta does not fit its parent, or does not make the text it says; or a message can't be read.
        case invalid
        /// A rule of the document speaks against the text.
        case refused
        case tooLarge
        /// Come again after ``HubError/retryAfter``.
        case busy
        /// The hub can't be reached, or can't write. Nothing was done, or it is not known whether it was.
        case unavailable
        /// What the hub has stored of this document is damaged; it can be read and not be written.
        case damaged
    }

    public var kind: Kind
    /// For a person: what, where, what to do.
    public var message: String
    public var retryAfter: Duration?

    public init(_ kind: Kind, _ message: String, retryAfter: Duration? = nil) {
        self.kind = kind
        self.message = message
        self.retryAfter = retryAfter
    }

    public var description: String { message }

    /// Whether others may be asked for all the same: who may not write one document may read the others.
    var concernsOneDocument: Bool {
        switch kind {
        case .unavailable, .busy, .unauthorized: false
        case .forbidden, .notFound, .pruned, .invalid, .refused, .tooLarge, .damaged: true
        }
    }
}
