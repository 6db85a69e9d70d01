/// An exact decimal of any size, as PostgreSQL's `numeric` holds it.
///
/// Each value has one form, so `1.0`, `1.00` and `1e0` are equal and hash alike, and `-0` is `0`.
/// NaN equals NaN and sorts after everything, as in PostgreSQL; a set of values needs both.
public struct ExactDecimal: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Raw values are the first byte of the ordered encoding, so they stay in numeric order.
    enum Kind: UInt8 {
        case negativeInfinity, negative, zero, positive, infinity, nan
    }

    private let kind: Kind
    /// The magnitude is 0.d₁d₂d₃… × 10^exponent; zero unless `kind` is negative or positive.
    private let exponent: Int32
    /// Digits 0–9, with no zero at either end; empty unless `kind` is negative or positive.
    private let digits: [UInt8]

    /// Not a number: equal to itself, after everything else.
    public static let nan = ExactDecimal(kind: .nan)
    /// Above every number.
    public static let infinity = ExactDecimal(kind: .infinity)
    /// Below every number.
    public static let negativeInfinity = ExactDecimal(kind: .negativeInfinity)
    /// Zero, however it was written.
    public static let zero = ExactDecimal(kind: .zero)
    /// The largest exponent, either way, that a notation may carry. A few bytes of text must not
    /// ask for gigabytes of zeros.
    public static let exponentLimit = 200_000

    private init(kind: Kind, exponent: Int32 = 0, digits: [UInt8] = []) {
        self.kind = kind
        self.exponent = exponent
        self.digits = digits
    }

    /// Drops zeros at both ends. Nil if the decimal point ends up out of reach of `exponent`.
    private init?(negative: Bool, digits: ArraySlice<UInt8>, exponent: Int) {
        guard let first = digits.firstIndex(where: { $0 != 0 }),
            let last = digits.lastIndex(where: { $0 != 0 })
        else {
            self = .zero
            return
        }
        guard let place = Int32(exactly: exponent - (first - digits.startIndex)) else { return nil }
        let kind: Kind = negative ? .negative : .positive
        self.init(kind: kind, exponent: place, digits: Array(digits[first...last]))
    }

    /// Reads `-12.340`, `+5`, `1.5e-7`, and in any case `NaN`, `Infinity`, `-Infinity`.
    ///
    /// Nil for anything else: white space, a point without a digit on both sides, an exponent beyond
    /// ±200000.
    public init?(_ text: some StringProtocol) {
        guard let value = ByteScanner.read(text, { ExactDecimal(utf8: $0) }) else { return nil }
        self = value
    }

    /// The same notations in borrowed UTF-8.
    public init?(utf8 bytes: UnsafeRawBufferPointer) {
        var scanner = ByteScanner(bytes)
        let negative = scanner.take(UInt8(ascii: "-"))
        let signed = negative || scanner.take(UInt8(ascii: "+"))

        var digits: [UInt8] = []
        Self.readDigits(&scanner, into: &digits)
        guard !digits.isEmpty else {
            guard let special = Self.special(bytes, negative: negative, signed: signed) else { return nil }
            self = special
            return
        }
        var exponent = digits.count
        if scanner.take(UInt8(ascii: ".")) {
            let whole = digits.count
            Self.readDigits(&scanner, into: &digits)
            guard digits.count > whole else { return nil }
        }
        if scanner.take(UInt8(ascii: "e")) || scanner.take(UInt8(ascii: "E")) {
            guard let written = Self.readExponent(&scanner) else { return nil }
            exponent += written
        }
        guard scanner.isAtEnd else { return nil }
        self.init(negative: negative, digits: digits[...], exponent: exponent)
    }

    /// Any 64-bit integer.
    public init(_ value: Int64) {
        var digits: [UInt8] = []
        var rest = value.magnitude
        while rest > 0 {
            digits.append(UInt8(rest % 10))
            rest /= 10
        }
        digits.reverse()
        self = ExactDecimal(negative: value < 0, digits: digits[...], exponent: digits.count) ?? .zero
    }

    private static func readDigits(_ scanner: inout ByteScanner, into digits: inout [UInt8]) {
        while !scanner.isAtEnd {
            let digit = scanner.next &- 0x30
            guard digit < 10 else { return }
            digits.append(digit)
            scanner.position += 1
        }
    }

    private static func readExponent(_ scanner: inout ByteScanner) -> Int? {
        let negative = scanner.take(UInt8(ascii: "-"))
        if !negative { _ = scanner.take(UInt8(ascii: "+")) }
        let start = scanner.position
        var value = 0
        while !scanner.isAtEnd {
            let digit = scanner.next &- 0x30
            guard digit < 10 else { break }
            value = value * 10 + Int(digit)
            guard value <= exponentLimit else { return nil }
            scanner.position += 1
        }
        guard scanner.position > start else { return nil }
        return negative ? -value : value
    }

    private static func special(
        _ bytes: UnsafeRawBufferPointer, negative: Bool, signed: Bool
    ) -> ExactDecimal? {
        func isWord(_ word: StaticString, from start: Int) -> Bool {
            guard bytes.count - start == word.utf8CodeUnitCount else { return false }
            return (0..<word.utf8CodeUnitCount).allSatisfy { bytes[start + $0] | 0x20 == word.utf8Start[$0] }
        }
        if negative { return isWord("infinity", from: 1) ? .negativeInfinity : nil }
        if signed { return nil }
        if isWord("infinity", from: 0) { return .infinity }
        return isWord("nan", from: 0) ? .nan : nil
    }

    /// True for every value but NaN and the infinities.
    public var isFinite: Bool { kind == .zero || kind == .positive || kind == .negative }

    /// How many bytes `text` has, known without writing it.
    public var textLength: Int {
        switch kind {
        case .nan: return 3
        case .infinity: return 8
        case .negativeInfinity: return 9
        case .zero: return 1
        case .positive, .negative:
            let sign = kind == .negative ? 1 : 0
            let place = Int(exponent)
            if place <= 0 { return sign + 2 - place + digits.count }
            return sign + (digits.count > place ? digits.count + 1 : place)
        }
    }

    /// The one plain notation: no exponent, no sign on zero, no zeros that say nothing.
    public var text: String {
        switch kind {
        case .nan: return "NaN"
        case .infinity: return "Infinity"
        case .negativeInfinity: return "-Infinity"
        case .zero: return "0"
        case .positive, .negative:
            var bytes: [UInt8] = []
            bytes.reserveCapacity(textLength)
            appendPlain(to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private func appendPlain(to bytes: inout [UInt8]) {
        let place = Int(exponent)
        if kind == .negative { bytes.append(UInt8(ascii: "-")) }
        if place <= 0 {
            bytes.append(UInt8(ascii: "0"))
            bytes.append(UInt8(ascii: "."))
            bytes.append(contentsOf: [UInt8](repeating: 0x30, count: -place))
        }
        for (index, digit) in digits.enumerated() {
            if index == place, place > 0 { bytes.append(UInt8(ascii: ".")) }
            bytes.append(0x30 + digit)
        }
        if place > digits.count {
            bytes.append(contentsOf: [UInt8](repeating: 0x30, count: place - digits.count))
        }
    }

    /// The same as `text`.
    public var description: String { text }

    /// The value as a 64-bit integer, nil if it has a fraction or does not fit.
    public var int64: Int64? {
        guard isFinite else { return nil }
        guard exponent <= 19, digits.count <= max(0, Int(exponent)) else { return nil }
        var magnitude: UInt64 = 0
        // Nineteen digits always fit in 64 unsigned bits.
        for index in 0..<max(0, Int(exponent)) {
            magnitude = magnitude * 10 + UInt64(index < digits.count ? digits[index] : 0)
        }
        if kind == .negative {
            guard magnitude <= Int64.min.magnitude else { return nil }
            return Int64(truncatingIfNeeded: 0 &- magnitude)
        }
        return Int64(exactly: magnitude)
    }

    public static func < (left: ExactDecimal, right: ExactDecimal) -> Bool {
        guard left.kind == right.kind else { return left.kind.rawValue < right.kind.rawValue }
        switch left.kind {
        case .positive: return isLess(left, right)
        case .negative: return isLess(right, left)
        default: return false
        }
    }

    private static func isLess(_ left: ExactDecimal, _ right: ExactDecimal) -> Bool {
        guard left.exponent == right.exponent else { return left.exponent < right.exponent }
        return left.digits.lexicographicallyPrecedes(right.digits)
    }
}

extension ExactDecimal {
    /// Appends bytes whose order under memcmp is the numeric order, NaN last.
    ///
    /// The bytes end themselves: a kind, then for a number its exponent in four bytes and its digits
    /// two to a byte, each pair one higher than it is so that 0 is free to mean the end. A negative
    /// number has all but the kind inverted.
    public func appendOrdered(to bytes: inout [UInt8]) {
        bytes.append(kind.rawValue)
        guard kind == .positive || kind == .negative else { return }
        let flip: UInt8 = kind == .negative ? 0xFF : 0
        let biased = UInt32(bitPattern: exponent) ^ 0x8000_0000
        for shift in [24, 16, 8, 0] as [UInt32] {
            bytes.append(UInt8(truncatingIfNeeded: biased >> shift) ^ flip)
        }
        for index in stride(from: 0, to: digits.count, by: 2) {
            let ones = index + 1 < digits.count ? digits[index + 1] : 0
            bytes.append((digits[index] * 10 + ones + 1) ^ flip)
        }
        bytes.append(flip)
    }

    /// Reads what `appendOrdered` wrote and moves `bytes` past it.
    ///
    /// Nil, with `bytes` left alone, for bytes that `appendOrdered` does not write.
    public static func readOrdered(_ bytes: inout ArraySlice<UInt8>) -> ExactDecimal? {
        guard let first = bytes.first, let kind = Kind(rawValue: first) else { return nil }
        guard kind == .positive || kind == .negative else {
            bytes.removeFirst()
            return ExactDecimal(kind: kind)
        }
        let flip: UInt8 = kind == .negative ? 0xFF : 0
        let body = bytes.dropFirst()
        guard body.count > 4 else { return nil }
        let biased = body.prefix(4).reduce(0 as UInt32) { $0 << 8 | UInt32($1 ^ flip) }
        let pairs = body.dropFirst(4)
        guard let end = pairs.firstIndex(of: flip), end > pairs.startIndex else { return nil }
        var digits: [UInt8] = []
        digits.reserveCapacity((end - pairs.startIndex) * 2)
        for byte in pairs[..<end] {
            let pair = (byte ^ flip) &- 1
            guard pair < 100 else { return nil }
            digits.append(pair / 10)
            digits.append(pair % 10)
        }
        if digits.last == 0 { digits.removeLast() }
        guard digits.first != 0, digits.last != 0 else { return nil }
        bytes = pairs[(end + 1)...]
        return ExactDecimal(kind: kind, exponent: Int32(bitPattern: biased ^ 0x8000_0000), digits: digits)
    }
}
