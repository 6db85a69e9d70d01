/// How values of a type are spelled in a column that holds texts: under the conversion `text`, and in stores that have no
/// type for them.
///
/// Only spellings that come back as they were are taken, but for decimals, JSON and the words for truth, whose values
/// have many.
public enum TextForm: UInt8, Sendable, BitwiseCopyable {
    /// A text, or what has no text form.
    case text
    case int, double, bool, decimal, date, time, timestamp, timestampWithZone, interval, uuid, json

    public init(_ type: FieldType) {
        switch type {
        case .int: self = .int
        case .double: self = .double
        case .bool: self = .bool
        case .decimal: self = .decimal
        case .date: self = .date
        case .time: self = .time
        case .timestamp: self = .timestamp
        case .timestampWithZone: self = .timestampWithZone
        case .interval: self = .interval
        case .uuid: self = .uuid
        case .json: self = .json
        case .text, .bytes, .list, .geometry, .blob, .any: self = .text
        }
    }

    /// The value that a text stands for; nil when it is just a text.
    public func value(_ text: UnsafeRawBufferPointer) -> Value? {
        switch self {
        case .text: nil
        case .int: Self.int(text).map { .int($0) }
        case .double: Double(String(decoding: text, as: UTF8.self)).map { .double($0) }
        case .bool: Self.word(text).map { .bool($0) }
        case .decimal: ExactDecimal(utf8: text).map { .decimal($0) }
        case .date: CalendarDate.parse(utf8: text).map { .date($0) }
        case .time:
            TimeOfDay.parse(utf8: text).flatMap { text.elementsEqual($0.iso.utf8) ? .time($0) : nil }
        case .timestamp: Self.timestamp(text, withZone: false).map { .timestamp($0) }
        case .timestampWithZone: Self.timestamp(text, withZone: true).map { .timestampWithZone($0) }
        case .interval: CalendarInterval.parse(utf8: text).map { .interval($0) }
        case .uuid:
            // Digits of the upper case would come back in the lower one.
            text.contains { $0 >= 0x41 && $0 <= 0x46 } ? nil : UUID128.parse(utf8: text).map { .uuid($0) }
        case .json: Self.json(text)
        }
    }

    /// A time that names a zone exactly if it is to.
    public static func timestamp(_ text: UnsafeRawBufferPointer, withZone: Bool) -> Timestamp? {
        guard let (timestamp, hasZone) = Timestamp.parse(utf8: text) else { return nil }
        return hasZone == withZone || !timestamp.isFinite ? timestamp : nil
    }

    /// Canonical JSON; nil for text that is none, or beyond the limits of ``CanonicalJSON``.
    public static func json(_ text: UnsafeRawBufferPointer) -> Value? {
        guard let string = String(validating: text, as: UTF8.self) else { return nil }
        return (try? CanonicalJSON.canonical(string)).map { .json($0) }
    }

    private static func int(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard text.count <= 20 else { return nil }
        let digits = String(decoding: text, as: UTF8.self)
        return Int64(digits).flatMap { String($0) == digits ? $0 : nil }
    }

    private static func word(_ text: UnsafeRawBufferPointer) -> Bool? {
        switch String(decoding: text, as: UTF8.self) {
        case "1", "t", "true": true
        case "0", "f", "false": false
        default: nil
        }
    }
}
