/// One cell of a record, in the one form in which values are compared.
///
/// Each case has a single canonical form, made once where the value enters, so that two values are equal exactly
/// when their packed bytes are equal: NaN equals NaN, `-0.0` is `0.0`, and text compares by its UTF-8 bytes.
/// Swift's own `String ==` calls the composed and the decomposed spelling of “é” equal, which would hide a change;
/// where that is wanted, a field says so in its ``FieldOptions``.
///
/// ## Topics
/// ### Reading and writing packed bytes
/// - ``PackedRecord``
/// - ``RecordKey``
public enum Value: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    /// Any number of digits, exactly.
    case decimal(ExactDecimal)
    case text(String)
    case bytes([UInt8])
    case date(CalendarDate)
    case time(TimeOfDay)
    /// A wall-clock time with no zone; not comparable with ``timestampWithZone(_:)``.
    case timestamp(Timestamp)
    /// An instant, in microseconds since 1970 in UTC.
    case timestampWithZone(Timestamp)
    case interval(CalendarInterval)
    case uuid(UUID128)
    /// Canonical JSON text, as ``CanonicalJSON`` writes it.
    case json(String)
    case list([Value])
    case geometry(Geometry)
    /// Content kept elsewhere, known by digest and size.
    case blob(BlobReference)

    /// Whether this is ``null``.
    public var isNull: Bool {
        if case .null = self { true } else { false }
    }
}

/// Content too large to travel inside a record: an attachment, a photo, a file.
public struct BlobReference: Sendable, Hashable {
    /// SHA-256 of the content, 32 bytes.
    public let digest: [UInt8]
    /// Length of the content in bytes.
    public let size: UInt64

    public init(digest: [UInt8], size: UInt64) {
        self.digest = digest
        self.size = size
    }
}

extension Value: Hashable {
    /// Equality of canonical forms: by bytes for text, with NaN equal to itself.
    public static func == (a: Value, b: Value) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let x), .bool(let y)): x == y
        case (.int(let x), .int(let y)): x == y
        case (.double(let x), .double(let y)): x.canonicalBits == y.canonicalBits
        case (.decimal(let x), .decimal(let y)): x == y
        case (.text(let x), .text(let y)), (.json(let x), .json(let y)): x.utf8.elementsEqual(y.utf8)
        case (.bytes(let x), .bytes(let y)): x == y
        case (.date(let x), .date(let y)): x == y
        case (.time(let x), .time(let y)): x == y
        case (.timestamp(let x), .timestamp(let y)): x == y
        case (.timestampWithZone(let x), .timestampWithZone(let y)): x == y
        case (.interval(let x), .interval(let y)): x == y
        case (.uuid(let x), .uuid(let y)): x == y
        case (.list(let x), .list(let y)): x == y
        case (.geometry(let x), .geometry(let y)): x == y
        case (.blob(let x), .blob(let y)): x == y
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        var writer = ByteWriter()
        writer.put(self)
        writer.bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension Double {
    /// The bits under which equal doubles are equal: one NaN, one zero.
    @inlinable public var canonicalBits: UInt64 {
        if isNaN { return 0x7ff8_0000_0000_0000 }
        return self == 0 ? 0 : bitPattern
    }
}
