/// Finds the stretches of two texts outside of which they are the same, byte by byte.
///
/// A text of some size is read like this: both texts are followed as long as they are alike; where they part, the next
/// place nearby is sought from which several lines are alike again. Where none is, all the rest but a common end is one
/// stretch.
struct WindowFinder {
    /// Texts of fewer bytes together are looked at whole.
    private static let smallSize = 1 << 17
    /// How many lines that are alike come along on either side, so that changes can be moved among equal lines.
    private static let context = 32
    /// How many lines have to be alike for the texts to be together again.
    private static let proof = 8
    /// How far the place is sought from which they are alike again, in lines of either text: nearby first, as most
    /// edits are small.
    private static let nearby = 8
    private static let reach = 96

    private let old: TextBytes
    private let new: TextBytes

    init(_ old: TextBytes, _ new: TextBytes) {
        self.old = old
        self.new = new
    }

    /// The stretches in order, none touching the next; each begins and ends where lines do.
    func windows() -> [TextHunk] {
        let all = TextHunk(old: 0..<old.count, new: 0..<new.count)
        if old.count == new.count, old.isEqual(all.old, to: new, at: 0) { return [] }
        if old.count + new.count < Self.smallSize { return [all] }
        return widened(differing(in: old.trimmingCommonLines(all.old, with: new, all.new)))
    }

    /// Where the texts differ, with lines that are alike in between.
    private func differing(in core: TextHunk) -> [TextHunk] {
        var found: [TextHunk] = []
        var rest = core
        // At the beginning of the rest the texts differ in the line that begins, or one of them is at its end.
        while !rest.old.isEmpty || !rest.new.isEmpty {
            guard let next = rejoin(rest, within: Self.nearby) ?? rejoin(rest, within: Self.reach) else {
                found.append(rest)
                break
            }
            found.append(
                TextHunk(
                    old: rest.old.lowerBound..<next.old.lowerBound,
                    new: rest.new.lowerBound..<next.new.lowerBound))
            let same = old.commonPrefix(next.old, with: new, next.new)
            let start = old.lineStart(at: next.old.lowerBound + same)
            let newStart = next.new.lowerBound + (start - next.old.lowerBound)
            rest = TextHunk(old: start..<core.old.upperBound, new: newStart..<core.new.upperBound)
        }
        return found
    }

    /// What is behind the nearest place from which on several lines are alike.
    ///
    /// Only hashes are compared: should they be the same for different lines, the next stretch begins at once.
    private func rejoin(_ rest: TextHunk, within reach: Int) -> TextHunk? {
        let (oldStarts, oldHashes) = nextLines(of: old, rest.old, reach + Self.proof)
        let (newStarts, newHashes) = nextLines(of: new, rest.new, reach + Self.proof)
        for distance in stride(from: 1, through: 2 * reach, by: 1) {
            for skipped in max(0, distance - reach)...min(distance, reach) {
                let other = distance - skipped
                guard skipped + Self.proof <= oldHashes.count, other + Self.proof <= newHashes.count,
                    (0..<Self.proof).allSatisfy({ oldHashes[skipped + $0] == newHashes[other + $0] })
                else { continue }
                return TextHunk(
                    old: oldStarts[skipped]..<rest.old.upperBound, new: newStarts[other]..<rest.new.upperBound
                )
            }
        }
        return nil
    }

    private func nextLines(of text: TextBytes, _ range: Range<Int>, _ most: Int) -> (
        starts: [Int], hashes: [UInt64]
    ) {
        var starts: [Int] = []
        var hashes: [UInt64] = []
        var start = range.lowerBound
        while start < range.upperBound, starts.count < most {
            let end = text.lineEnd(from: start)
            starts.append(start)
            hashes.append(text.hash(of: start..<end))
            start = end
        }
        return (starts, hashes)
    }

    /// Adds the lines around each stretch, and joins those that touch then.
    private func widened(_ stretches: [TextHunk]) -> [TextHunk] {
        var windows: [TextHunk] = []
        for (index, stretch) in stretches.enumerated() {
            // Up to the stretch before and the one behind, both texts have the same lines.
            var start = stretch.old.lowerBound
            let floor = index == 0 ? 0 : stretches[index - 1].old.upperBound
            for _ in 0..<Self.context where start > floor { start = old.lineStart(at: start - 1) }
            var end = stretch.old.upperBound
            let ceiling = index + 1 < stretches.count ? stretches[index + 1].old.lowerBound : old.count
            for _ in 0..<Self.context where end < ceiling { end = old.lineEnd(from: end) }
            let window = TextHunk(
                old: start..<end,
                new: stretch.new.lowerBound - (stretch.old.lowerBound - start)..<stretch.new.upperBound
                    + (end - stretch.old.upperBound))
            if let last = windows.last, window.old.lowerBound <= last.old.upperBound {
                windows[windows.count - 1] = TextHunk(
                    old: last.old.lowerBound..<window.old.upperBound,
                    new: last.new.lowerBound..<window.new.upperBound)
            } else {
                windows.append(window)
            }
        }
        return windows
    }
}
