import Dovetail
import Foundation

/// What a number looks like, told from its characters alone.
struct NumberShape {
    var isInteger = true
    var hasExponent = false
    /// The exponent or the mantissa says that this is scientific notation, and not a code such as `12E3`.
    var isPlainlyScientific = false
    /// More than one digit before the point, the first of them zero.
    var hasLeadingZero = false
    var significantDigits = 0
    var integerDigits = 0

    /// Nil for what is no number: white space, a plus sign, `.5`, `5.`.
    init?(_ bytes: UnsafeRawBufferPointer) {
        let count = bytes.count
        var at = 0
        func isDigit(_ index: Int) -> Bool { index < count && bytes[index] &- 0x30 < 10 }
        if at < count, bytes[at] == UInt8(ascii: "-") { at += 1 }
        guard isDigit(at) else { return nil }
        let start = at
        var firstSignificant = -1
        var lastSignificant = -1
        var position = 0
        func note(_ byte: UInt8) {
            if byte != 0x30 {
                if firstSignificant < 0 { firstSignificant = position }
                lastSignificant = position
            }
            position += 1
        }
        while isDigit(at) {
            note(bytes[at])
            at += 1
        }
        integerDigits = at - start
        hasLeadingZero = integerDigits > 1 && bytes[start] == 0x30
        if at < count, bytes[at] == UInt8(ascii: ".") {
            isInteger = false
            isPlainlyScientific = true
            at += 1
            guard isDigit(at) else { return nil }
            while isDigit(at) {
                note(bytes[at])
                at += 1
            }
        }
        if at < count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            hasExponent = true
            at += 1
            if at < count, bytes[at] == UInt8(ascii: "-") || bytes[at] == UInt8(ascii: "+") {
                isPlainlyScientific = true
                at += 1
            }
            guard isDigit(at) else { return nil }
            while isDigit(at) { at += 1 }
        }
        guard at == count else { return nil }
        significantDigits = firstSignificant < 0 ? 0 : lastSignificant - firstSignificant + 1
    }

    /// The narrowest type that loses nothing of a number of this shape.
    func type(_ bytes: UnsafeRawBufferPointer) -> GuessedType {
        if isInteger {
            // A negative zero is no integer that would come back.
            if bytes.count == 2, bytes[0] == UInt8(ascii: "-"), bytes[1] == 0x30 { return .double }
            guard integerDigits > 15 else { return .int }
            guard let number = Int64(String(decoding: bytes, as: UTF8.self)) else { return .decimal }
            return number.magnitude > 1 << 53 ? .wideInt : .int
        }
        if significantDigits <= 15, !hasExponent { return .double }
        return Self.isDouble(bytes) ? .double : .decimal
    }

    /// Whether a double stands for exactly this number: it is how some program writes that double.
    private static func isDouble(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let number = Double(text), number.isFinite, let exact = ExactDecimal(utf8: bytes) else {
            return false
        }
        if ExactDecimal("\(number)") == exact { return true }
        return [15, 16, 17].contains { ExactDecimal(String(format: "%.\($0)g", number)) == exact }
    }
}

/// The type that one value, or all values of a column so far, may have.
enum GuessedType: UInt8 {
    case nothing, bool, int
    /// An integer beyond what doubles hold exactly.
    case wideInt
    case double, decimal, date, timestamp, timestampWithZone, text, json, geometry
    /// Values of several kinds, as JSON has them.
    case mixed

    var fieldType: FieldType {
        switch self {
        case .nothing, .mixed, .geometry: .any
        case .bool: .bool
        case .int, .wideInt: .int
        case .double: .double
        case .decimal: .decimal
        case .date: .date
        case .timestamp: .timestamp
        case .timestampWithZone: .timestampWithZone
        case .text: .text
        case .json: .json
        }
    }

    /// The type that holds values of both; nil when only text, or no single type, does.
    func joined(_ other: GuessedType) -> GuessedType? {
        if self == other || other == .nothing { return self }
        if self == .nothing { return other }
        let low = min(rawValue, other.rawValue)
        let high = max(rawValue, other.rawValue)
        guard low >= Self.int.rawValue, high <= Self.decimal.rawValue else { return nil }
        // An integer that a double would round needs decimals.
        if low == Self.wideInt.rawValue, high == Self.double.rawValue { return .decimal }
        return GuessedType(rawValue: high)
    }

    /// What a text looks like.
    static func ofText(_ bytes: UnsafeRawBufferPointer) -> GuessedType {
        guard let first = bytes.first else { return .nothing }
        switch first {
        case UInt8(ascii: "t"), UInt8(ascii: "f"):
            return bytes.elementsEqual("true".utf8) || bytes.elementsEqual("false".utf8) ? .bool : .text
        case 0x30...0x39, UInt8(ascii: "-"):
            return ofDigits(bytes)
        default: return .text
        }
    }

    private static func ofDigits(_ bytes: UnsafeRawBufferPointer) -> GuessedType {
        if let time = ofTime(bytes) { return time }
        // Numbers that begin with zero are postal codes and the like; `12E3` is a code too.
        guard let shape = NumberShape(bytes), !shape.hasLeadingZero,
            !shape.hasExponent || shape.isPlainlyScientific
        else { return .text }
        return shape.type(bytes)
    }

    /// A date, or a time on a date; nil for anything else.
    static func ofTime(_ bytes: UnsafeRawBufferPointer) -> GuessedType? {
        guard bytes.count >= 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[0] &- 0x30 < 10
        else { return nil }
        if bytes.count == 10 { return CalendarDate.parse(utf8: bytes) == nil ? nil : .date }
        guard let (_, hasZone) = Timestamp.parse(utf8: bytes) else { return nil }
        return hasZone ? .timestampWithZone : .timestamp
    }
}
