import Dovetail

/// PostgreSQL's binary `numeric`: how many digits to the base 10 000, the power of the first, the sign, the number of
/// decimals to show, and the digits.
enum NumericForm {
    private static let negative: UInt16 = 0x4000
    private static let nan: UInt16 = 0xc000
    private static let infinity: UInt16 = 0xd000
    private static let negativeInfinity: UInt16 = 0xf000

    /// Writes the one plain notation of a value, in which decimals are packed: zeros at the end, which PostgreSQL
    /// keeps to show, say nothing. False for bytes that are no `numeric`.
    static func write(_ raw: UnsafeRawBufferPointer, to text: inout TextScratch) -> Bool {
        guard raw.count >= 8 else { return false }
        let count = Int(word(raw, 0))
        let weight = Int(Int16(bitPattern: word(raw, 2)))
        let sign = word(raw, 4)
        guard raw.count == 8 + 2 * count else { return false }
        switch sign {
        case nan, infinity, negativeInfinity:
            text.begin(reserving: 16)
            text.put(word: sign == nan ? "NaN" : sign == infinity ? "Infinity" : "-Infinity")
            return true
        case 0, negative: break
        default: return false
        }
        var first = 0
        while first < count, word(raw, 8 + 2 * first) == 0 { first += 1 }
        text.begin(reserving: 8 + 4 * (abs(weight) + 1 + count))
        guard first < count else {
            text.put(0x30)
            return true
        }
        if sign == negative { text.put(UInt8(ascii: "-")) }
        if weight - first < 0 { text.put(0x30) }
        // Places of digits before the point, then after it.
        var place = first
        while place <= weight {
            let digit = place < count ? word(raw, 8 + 2 * place) : 0
            text.put(decimal: UInt64(digit), width: place == first ? 1 : 4)
            place += 1
        }
        guard count > max(weight + 1, 0) else { return true }
        text.put(UInt8(ascii: "."))
        place = weight + 1
        while place < count {
            text.put(decimal: UInt64(place < 0 ? 0 : word(raw, 8 + 2 * place)), width: 4)
            place += 1
        }
        text.dropZeros()
        return true
    }

    /// The same for `money`: hundredths in 64 bits. How many decimals to show is up to `lc_monetary`, which may
    /// differ from session to session; the number of hundredths does not.
    static func write(hundredths: Int64, to text: inout TextScratch) {
        text.begin(reserving: 24)
        if hundredths < 0 { text.put(UInt8(ascii: "-")) }
        text.put(decimal: hundredths.magnitude / 100)
        text.put(UInt8(ascii: "."))
        text.put(decimal: hundredths.magnitude % 100, width: 2)
        text.dropZeros()
    }

    private static func word(_ raw: UnsafeRawBufferPointer, _ offset: Int) -> UInt16 {
        UInt16(bigEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
}

/// A decimal taken apart at its point.
struct DecimalParts {
    let isNegative: Bool
    /// Digits before the point, without zeros in front: none for 0.5.
    let whole: ArraySlice<UInt8>
    /// Digits after it, without zeros at the end.
    let fraction: ArraySlice<UInt8>

    /// Nil for NaN and the infinities.
    init?(_ decimal: ExactDecimal) {
        guard decimal.isFinite else { return nil }
        let text = Array(decimal.text.utf8)[...]
        isNegative = text.first == UInt8(ascii: "-")
        let digits = isNegative ? text.dropFirst() : text
        let point = digits.firstIndex(of: UInt8(ascii: ".")) ?? digits.endIndex
        whole = digits[..<point].drop { $0 == 0x30 }
        fraction = digits[point...].dropFirst()
    }

    /// The zeros at the end of the whole part, when there is no fraction.
    var zerosAtEnd: Int { whole.reversed().prefix { $0 == 0x30 }.count }
}

extension NumericForm {
    /// The binary form of a decimal. It must be within PostgreSQL's reach.
    static func append(_ decimal: ExactDecimal, to bytes: inout [UInt8]) {
        guard let parts = DecimalParts(decimal) else {
            let sign = decimal == .nan ? nan : decimal == .infinity ? infinity : negativeInfinity
            for word in [0, 0, sign, 0] as [UInt16] { bytes.append(bigEndian: word) }
            return
        }
        var digits = groups(parts)
        var weight = (parts.whole.count + 3) / 4 - 1
        while digits.first == 0 {
            digits.removeFirst()
            weight -= 1
        }
        while digits.last == 0 { digits.removeLast() }
        if digits.isEmpty { weight = 0 }
        bytes.append(bigEndian: UInt16(truncatingIfNeeded: digits.count))
        bytes.append(bigEndian: Int16(truncatingIfNeeded: weight))
        bytes.append(bigEndian: parts.isNegative ? negative : 0)
        bytes.append(bigEndian: UInt16(truncatingIfNeeded: parts.fraction.count))
        for digit in digits { bytes.append(bigEndian: digit) }
    }

    /// The digits four by four, counted from the point.
    private static func groups(_ parts: DecimalParts) -> [UInt16] {
        let padded =
            [UInt8](repeating: 0x30, count: (4 - parts.whole.count % 4) % 4) + parts.whole + parts.fraction
            + [UInt8](repeating: 0x30, count: (4 - parts.fraction.count % 4) % 4)
        return stride(from: 0, to: padded.count, by: 4).map { start in
            padded[start..<start + 4].reduce(0) { $0 * 10 + UInt16($1 - 0x30) }
        }
    }
}

extension [UInt8] {
    mutating func append<Number: FixedWidthInteger>(bigEndian number: Number) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }
}
