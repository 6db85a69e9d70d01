/// Where a hub keeps the logs of its sets: in memory, in a file, in a database that several hubs share.
///
/// Each call is one transaction: done whole, and durable when it returns, or not at all. What it gives back is checked by the hub
/// against the hashes, so a store need not.
public protocol CommitStore: Sendable {
    /// For messages, without credentials.
    var name: String { get }

    /// Random, made with the store.
    /// - Throws: ``HubError``.
    func epoch() async throws -> UInt64

    /// Makes the store another one, as after it was restored from a backup.
    /// - Throws: ``HubError``.
    func renewEpoch() async throws

    /// The sets that have documents, in the order of their names.
    /// - Throws: ``HubError``.
    func sets() async throws -> [String]

    /// The heads of a set's documents, in the order of their names, and the newest place. Their rules are the hub's matter.
    /// - Throws: ``HubError``.
    func heads(of set: String) async throws -> (place: Int64, heads: [StoredHead])
    /// - Throws: ``HubError``.
    func head(of document: DocumentName, in set: String) async throws -> StoredHead?

    /// Adds a commit after the head with a sequence (0: there is no document yet), and gives it its place.
    ///
    /// - Parameter snapshot: the whole text after it, when the hub wants it kept.
    /// - Returns: what became of it.
    /// - Throws: ``HubError``, with ``HubError/Kind/unavailable`` when it can't be written.
    func append(_ commit: Commit, snapshot: [UInt8]?, to set: String) async throws -> AppendOutcome

    /// The commit with a key, of whichever document of the set.
    /// - Throws: ``HubError``.
    func commit(with key: CommitKey, in set: String) async throws -> Commit?

    /// Commits of a document with sequences in a range, in order; those that are pruned are missing.
    /// - Parameter withDeltas: whether they are wanted; else they are empty.
    /// - Throws: ``HubError``.
    func commits(
        of document: DocumentName, in set: String, sequences: ClosedRange<Int64>, limit: Int,
        newestFirst: Bool,
        withDeltas: Bool
    ) async throws -> [Commit]

    /// Commits of a set after a place, in order.
    /// - Throws: ``HubError``.
    func commits(of set: String, after place: Int64, limit: Int) async throws -> [Commit]

    /// The newest kept whole text of a document at or before a sequence.
    /// - Throws: ``HubError``.
    func snapshot(of document: DocumentName, in set: String, before sequence: Int64) async throws -> (
        sequence: Int64, text: [UInt8]
    )?

    /// Keeps a whole text at a sequence.
    /// - Throws: ``HubError``.
    func keep(_ text: [UInt8], of document: DocumentName, in set: String, at sequence: Int64) async throws

    /// Forgets commits before a sequence, of which a whole text must be kept, and whole texts before it.
    /// - Throws: ``HubError``.
    func prune(_ document: DocumentName, in set: String, before sequence: Int64) async throws

    /// Puts a damaged log in order: commits and texts take the place of those with their sequences, what is outside of the mended log
    /// goes, and the head becomes its last commit.
    /// - Throws: ``HubError``.
    func mend(_ document: DocumentName, in set: String, by mend: LogMend) async throws

    /// - Throws: ``HubError``.
    func conflicts(of set: String) async throws -> [DocumentConflict]
    /// Keeps a conflict, or forgets one that is nil; gives the place that this takes in the set.
    /// - Throws: ``HubError``.
    func keep(_ conflict: DocumentConflict?, id: DocumentConflict.ID, in set: String) async throws -> Int64

    /// The sets in which another hub on the same store has written, as it does; ends with the store.
    func wakes() -> AsyncStream<String>

    /// The tokens that a hub takes.
    /// - Throws: ``HubError``.
    func tokens() async throws -> [HubToken]
    /// Keeps a token, or one changed.
    /// - Throws: ``HubError``.
    func keep(_ token: HubToken) async throws

    func close() async
}

/// A document's newest commit, as a store knows it.
public struct StoredHead: Sendable, Hashable {
    public var document: DocumentName
    public var sequence: Int64
    public var place: Int64
    public var hash: TextHash?
    public var size: Int
    public var author: String
    public var time: Int64
    /// The oldest commit that is still kept.
    public var oldest: Int64

    public init(
        document: DocumentName, sequence: Int64, place: Int64, hash: TextHash?, size: Int, author: String,
        time: Int64,
        oldest: Int64
    ) {
        self.document = document
        self.sequence = sequence
        self.place = place
        self.hash = hash
        self.size = size
        self.author = author
        self.time = time
        self.oldest = oldest
    }
}

/// What a repair writes into one document's log.
public struct LogMend: Sendable, Hashable {
    /// The first and the last commit of the log as it then is.
    public var oldest: Int64
    public var newest: Int64
    /// One without a place gets the set's next.
    public var commits: [Commit]
    /// Whole texts by their sequences; nil: there is to be none.
    public var texts: [Int64: [UInt8]?]

    public init(
        oldest: Int64, newest: Int64, commits: [Commit] = [], texts: [Int64: [UInt8]?] = [:]
    ) {
        self.oldest = oldest
        self.newest = newest
        self.commits = commits
        self.texts = texts
    }
}

/// What became of a commit.
public enum AppendOutcome: Sendable, Hashable {
    /// With its place.
    case appended(Commit)
    /// A commit with this key is there already.
    case known(Commit)
    /// The head is another one; nil: there is none.
    case stale(StoredHead?)
}

/// Who may do what. The token itself is known only to who has it.
public struct HubToken: Sendable, Hashable, Codable {
    /// Whose it is: the author of what is done with it.
    public var name: String
    /// SHA-256 of the token.
    public var hash: TextHash
    /// The sets it is for; empty: all.
    public var sets: [String]
    public var mayWrite: Bool
    /// Microseconds since 1970.
    public var created: Int64
    public var revoked: Int64?

    public init(
        name: String, hash: TextHash, sets: [String], mayWrite: Bool, created: Int64, revoked: Int64? = nil
    ) {
        self.name = name
        self.hash = hash
        self.sets = sets
        self.mayWrite = mayWrite
        self.created = created
        self.revoked = revoked
    }
}
