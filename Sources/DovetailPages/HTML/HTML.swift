/// A piece of a page. What is put into it is escaped; only other pieces go in as they are.
///
/// ```swift
/// let row: HTML = "<td>\(name)</td>"   // whatever `name` holds, it stays text
/// ```
/// This is the only place where text becomes markup, so there is one place to look at.
public struct HTML: Sendable, Hashable, ExpressibleByStringInterpolation {
    /// The markup.
    public private(set) var text: String

    public init(stringLiteral text: String) { self.text = text }

    public init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

    /// Takes text that is markup already.
    init(markup text: String) { self.text = text }

    public static func += (page: inout HTML, piece: HTML) { page.text += piece.text }

    var isEmpty: Bool { text.isEmpty }

    /// Collects the parts of an interpolated literal.
    public struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        public init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount * 16)
        }

        public mutating func appendLiteral(_ literal: String) { text += literal }

        /// Text of others, in an element or in a quoted attribute.
        public mutating func appendInterpolation(_ value: String) {
            for scalar in value.unicodeScalars { HTML.append(scalar, to: &text) }
        }

        public mutating func appendInterpolation(_ piece: HTML) { text += piece.text }

        /// A number, in groups of three.
        public mutating func appendInterpolation(_ number: Int) { text += number.grouped }
    }

    /// Appends one character, harmless in elements and in quoted attributes.
    static func append(_ scalar: Unicode.Scalar, to text: inout String) {
        switch scalar {
        case "&": text += "&amp;"
        case "<": text += "&lt;"
        case ">": text += "&gt;"
        case "\"": text += "&quot;"
        case "'": text += "&#39;"
        case _ where isUnseen(scalar): text += "\\u{\(String(scalar.value, radix: 16))}"
        default: text.unicodeScalars.append(scalar)
        }
    }

    /// Characters that steer instead of show: controls, marks of writing direction, and what no page may hold.
    static func isUnseen(_ scalar: Unicode.Scalar) -> Bool {
        // The common case, without a look into tables.
        if scalar.value < 0x7f { return scalar.value < 0x20 }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: return true
        default: return scalar.properties.isNoncharacterCodePoint
        }
    }
}

extension Sequence<HTML> {
    func joined(separator: HTML = "") -> HTML {
        HTML(markup: map(\.text).joined(separator: separator.text))
    }
}

extension Int {
    /// “28,291”
    var grouped: String {
        let digits = String(magnitude)
        var text = self < 0 ? "−" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }

    /// “1 conflict”, “28,291 conflicts”
    func counted(_ one: String, _ many: String? = nil) -> String {
        "\(grouped) \(self == 1 ? one : many ?? one + "s")"
    }
}
