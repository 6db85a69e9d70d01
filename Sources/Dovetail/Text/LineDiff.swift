/// A stretch of a text and what another text has in its place. Either may be empty, but not both.
public struct TextHunk: Sendable, Hashable {
    /// Where it is in the text that is compared from, in bytes.
    public var old: Range<Int>
    /// Where it is in the text that is compared to, in bytes.
    public var new: Range<Int>

    public init(old: Range<Int>, new: Range<Int>) {
        self.old = old
        self.new = new
    }
}

/// The difference between two texts by line.
///
/// ```swift
/// let hunks = LineDiff.hunks(from: Array("a\nb\nc\n".utf8), to: Array("a\nB\nc\n".utf8))
/// // one hunk: bytes 2..<4 of either
/// ```
public enum LineDiff {
    /// The lines that differ, in order, with at least one line that is the same between a hunk and the next.
    ///
    /// Every hunk begins and ends where lines do (``TextLines``), or at the end of the text. What the texts begin and
    /// end with is compared as bytes. Of larger texts, only the surroundings of what differs are looked at by line,
    /// so that a few edits of a large text cost little more than to read it. Where n lines are looked at and d of them
    /// differ, it takes O(n · d) time, d counting as some hundreds at the most, and O(n) memory.
    public static func hunks(from old: [UInt8], to new: [UInt8]) -> [TextHunk] {
        old.withUnsafeBytes { old in
            new.withUnsafeBytes { new in hunks(from: old, to: new) }
        }
    }

    /// The same for texts in memory that is lent, such as mapped files, which need not be copied.
    public static func hunks(from old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) -> [TextHunk] {
        hunks(from: TextBytes(old), to: TextBytes(new))
    }

    static func hunks(from old: TextBytes, to new: TextBytes) -> [TextHunk] {
        let finder = WindowFinder(old, new)
        return finder.windows().flatMap { hunks(from: old, $0.old, to: new, $0.new) }
    }

    /// The hunks of two ranges, which begin and end where lines do.
    static func hunks(
        from old: TextBytes, _ oldRange: Range<Int>, to new: TextBytes, _ newRange: Range<Int>
    ) -> [TextHunk] {
        hunks(
            from: old, LineScan.starts(of: old, in: oldRange), to: new, LineScan.starts(of: new, in: newRange)
        )
    }

    /// The hunks of two ranges that are cut into parts, each list of starts ending with where its last part ends.
    static func hunks(
        from old: TextBytes, _ oldStarts: [Int], to new: TextBytes, _ newStarts: [Int]
    ) -> [TextHunk] {
        let seed =
            old.hash(of: oldStarts[0]..<oldStarts[oldStarts.count - 1])
            &+ new.hash(of: newStarts[0]..<newStarts[newStarts.count - 1])
        var table = PartTable(expecting: max(oldStarts.count, newStarts.count), seed: seed)
        let oldParts = table.numbers(of: old, oldStarts)
        let newParts = table.numbers(of: new, newStarts)
        return SequenceDiff.hunks(from: oldParts, to: newParts, kinds: table.count).map { hunk in
            TextHunk(
                old: oldStarts[hunk.old.lowerBound]..<oldStarts[hunk.old.upperBound],
                new: newStarts[hunk.new.lowerBound]..<newStarts[hunk.new.upperBound])
        }
    }
}
