/// The values that identify a record, as bytes whose order is the order of the values.
///
/// Keys of every replica sort the same way: by these bytes, never by a database's collation. The encoding is the
/// tuple encoding known from FoundationDB: each value starts with its type tag; numbers are big-endian with the
/// sign bit flipped; text ends with a zero byte, and a zero byte inside it is followed by `0xff`.
public struct RecordKey: Sendable, Hashable, Comparable {
    public let bytes: [UInt8]

    /// Takes bytes that are already an encoded key.
    public init(bytes: [UInt8]) { self.bytes = bytes }

    public init(_ values: some Sequence<Value>) {
        var bytes: [UInt8] = []
        for value in values { Self.append(value, to: &bytes) }
        self.bytes = bytes
    }

    public static func < (a: RecordKey, b: RecordKey) -> Bool {
        a.bytes.lexicographicallyPrecedes(b.bytes)
    }

    /// The values of the key.
    /// - Throws: ``PackingError`` when the bytes are damaged.
    public func values() throws -> [Value] {
        var rest = bytes[...]
        var values: [Value] = []
        while !rest.isEmpty { values.append(try Self.read(&rest)) }
        return values
    }

    /// Whether a part of the key is null: such a record can't be identified.
    public var hasNull: Bool {
        // A null is a lone tag at the start of a value, so only a walk can tell it from payload.
        (try? values())?.contains { $0.isNull } ?? true
    }

    private static func append(_ value: Value, to bytes: inout [UInt8]) {
        switch value {
        case .null: bytes.append(Tag.null)
        case .bool(let flag): bytes.append(flag ? Tag.yes : Tag.no)
        case .int(let number): append(Tag.int, signed: number, to: &bytes)
        case .double(let number):
            let bits = number.canonicalBits
            append(Tag.double, bigEndian: bits >> 63 == 1 ? ~bits : bits | 1 << 63, to: &bytes)
        case .decimal(let number):
            bytes.append(Tag.decimal)
            number.appendOrdered(to: &bytes)
        case .text(let text): append(Tag.text, escaped: text.utf8, to: &bytes)
        case .json(let text): append(Tag.json, escaped: text.utf8, to: &bytes)
        case .bytes(let content): append(Tag.bytes, escaped: content, to: &bytes)
        case .date(let date): append(Tag.date, signed: date.days, to: &bytes)
        case .time(let time): append(Tag.time, signed: time.microseconds, to: &bytes)
        case .timestamp(let timestamp): append(Tag.timestamp, signed: timestamp.microseconds, to: &bytes)
        case .timestampWithZone(let timestamp):
            append(Tag.timestampWithZone, signed: timestamp.microseconds, to: &bytes)
        case .interval(let interval):
            append(Tag.interval, signed: interval.months, to: &bytes)
            appendBigEndian(UInt32(bitPattern: interval.days) ^ 1 << 31, to: &bytes)
            appendBigEndian(UInt64(bitPattern: interval.microseconds) ^ 1 << 63, to: &bytes)
        case .uuid(let uuid):
            append(Tag.uuid, bigEndian: uuid.high, to: &bytes)
            appendBigEndian(uuid.low, to: &bytes)
        case .list, .geometry, .blob:
            var writer = ByteWriter()
            writer.put(value)
            append(writer.bytes[0], escaped: writer.bytes.dropFirst(), to: &bytes)
        }
    }

    private static func append<T: FixedWidthInteger & SignedInteger>(
        _ tag: UInt8, signed number: T, to bytes: inout [UInt8]
    ) {
        let signBit = T.Magnitude(1) << (T.bitWidth - 1)
        append(tag, bigEndian: T.Magnitude(truncatingIfNeeded: number) ^ signBit, to: &bytes)
    }

    private static func append(
        _ tag: UInt8, bigEndian number: some FixedWidthInteger, to bytes: inout [UInt8]
    ) {
        bytes.append(tag)
        appendBigEndian(number, to: &bytes)
    }

    private static func appendBigEndian(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }

    private static func append(_ tag: UInt8, escaped content: some Sequence<UInt8>, to bytes: inout [UInt8]) {
        bytes.append(tag)
        for byte in content {
            bytes.append(byte)
            if byte == 0 { bytes.append(0xff) }
        }
        bytes.append(0)
    }

    private static func read(_ rest: inout ArraySlice<UInt8>) throws -> Value {
        guard let tag = rest.popFirst() else { throw PackingError("a key ends too early") }
        switch tag {
        case Tag.null: return .null
        case Tag.no: return .bool(false)
        case Tag.yes: return .bool(true)
        case Tag.int: return .int(try signed(&rest))
        case Tag.double:
            let bits: UInt64 = try bigEndian(&rest)
            return .double(Double(bitPattern: bits >> 63 == 1 ? bits ^ 1 << 63 : ~bits))
        case Tag.decimal:
            guard let number = ExactDecimal.readOrdered(&rest) else { throw PackingError("a key's decimal") }
            return .decimal(number)
        case Tag.text: return .text(try text(&rest))
        case Tag.json: return .json(try text(&rest))
        case Tag.bytes: return .bytes(try unescaped(&rest))
        case Tag.date: return .date(CalendarDate(days: try signed(&rest)))
        case Tag.time:
            guard let time = TimeOfDay(microseconds: try signed(&rest)) else {
                throw PackingError("a key's time of day")
            }
            return .time(time)
        case Tag.timestamp: return .timestamp(Timestamp(microseconds: try signed(&rest)))
        case Tag.timestampWithZone: return .timestampWithZone(Timestamp(microseconds: try signed(&rest)))
        case Tag.interval:
            return .interval(
                CalendarInterval(
                    months: try signed(&rest), days: try signed(&rest), microseconds: try signed(&rest)))
        case Tag.uuid: return .uuid(UUID128(high: try bigEndian(&rest), low: try bigEndian(&rest)))
        case Tag.list, Tag.geometry, Tag.blob:
            var reader = ByteReader([tag] + (try unescaped(&rest)))
            return try reader.value()
        default: throw PackingError("unknown type tag \(tag) in a key")
        }
    }

    private static func bigEndian<T: FixedWidthInteger>(_ rest: inout ArraySlice<UInt8>) throws -> T {
        guard rest.count >= MemoryLayout<T>.size else { throw PackingError("a key ends too early") }
        var number: T = 0
        for _ in 0..<MemoryLayout<T>.size { number = number << 8 | T(truncatingIfNeeded: rest.removeFirst()) }
        return number
    }

    private static func signed<T: FixedWidthInteger & SignedInteger>(
        _ rest: inout ArraySlice<UInt8>
    ) throws -> T {
        let raw: T.Magnitude = try bigEndian(&rest)
        return T(truncatingIfNeeded: raw ^ T.Magnitude(1) << (T.bitWidth - 1))
    }

    private static func unescaped(_ rest: inout ArraySlice<UInt8>) throws -> [UInt8] {
        var content: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte != 0 {
                content.append(byte)
            } else if rest.first == 0xff {
                content.append(0)
                rest.removeFirst()
            } else {
                return content
            }
        }
        throw PackingError("a key's text has no end")
    }

    private static func text(_ rest: inout ArraySlice<UInt8>) throws -> String {
        // A key with invalid UTF-8 still has to be named in a refusal, so it is shown repaired.
        String(decoding: try unescaped(&rest), as: UTF8.self)
    }
}
