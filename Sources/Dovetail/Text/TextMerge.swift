/// A three-way merge of text by line: the changes of two sides to a text that both had.
///
/// ```swift
/// let merge = TextMerge(base: base, left: mine, right: theirs)
/// if let text = merge.merged { … } else { for conflict in merge.conflicts { … } }
/// ```
///
/// Lines end after `\n` and are kept and compared byte by byte, so neither a carriage return nor a missing last line
/// end is lost. The sides are in conflict where both changed the same lines, or lines with none between them, and not
/// to the same text; what can be merged is merged beside it. Where git's `merge-file` merges, this makes the same text,
/// and where it asks, this asks. Exchanging left and right exchanges them in the outcome and changes nothing else.
///
/// Merging again what was merged is not always without effect: who agreed on what has to be remembered.
public struct TextMerge: Sendable {
    /// How two changes of the same lines are brought together.
    public struct Options: Sendable, Hashable {
        /// Looks for changes to different words of the same lines, and makes both.
        public var insideLines: Bool
        /// What is done where there is still a conflict.
        public var policy: Policy

        public init(insideLines: Bool = false, policy: Policy = .ask) {
            self.insideLines = insideLines
            self.policy = policy
        }
    }

    /// What is done with a conflict.
    public enum Policy: Sendable, Hashable {
        /// It stays one.
        case ask
        /// Lines that both sides only added at the end are all kept, those of one side first. Anything else stays a
        /// conflict.
        case append(first: Side)
        /// The lines of both sides are kept, those of one side first, as with git's `--union`.
        case union(first: Side)
    }

    /// A stretch of the three texts that belongs together; in order, the pieces make up each text without a gap.
    public struct Piece: Sendable, Hashable {
        /// Whose bytes stand in the merged text.
        public enum Kind: Sendable, Hashable {
            /// Nobody changed it.
            case unchanged
            /// Only the left side changed it.
            case left
            /// Only the right side changed it.
            case right
            /// Both sides changed it, to the same bytes.
            case both
            /// Both sides changed it, and these bytes have both changes.
            case combined([UInt8])
            /// Both sides changed it, and somebody has to decide.
            case conflict
        }

        /// Whose bytes stand in the merged text.
        public var kind: Kind
        /// Where it is in the base, in bytes.
        public var base: Range<Int>
        /// Where it is in the left text, in bytes.
        public var left: Range<Int>
        /// Where it is in the right text, in bytes.
        public var right: Range<Int>
    }

    /// What both sides had.
    public let base: [UInt8]
    /// What the left side has now.
    public let left: [UInt8]
    /// What the right side has now.
    public let right: [UInt8]
    /// The outcome, piece by piece.
    public let pieces: [Piece]

    /// Merges the changes of two sides. It takes the time of two ``LineDiff``s.
    public init(base: [UInt8], left: [UInt8], right: [UInt8], options: Options = Options()) {
        self.base = base
        self.left = left
        self.right = right
        pieces = base.withUnsafeBytes { base in
            left.withUnsafeBytes { left in
                right.withUnsafeBytes { right in
                    Self.pieces(base: base, left: left, right: right, options: options)
                }
            }
        }
    }

    /// The pieces of a merge of texts in memory that is lent, such as mapped files, which need not be copied.
    public static func pieces(
        base: UnsafeRawBufferPointer, left: UnsafeRawBufferPointer, right: UnsafeRawBufferPointer,
        options: Options = Options()
    ) -> [Piece] {
        TextMerger(base: TextBytes(base), left: TextBytes(left), right: TextBytes(right), options: options)
            .pieces()
    }

    /// What somebody has to decide.
    public var conflicts: [Piece] { pieces.filter { $0.kind == .conflict } }

    /// True if there is no conflict.
    public var isClean: Bool { !pieces.contains { $0.kind == .conflict } }

    /// The text that has the changes of both sides; nil if they are in conflict.
    public var merged: [UInt8]? {
        isClean ? text { _ in [] } : nil
    }

    /// The text that has the changes of both sides, and where they are in conflict what is decided.
    ///
    /// - Parameter decide: gives the bytes that are to stand in place of a conflict, for one after the other.
    public func text<Failure: Error>(
        deciding decide: (Piece) throws(Failure) -> [UInt8]
    ) throws(Failure) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(max(left.count, right.count) + 4096)
        for piece in pieces {
            switch piece.kind {
            case .unchanged, .left, .both: text.append(contentsOf: left[piece.left])
            case .right: text.append(contentsOf: right[piece.right])
            case .combined(let bytes): text.append(contentsOf: bytes)
            case .conflict: text.append(contentsOf: try decide(piece))
            }
        }
        return text
    }

    /// The text that has both changes to `base`, or nil if they conflict: a field's text as ``ConflictPolicy/merge``
    /// has it.
    public static func merge(base: String, left: String, right: String) -> String? {
        TextMerge(base: Array(base.utf8), left: Array(left.utf8), right: Array(right.utf8))
            .merged.map { String(decoding: $0, as: UTF8.self) }
    }
}
