extension TextMerge {
    /// The merged text with each conflict between marks, as git writes it, for people to decide in an editor.
    ///
    /// A mark has seven characters, or one more than the longest that stands at the start of a line of the texts
    /// already. Marks end as the lines around them do, and a last line of a side gets an end where it has none.
    ///
    /// - Parameters:
    ///   - left: what the left side is called.
    ///   - base: what the base is called; without a name its lines are left out.
    ///   - right: what the right side is called.
    public func marked(left leftName: String, base baseName: String? = nil, right rightName: String)
        -> [UInt8]
    {
        let length = max(6, longestMark) + 1
        func mark(_ character: Unicode.Scalar, _ name: String) -> [UInt8] {
            Array(String(repeating: Character(character), count: length).utf8)
                + (name.isEmpty ? [] : [UInt8(ascii: " ")] + Array(name.utf8))
        }
        return text { piece in
            let withReturn = Self.endsLinesWithReturn(
                [(base, piece.base), (left, piece.left), (right, piece.right)])
            var lines: [UInt8] = []
            func add(_ mark: [UInt8], _ content: ArraySlice<UInt8>) {
                lines.append(contentsOf: mark)
                lines.endLine(withReturn: withReturn)
                lines.append(contentsOf: content)
                lines.endLine(withReturn: withReturn)
            }
            add(mark("<", leftName), left[piece.left])
            if let baseName { add(mark("|", baseName), base[piece.base]) }
            add(mark("=", ""), right[piece.right])
            add(mark(">", rightName), [])
            return lines
        }
    }

    private var longestMark: Int {
        [base, left, right].map { text in text.withUnsafeBytes { TextBytes($0).longestMark } }.reduce(0, max)
    }

    private static func endsLinesWithReturn(_ places: [(text: [UInt8], range: Range<Int>)]) -> Bool {
        let ends = places.map { place in
            place.text.withUnsafeBytes { TextBytes($0).endsLineWithReturn(near: place.range.lowerBound) }
        }
        return TextBytes.isReturnAgreed(ends)
    }
}

extension TextBytes {
    /// The longest run of a mark's characters at the start of a line.
    fileprivate var longestMark: Int {
        var longest = 0
        var start = 0
        while start < count {
            let first = bytes[start]
            let end = lineEnd(from: start)
            switch first {
            case UInt8(ascii: "<"), UInt8(ascii: "|"), UInt8(ascii: "="), UInt8(ascii: ">"):
                longest = max(longest, bytes[start..<end].prefix { $0 == first }.count)
            default: break
            }
            start = end
        }
        return longest
    }
}
