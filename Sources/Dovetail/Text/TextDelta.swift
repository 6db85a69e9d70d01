/// What makes one text of another: which bytes of the parent are kept, and what comes in between.
///
/// ```swift
/// let delta = TextDelta(from: parent, to: result)
/// let sent = delta.encoded()
/// let received = try TextDelta(decoding: sent, limit: 16 << 20)
/// let text = try received.applied(to: parent, proving: (Digest(of: parent), Digest(of: result)))
/// ```
///
/// A delta is applied only between two hashes: the parent has to be the text that it was made from, and the result is
/// given out only if it is the one that it was made for. It reads forward through the parent, so a result is never
/// larger than the parent and the delta together.
public struct TextDelta: Sendable, Hashable {
    /// The next bytes of the parent: `kept` are taken over, then `dropped` are passed over, and `inserted` come in
    /// their place. What the parent has after the last step is taken over.
    public struct Step: Sendable, Hashable {
        /// How many bytes are taken over.
        public var kept: Int
        /// How many bytes are passed over.
        public var dropped: Int
        /// How many bytes of ``TextDelta/inserted`` come in their place.
        public var inserted: Int
    }

    /// The size of the text that it was made from, in bytes.
    public let parentSize: Int
    /// The size of the text that it makes, in bytes.
    public let resultSize: Int
    /// The steps, in the order of the parent.
    public let steps: [Step]
    /// The new bytes of all steps, one after the other.
    public let inserted: [UInt8]

    /// The steps have to agree with the sizes.
    init(parentSize: Int, resultSize: Int, steps: [Step], inserted: [UInt8]) {
        self.parentSize = parentSize
        self.resultSize = resultSize
        self.steps = steps
        self.inserted = inserted
    }

    /// The delta between two texts, any bytes: by line (``LineDiff``), and within changed lines by byte.
    public init(from parent: [UInt8], to result: [UInt8]) {
        self = parent.withUnsafeBytes { parent in
            result.withUnsafeBytes { result in
                let (old, new) = (TextBytes(parent), TextBytes(result))
                let hunks = LineDiff.hunks(from: old, to: new).flatMap {
                    InnerDiff.hunks(from: old, to: new, in: $0)
                }
                return TextDelta(hunks, from: old, to: new)
            }
        }
    }

    private init(_ hunks: [TextHunk], from old: TextBytes, to new: TextBytes) {
        var steps: [Step] = []
        var inserted: [UInt8] = []
        var done = 0
        for hunk in hunks {
            steps.append(
                Step(kept: hunk.old.lowerBound - done, dropped: hunk.old.count, inserted: hunk.new.count))
            inserted.append(contentsOf: new.bytes[hunk.new])
            done = hunk.old.upperBound
        }
        self.init(parentSize: old.count, resultSize: new.count, steps: steps, inserted: inserted)
    }

    /// The text that the delta makes of its parent.
    ///
    /// - Parameters:
    ///   - parent: the text that the delta was made from.
    ///   - hashes: of the parent and of the result, as they are known from elsewhere.
    ///   - hash: how they were made.
    /// - Throws: ``TextDeltaError/parentDiffers`` and ``TextDeltaError/resultDiffers`` if a text is not the one that
    ///   was meant.
    public func applied<Hash: Equatable>(
        to parent: [UInt8], proving hashes: (parent: Hash, result: Hash), by hash: ([UInt8]) -> Hash
    ) throws(TextDeltaError) -> [UInt8] {
        guard parent.count == parentSize, hash(parent) == hashes.parent else { throw .parentDiffers }
        let result = build(from: parent)
        guard hash(result) == hashes.result else { throw .resultDiffers }
        return result
    }

    /// The text that the delta makes of its parent, proven by digests, which protect from mistakes and not from
    /// forgers.
    ///
    /// - Throws: ``TextDeltaError/parentDiffers`` and ``TextDeltaError/resultDiffers`` if a text is not the one that
    ///   was meant.
    public func applied(
        to parent: [UInt8], proving digests: (parent: Digest, result: Digest)
    ) throws(TextDeltaError) -> [UInt8] {
        try applied(to: parent, proving: digests) { Digest(of: $0) }
    }

    /// The parent has the size that the steps were checked against when they were made or decoded.
    private func build(from parent: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(resultSize)
        var (place, next) = (0, 0)
        for step in steps {
            result.append(contentsOf: parent[place..<place + step.kept])
            place += step.kept + step.dropped
            result.append(contentsOf: inserted[next..<next + step.inserted])
            next += step.inserted
        }
        result.append(contentsOf: parent[place...])
        return result
    }
}

/// What differs inside changed lines.
private enum InnerDiff {
    /// A step takes about three bytes, so fewer bytes than this that are the same are not worth one.
    private static let shortestKept = 6
    /// Up to this size bytes are compared, above it words, and above the second neither.
    private static let byteLimit = 4096
    private static let wordLimit = 1 << 18

    static func hunks(from old: TextBytes, to new: TextBytes, in hunk: TextHunk) -> [TextHunk] {
        let prefix = old.commonPrefix(hunk.old, with: new, hunk.new)
        let oldRest = hunk.old.lowerBound + prefix..<hunk.old.upperBound
        let newRest = hunk.new.lowerBound + prefix..<hunk.new.upperBound
        let suffix = old.commonSuffix(oldRest, with: new, newRest)
        let core = TextHunk(
            old: oldRest.lowerBound..<oldRest.upperBound - suffix,
            new: newRest.lowerBound..<newRest.upperBound - suffix)
        let size = max(core.old.count, core.new.count)
        if core.old.isEmpty || core.new.isEmpty || size > wordLimit { return [core] }
        let starts =
            size <= byteLimit
            ? (Array(core.old) + [core.old.upperBound], Array(core.new) + [core.new.upperBound])
            : (WordScan.starts(of: old, in: core.old), WordScan.starts(of: new, in: core.new))
        return joined(LineDiff.hunks(from: old, starts.0, to: new, starts.1))
    }

    /// Joins hunks that too few bytes keep apart.
    private static func joined(_ hunks: [TextHunk]) -> [TextHunk] {
        var joined: [TextHunk] = []
        for hunk in hunks {
            if let last = joined.last, hunk.old.lowerBound - last.old.upperBound < shortestKept {
                joined[joined.count - 1] = TextHunk(
                    old: last.old.lowerBound..<hunk.old.upperBound,
                    new: last.new.lowerBound..<hunk.new.upperBound)
            } else {
                joined.append(hunk)
            }
        }
        return joined
    }
}
