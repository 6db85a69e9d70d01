/// A three-way merge of text by line.
public enum TextMerge {
    /// The text that has both changes to `base`, or nil if they conflict.
    ///
    /// They conflict when both sides changed the same lines, or lines with none between them, and not
    /// to the same text. Lines end after `\n` and are kept and compared byte by byte, so neither a
    /// carriage return nor a missing last line end is lost. `left` and `right` may be exchanged.
    public static func merge(base: String, left: String, right: String) -> String? {
        var table = LineTable()
        let base = table.intern(base)
        let left = table.intern(left)
        let right = table.intern(right)
        if left == right || right == base { return table.text(left) }
        if left == base { return table.text(right) }

        let ours = LineDiff.changes(from: base, to: left)
        let theirs = LineDiff.changes(from: base, to: right)
        var merged: [Int] = []
        var done = 0
        var (i, j) = (0, 0)
        while i < ours.count || j < theirs.count {
            let (firstOurs, firstTheirs) = (i, j)
            let start = min(
                i < ours.count ? ours[i].base.lowerBound : .max,
                j < theirs.count ? theirs[j].base.lowerBound : .max)
            var end = start
            // Changes join one region as long as no unchanged line keeps them apart.
            while true {
                if i < ours.count, ours[i].base.lowerBound <= end {
                    end = max(end, ours[i].base.upperBound)
                    i += 1
                } else if j < theirs.count, theirs[j].base.lowerBound <= end {
                    end = max(end, theirs[j].base.upperBound)
                    j += 1
                } else {
                    break
                }
            }
            merged += base[done..<start]
            done = end
            let fromLeft = replacement(of: start..<end, by: ours[firstOurs..<i], in: left)
            let fromRight = replacement(of: start..<end, by: theirs[firstTheirs..<j], in: right)
            switch (fromLeft, fromRight) {
            case (let lines?, nil), (nil, let lines?): merged += lines
            case (let lines?, let others?):
                guard lines == others else { return nil }
                merged += lines
            case (nil, nil): break
            }
        }
        merged += base[done...]
        return table.text(merged)
    }

    /// What one side has in place of a region of the base; nil if it left the region alone.
    private static func replacement(
        of region: Range<Int>, by changes: ArraySlice<LineDiff.Change>, in side: [Int]
    ) -> ArraySlice<Int>? {
        guard let first = changes.first, let last = changes.last else { return nil }
        let start = first.other.lowerBound - (first.base.lowerBound - region.lowerBound)
        let end = last.other.upperBound + (region.upperBound - last.base.upperBound)
        return side[start..<end]
    }
}

/// Numbers lines by their bytes: equal numbers, equal lines. String equality would not do, as it
/// takes different spellings of an accented letter for the same.
private struct LineTable {
    private struct Line: Hashable {
        let bytes: ArraySlice<UInt8>

        func hash(into hasher: inout Hasher) {
            bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
    }

    private var numbers: [Line: Int] = [:]
    private var lines: [ArraySlice<UInt8>] = []

    mutating func intern(_ text: String) -> [Int] {
        let bytes = Array(text.utf8)
        var result: [Int] = []
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.count
            let line = bytes[start..<end]
            let number = numbers[Line(bytes: line), default: lines.count]
            if number == lines.count {
                numbers[Line(bytes: line)] = number
                lines.append(line)
            }
            result.append(number)
            start = end
        }
        return result
    }

    func text(_ numbers: [Int]) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(numbers.reduce(0) { $0 + lines[$1].count })
        for number in numbers {
            bytes.append(contentsOf: lines[number])
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A difference between two lists of line numbers: lines that occur once in both anchor it, and
/// Myers' algorithm fills in between. A difference need not be the shortest to be right, so what is
/// too unlike for Myers' quadratic cost counts as changed throughout.
enum LineDiff {
    struct Change {
        var base: Range<Int>
        var other: Range<Int>
    }

    private static let costLimit = 1000
    /// Anchors within anchors; text made to go deeper would cost the square of its length.
    private static let depthLimit = 32

    /// The changes in order, with an unchanged line between each and the next.
    static func changes(from base: [Int], to other: [Int]) -> [Change] {
        var matches: [(base: Int, other: Int)] = []
        match(base[...], other[...], depth: 0, &matches)
        var changes: [Change] = []
        var (b, o) = (0, 0)
        for match in matches + [(base.count, other.count)] {
            if b < match.base || o < match.other {
                changes.append(Change(base: b..<match.base, other: o..<match.other))
            }
            (b, o) = (match.base + 1, match.other + 1)
        }
        return changes
    }

    private static func match(
        _ base: ArraySlice<Int>, _ other: ArraySlice<Int>, depth: Int,
        _ matches: inout [(base: Int, other: Int)]
    ) {
        var (base, other) = (base, other)
        while let line = base.first, line == other.first {
            matches.append((base.startIndex, other.startIndex))
            base.removeFirst()
            other.removeFirst()
        }
        var tail: [(base: Int, other: Int)] = []
        while let line = base.last, line == other.last {
            base.removeLast()
            other.removeLast()
            tail.append((base.endIndex, other.endIndex))
        }
        if !base.isEmpty, !other.isEmpty {
            let anchors = depth < depthLimit ? anchors(base, other) : []
            if anchors.isEmpty {
                shortest(base, other, &matches)
            } else {
                var (b, o) = (base.startIndex, other.startIndex)
                for anchor in anchors {
                    match(base[b..<anchor.base], other[o..<anchor.other], depth: depth + 1, &matches)
                    matches.append(anchor)
                    (b, o) = (anchor.base + 1, anchor.other + 1)
                }
                match(base[b...], other[o...], depth: depth + 1, &matches)
            }
        }
        matches.append(contentsOf: tail.reversed())
    }

    /// Lines that occur exactly once in both, as many as can be kept in order.
    private static func anchors(
        _ base: ArraySlice<Int>, _ other: ArraySlice<Int>
    ) -> [(base: Int, other: Int)] {
        let inOther = uniquePlaces(other)
        let inBase = uniquePlaces(base)
        var pairs: [(base: Int, other: Int)] = []
        for index in base.indices where inBase[base[index]] == index {
            if let place = inOther[base[index]], place >= 0 { pairs.append((index, place)) }
        }
        // The longest run of pairs that rises on both sides: piles topped by the lowest end of each
        // length, with a link from each pair to the one below.
        var piles: [Int] = []
        var links = [Int](repeating: -1, count: pairs.count)
        for (index, pair) in pairs.enumerated() {
            var (low, high) = (0, piles.count)
            while low < high {
                let middle = (low + high) / 2
                if pairs[piles[middle]].other < pair.other { low = middle + 1 } else { high = middle }
            }
            if low > 0 { links[index] = piles[low - 1] }
            if low == piles.count { piles.append(index) } else { piles[low] = index }
        }
        var chain: [(base: Int, other: Int)] = []
        var link = piles.last ?? -1
        while link >= 0 {
            chain.append(pairs[link])
            link = links[link]
        }
        return chain.reversed()
    }

    /// Where each line is, -1 for one that is there more than once.
    private static func uniquePlaces(_ lines: ArraySlice<Int>) -> [Int: Int] {
        var places: [Int: Int] = [:]
        for index in lines.indices {
            places[lines[index]] = places[lines[index]] == nil ? index : -1
        }
        return places
    }

    /// Myers' greedy algorithm: after d edits, the furthest base line reached on each diagonal.
    private static func shortest(
        _ base: ArraySlice<Int>, _ other: ArraySlice<Int>, _ matches: inout [(base: Int, other: Int)]
    ) {
        let (n, m) = (base.count, other.count)
        let (b, o) = (base.startIndex, other.startIndex)
        let limit = min(n + m, costLimit)
        var reached = [Int](repeating: 0, count: 2 * limit + 3)
        var history: [[Int]] = []
        for edits in 0...limit {
            // Only the diagonals that the next round can look at are worth keeping.
            history.append(Array(reached[(limit - edits)...(limit + edits + 2)]))
            for k in stride(from: -edits, through: edits, by: 2) {
                let at = limit + 1 + k
                let down = k == -edits || k != edits && reached[at - 1] < reached[at + 1]
                var x = down ? reached[at + 1] : reached[at - 1] + 1
                while x < n, x - k < m, x - k >= 0, base[b + x] == other[o + x - k] {
                    x += 1
                }
                reached[at] = x
                if x >= n, x - k >= m {
                    trace(history, n, m, from: (b, o), &matches)
                    return
                }
            }
        }
    }

    /// Walks back through the history and collects the diagonal steps.
    private static func trace(
        _ history: [[Int]], _ n: Int, _ m: Int, from start: (base: Int, other: Int),
        _ matches: inout [(base: Int, other: Int)]
    ) {
        var (x, y) = (n, m)
        var found: [(base: Int, other: Int)] = []
        for (edits, reached) in history.enumerated().reversed() {
            let k = x - y
            let at = edits + 1 + k
            let down = k == -edits || k != edits && reached[at - 1] < reached[at + 1]
            let previousX = edits == 0 ? 0 : down ? reached[at + 1] : reached[at - 1]
            let previousY = edits == 0 ? 0 : previousX - (down ? k + 1 : k - 1)
            while x > previousX, y > previousY {
                x -= 1
                y -= 1
                found.append((start.base + x, start.other + y))
            }
            (x, y) = (previousX, previousY)
        }
        matches.append(contentsOf: found.reversed())
    }
}
