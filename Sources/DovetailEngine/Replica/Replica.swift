public import Dovetail

/// One side of a sync: a database, a layer on a server, a folder.
///
/// A replica knows nothing of jobs, of the other side, or of the base. It can be looked at through an
/// ``Observation``, written to with optimistic checks, and carries a mark by which it is recognised.
/// Looking never changes it: no journal mode is switched, no table added.
///
/// Every implementation passes the suite in `DovetailConformance`.
///
/// ## Topics
/// ### Looking
/// - ``describe()``
/// - ``observe()``
/// ### Writing
/// - ``prepare(_:)``
/// - ``apply(_:to:)``
/// - ``stamp(_:)``
public protocol Replica: Sendable {
    /// What output calls it: kind and place, never credentials.
    var name: String { get }

    /// How many records it takes well in one ``apply(_:to:)``. Of two sides, the one that takes more decides.
    var batchSize: Int { get }

    /// The tables it holds, in a stable order.
    /// - Throws: ``ReplicaError``.
    func describe() async throws -> [TableDescription]

    /// Opens one consistent view of everything: what is read through it belongs to one moment.
    /// - Throws: ``ReplicaError``.
    func observe() async throws -> any Observation

    /// Puts in place what the views ask for and looking may not: change feeds. Called before the first write of a
    /// run; does nothing when everything is in place.
    /// - Throws: ``ReplicaError``.
    func prepare(_ views: [TableView]) async throws

    /// Carries out writes on one table, all in one transaction where the store has them, each only if the record is
    /// as expected. The outcomes are in the order of the writes.
    ///
    /// A write that the store refuses is set aside with the store's own words, and the others go through.
    /// - Throws: ``ReplicaError`` when nothing was written: the store is gone, locked or full.
    func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult

    /// Leaves the mark by which this replica is recognised in the next run. Returns false when it can't hold one.
    /// - Throws: ``ReplicaError``.
    func stamp(_ mark: ReplicaMark) async throws -> Bool

    /// Says that a job has read a table's change feed up to a cursor, so that older entries may be forgotten.
    /// - Throws: ``ReplicaError``.
    func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws

    /// Lets go of connections. The replica is not used afterwards.
    func close() async
}

extension Replica {
    /// Enough that a transaction's cost is spread, few enough that a batch's records take little memory.
    public var batchSize: Int { 8192 }
}

/// One consistent look at a replica.
public protocol Observation: Sendable {
    /// The marks of `job` that the replica carries, and what else it can be recognised by.
    func identity(job: String) async throws -> ReplicaIdentity

    /// All records of a table, in the order of their keys' bytes.
    func snapshot(of view: TableView) async throws -> any RecordCursor

    /// The records with the given keys, as far as they exist, in any order. A locator is a hint.
    func read(_ references: [RecordReference], of view: TableView) async throws -> [Record]

    /// The keys that changed since `cursor`; nil when there is no feed, or it doesn't reach back that far.
    func changes(of view: TableView, since cursor: FeedCursor) async throws -> ChangedKeys?

    /// The present end of a table's feed; nil when there is none.
    func feedPosition(of view: TableView) async throws -> FeedCursor?

    /// Whether a table has no record at all. Must not cost a scan.
    func isEmpty(_ view: TableView) async throws -> Bool

    /// Ends the look. Cursors are dead afterwards.
    func finish() async
}

/// An ordered stream of records in batches.
public protocol RecordCursor: Sendable {
    /// The next batch, nil at the end. Called by one task at a time.
    func next() async throws -> RecordBatch?
}

/// A record by its key, with a hint where it lives.
public struct RecordReference: Sendable, Hashable {
    public var key: RecordKey
    public var locator: [UInt8]

    public init(key: RecordKey, locator: [UInt8] = []) {
        self.key = key
        self.locator = locator
    }
}

/// A place in a change feed; only the replica that gave it can read it.
public struct FeedCursor: Sendable, Hashable, Codable {
    public var text: String
    public init(_ text: String) { self.text = text }
}

/// What a change feed says.
public struct ChangedKeys: Sendable, Hashable {
    /// Keys that may have changed, each once, in key order. Reading them tells what they are now.
    public var keys: [RecordKey]
    /// Ranges in which any record may be gone, ascending: a feed that knows only where something changed can't name
    /// what is no longer there. Their present records are among the keys.
    public var ranges: [KeyRange]
    /// Up to where the feed was read.
    public var cursor: FeedCursor

    public init(keys: [RecordKey], ranges: [KeyRange] = [], cursor: FeedCursor) {
        self.keys = keys
        self.ranges = ranges
        self.cursor = cursor
    }

    /// Whether looking at some records of a table costs less than looking at all. Reading one by its key costs about as much as
    /// ten in a scan.
    static func areFew(_ keys: Int, of count: Int) -> Bool { keys <= 1000 || keys < count / 10 }
}
