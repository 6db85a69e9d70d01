internal import CXXHash

/// A 128-bit digest (XXH3) of canonical bytes.
///
/// 128 bits are enough to trust "unchanged"; it is no protection against someone who forges records.
public struct Digest: Sendable, Hashable {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public init(of bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { Digest(of: $0) }
    }

    public init(of bytes: UnsafeRawBufferPointer) {
        let hash = XXH3_128bits(bytes.baseAddress, bytes.count)
        high = hash.high64
        low = hash.low64
    }

    /// The digest of a record with its key inside, so that equal records under two keys differ.
    public init(key: RecordKey, fields: PackedRecord) {
        var writer = ByteWriter(reserving: key.bytes.count + fields.bytes.count + 4)
        writer.put(counted: key.bytes)
        writer.put(raw: fields.bytes)
        self.init(of: writer.bytes)
    }

    /// The digest of a record as a batch holds it: of its key, and of its fields with the first as seed.
    init(frame: Frame) {
        let key = Digest(of: frame.key)
        let hash = XXH3_128bits_withSeed(frame.third.baseAddress, frame.third.count, key.low)
        high = hash.high64 ^ key.high
        low = hash.low64
    }

    /// 32 lower-case hexadecimal digits.
    public var hex: String { Self.hex(high) + Self.hex(low) }

    public init?(hex: some StringProtocol) {
        guard hex.utf8.count == 32, let high = UInt64(hex.prefix(16), radix: 16),
            let low = UInt64(hex.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The digest of a set of records: their digests added modulo 2^128, and how many there are.
///
/// Added, never XORed: with XOR two equal differences cancel out, which has shipped silent "identical" verdicts.
public struct SetDigest: Sendable, Hashable {
    public private(set) var count: UInt64 = 0
    private var high: UInt64 = 0
    private var low: UInt64 = 0

    public init() {}

    /// What another program added up: the sum modulo 2^128 and the count.
    public init(sum: Digest, count: UInt64) {
        high = sum.high
        low = sum.low
        self.count = count
    }

    public mutating func add(_ digest: Digest) {
        add(SetDigest(sum: digest, count: 1))
    }

    /// Adds a set that has no record in common with this one.
    public mutating func add(_ other: SetDigest) {
        let (sum, carry) = low.addingReportingOverflow(other.low)
        low = sum
        high = high &+ other.high &+ (carry ? 1 : 0)
        count += other.count
    }

    /// Takes away a set all of whose records are in this one.
    public mutating func remove(_ other: SetDigest) {
        let (rest, borrow) = low.subtractingReportingOverflow(other.low)
        low = rest
        high = high &- other.high &- (borrow ? 1 : 0)
        count &-= other.count
    }

    /// The lower half of the sum, and the count.
    public var brief: SetDigest { SetDigest(sum: Digest(high: 0, low: low), count: count) }

    /// The digests' sum.
    public var sum: Digest { Digest(high: high, low: low) }

    /// The sum and the count as hexadecimal text.
    public var hex: String { sum.hex + "/" + String(count) }
}
