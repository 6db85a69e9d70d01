/// Cuts texts into words: a run of letters, digits and bytes beyond ASCII, a run of blanks, or one other byte.
///
/// Bytes beyond ASCII stay together, so that no character of UTF-8 is ever cut.
enum WordScan {
    /// Where the words of a range begin, and last its end.
    static func starts(of text: TextBytes, in range: Range<Int>) -> [Int] {
        var starts: [Int] = []
        var previous = Kind.other
        for position in range {
            let kind = Kind(text.bytes[position])
            if kind == .other || kind != previous || position == range.lowerBound { starts.append(position) }
            previous = kind
        }
        starts.append(range.upperBound)
        return starts
    }

    private enum Kind {
        case letters, blanks, other

        init(_ byte: UInt8) {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
                self = .letters
            case UInt8(ascii: " "), UInt8(ascii: "\t"): self = .blanks
            default: self = .other
            }
        }
    }
}
