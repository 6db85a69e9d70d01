/// Text of a value as a page shows it: what can't be seen is named, what is too long is cut.
enum VisibleText {
    /// Characters of one text that are shown.
    static let limit = 2_000

    /// The text with every unseen character as a small sign of its own, told apart from the same words as text.
    static func html(_ text: some StringProtocol, limit: Int = limit) -> HTML {
        var markup = ""
        var count = 0
        var isAfterEmoji = false
        var scalars = text.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            guard count < limit else {
                return HTML(markup: markup + "…") + cut(of: text.utf8.count)
            }
            count += 1
            switch scalar {
            case "\n": markup += "<span class=ctl>⏎</span><br>"
            case "\t": markup += "<span class=ctl>⇥</span>"
            // Joins the parts of one emoji; anywhere else it would be invisible.
            case "\u{200d}" where isAfterEmoji: markup.unicodeScalars.append(scalar)
            case _ where HTML.isUnseen(scalar):
                markup += "<span class=ctl>U+\(hex(scalar.value))</span>"
            default: HTML.append(scalar, to: &markup)
            }
            isAfterEmoji =
                scalar.properties.isEmojiPresentation || scalar.properties.isEmojiModifier
                || scalar == "\u{fe0f}"
        }
        return HTML(markup: markup)
    }

    /// “(1,200,000 bytes in all)”
    static func cut(of bytes: Int) -> HTML { " <small>(\(bytes) bytes in all)</small>" }

    private static func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

extension HTML {
    static func + (a: HTML, b: HTML) -> HTML { HTML(markup: a.text + b.text) }
}
