/// A place in the log of one document.
///
/// Sequences begin at 1 and have no gaps; 0 is before the first commit. An epoch is a random number that a store gets when it is made
/// and again when it is restored from a backup: places of different epochs say nothing of each other.
public struct LogPosition: Sendable, Hashable, Codable {
    public var epoch: UInt64
    public var sequence: Int64

    public init(epoch: UInt64, sequence: Int64) {
        self.epoch = epoch
        self.sequence = sequence
    }
}

/// What makes a commit the same one when it is sent again: 16 random bytes of the client, kept until the hub answered.
public struct CommitKey: Sendable, Hashable, Codable {
    public let bytes: [UInt8]

    /// Nil unless there are 16 bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self.bytes = Array(bytes)
    }

    public static func random(using generator: inout some RandomNumberGenerator) -> CommitKey {
        let (high, low) = (generator.next() as UInt64, generator.next() as UInt64)
        return CommitKey(both: (high, low))
    }

    private init(both: (UInt64, UInt64)) {
        bytes = withUnsafeBytes(of: (both.0.bigEndian, both.1.bigEndian), Array.init)
    }
}

/// What a client wants to add to a document's log.
public struct CommitDraft: Sendable, Hashable {
    public var document: DocumentName
    /// The commit that it follows, as far as the client knows.
    public var parent: LogPosition
    /// The text there; nil: there is no such document.
    public var parentHash: TextHash?
    /// The text after it; nil: the document is deleted.
    public var result: TextHash?
    /// An encoded `TextDelta` from the parent's text, which is empty where there is none; empty for a delete.
    public var delta: [UInt8]
    public var key: CommitKey

    public init(
        document: DocumentName, parent: LogPosition, parentHash: TextHash?, result: TextHash?, delta: [UInt8],
        key: CommitKey
    ) {
        self.document = document
        self.parent = parent
        self.parentHash = parentHash
        self.result = result
        self.delta = delta
        self.key = key
    }
}

/// One version of a document, for ever.
public struct Commit: Sendable, Hashable {
    public var document: DocumentName
    public var sequence: Int64
    /// Its place among the commits of all documents of the set; they grow, with gaps.
    public var place: Int64
    /// The text before it; nil: there was none.
    public var parent: TextHash?
    /// The text after it; nil: it was deleted.
    public var result: TextHash?
    /// Bytes of the text after it.
    public var size: Int
    /// Who made it: the name of a token.
    public var author: String
    /// By the hub's clock, in microseconds since 1970.
    public var time: Int64
    public var key: CommitKey
    public var delta: [UInt8]

    public init(
        document: DocumentName, sequence: Int64, place: Int64, parent: TextHash?, result: TextHash?,
        size: Int,
        author: String, time: Int64, key: CommitKey, delta: [UInt8]
    ) {
        self.document = document
        self.sequence = sequence
        self.place = place
        self.parent = parent
        self.result = result
        self.size = size
        self.author = author
        self.time = time
        self.key = key
        self.delta = delta
    }
}

/// A whole text at one place of its log.
public struct Snapshot: Sendable, Hashable {
    public var document: DocumentName
    public var position: LogPosition
    /// Nil: there is no such document there.
    public var text: [UInt8]?

    public init(document: DocumentName, position: LogPosition, text: [UInt8]?) {
        self.document = document
        self.position = position
        self.text = text
    }

    public var hash: TextHash? { text.map { TextHash(of: $0) } }
}

/// Where a document is.
public struct DocumentHead: Sendable, Hashable, Codable {
    public var document: DocumentName
    /// Of its last commit.
    public var sequence: Int64
    public var place: Int64
    /// Nil: it is deleted.
    public var hash: TextHash?
    /// Bytes.
    public var size: Int
    public var author: String
    /// Microseconds since 1970, by the hub's clock.
    public var time: Int64
    public var rules: DocumentRules

    public init(
        document: DocumentName, sequence: Int64, place: Int64, hash: TextHash?, size: Int, author: String,
        time: Int64,
        rules: DocumentRules
    ) {
        self.document = document
        self.sequence = sequence
        self.place = place
        self.hash = hash
        self.size = size
        self.author = author
        self.time = time
        self.rules = rules
    }
}
