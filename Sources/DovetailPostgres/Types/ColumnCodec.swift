import Dovetail
import DovetailEngine

/// How the binary form of one column becomes values of its field. Plain bits, so that a loop over rows touches no
/// reference counts.
struct ColumnCodec: Sendable, BitwiseCopyable {
    /// The binary form that comes.
    enum Rule: UInt8, Sendable {
        case bool, int2, int4, int8, unsigned, float4, float8, numeric, money
        case text, blankPadded, bytes, date, time, timestamp, timestampWithZone, interval, uuid, json, jsonb
        case inet, geometry, array
    }

    /// What a declared conversion makes of it.
    enum Change: UInt8, Sendable { case none, bool, text, multi }

    /// The values whose text form a column with the conversion `text` holds.
    enum TextOf: UInt8, Sendable {
        case text, int, double, bool, decimal, date, time, timestamp, timestampWithZone, interval, uuid, json
    }

    let rule: Rule
    let element: Rule
    let change: Change
    let textOf: TextOf

    init(_ rule: Rule, element: Rule = .text, change: Change = .none, textOf: TextOf = .text) {
        self.rule = rule
        self.element = element
        self.change = change
        self.textOf = textOf
    }

    init(_ form: TypeForm, field: FieldType, conversion: Conversion?) {
        rule = form.rule
        element = form.element
        textOf = conversion == .text ? Self.textOf(field) : .text
        change =
            switch conversion {
            case nil: .none
            case .bool: .bool
            case .text: .text
            case .multi: .multi
            }
    }

    private static func textOf(_ type: FieldType) -> TextOf {
        switch type {
        case .int: .int
        case .double: .double
        case .bool: .bool
        case .decimal: .decimal
        case .date: .date
        case .time: .time
        case .timestamp: .timestamp
        case .timestampWithZone: .timestampWithZone
        case .interval: .interval
        case .uuid: .uuid
        case .json: .json
        case .text, .bytes, .list, .geometry, .blob, .any: .text
        }
    }
}

extension ColumnCodec {
    /// The value that a text stands for under a declared conversion; nil when it is just a text.
    ///
    /// Only spellings that come back as they were are taken, but for decimals, JSON and the words for truth, whose
    /// values have many.
    func converted(text: UnsafeRawBufferPointer) -> Value? {
        if change == .bool { return Self.word(text).map { .bool($0) } }
        switch textOf {
        case .text: return nil
        case .int:
            guard text.count <= 20 else { return nil }
            let digits = String(decoding: text, as: UTF8.self)
            return Int64(digits).flatMap { String($0) == digits ? .int($0) : nil }
        case .double: return Double(String(decoding: text, as: UTF8.self)).map { .double($0) }
        case .bool: return Self.word(text).map { .bool($0) }
        case .decimal: return ExactDecimal(utf8: text).map { .decimal($0) }
        case .date: return CalendarDate.parse(utf8: text).map { .date($0) }
        case .time:
            return TimeOfDay.parse(utf8: text).flatMap { text.elementsEqual($0.iso.utf8) ? .time($0) : nil }
        case .timestamp: return Self.timestamp(text, withZone: false).map { .timestamp($0) }
        case .timestampWithZone: return Self.timestamp(text, withZone: true).map { .timestampWithZone($0) }
        case .interval: return CalendarInterval.parse(utf8: text).map { .interval($0) }
        case .uuid:
            // Digits of the upper case would come back in the lower one.
            if text.contains(where: { $0 >= 0x41 && $0 <= 0x46 }) { return nil }
            return UUID128.parse(utf8: text).map { .uuid($0) }
        case .json: return Self.json(text)
        }
    }

    private static func timestamp(_ text: UnsafeRawBufferPointer, withZone: Bool) -> Timestamp? {
        guard let (timestamp, hasZone) = Timestamp.parse(utf8: text) else { return nil }
        return hasZone == withZone || !timestamp.isFinite ? timestamp : nil
    }

    private static func word(_ text: UnsafeRawBufferPointer) -> Bool? {
        switch String(decoding: text, as: UTF8.self) {
        case "1", "t", "true": true
        case "0", "f", "false": false
        default: nil
        }
    }

    /// Canonical JSON; nil for text that is none, or beyond the limits of ``CanonicalJSON``.
    static func json(_ text: UnsafeRawBufferPointer) -> Value? {
        guard let string = String(validating: text, as: UTF8.self) else { return nil }
        return (try? CanonicalJSON.canonical(string)).map { .json($0) }
    }
}
