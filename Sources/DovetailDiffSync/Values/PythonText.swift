import Dovetail

/// Values as Python writes them: `str` joins identifiers to a uid and fills the text of a diff.
extension DiffSyncValue {
    /// `str(value)`.
    public var pythonText: String {
        if case .text(let text) = self { text } else { pythonLiteral }
    }

    /// `repr(value)`.
    var pythonLiteral: String {
        switch self {
        case .null: "None"
        case .bool(let flag): flag ? "True" : "False"
        case .int(let number): String(number)
        case .bigInt(let number): number.text
        case .double(let number): Self.literal(number)
        case .text(let text): Self.literal(text)
        case .list(let values): "[" + values.map(\.pythonLiteral).joined(separator: ", ") + "]"
        case .object(let fields):
            "{"
                + fields.map { "\(Self.literal($0.name)): \($0.value.pythonLiteral)" }.joined(separator: ", ")
                + "}"
        }
    }

    /// Swift goes over to exponents at 2^54, Python at 10^16.
    private static func literal(_ number: Double) -> String {
        let text = number.description
        guard number.isFinite, number.magnitude >= 1e16, !text.contains("e") else { return text }
        let digits = text.prefix { $0 != "." }.drop { $0 == "-" }
        var kept = digits
        while kept.count > 1, kept.last == "0" { kept.removeLast() }
        let fraction = kept.dropFirst()
        return (number < 0 ? "-" : "") + kept.prefix(1) + (fraction.isEmpty ? "" : "." + fraction)
            + "e+\(digits.count - 1)"
    }

    private static func literal(_ text: String) -> String {
        let quote: Character = text.contains("'") && !text.contains("\"") ? "\"" : "'"
        var literal = String(quote)
        for character in text.unicodeScalars {
            switch character {
            case "\\": literal += "\\\\"
            case "\n": literal += "\\n"
            case "\r": literal += "\\r"
            case "\t": literal += "\\t"
            case "'" where quote == "'": literal += "\\'"
            default: literal.unicodeScalars.append(character)
            }
        }
        return literal + String(quote)
    }
}
