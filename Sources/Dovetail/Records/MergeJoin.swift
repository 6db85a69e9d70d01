/// The three ordered streams of one table.
public enum JoinStream: Sendable, Hashable { case base, left, right }

/// A stream that broke its promise, so that nothing planned from it could be trusted.
public enum JoinError: Error, Sendable {
    /// Keys came out of order in a stream of a replica.
    case outOfOrder(JoinStream, RecordKey)
}

/// Records of up to three streams that share a key and are not all alike.
///
/// The bytes are borrowed: they are valid during the call that hands the triple over.
public struct JoinedRecords {
    let keyBytes: UnsafeRawBufferPointer
    let baseFrame: Frame?
    let leftFrame: Frame?
    let rightFrame: Frame?
    /// How many records on each side carry this key; more than one means that none of them is identified.
    public let leftCount: Int
    public let rightCount: Int

    public var key: RecordKey { RecordKey(bytes: Array(keyBytes)) }
    public var left: Record? { leftFrame.map(record) }
    public var right: Record? { rightFrame.map(record) }

    /// The base record.
    /// - Throws: ``PackingError`` when the state store handed over damaged bytes.
    public func base() throws -> BaseRecord? {
        try baseFrame.map { try BaseRecord(key: key, left: Array($0.second), rest: Array($0.third)) }
    }

    /// Whether both sides are there and equal in every byte.
    public var sidesAreEqual: Bool {
        guard let leftFrame, let rightFrame else { return false }
        return sameBytes(leftFrame.third, rightFrame.third)
    }

    /// Whether the left side is there, once, and equal to the base's left form in every byte.
    public var leftIsAsBase: Bool {
        guard let leftFrame, let baseFrame, leftCount == 1 else { return false }
        return sameBytes(leftFrame.third, baseFrame.second)
    }

    /// The same of the right side and its form.
    public var rightIsAsBase: Bool {
        guard let rightFrame, let baseFrame, rightCount == 1 else { return false }
        let form = baseFrame.third.isEmpty ? baseFrame.second : BaseRecord.rightForm(baseFrame)
        return sameBytes(rightFrame.third, form)
    }

    /// Digests of the sides' records with their keys inside.
    var leftDigest: Digest? { leftFrame.map { Digest(frame: $0) } }
    var rightDigest: Digest? { rightFrame.map { Digest(frame: $0) } }

    private func record(_ frame: Frame) -> Record {
        Record(key: key, locator: Array(frame.second), fields: PackedRecord(bytes: Array(frame.third)))
    }
}

/// Receives what a ``MergeJoin`` finds.
public protocol JoinSink {
    /// Called for each key at which the sides are not both as the base says, in key order.
    mutating func visit(_ joined: borrowing JoinedRecords) throws
}

/// Joins base, left and right in key order, in one pass, holding one window of each stream.
///
/// It does no I/O and never waits: the caller feeds batches as ``run(into:)`` asks for them. Records that are as
/// the base says cost a few comparisons of bytes and no allocation. Complexity: O(records), memory O(window).
public struct MergeJoin {
    private var base: Stream
    private var left: Stream
    private var right: Stream
    /// Keys at which base, left and right were alike.
    public private(set) var unchanged = 0
    /// Records seen on each side.
    public var leftCount: Int { left.taken }
    public var rightCount: Int { right.taken }
    public var baseCount: Int { base.taken }

    /// Keys that no base knows and at which both sides are alike, when those are not visited.
    public private(set) var equal = 0
    private let visitsEqual: Bool

    /// - Parameter visitsEqual: whether keys without a base at which both sides are alike are visited, or only
    ///   counted: a comparison that needs no proof does not want to see them.
    public init(visitsEqual: Bool = true) {
        self.visitsEqual = visitsEqual
        base = Stream(.base)
        left = Stream(.left)
        right = Stream(.right)
    }

    /// Appends the next batch of a stream; nil says that the stream has ended.
    public mutating func feed(_ batch: RecordBatch?, to stream: JoinStream) throws {
        switch stream {
        case .base: try base.feed(batch)
        case .left: try left.feed(batch)
        case .right: try right.feed(batch)
        }
    }

    /// Joins until a stream runs dry, and says which one to feed; nil when all have ended.
    public mutating func run(into sink: inout some JoinSink) throws -> JoinStream? {
        while true {
            // Invariant 1: each stream shows its head and the record after it, or has ended. Two records of one
            // key are therefore always seen together, across batches too.
            if left.isHungry { return .left }
            if right.isHungry { return .right }
            if base.isHungry { return .base }
            guard let key = smallestKey() else { return nil }

            let b = base.frame(at: key)
            let l = left.frame(at: key)
            let r = right.frame(at: key)
            if let b, let l, let r, sameBytes(b.second, l.third),
                sameBytes(b.third.isEmpty ? b.second : BaseRecord.rightForm(b), r.third),
                !left.headIsDuplicated, !right.headIsDuplicated
            {
                unchanged += 1
                try base.advance()
                try left.advance()
                try right.advance()
                continue
            }
            if !visitsEqual, b == nil, let l, let r, sameBytes(l.third, r.third), !left.headIsDuplicated,
                !right.headIsDuplicated
            {
                equal += 1
                try left.advance()
                try right.advance()
                continue
            }
            // Invariant 2: frames borrow from batches that the streams hold; `visit` comes before `advance`.
            let joined = JoinedRecords(
                keyBytes: key, baseFrame: b, leftFrame: l, rightFrame: r,
                leftCount: l == nil ? 0 : left.headIsDuplicated ? 2 : 1,
                rightCount: r == nil ? 0 : right.headIsDuplicated ? 2 : 1)
            try sink.visit(joined)
            if b != nil { try base.advance() }
            if l != nil { try left.skipKey() }
            if r != nil { try right.skipKey() }
        }
    }

    private func smallestKey() -> UnsafeRawBufferPointer? {
        smaller(smaller(left.head, right.head), base.head)?.key
    }

    @inline(__always)
    private func smaller(_ a: Frame?, _ b: Frame?) -> Frame? {
        guard let a else { return b }
        guard let b else { return a }
        return compareKeys(a.key, b.key) <= 0 ? a : b
    }

    /// One stream: its head, the record after it, and the memory both borrow from.
    private struct Stream {
        let name: JoinStream
        private(set) var head: Frame?
        private(set) var headIsDuplicated = false
        private(set) var taken = 0
        private var following: Frame?
        private var cursor: FrameCursor?
        /// The batch before the cursor's: the head may still lie in it.
        private var older: FrameCursor?
        private var skipping: [UInt8]?
        private var ended = false

        init(_ name: JoinStream) { self.name = name }

        var isHungry: Bool { following == nil && !ended }

        mutating func feed(_ batch: RecordBatch?) throws {
            guard let batch else {
                ended = true
                if let skipped = skipping, let head, skipped.withUnsafeBytes({ sameBytes($0, head.key) }) {
                    self.head = nil
                    taken += 1
                }
                return
            }
            guard batch.count > 0 else { return }
            older = cursor
            cursor = FrameCursor(batch.storage)
            if head == nil { head = cursor?.next() }
            try look()
        }

        @inline(__always)
        func frame(at key: UnsafeRawBufferPointer) -> Frame? {
            guard let head else { return nil }
            return head.key.baseAddress == key.baseAddress || compareKeys(head.key, key) == 0 ? head : nil
        }

        mutating func advance() throws {
            taken += 1
            head = following
            try look()
        }

        /// Moves past every record with the head's key, now and in batches still to come.
        mutating func skipKey() throws {
            guard let head else { return }
            if headIsDuplicated { skipping = Array(head.key) }
            try advance()
        }

        private mutating func look() throws {
            while true {
                following = cursor?.next()
                guard let head, let following else {
                    headIsDuplicated = false
                    return
                }
                let order = compareKeys(head.key, following.key)
                if order > 0 { throw JoinError.outOfOrder(name, RecordKey(bytes: Array(following.key))) }
                headIsDuplicated = order == 0
                guard let skipped = skipping else { return }
                guard skipped.withUnsafeBytes({ sameBytes($0, head.key) }) else {
                    skipping = nil
                    return
                }
                taken += 1
                self.head = following
            }
        }
    }
}
