public import Dovetail
import Foundation

/// JSON with what Foundation's readers lose: the order of objects, and integers of any length.
extension DiffSyncValue {
    /// Reads one JSON value. `{"$nan": true}` is NaN, which JSON has no word for.
    /// - Throws: `JSONSyntaxError`, with the place.
    public init(json: String) throws(JSONSyntaxError) {
        var reader = JSONReader(json)
        self = try reader.document()
    }

    /// The value as JSON in one line, with objects in their order.
    public var json: String {
        var output = ""
        write(to: &output)
        return output
    }

    private func write(to output: inout String) {
        switch self {
        case .null: output += "null"
        case .bool(let flag): output += flag ? "true" : "false"
        case .int(let number): output += String(number)
        case .bigInt(let number): output += number.text
        case .double(let number) where number.isNaN: output += "{\"$nan\":true}"
        // Beyond every double: readers take it for infinity.
        case .double(let number) where number.isInfinite: output += number < 0 ? "-1e999" : "1e999"
        case .double(let number): output += number.description
        case .text(let text): Self.write(text, to: &output)
        case .list(let values):
            output += "["
            for (place, value) in values.enumerated() {
                if place > 0 { output += "," }
                value.write(to: &output)
            }
            output += "]"
        case .object(let fields):
            output += "{"
            for (place, field) in fields.enumerated() {
                if place > 0 { output += "," }
                Self.write(field.name, to: &output)
                output += ":"
                field.value.write(to: &output)
            }
            output += "}"
        }
    }

    private static func write(_ text: String, to output: inout String) {
        output += "\""
        for character in text.unicodeScalars {
            switch character {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case _ where character.value < 0x20: output += String(format: "\\u%04x", character.value)
            default: output.unicodeScalars.append(character)
            }
        }
        output += "\""
    }
}

private struct JSONReader {
    private let input: [UInt8]
    private var position = 0

    init(_ text: String) { input = Array(text.utf8) }

    mutating func document() throws(JSONSyntaxError) -> DiffSyncValue {
        let value = try value(depth: 0)
        skipSpace()
        guard position == input.count else { throw failure("the end of the text") }
        return value
    }

    /// The next byte, or 0 at the end, which is right nowhere.
    private var next: UInt8 { position < input.count ? input[position] : 0 }

    private func failure(_ expected: String) -> JSONSyntaxError {
        JSONSyntaxError(offset: position, expected: expected)
    }

    private mutating func skipSpace() {
        while [0x20, 0x0A, 0x0D, 0x09].contains(next) { position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> DiffSyncValue {
        guard depth <= CanonicalJSON.depthLimit else {
            throw failure("at most \(CanonicalJSON.depthLimit) levels of nesting")
        }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try list(depth: depth)
        case UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: String, _ value: DiffSyncValue) throws(JSONSyntaxError)
        -> DiffSyncValue
    {
        guard input[position...].starts(with: word.utf8) else { throw failure("a value") }
        position += word.utf8.count
        return value
    }

    private mutating func list(depth: Int) throws(JSONSyntaxError) -> DiffSyncValue {
        position += 1
        var values: [DiffSyncValue] = []
        skipSpace()
        if take("]") { return .list(values) }
        repeat {
            values.append(try value(depth: depth + 1))
            skipSpace()
        } while take(",")
        guard take("]") else { throw failure("a comma or ]") }
        return .list(values)
    }

    private mutating func object(depth: Int) throws(JSONSyntaxError) -> DiffSyncValue {
        position += 1
        var fields: [(String, DiffSyncValue)] = []
        skipSpace()
        if take("}") { return .object(DiffSyncFields()) }
        repeat {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw failure("a key in quotes") }
            let name = try string()
            skipSpace()
            guard take(":") else { throw failure("a colon") }
            fields.append((name, try value(depth: depth + 1)))
            skipSpace()
        } while take(",")
        guard take("}") else { throw failure("a comma or }") }
        if fields.count == 1, fields[0].0 == "$nan" { return .double(.nan) }
        return .object(DiffSyncFields(fields))
    }

    /// A string's escapes are few and well tested elsewhere: Foundation reads it once its end is found.
    private mutating func string() throws(JSONSyntaxError) -> String {
        let start = position
        position += 1
        while next != UInt8(ascii: "\"") {
            guard position < input.count else { throw failure("the end of a string") }
            position += next == UInt8(ascii: "\\") ? 2 : 1
        }
        position += 1
        let quoted = input[start..<position]
        if !quoted.contains(UInt8(ascii: "\\")) {
            return String(decoding: quoted.dropFirst().dropLast(), as: UTF8.self)
        }
        guard let text = try? JSONDecoder().decode(String.self, from: Data(quoted)) else {
            throw JSONSyntaxError(offset: start, expected: "a string with the escapes of JSON")
        }
        return text
    }

    private mutating func number() throws(JSONSyntaxError) -> DiffSyncValue {
        let start = position
        let inNumbers = Set("+-.eE0123456789".utf8)
        while inNumbers.contains(next) { position += 1 }
        let text = String(decoding: input[start..<position], as: UTF8.self)
        if let number = Int(text) { return .int(number) }
        if text.allSatisfy({ $0.isNumber || $0 == "-" }), let number = ExactDecimal(text) {
            return .bigInt(number)
        }
        guard let number = Double(text) else { throw JSONSyntaxError(offset: start, expected: "a value") }
        return .double(number)
    }
}
