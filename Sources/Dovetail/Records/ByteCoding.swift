/// Type tags of packed values and keys. Their order is the order of values of different types in a key.
///
/// They are stored in state files: never renumber.
@usableFromInline
enum Tag {
    @usableFromInline static let null: UInt8 = 0x01
    @usableFromInline static let no: UInt8 = 0x02
    @usableFromInline static let yes: UInt8 = 0x03
    @usableFromInline static let int: UInt8 = 0x04
    @usableFromInline static let double: UInt8 = 0x05
    @usableFromInline static let decimal: UInt8 = 0x06
    @usableFromInline static let text: UInt8 = 0x07
    @usableFromInline static let bytes: UInt8 = 0x08
    @usableFromInline static let date: UInt8 = 0x09
    @usableFromInline static let time: UInt8 = 0x0a
    @usableFromInline static let timestamp: UInt8 = 0x0b
    @usableFromInline static let timestampWithZone: UInt8 = 0x0c
    @usableFromInline static let interval: UInt8 = 0x0d
    @usableFromInline static let uuid: UInt8 = 0x0e
    @usableFromInline static let json: UInt8 = 0x0f
    @usableFromInline static let list: UInt8 = 0x10
    @usableFromInline static let geometry: UInt8 = 0x11
    @usableFromInline static let blob: UInt8 = 0x12
}

/// Packed bytes that do not follow the encoding: a damaged state file or a bug, never user data.
public struct PackingError: Error, Sendable, CustomStringConvertible {
    public let description: String
    init(_ what: String) { description = "packed record is damaged: \(what)" }
}

/// Writes packed values into an array. For the edges; bulk readers write through ``BatchBuilder``.
public struct ByteWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init(reserving capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    public mutating func put(byte: UInt8) {
        bytes.append(byte)
    }

    public mutating func put<T: FixedWidthInteger>(integer: T) {
        withUnsafeBytes(of: integer.littleEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func put(raw: some Collection<UInt8>) {
        bytes.append(contentsOf: raw)
    }

    /// Length (32 bits) and bytes.
    public mutating func put(counted: some Collection<UInt8>) {
        put(integer: UInt32(counted.count))
        bytes.append(contentsOf: counted)
    }

    /// One value in the packed form of records: a tag, then a fixed-size payload or a length and bytes.
    public mutating func put(_ value: Value) {
        switch value {
        case .null: put(byte: Tag.null)
        case .bool(let flag): put(byte: flag ? Tag.yes : Tag.no)
        case .int(let number):
            put(byte: Tag.int)
            put(integer: number)
        case .double(let number):
            put(byte: Tag.double)
            put(integer: number.canonicalBits)
        case .decimal(let number): put(tag: Tag.decimal, text: number.text)
        case .text(let text): put(tag: Tag.text, text: text)
        case .json(let text): put(tag: Tag.json, text: text)
        case .bytes(let content):
            put(byte: Tag.bytes)
            put(counted: content)
        case .date(let date):
            put(byte: Tag.date)
            put(integer: date.days)
        case .time(let time):
            put(byte: Tag.time)
            put(integer: time.microseconds)
        case .timestamp(let timestamp):
            put(byte: Tag.timestamp)
            put(integer: timestamp.microseconds)
        case .timestampWithZone(let timestamp):
            put(byte: Tag.timestampWithZone)
            put(integer: timestamp.microseconds)
        case .interval(let interval):
            put(byte: Tag.interval)
            put(integer: interval.months)
            put(integer: interval.days)
            put(integer: interval.microseconds)
        case .uuid(let uuid):
            put(byte: Tag.uuid)
            put(integer: uuid.high)
            put(integer: uuid.low)
        case .list(let values):
            var inner = ByteWriter()
            for value in values { inner.put(value) }
            put(byte: Tag.list)
            put(counted: inner.bytes)
        case .geometry(let geometry):
            put(byte: Tag.geometry)
            put(integer: UInt32(geometry.wkb.count + 4))
            put(integer: geometry.srid)
            put(raw: geometry.wkb)
        case .blob(let blob):
            put(byte: Tag.blob)
            put(integer: UInt32(blob.digest.count + 8))
            put(integer: blob.size)
            put(raw: blob.digest)
        }
    }

    private mutating func put(tag: UInt8, text: String) {
        put(byte: tag)
        put(counted: text.utf8)
    }
}

/// Reads what ``ByteWriter`` wrote, checking every length.
public struct ByteReader {
    private var rest: ArraySlice<UInt8>

    public init(_ bytes: [UInt8]) { rest = bytes[...] }
    public init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    public var isAtEnd: Bool { rest.isEmpty }

    public mutating func byte() throws -> UInt8 {
        guard let first = rest.popFirst() else { throw PackingError("it ends too early") }
        return first
    }

    public mutating func integer<T: FixedWidthInteger>(_: T.Type = T.self) throws -> T {
        let raw = try take(MemoryLayout<T>.size)
        var value: T = 0
        withUnsafeMutableBytes(of: &value) { target in
            for (index, byte) in raw.enumerated() { target[index] = byte }
        }
        return T(littleEndian: value)
    }

    public mutating func counted() throws -> ArraySlice<UInt8> {
        let count: UInt32 = try integer()
        return try take(Int(count))
    }

    public mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard count >= 0, rest.count >= count else { throw PackingError("it ends too early") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    /// The next packed value.
    /// - Throws: ``PackingError`` when the bytes are no packed value; text must be valid UTF-8.
    public mutating func value() throws -> Value {
        let tag = try byte()
        switch tag {
        case Tag.null: return .null
        case Tag.no: return .bool(false)
        case Tag.yes: return .bool(true)
        case Tag.int: return .int(try integer())
        case Tag.double: return .double(Double(bitPattern: try integer()))
        case Tag.decimal:
            guard let number = ExactDecimal(try text()) else { throw PackingError("a decimal has no digits") }
            return .decimal(number)
        case Tag.text: return .text(try text())
        case Tag.json: return .json(try text())
        case Tag.bytes: return .bytes(Array(try counted()))
        case Tag.date: return .date(CalendarDate(days: try integer()))
        case Tag.time:
            guard let time = TimeOfDay(microseconds: try integer()) else {
                throw PackingError("a time of day")
            }
            return .time(time)
        case Tag.timestamp: return .timestamp(Timestamp(microseconds: try integer()))
        case Tag.timestampWithZone: return .timestampWithZone(Timestamp(microseconds: try integer()))
        case Tag.interval:
            return .interval(
                CalendarInterval(months: try integer(), days: try integer(), microseconds: try integer()))
        case Tag.uuid: return .uuid(UUID128(high: try integer(), low: try integer()))
        case Tag.list:
            var inner = ByteReader(try counted())
            var values: [Value] = []
            while !inner.isAtEnd { values.append(try inner.value()) }
            return .list(values)
        case Tag.geometry:
            var inner = ByteReader(try counted())
            let srid: Int32 = try inner.integer()
            return .geometry(Geometry(srid: srid, canonicalWKB: Array(inner.rest)))
        case Tag.blob:
            var inner = ByteReader(try counted())
            let size: UInt64 = try inner.integer()
            return .blob(BlobReference(digest: Array(inner.rest), size: size))
        default: throw PackingError("unknown type tag \(tag)")
        }
    }

    /// Skips a value without building it.
    public mutating func skipValue() throws {
        let tag = try byte()
        if let size = PackedLayout.fixedPayload(of: tag) {
            _ = try take(size)
        } else {
            _ = try counted()
        }
    }

    private mutating func text() throws -> String {
        let raw = try counted()
        guard let text = String(validating: raw, as: UTF8.self) else {
            throw PackingError("text is not valid UTF-8")
        }
        return text
    }
}

/// The layout rule shared by every reader of packed values.
@usableFromInline
enum PackedLayout {
    /// Payload size of a tag with a fixed size; nil for tags that carry their length.
    @inlinable
    static func fixedPayload(of tag: UInt8) -> Int? {
        switch tag {
        case Tag.null, Tag.no, Tag.yes: 0
        case Tag.int, Tag.double, Tag.time, Tag.timestamp, Tag.timestampWithZone: 8
        case Tag.date: 4
        case Tag.interval, Tag.uuid: 16
        default: nil
        }
    }
}
