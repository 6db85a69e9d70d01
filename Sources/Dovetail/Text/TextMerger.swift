/// Brings three texts together, piece by piece.
struct TextMerger {
    typealias Piece = TextMerge.Piece

    let base: TextBytes
    let left: TextBytes
    let right: TextBytes
    let options: TextMerge.Options

    func pieces() -> [Piece] {
        let whole = Piece(
            kind: .unchanged, base: 0..<base.count, left: 0..<left.count, right: 0..<right.count)
        let pieces = joined(
            LineDiff.hunks(from: base, to: left), LineDiff.hunks(from: base, to: right), within: whole)
        if case .union(let first) = options.policy {
            return union(options.insideLines ? pieces.map(insideLines) : pieces, first)
        }
        return pieces.flatMap { piece -> [Piece] in
            if case .append(let first) = options.policy, let appended = appended(piece, first) {
                return [appended]
            }
            let piece = options.insideLines ? insideLines(piece) : piece
            return piece.kind == .conflict ? trimmed(piece) : [piece]
        }
    }

    /// Joins the changes of both sides to pieces.
    ///
    /// Changes belong to one piece as long as nothing unchanged stands between them, as with git.
    private func joined(_ ours: [TextHunk], _ theirs: [TextHunk], within whole: Piece) -> [Piece] {
        var pieces: [Piece] = []
        // What lies before is in the pieces already.
        var rest = whole
        func take(_ kind: Piece.Kind, _ base: Int, _ left: Int, _ right: Int) {
            let piece = Piece(
                kind: kind, base: rest.base.lowerBound..<base, left: rest.left.lowerBound..<left,
                right: rest.right.lowerBound..<right)
            if !piece.isEmpty { pieces.append(piece) }
            rest.base = base..<whole.base.upperBound
            rest.left = left..<whole.left.upperBound
            rest.right = right..<whole.right.upperBound
        }
        var (i, j) = (0, 0)
        while i < ours.count || j < theirs.count {
            let (firstOurs, firstTheirs) = (i, j)
            let start = min(
                i < ours.count ? ours[i].old.lowerBound : .max,
                j < theirs.count ? theirs[j].old.lowerBound : .max)
            var end = start
            while true {
                if i < ours.count, ours[i].old.lowerBound <= end {
                    end = max(end, ours[i].old.upperBound)
                    i += 1
                } else if j < theirs.count, theirs[j].old.lowerBound <= end {
                    end = max(end, theirs[j].old.upperBound)
                    j += 1
                } else {
                    break
                }
            }
            let before = start - rest.base.lowerBound
            take(.unchanged, start, rest.left.lowerBound + before, rest.right.lowerBound + before)
            let leftEnd = Self.end(of: ours[firstOurs..<i], at: end, else: rest.left.lowerBound + end - start)
            let rightEnd = Self.end(
                of: theirs[firstTheirs..<j], at: end, else: rest.right.lowerBound + end - start)
            let kind: Piece.Kind =
                if i == firstOurs {
                    .right
                } else if j == firstTheirs {
                    .left
                } else if isAlike(rest.left.lowerBound..<leftEnd, rest.right.lowerBound..<rightEnd) {
                    .both
                } else {
                    .conflict
                }
            take(kind, end, leftEnd, rightEnd)
        }
        take(.unchanged, whole.base.upperBound, whole.left.upperBound, whole.right.upperBound)
        return pieces
    }

    /// Where a side stands when the base stands at `end`, behind the changes.
    private static func end(of changes: ArraySlice<TextHunk>, at end: Int, else unchanged: Int) -> Int {
        changes.last.map { $0.new.upperBound + (end - $0.old.upperBound) } ?? unchanged
    }

    private func isAlike(_ leftRange: Range<Int>, _ rightRange: Range<Int>) -> Bool {
        leftRange.count == rightRange.count && left.isEqual(leftRange, to: right, at: rightRange.lowerBound)
    }

    /// Takes the lines out of a conflict that both sides begin and end with; the base stays with what is left.
    private func trimmed(_ piece: Piece) -> [Piece] {
        let core = left.trimmingCommonLines(piece.left, with: right, piece.right)
        let before = Piece(
            kind: .both, base: piece.base.lowerBound..<piece.base.lowerBound,
            left: piece.left.lowerBound..<core.old.lowerBound,
            right: piece.right.lowerBound..<core.new.lowerBound)
        let after = Piece(
            kind: .both, base: piece.base.upperBound..<piece.base.upperBound,
            left: core.old.upperBound..<piece.left.upperBound,
            right: core.new.upperBound..<piece.right.upperBound)
        let conflict = Piece(kind: .conflict, base: piece.base, left: core.old, right: core.new)
        return [before, conflict, after].filter { !$0.isEmpty }
    }

    /// Tries to make both changes to the words of a conflict.
    private func insideLines(_ piece: Piece) -> Piece {
        guard piece.kind == .conflict, !piece.base.isEmpty else { return piece }
        let words = WordScan.starts(of: base, in: piece.base)
        let inside = joined(
            LineDiff.hunks(from: base, words, to: left, WordScan.starts(of: left, in: piece.left)),
            LineDiff.hunks(from: base, words, to: right, WordScan.starts(of: right, in: piece.right)),
            within: piece)
        var combined: [UInt8] = []
        for part in inside {
            switch part.kind {
            case .conflict, .combined: return piece
            case .right: combined.append(contentsOf: right.bytes[part.right])
            case .unchanged, .left, .both: combined.append(contentsOf: left.bytes[part.left])
            }
        }
        return Piece(kind: .combined(combined), base: piece.base, left: piece.left, right: piece.right)
    }
}

extension TextMerge.Piece {
    /// True if none of the texts has a byte in it.
    var isEmpty: Bool { base.isEmpty && left.isEmpty && right.isEmpty }
}
