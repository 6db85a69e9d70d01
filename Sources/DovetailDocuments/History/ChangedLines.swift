import Dovetail

/// The difference of two texts line by line, with some of what stands around it, as a person reads it.
public struct ChangedLines: Sendable, Hashable {
    public enum Kind: Sendable, Hashable { case same, removed, added }

    public struct Line: Sendable, Hashable {
        public let kind: Kind
        /// With its end, if it has one.
        public let bytes: [UInt8]
    }

    /// Changes that stand close together.
    public struct Group: Sendable, Hashable {
        /// The number of the first line, from 1, before and after; of nothing, of the line before it.
        public let oldStart: Int
        public let newStart: Int
        public let oldCount: Int
        public let newCount: Int
        public let lines: [Line]
    }

    public let groups: [Group]

    /// - Parameter context: how many equal lines are shown before and after each change.
    public init(from old: [UInt8], to new: [UInt8], context: Int = 3) {
        let (before, after) = (TextLines(old), TextLines(new))
        let hunks = LineDiff.hunks(from: old, to: new).map {
            (old: before.lines(in: $0.old), new: after.lines(in: $0.new))
        }
        var groups: [Group] = []
        var next = 0
        while next < hunks.count {
            var end = next + 1
            while end < hunks.count, hunks[end].old.lowerBound - hunks[end - 1].old.upperBound <= 2 * context
            {
                end += 1
            }
            groups.append(Self.group(Array(hunks[next..<end]), before, after, context))
            next = end
        }
        self.groups = groups
    }

    private static func group(
        _ hunks: [(old: Range<Int>, new: Range<Int>)], _ before: TextLines, _ after: TextLines, _ context: Int
    ) -> Group {
        let first = hunks[0].old.lowerBound
        let last = hunks[hunks.count - 1].old.upperBound
        let lead = min(context, first)
        let tail = min(context, before.count - last)
        var lines: [Line] = []
        func same(_ range: Range<Int>) {
            lines += range.map { Line(kind: .same, bytes: Array(before[$0])) }
        }
        var place = first - lead
        for hunk in hunks {
            same(place..<hunk.old.lowerBound)
            lines += hunk.old.map { Line(kind: .removed, bytes: Array(before[$0])) }
            lines += hunk.new.map { Line(kind: .added, bytes: Array(after[$0])) }
            place = hunk.old.upperBound
        }
        same(place..<last + tail)
        let (oldCount, newCount) = (
            lines.count { $0.kind != .added }, lines.count { $0.kind != .removed }
        )
        let (oldFirst, newFirst) = (first - lead, hunks[0].new.lowerBound - lead)
        return Group(
            oldStart: oldCount == 0 ? oldFirst : oldFirst + 1,
            newStart: newCount == 0 ? newFirst : newFirst + 1,
            oldCount: oldCount, newCount: newCount, lines: lines)
    }

    /// Lines that came and lines that went.
    public var added: Int { count(.added) }
    public var removed: Int { count(.removed) }

    private func count(_ kind: Kind) -> Int {
        groups.reduce(0) { $0 + $1.lines.count { $0.kind == kind } }
    }
}
