/// Reads short ASCII notations out of borrowed bytes. Every read checks the end, because the raw
/// buffer's own subscript does not in release builds.
struct ByteScanner {
    let bytes: UnsafeRawBufferPointer
    var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position >= bytes.count }

    /// The next byte, or 0 at the end: no notation read here has a zero byte in it.
    var next: UInt8 { position < bytes.count ? bytes[position] : 0 }

    /// Passes over `byte` if it comes next.
    mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte, position < bytes.count else { return false }
        position += 1
        return true
    }

    /// Exactly two digits.
    mutating func twoDigits() -> Int? {
        guard bytes.count - position >= 2 else { return nil }
        let tens = bytes[position] &- 0x30
        let ones = bytes[position + 1] &- 0x30
        guard tens < 10, ones < 10 else { return nil }
        position += 2
        return Int(tens) * 10 + Int(ones)
    }

    /// A run of one to eighteen digits, which fit in an Int64 whatever they are.
    mutating func digits() -> (value: Int64, count: Int)? {
        var value: Int64 = 0
        let start = position
        while position < bytes.count {
            let digit = bytes[position] &- 0x30
            guard digit < 10 else { break }
            guard position - start < 18 else { return nil }
            value = value * 10 + Int64(digit)
            position += 1
        }
        return position > start ? (value, position - start) : nil
    }

    /// The one to six digits after a decimal point, as millionths.
    mutating func millionths() -> Int64? {
        guard let (value, count) = digits(), count <= 6 else { return nil }
        var scaled = value
        for _ in count..<6 {
            scaled *= 10
        }
        return scaled
    }

    /// True if the whole buffer is exactly this text.
    func isAll(_ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        return bytes.elementsEqual(UnsafeRawBufferPointer(start: text.utf8Start, count: bytes.count))
    }

    /// Lends the UTF-8 of any string; a native String is not copied.
    static func read<Result>(
        _ text: some StringProtocol, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        var string = String(text)
        return string.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}

extension [UInt8] {
    /// Appends a number that is not negative in decimal, with zeros in front up to `width` digits.
    mutating func appendDecimal(_ value: UInt64, width: Int = 1) {
        if width == 2, value < 100 {
            append(0x30 + UInt8(value / 10))
            append(0x30 + UInt8(value % 10))
            return
        }
        var rest = value
        var length = 0
        let start = count
        repeat {
            append(0x30 + UInt8(rest % 10))
            rest /= 10
            length += 1
        } while rest > 0 || length < width
        self[start...].reverse()
    }

    /// Appends `.` and the shortest fraction that says this many millionths; nothing for none.
    mutating func appendMillionths(_ millionths: UInt64) {
        guard millionths > 0 else { return }
        append(UInt8(ascii: "."))
        appendDecimal(millionths, width: 6)
        while last == 0x30 {
            removeLast()
        }
    }
}
