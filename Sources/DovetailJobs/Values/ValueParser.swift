public import Dovetail

/// Reads a value that a person typed, by the type of its field: what `conflicts resolve --set` takes.
///
/// `null` is no value; to write the word itself, quote it: `"null"`.
public enum ValueParser {
    /// A text that is no value of the type.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        /// What is wrong, and what to write.
        public let description: String
    }

    /// The value that `text` stands for.
    /// - Throws: ``Failure``, which says how a value of this type is written.
    public static func value(_ text: String, as type: FieldType) throws(Failure) -> Value {
        if text == "null" { return .null }
        switch type {
        case .text: return .text(unquoted(text))
        case .any: return any(text)
        default:
            guard let value = try typed(unquoted(text), type) else {
                throw Failure(description: "“\(text)” is no \(type.name); write \(form(of: type)), or null")
            }
            return value
        }
    }

    private static func typed(_ text: String, _ type: FieldType) throws(Failure) -> Value? {
        switch type {
        case .bool: return bool(text)
        case .int: return Int64(text).map { .int($0) }
        case .double: return Double(text).map { .double($0) }
        case .decimal: return ExactDecimal(text).map { .decimal($0) }
        case .date: return CalendarDate(iso: text).map { .date($0) }
        case .time: return TimeOfDay(iso: text).map { .time($0) }
        case .timestamp: return Timestamp.parse(text).flatMap { $0.hasZone ? nil : .timestamp($0.timestamp) }
        case .timestampWithZone:
            return Timestamp.parse(text).flatMap { $0.hasZone ? .timestampWithZone($0.timestamp) : nil }
        case .interval: return CalendarInterval(iso: text).map { .interval($0) }
        case .uuid: return UUID128(text).map { .uuid($0) }
        case .json: return (try? CanonicalJSON.canonical(text)).map { .json($0) }
        case .bytes: return bytes(text).map { .bytes($0) }
        case .text, .any: return .text(text)
        case .list, .geometry, .blob:
            throw Failure(
                description:
                    "a \(type.name) can't be typed in; take one side's value with --take left or right")
        }
    }

    /// How a value of a type is written.
    private static func form(of type: FieldType) -> String {
        switch type {
        case .bool: "true or false"
        case .int: "a whole number"
        case .double, .decimal: "a number such as 12.5"
        case .date: "a date such as 2026-05-31"
        case .time: "a time such as 14:05:00"
        case .timestamp: "a time such as 2026-05-31T14:05:00, without a zone"
        case .timestampWithZone: "a time such as 2026-05-31T14:05:00Z, with its zone"
        case .interval: "an interval such as P1Y2M3DT4H"
        case .uuid: "a UUID"
        case .json: "JSON"
        case .bytes: "hexadecimal digits"
        case .text, .any, .list, .geometry, .blob: "text"
        }
    }

    private static func bool(_ text: String) -> Value? {
        switch text.lowercased() {
        case "true", "yes", "1", "t": .bool(true)
        case "false", "no", "0", "f": .bool(false)
        default: nil
        }
    }

    private static func any(_ text: String) -> Value {
        if text != unquoted(text) { return .text(unquoted(text)) }
        if let number = Int64(text), String(number) == text { return .int(number) }
        if let number = Double(text), text.contains(where: \.isNumber) { return .double(number) }
        return .text(text)
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: digits.count, by: 2) {
            let pair = String(decoding: digits[start..<(start + 2)], as: UTF8.self)
            guard !pair.hasPrefix("+"), !pair.hasPrefix("-"), let byte = UInt8(pair, radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }

    private static func unquoted(_ text: String) -> String {
        guard text.count >= 2, text.first == "\"", text.last == "\"" else { return text }
        return String(text.dropFirst().dropLast())
    }
}

extension FieldType {
    /// The type that a layout calls by this name; text for one that can't be typed in.
    public init(layoutName name: String) {
        let simple: [FieldType] = [
            .bool, .int, .double, .decimal, .text, .bytes, .date, .time, .timestamp, .timestampWithZone,
            .interval,
            .uuid, .json, .blob, .any,
        ]
        if let type = simple.first(where: { $0.name == name }) {
            self = type
        } else if name.hasPrefix("list of ") {
            self = .list(FieldType(layoutName: String(name.dropFirst("list of ".count))))
        } else {
            self = .geometry(GeometryKind(type: "GEOMETRY", srid: 0))
        }
    }
}
