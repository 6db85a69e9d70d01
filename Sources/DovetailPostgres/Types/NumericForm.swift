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
        self.init(plain: Array(decimal.text.utf8)[...])
    }

    /// Takes the one plain notation of a number, as decimals are packed.
    init(plain text: ArraySlice<UInt8>) {
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
    /// The binary form of NaN and the infinities.
    static func append(special decimal: ExactDecimal, to bytes: inout [UInt8]) {
        let sign = decimal == .nan ? nan : decimal == .infinity ? infinity : negativeInfinity
        for word in [0, 0, sign, 0] as [UInt16] { bytes.append(bigEndian: word) }
    }

    /// The binary form of a number. It must be within PostgreSQL's reach.
    static func append(_ parts: DecimalParts, to bytes: inout [UInt8]) {
        let start = bytes.count
        for word in [0, 0, parts.isNegative ? negative : 0, UInt16(truncatingIfNeeded: parts.fraction.count)]
        {
            bytes.append(bigEndian: word)
        }
        var count = 0
        var weight = (parts.whole.count + 3) / 4 - 1
        /// How long the digits are without the zeros at the end.
        var end = bytes.count
        func append(_ group: UInt16) {
            if count == 0, group == 0 {
                weight -= 1
                return
            }
            count += 1
            bytes.append(bigEndian: group)
            if group != 0 { end = bytes.count }
        }
        // Four by four, counted from the point.
        var group: UInt16 = 0
        var missing = parts.whole.count
        for digit in parts.whole {
            group = group * 10 + UInt16(digit - 0x30)
            missing -= 1
            if missing % 4 == 0 {
                append(group)
                group = 0
            }
        }
        var place = 0
        while place < parts.fraction.count || place % 4 != 0 {
            let index = parts.fraction.startIndex + place
            group = group * 10 + (index < parts.fraction.endIndex ? UInt16(parts.fraction[index] - 0x30) : 0)
            place += 1
            if place % 4 == 0 {
                append(group)
                group = 0
            }
        }
        bytes.removeSubrange(end...)
        bytes.replace(bigEndian: UInt16(truncatingIfNeeded: (end - start - 8) / 2), at: start)
        bytes.replace(bigEndian: Int16(truncatingIfNeeded: count == 0 ? 0 : weight), at: start + 2)
    }
}

extension [UInt8] {
    mutating func append<Number: FixedWidthInteger>(bigEndian number: Number) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }

    mutating func replace<Number: FixedWidthInteger & BitwiseCopyable>(
        bigEndian number: Number, at index: Int
    ) {
        withUnsafeMutableBytes { bytes in
            guard index + MemoryLayout<Number>.size <= bytes.count else { return }
            bytes.storeBytes(of: number.bigEndian, toByteOffset: index, as: Number.self)
        }
    }
}
