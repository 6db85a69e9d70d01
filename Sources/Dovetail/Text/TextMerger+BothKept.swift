/// The policies that keep the lines of both sides.
extension TextMerger {
    /// The text of a side, and where a piece is in it.
    private func place(of piece: Piece, on side: Side) -> (text: TextBytes, range: Range<Int>) {
        side == .left ? (left, piece.left) : (right, piece.right)
    }

    // MARK: Appending

    /// A conflict at the end of the base to which both sides only added lines, with the lines of both.
    func appended(_ piece: Piece, _ first: Side) -> Piece? {
        guard piece.kind == .conflict, piece.base.upperBound == base.count,
            let early = addedLines(piece, on: first), let late = addedLines(piece, on: first.other)
        else { return nil }
        // Lines that both added first are the same ones: an append that came twice is not made twice.
        let (earlyText, lateText) = (place(of: piece, on: first).text, place(of: piece, on: first.other).text)
        let core = earlyText.trimmingCommonLines(early, with: lateText, late)
        let start = place(of: piece, on: first).range.lowerBound
        var lines = Array(earlyText.bytes[start..<early.upperBound])
        let new = lateText.bytes[core.new.lowerBound..<late.upperBound]
        if !lines.isEmpty, !new.isEmpty { lines.endLine(withReturn: endsLinesWithReturn(near: piece)) }
        lines.append(contentsOf: new)
        return Piece(kind: .combined(lines), base: piece.base, left: piece.left, right: piece.right)
    }

    /// What a side added behind the base; nil if it did anything else. A last line of the base without an end gets one
    /// first.
    private func addedLines(_ piece: Piece, on side: Side) -> Range<Int>? {
        let (text, range) = place(of: piece, on: side)
        guard base.commonPrefix(piece.base, with: text, range) == piece.base.count else { return nil }
        var start = range.lowerBound + piece.base.count
        if !base.isLineStart(base.count) {
            if start < range.upperBound, text.bytes[start] == TextBytes.carriageReturn { start += 1 }
            guard start < range.upperBound, text.bytes[start] == TextBytes.newline else { return nil }
            start += 1
        }
        return start..<range.upperBound
    }

    // MARK: Union

    /// The pieces with every conflict replaced by the lines of both sides.
    ///
    /// As git does it: what both have in common inside a conflict stands once, unless it is three lines or less, or has
    /// no letter and no digit; then it does not keep conflicts apart.
    func union(_ pieces: [Piece], _ first: Side) -> [Piece] {
        var result: [Piece] = []
        /// Where a conflict was, as long as the next can still join it: nothing else changed since.
        var open: Int?
        for piece in pieces.flatMap({ refined($0, first) }) {
            switch piece.kind {
            case .conflict:
                if let place = open, !keepsApart(result[place], piece, first) {
                    let start = result[place]
                    result.removeSubrange(place...)
                    result.append(
                        Piece(
                            kind: .conflict, base: start.base.lowerBound..<piece.base.upperBound,
                            left: start.left.lowerBound..<piece.left.upperBound,
                            right: start.right.lowerBound..<piece.right.upperBound))
                } else {
                    open = result.count
                    result.append(piece)
                }
            case .left, .right, .combined:
                open = nil
                result.append(piece)
            case .unchanged, .both: result.append(piece)
            }
        }
        return result.map { $0.kind == .conflict ? bothKept($0, first) : $0 }
    }

    /// A conflict without what both sides have in common. The base goes with the first part.
    private func refined(_ piece: Piece, _ first: Side) -> [Piece] {
        guard piece.kind == .conflict, !piece.left.isEmpty, !piece.right.isEmpty else { return [piece] }
        let (early, late) = (place(of: piece, on: first), place(of: piece, on: first.other))
        var parts: [Piece] = []
        var base = piece.base
        var (done, lateDone) = (early.range.lowerBound, late.range.lowerBound)
        func take(_ kind: Piece.Kind, _ end: Int, _ lateEnd: Int) {
            let (range, lateRange) = (done..<end, lateDone..<lateEnd)
            (done, lateDone) = (end, lateEnd)
            guard !range.isEmpty || !lateRange.isEmpty else { return }
            parts.append(
                Piece(
                    kind: kind, base: base, left: first == .left ? range : lateRange,
                    right: first == .left ? lateRange : range))
            base = base.upperBound..<base.upperBound
        }
        for hunk in LineDiff.hunks(from: early.text, early.range, to: late.text, late.range) {
            take(.both, hunk.old.lowerBound, hunk.new.lowerBound)
            take(.conflict, hunk.old.upperBound, hunk.new.upperBound)
        }
        take(.both, early.range.upperBound, late.range.upperBound)
        return parts
    }

    /// True if what stands between two conflicts says enough to keep them apart.
    private func keepsApart(_ before: Piece, _ after: Piece, _ first: Side) -> Bool {
        let (text, start) = (place(of: before, on: first).text, place(of: before, on: first).range.upperBound)
        let between = start..<place(of: after, on: first).range.lowerBound
        guard text.bytes[between].lazy.filter({ $0 == TextBytes.newline }).count > 3 else { return false }
        return text.bytes[between].contains { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
    }

    private func endsLinesWithReturn(near piece: Piece) -> Bool {
        TextBytes.isReturnAgreed([
            base.endsLineWithReturn(near: piece.base.lowerBound),
            left.endsLineWithReturn(near: piece.left.lowerBound),
            right.endsLineWithReturn(near: piece.right.lowerBound),
        ])
    }

    private func bothKept(_ piece: Piece, _ first: Side) -> Piece {
        let (early, late) = (place(of: piece, on: first), place(of: piece, on: first.other))
        var lines = Array(early.text.bytes[early.range])
        if !lines.isEmpty { lines.endLine(withReturn: endsLinesWithReturn(near: piece)) }
        lines.append(contentsOf: late.text.bytes[late.range])
        return Piece(kind: .combined(lines), base: piece.base, left: piece.left, right: piece.right)
    }
}

extension [UInt8] {
    /// Ends the last line if it has no end.
    mutating func endLine(withReturn: Bool) {
        guard last != TextBytes.newline else { return }
        if withReturn { append(TextBytes.carriageReturn) }
        append(TextBytes.newline)
    }
}

extension TextBytes {
    /// True if the line before a position, or the first line, ends with a carriage return and `\n`; nil if it has no
    /// end.
    func endsLineWithReturn(near position: Int) -> Bool? {
        let start = lineStart(at: position)
        let end = start > 0 ? start : lineEnd(from: 0)
        guard end > 0, bytes[end - 1] == Self.newline else { return nil }
        return end > 1 && bytes[end - 2] == Self.carriageReturn
    }

    /// True if all texts that have lines end them with a carriage return and `\n`, and one has.
    static func isReturnAgreed(_ ends: [Bool?]) -> Bool {
        ends.contains(true) && !ends.contains(false)
    }
}
