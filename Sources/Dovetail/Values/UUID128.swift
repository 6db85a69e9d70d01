/// A UUID as two words, so that comparing and hashing need no bytes.
public struct UUID128: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The first eight bytes, the first of them highest.
    public var high: UInt64
    /// The last eight bytes.
    public var low: UInt64

    /// Any 128 bits; no version or variant is asked for.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads 8-4-4-4-12 hexadecimal digits of either case, with the hyphens and nothing else.
    public init?(_ text: some StringProtocol) {
        guard let uuid = ByteScanner.read(text, { UUID128.parse(utf8: $0) }) else { return nil }
        self = uuid
    }

    /// The same from borrowed UTF-8, without allocating.
    public static func parse(utf8 bytes: UnsafeRawBufferPointer) -> UUID128? {
        guard bytes.count == 36 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<36 {
            let byte = bytes[index]
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let nibble = nibble(byte) else { return nil }
            if index < 18 {
                high = high << 4 | nibble
            } else {
                low = low << 4 | nibble
            }
        }
        return UUID128(high: high, low: low)
    }

    private static func nibble(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x41...0x46: UInt64(byte - 0x41 + 10)
        case 0x61...0x66: UInt64(byte - 0x61 + 10)
        default: nil
        }
    }

    /// Lower case, 8-4-4-4-12.
    public var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(36)
        for index in 0..<32 {
            if index == 8 || index == 12 || index == 16 || index == 20 {
                bytes.append(UInt8(ascii: "-"))
            }
            let word = index < 16 ? high : low
            let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - index % 16 * 4)) & 0xF
            bytes.append(nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The same as `text`.
    public var description: String { text }

    /// The order of the sixteen bytes.
    public static func < (left: UUID128, right: UUID128) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
