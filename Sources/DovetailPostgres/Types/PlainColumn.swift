import Dovetail

/// A column whose common values pass from packed bytes to PostgreSQL's binary form without becoming a `Value` between.
///
/// It does no more than ``ValueEncoder`` would: whatever it can't tell at a glance to be storable as it is, it leaves to
/// that. Plain bits, so that a loop over rows touches no reference counts.
struct PlainColumn: Sendable, BitwiseCopyable {
    private enum Rule: UInt8, Sendable {
        case none, int2, int4, int8, double, text, date, timestamp, uuid, geometry
    }

    private var rule = Rule.none
    /// The tag under which such values are packed.
    private var tag: UInt8 = 0
    /// Texts: bytes that surely fit. Geometries: the one type that is allowed, 0 for any.
    private var limit = Int.max
    private var srid: Int32 = 0

    init(_ plan: ColumnPlan) {
        let form = plan.column.form
        guard plan.conversion == nil, !form.isTextForm else { return }
        switch form.rule {
        case .int2: take(.int2, like: .int(0))
        case .int4: take(.int4, like: .int(0))
        case .int8: take(.int8, like: .int(0))
        case .float8: take(.double, like: .double(0))
        case .text where plan.server.encoding == "UTF8" && form.type.number == BuiltIn.text:
            take(.text, like: .text(""))
        case .text where plan.server.encoding == "UTF8" && form.type.number == BuiltIn.varchar:
            take(.text, like: .text(""))
            if form.modifier >= 4 { limit = Int(form.modifier) - 4 }
        case .date: take(.date, like: .date(CalendarDate(days: 0)))
        case .timestamp where !(0..<6).contains(form.modifier):
            take(.timestamp, like: .timestamp(Timestamp(microseconds: 0)))
        case .timestampWithZone where !(0..<6).contains(form.modifier):
            take(.timestamp, like: .timestampWithZone(Timestamp(microseconds: 0)))
        case .uuid: take(.uuid, like: .uuid(UUID128(high: 0, low: 0)))
        case .geometry:
            let column = GeometryModifier(form.modifier, of: form.type)
            guard !column.isGeography, column.isOpen || !column.hasZ && !column.hasM else { return }
            guard let code = column.isOpen ? 0 : GeometryForm.planarCode(of: column.typeName) else { return }
            take(.geometry, like: .geometry(Geometry(srid: 0, canonicalWKB: [])))
            limit = Int(code)
            srid = column.srid
        default: return
        }
    }

    private mutating func take(_ rule: Rule, like value: Value) {
        self.rule = rule
        tag = PackedRecord(CollectionOfOne(value)).bytes[0]
    }

    /// Appends length and bytes of a packed value; false, with nothing appended, when the careful way has to judge it.
    @inline(__always)
    func append(_ packed: UnsafeRawBufferPointer, to row: inout [UInt8]) -> Bool {
        guard packed.count > 0, packed[0] == tag else { return false }
        switch rule {
        case .none: return false
        case .int2:
            guard let number = Int16(exactly: Self.word(packed, Int64.self)) else { return false }
            row.append(bigEndian: Int32(2))
            row.append(bigEndian: number)
        case .int4:
            guard let number = Int32(exactly: Self.word(packed, Int64.self)) else { return false }
            row.append(bigEndian: UInt64(4) << 32 | UInt64(UInt32(bitPattern: number)))
        case .int8, .double:
            row.append(bigEndian: Int32(8))
            row.append(bigEndian: Self.word(packed, UInt64.self))
        case .text:
            let text = UnsafeRawBufferPointer(rebasing: packed[5...])
            guard text.count <= limit, Self.isPlain(text) else { return false }
            row.append(bigEndian: Int32(truncatingIfNeeded: text.count))
            row.append(contentsOf: text)
        case .date:
            let days = Self.word(packed, Int32.self)
            guard days > -1_000_000, days < 1_000_000 else { return false }
            row.append(bigEndian: UInt64(4) << 32 | UInt64(UInt32(bitPattern: days - PostgresTime.epochDays)))
        case .timestamp:
            let time = Self.word(packed, Int64.self)
            guard Self.commonTimes.contains(time) else { return false }
            row.append(bigEndian: Int32(8))
            row.append(bigEndian: time - PostgresTime.epochMicroseconds)
        case .uuid:
            row.append(bigEndian: Int32(16))
            row.append(
                bigEndian: UInt64(littleEndian: packed.loadUnaligned(fromByteOffset: 1, as: UInt64.self)))
            row.append(
                bigEndian: UInt64(littleEndian: packed.loadUnaligned(fromByteOffset: 9, as: UInt64.self)))
        case .geometry: return appendGeometry(packed, to: &row)
        }
        return true
    }

    /// A little-endian XY geometry in a reference system that the column takes.
    @inline(__always)
    private func appendGeometry(_ packed: UnsafeRawBufferPointer, to row: inout [UInt8]) -> Bool {
        // Tag, length, reference system, byte order, type.
        guard packed.count >= 14, packed[9] == 1 else { return false }
        let own = Int32(littleEndian: packed.loadUnaligned(fromByteOffset: 5, as: Int32.self))
        let code = UInt32(littleEndian: packed.loadUnaligned(fromByteOffset: 10, as: UInt32.self))
        guard srid == 0 || own == srid, own > 0, own <= 900_000, code >= 1, code <= 7,
            limit == 0 || limit == Int(code)
        else { return false }
        row.append(bigEndian: Int32(truncatingIfNeeded: packed.count - 9 + 4))
        row.append(1)
        withUnsafeBytes(of: (code | GeometryForm.sridFlag).littleEndian) { row.append(contentsOf: $0) }
        withUnsafeBytes(of: own.littleEndian) { row.append(contentsOf: $0) }
        row.append(contentsOf: UnsafeRawBufferPointer(rebasing: packed[14...]))
        return true
    }

    /// Three thousand years around 1970, far within what PostgreSQL holds.
    private static var commonTimes: Range<Int64> { -100_000_000_000_000_000..<100_000_000_000_000_000 }

    @inline(__always)
    private static func word<T: FixedWidthInteger>(_ packed: UnsafeRawBufferPointer, _: T.Type) -> T {
        T(littleEndian: packed.loadUnaligned(fromByteOffset: 1, as: T.self))
    }

    /// ASCII without a zero; what is beyond has to be looked at as a whole.
    @inline(__always)
    private static func isPlain(_ text: UnsafeRawBufferPointer) -> Bool {
        var seen: UInt8 = 0
        var hasZero = false
        for byte in text {
            seen |= byte
            hasZero = hasZero || byte == 0
        }
        return seen < 0x80 && !hasZero
    }
}
