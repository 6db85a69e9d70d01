public import Dovetail

/// A look at a replica that can add up digests where its records are, so that equal ones need not travel.
///
/// A table is cut into ranges of keys, half open and with open ends, so that every key there can be is in exactly
/// one of them. A range is divided further by the last bits of a hash of the key, into buckets: no side has to tell the
/// other where its records lie. The method is range-based set reconciliation
/// (Meyer 2022), with buckets for its deeper levels.
public protocol DigestingObservation: Observation {
    /// Names how digests of this view are made. Where both sides say the same, records with equal digests have
    /// equal canonical bytes. Nil where there are none: for this view, or because a key need not be unique in it.
    func digestDialect(of view: TableView) async throws -> String?

    /// About `count` keys spread over the table, in key order. Must not cost a scan.
    func sampleKeys(of view: TableView, count: Int) async throws -> [RecordKey]

    /// The digests of the parts that hold any record, in the order of their positions.
    func digests(of view: TableView, parts: KeyParts) async throws -> [PartDigest]

    /// Every record of the parts by its key, in key order.
    func keyDigests(of view: TableView, parts: KeyParts) async throws -> [KeyDigest]
}

/// Where a part of a table is.
public struct PartPosition: Sendable, Hashable, Comparable {
    /// The number of its range.
    public var range: Int
    /// The number of its bucket in the range: the last `depth` bits of the hash of a key.
    public var bucket: Int

    public init(range: Int, bucket: Int = 0) {
        self.range = range
        self.bucket = bucket
    }

    public static func < (a: PartPosition, b: PartPosition) -> Bool {
        (a.range, a.bucket) < (b.range, b.bucket)
    }
}

/// Which parts of a table are meant.
public struct KeyParts: Sendable, Hashable {
    /// The keys at which one range ends and the next begins, ascending; one fewer than there are ranges.
    public var bounds: [RecordKey]
    /// How many times the ranges were halved: by so many bits of the hash of a key.
    public var depth: Int
    /// The parts that are asked for, ascending, as positions at `depth`; nil: all of them.
    public var wanted: [PartPosition]?
    /// How many more times each of them is to be halved in the answer.
    public var splits: Int
    /// Whether the lower halves of the sums will do, with zeros above: they lead to records, and prove nothing.
    public var isBrief: Bool

    public init(
        bounds: [RecordKey], depth: Int = 0, wanted: [PartPosition]? = nil, splits: Int = 0,
        isBrief: Bool = false
    ) {
        self.bounds = bounds
        self.depth = depth
        self.wanted = wanted
        self.splits = splits
        self.isBrief = isBrief
    }

    /// How deep the positions of the answer are.
    public var answerDepth: Int { depth + splits }

    /// The range of a key: the number of bounds that are not above it. O(log n).
    public func range(of key: RecordKey) -> Int {
        var low = 0
        var high = bounds.count
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] <= key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The keys of a range.
    public func keys(of range: Int) -> KeyRange {
        KeyRange(
            from: range > 0 ? bounds[range - 1] : nil, to: range < bounds.count ? bounds[range] : nil)
    }
}

/// Keys from one, which is in it, to another, which is not; nil: an open end.
public struct KeyRange: Sendable, Hashable {
    public var from: RecordKey?
    public var to: RecordKey?

    public init(from: RecordKey?, to: RecordKey?) {
        self.from = from
        self.to = to
    }

    public func contains(_ key: RecordKey) -> Bool {
        if let from, key < from { return false }
        if let to, key >= to { return false }
        return true
    }
}

/// What a part of a table holds, as one digest with a count.
public struct PartDigest: Sendable, Hashable {
    public var position: PartPosition
    public var digest: SetDigest

    public init(position: PartPosition, digest: SetDigest) {
        self.position = position
        self.digest = digest
    }
}

/// What one record holds, as a digest.
public struct KeyDigest: Sendable, Hashable {
    public var key: RecordKey
    public var digest: Digest

    public init(key: RecordKey, digest: Digest) {
        self.key = key
        self.digest = digest
    }
}
