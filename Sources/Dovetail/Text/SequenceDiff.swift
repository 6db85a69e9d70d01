/// The difference of two lists of numbered parts, lines or words: which parts of either have no partner in the other.
///
/// Myers' algorithm in linear space ("An O(ND) Difference Algorithm and Its Variations", 1986, section 4b), with what
/// git does around it, since people compare merges with git's: parts that the other side doesn't have at all are set
/// aside first (``PartFilter``), and a group of changes that could stand in several places is moved to the same one
/// (``ChangeGroups``). Where the search would grow beyond a limit, parts that occur once on both sides divide the work
/// (``UniqueAnchors``), so that the time is not that of the square of the length.
struct SequenceDiff {
    /// The rounds that one search may take; the same as git's for texts of less than some ten thousand lines.
    static let costLimit = 256
    /// Anchors within anchors; text made to go deeper would cost the square of its length.
    private static let anchorDepth = 8

    /// The changed parts, in order and with a part that is the same between any two.
    static func hunks(from old: [Int32], to new: [Int32], kinds: Int) -> [TextHunk] {
        var diff = SequenceDiff(old, new, kinds: kinds)
        diff.solve()
        var groups = ChangeGroups(old, new, diff.isRemoved, diff.isAdded)
        return groups.compacted()
    }

    private let old: [Int32]
    private let new: [Int32]
    private let oldIndex: [Int]
    private let newIndex: [Int]
    private var isRemoved: [Bool]
    private var isAdded: [Bool]
    /// By diagonal, shifted by `shift`: the furthest place of the old list reached from the start, and from the end.
    private var forward: [Int] = []
    private var backward: [Int] = []
    private var shift = 0

    /// A part of both lists to be searched, and how often anchors have divided it.
    private struct Box {
        var old: Range<Int>
        var new: Range<Int>
        var depth = 0
    }

    private init(_ old: [Int32], _ new: [Int32], kinds: Int) {
        let filter = PartFilter(old, new, kinds: kinds)
        isRemoved = filter.isRemoved
        isAdded = filter.isAdded
        oldIndex = filter.oldIndex
        newIndex = filter.newIndex
        self.old = oldIndex.map { old[$0] }
        self.new = newIndex.map { new[$0] }
    }

    private mutating func solve() {
        forward = [Int](repeating: 0, count: old.count + new.count + 3)
        backward = forward
        shift = new.count + 1
        var boxes = [Box(old: old.indices, new: new.indices)]
        while var box = boxes.popLast() {
            shrink(&box)
            if box.old.isEmpty {
                for index in box.new { isAdded[newIndex[index]] = true }
            } else if box.new.isEmpty {
                for index in box.old { isRemoved[oldIndex[index]] = true }
            } else {
                divide(box, into: &boxes)
            }
        }
    }

    /// Passes over what both begin and end with.
    private func shrink(_ box: inout Box) {
        var (x, y) = (box.old.lowerBound, box.new.lowerBound)
        var (xEnd, yEnd) = (box.old.upperBound, box.new.upperBound)
        while x < xEnd, y < yEnd, old[x] == new[y] { (x, y) = (x + 1, y + 1) }
        while x < xEnd, y < yEnd, old[xEnd - 1] == new[yEnd - 1] { (xEnd, yEnd) = (xEnd - 1, yEnd - 1) }
        box.old = x..<xEnd
        box.new = y..<yEnd
    }

    private mutating func divide(_ box: Box, into boxes: inout [Box]) {
        let split = meetingPoint(of: box)
        var depth = box.depth
        if !split.isExact, depth < Self.anchorDepth {
            let anchors = UniqueAnchors.find(old, box.old, new, box.new)
            if !anchors.isEmpty {
                var (x, y) = (box.old.lowerBound, box.new.lowerBound)
                for anchor in anchors + [(box.old.upperBound, box.new.upperBound)] {
                    boxes.append(Box(old: x..<anchor.old, new: y..<anchor.new, depth: box.depth + 1))
                    (x, y) = (anchor.old + 1, anchor.new + 1)
                }
                return
            }
            // To look again in either half would cost the square of the length where nothing is unique.
            depth = Self.anchorDepth
        }
        boxes.append(Box(old: box.old.lowerBound..<split.x, new: box.new.lowerBound..<split.y, depth: depth))
        boxes.append(Box(old: split.x..<box.old.upperBound, new: split.y..<box.new.upperBound, depth: depth))
    }

    /// A point on a shortest way through the box, or, if that takes too long, the furthest one that was reached.
    ///
    /// The order in which diagonals are tried and the side that wins a tie decide which of several shortest ways it
    /// is; they are those of git.
    private mutating func meetingPoint(of box: Box) -> (x: Int, y: Int, isExact: Bool) {
        let (x0, x1, y0, y1) = (
            box.old.lowerBound, box.old.upperBound, box.new.lowerBound, box.new.upperBound
        )
        let (lowest, highest) = (x0 - y1, x1 - y0)
        let (first, last) = (x0 - y0, x1 - y1)
        let isOdd = (first - last) & 1 != 0
        var (fMin, fMax, bMin, bMax) = (first, first, last, last)
        forward[shift + first] = x0
        backward[shift + last] = x1

        for _ in 0..<Self.costLimit {
            // The diagonals widen by one either way, until they leave the box.
            if fMin > lowest {
                fMin -= 1
                forward[shift + fMin - 1] = -1
            } else {
                fMin += 1
            }
            if fMax < highest {
                fMax += 1
                forward[shift + fMax + 1] = -1
            } else {
                fMax -= 1
            }
            for d in stride(from: fMax, through: fMin, by: -2) {
                let (below, above) = (forward[shift + d - 1], forward[shift + d + 1])
                var x = below >= above ? below + 1 : above
                while x < x1, x - d < y1, old[x] == new[x - d] { x += 1 }
                forward[shift + d] = x
                if isOdd, bMin <= d, d <= bMax, backward[shift + d] <= x { return (x, x - d, true) }
            }

            if bMin > lowest {
                bMin -= 1
                backward[shift + bMin - 1] = .max
            } else {
                bMin += 1
            }
            if bMax < highest {
                bMax += 1
                backward[shift + bMax + 1] = .max
            } else {
                bMax -= 1
            }
            for d in stride(from: bMax, through: bMin, by: -2) {
                let (below, above) = (backward[shift + d - 1], backward[shift + d + 1])
                var x = below < above ? below : above - 1
                while x > x0, x - d > y0, old[x - 1] == new[x - d - 1] { x -= 1 }
                backward[shift + d] = x
                if !isOdd, fMin <= d, d <= fMax, x <= forward[shift + d] { return (x, x - d, true) }
            }
        }
        return furthest(in: box, fMin, fMax, bMin, bMax)
    }

    /// The point that is furthest from where its search began, of both searches.
    private func furthest(
        in box: Box, _ fMin: Int, _ fMax: Int, _ bMin: Int, _ bMax: Int
    ) -> (x: Int, y: Int, isExact: Bool) {
        var ahead = (x: box.old.lowerBound, y: box.new.lowerBound)
        for d in stride(from: fMax, through: fMin, by: -2) {
            let x = min(forward[shift + d], box.old.upperBound, box.new.upperBound + d)
            if x + (x - d) > ahead.x + ahead.y { ahead = (x, x - d) }
        }
        var behind = (x: box.old.upperBound, y: box.new.upperBound)
        for d in stride(from: bMax, through: bMin, by: -2) {
            let x = max(backward[shift + d], box.old.lowerBound, box.new.lowerBound + d)
            if x + (x - d) < behind.x + behind.y { behind = (x, x - d) }
        }
        let gainAhead = ahead.x + ahead.y - box.old.lowerBound - box.new.lowerBound
        let gainBehind = box.old.upperBound + box.new.upperBound - behind.x - behind.y
        return gainBehind < gainAhead ? (ahead.x, ahead.y, false) : (behind.x, behind.y, false)
    }
}

/// Sets parts aside that need not be searched: those that the other side does not have, and, amid such, those that it
/// has too often to say anything. They count as changed. The limits are git's.
private struct PartFilter {
    private(set) var isRemoved: [Bool]
    private(set) var isAdded: [Bool]
    /// The places of the parts that are left.
    private(set) var oldIndex: [Int] = []
    private(set) var newIndex: [Int] = []

    private enum Rank { case absent, useful, frequent }

    init(_ old: [Int32], _ new: [Int32], kinds: Int) {
        isRemoved = [Bool](repeating: false, count: old.count)
        isAdded = [Bool](repeating: false, count: new.count)
        // What both begin and end with has its partner already.
        let shorter = min(old.count, new.count)
        var start = 0
        while start < shorter, old[start] == new[start] { start += 1 }
        var tail = 0
        while tail < shorter - start, old[old.count - tail - 1] == new[new.count - tail - 1] { tail += 1 }

        let inOld = Self.counts(old, kinds)
        let inNew = Self.counts(new, kinds)
        oldIndex = Self.kept(old, start..<old.count - tail, inNew, &isRemoved)
        newIndex = Self.kept(new, start..<new.count - tail, inOld, &isAdded)
    }

    private static func counts(_ parts: [Int32], _ kinds: Int) -> [Int32] {
        var counts = [Int32](repeating: 0, count: kinds)
        for part in parts { counts[Int(part)] += 1 }
        return counts
    }

    private static func kept(
        _ parts: [Int32], _ range: Range<Int>, _ counts: [Int32], _ isChanged: inout [Bool]
    ) -> [Int] {
        let frequent = min(1024, roughRoot(parts.count))
        let ranks = range.map { index -> Rank in
            let count = counts[Int(parts[index])]
            return count == 0 ? .absent : count >= frequent ? .frequent : .useful
        }
        var kept: [Int] = []
        kept.reserveCapacity(range.count)
        for (index, rank) in ranks.enumerated() {
            if rank == .useful || rank == .frequent && !isAmidAbsent(ranks, index) {
                kept.append(range.lowerBound + index)
            } else {
                isChanged[range.lowerBound + index] = true
            }
        }
        return kept
    }

    /// True for a frequent part with absent ones on both sides of it, before the next useful ones, and more than three
    /// times as many of them as frequent ones.
    private static func isAmidAbsent(_ ranks: [Rank], _ index: Int) -> Bool {
        let reach = 100
        let before = run(ranks, stride(from: index - 1, through: max(0, index - reach), by: -1))
        guard before.absent > 0 else { return false }
        let after = run(ranks, stride(from: index + 1, through: min(ranks.count - 1, index + reach), by: 1))
        guard after.absent > 0 else { return false }
        // Both runs count the part itself.
        return (before.frequent + after.frequent + 2) * 3 < before.absent + after.absent
    }

    private static func run(_ ranks: [Rank], _ places: StrideThrough<Int>) -> (absent: Int, frequent: Int) {
        var (absent, frequent) = (0, 0)
        for place in places {
            switch ranks[place] {
            case .absent: absent += 1
            case .frequent: frequent += 1
            case .useful: return (absent, frequent)
            }
        }
        return (absent, frequent)
    }

    /// The next power of two or so above the square root.
    private static func roughRoot(_ number: Int) -> Int {
        var (root, rest) = (1, number)
        while rest > 0 {
            root <<= 1
            rest >>= 2
        }
        return root
    }
}
