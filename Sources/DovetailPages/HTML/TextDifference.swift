/// Two texts with what differs between them marked.
struct TextDifference {
    private(set) var old: HTML = ""
    private(set) var new: HTML = ""

    /// Texts shorter than this are read whole at a glance.
    static let shortest = 12
    /// Bytes of what differs that are looked at word by word.
    private static let longest = 4_000
    /// Bytes that are shown of a long stretch that is the same.
    private static let context = 120

    /// Nil when marks would say nothing: short texts, and texts with little in common.
    init?(_ old: String, _ new: String) {
        guard min(old.utf8.count, new.utf8.count) >= Self.shortest else { return nil }
        let (a, b) = (Array(old.utf8), Array(new.utf8))
        let prefix = Self.commonPrefix(a, b)
        let suffix = Self.commonSuffix(a, b, after: prefix)
        let middle = (a: a[prefix..<(a.count - suffix)], b: b[prefix..<(b.count - suffix)])
        var parts: (a: [Part], b: [Part])
        if middle.a.count + middle.b.count <= Self.longest {
            parts = Self.wordByWord(Self.words(middle.a), Self.words(middle.b))
        } else {
            parts = ([Part(middle.a, isMarked: true)], [Part(middle.b, isMarked: true)])
        }
        let marked = (parts.a + parts.b).reduce(0) { $0 + ($1.isMarked ? $1.bytes.count : 0) }
        guard marked * 10 < (a.count + b.count) * 7 else { return nil }
        let head = Self.head(a[..<prefix])
        let tail = Self.tail(a[(a.count - suffix)...])
        self.old = head + Self.html(parts.a, of: a.count) + tail
        self.new = head + Self.html(parts.b, of: b.count) + tail
    }

    private struct Part {
        var bytes: ArraySlice<UInt8>
        var isMarked: Bool

        init(_ bytes: ArraySlice<UInt8>, isMarked: Bool) {
            self.bytes = bytes
            self.isMarked = isMarked
        }
    }

    // MARK: What is the same at both ends

    /// Up to the end of a word, so that marks begin where words do.
    private static func commonPrefix(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var end = 0
        while end < a.count, end < b.count, a[end] == b[end] { end += 1 }
        while end > 0, !(isBoundary(a, end) && isBoundary(b, end)) { end -= 1 }
        return end
    }

    private static func commonSuffix(_ a: [UInt8], _ b: [UInt8], after prefix: Int) -> Int {
        let most = min(a.count, b.count) - prefix
        var count = 0
        while count < most, a[a.count - 1 - count] == b[b.count - 1 - count] { count += 1 }
        while count > 0, !(isBoundary(a, a.count - count) && isBoundary(b, b.count - count)) { count -= 1 }
        return count
    }

    /// Whether a word can end or begin here. Bytes above ASCII are taken for letters: a character is never cut in two.
    private static func isBoundary(_ text: [UInt8], _ index: Int) -> Bool {
        guard index > 0, index < text.count else { return true }
        return !(isWord(text[index - 1]) && isWord(text[index]))
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        byte >= 0x80 || (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }

    // MARK: In between

    private static func words(_ text: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var words: [ArraySlice<UInt8>] = []
        var start = text.startIndex
        for index in text.indices where index > start {
            if isWord(text[index - 1]), isWord(text[index]) { continue }
            words.append(text[start..<index])
            start = index
        }
        if start < text.endIndex { words.append(text[start...]) }
        return words
    }

    private static func wordByWord(
        _ a: [ArraySlice<UInt8>], _ b: [ArraySlice<UInt8>]
    ) -> (a: [Part], b: [Part]) {
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in b.difference(from: a) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        return (grouped(a, removed), grouped(b, inserted))
    }

    private static func grouped(_ words: [ArraySlice<UInt8>], _ marked: Set<Int>) -> [Part] {
        var parts: [Part] = []
        for (index, word) in words.enumerated() {
            // A space between two marks belongs to them.
            let isBridge =
                word.elementsEqual(" ".utf8) && marked.contains(index - 1) && marked.contains(index + 1)
            let isMarked = marked.contains(index) || isBridge
            if let last = parts.last, last.isMarked == isMarked {
                parts[parts.count - 1].bytes = last.bytes + word
            } else {
                parts.append(Part(word, isMarked: isMarked))
            }
        }
        return parts
    }

    // MARK: Writing

    private static func html(_ parts: [Part], of bytes: Int) -> HTML {
        var html: HTML = ""
        for part in parts {
            let text = VisibleText.html(String(decoding: part.bytes, as: UTF8.self))
            html += part.isMarked ? "<mark>\(text)</mark>" : text
        }
        return html
    }

    private static func head(_ bytes: ArraySlice<UInt8>) -> HTML {
        guard bytes.count > context * 2 else {
            return VisibleText.html(String(decoding: bytes, as: UTF8.self))
        }
        var start = bytes.endIndex - context
        while start > bytes.startIndex, bytes[start] & 0xc0 == 0x80 { start -= 1 }
        return "<span class=cut>… \(start - bytes.startIndex) bytes the same …</span> "
            + VisibleText.html(String(decoding: bytes[start...], as: UTF8.self))
    }

    private static func tail(_ bytes: ArraySlice<UInt8>) -> HTML {
        guard bytes.count > context * 2 else {
            return VisibleText.html(String(decoding: bytes, as: UTF8.self))
        }
        var end = bytes.startIndex + context
        while end < bytes.endIndex, bytes[end] & 0xc0 == 0x80 { end += 1 }
        return VisibleText.html(String(decoding: bytes[..<end], as: UTF8.self))
            + " <span class=cut>… \(bytes.endIndex - end) bytes the same …</span>"
    }
}
