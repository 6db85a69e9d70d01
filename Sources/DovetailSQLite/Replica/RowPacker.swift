import Dovetail
import GRDBSQLite

/// Where the columns of a prepared statement are: first the fields, then what else is asked for.
struct RowLayout: Sendable {
    /// How the key of a row is made.
    enum Key: Sendable {
        /// It is the row id, in this column.
        case rowid(Int32)
        /// It is the one integer or text in this column, in SQLite's own order.
        case native(Int32, field: Int)
        /// A function made it, for SQLite to sort by, in this column.
        case encoded(Int32)
        /// It is made here from these fields.
        case fields([Int])
    }

    var key: Key
    /// The column with the row id that goes into the locator.
    var locator: Int32?
}

/// Turns the current row of a statement into a packed record, allocating nothing for the common types.
///
/// It belongs to the queue of its connection.
final class RowPacker {
    private let codecs: UnsafeMutableBufferPointer<ColumnCodec>
    private let layout: RowLayout
    private let isUTF8: Bool
    private let tags = PackedTags()
    private var scratch = KeyScratch()

    init(_ codecs: [ColumnCodec], layout: RowLayout, isUTF8: Bool) {
        self.codecs = .allocate(capacity: codecs.count)
        _ = self.codecs.initialize(from: codecs)
        self.layout = layout
        self.isUTF8 = isUTF8
    }

    deinit { codecs.deallocate() }

    /// Appends the current row. False when its key comes before that of the row before.
    @inline(__always)
    func append(_ row: some RowValues, to builder: inout BatchBuilder) -> Bool {
        builder.beginRecord()
        let order: Int
        switch layout.key {
        case .rowid(let column):
            let id = row.int(column)
            builder.putKey(int: id)
            order = scratch.order(ofInt: id)
        case .native(let column, let field):
            scratch.begin()
            append(row.value(column), codecs[field])
            order = scratch.end()
            builder.put(raw: scratch.bytes)
        case .encoded(let column):
            scratch.begin()
            scratch.append(raw: SQLiteBytes.blob(row.value(column)))
            order = scratch.end()
            builder.put(raw: scratch.bytes)
        case .fields:
            keyFromFields(row)
            order = 1
            builder.put(raw: scratch.bytes)
        }
        builder.endKey()
        packRest(row, &builder)
        return order >= 0
    }

    /// The current row alone.
    func record(_ statement: RawStatement) -> Record? {
        var builder = BatchBuilder(capacity: 1024)
        _ = append(ColumnValues(statement), to: &builder)
        return builder.seal().records().first
    }

    /// The key of the current row from the statement's first columns, one for each codec in turn.
    func key(_ statement: RawStatement) -> RecordKey {
        scratch.begin()
        for index in codecs.indices {
            append(sqlite3_column_value(statement.handle, Int32(index)), codecs[index])
        }
        return RecordKey(bytes: Array(scratch.bytes))
    }

    private func keyFromFields(_ row: some RowValues) {
        scratch.begin()
        guard case .fields(let fields) = layout.key else { return }
        for field in fields { append(row.value(Int32(field)), codecs[field]) }
    }

    private func append(_ value: OpaquePointer?, _ codec: ColumnCodec) {
        scratch.append(value, codec, isUTF8: isUTF8)
    }

    @inline(__always)
    private func packRest(_ row: some RowValues, _ builder: inout BatchBuilder) {
        if let column = layout.locator {
            var id = row.int(column).littleEndian
            withUnsafeBytes(of: &id) { builder.put(raw: $0) }
        }
        builder.endLocator()
        for index in 0..<codecs.count {
            pack(row.value(Int32(truncatingIfNeeded: index)), codecs[index], &builder)
        }
        builder.endRecord()
    }

    @inline(__always)
    private func pack(_ value: OpaquePointer?, _ codec: ColumnCodec, _ builder: inout BatchBuilder) {
        switch sqlite3_value_type(value) {
        case SQLITE_INTEGER:
            let number = sqlite3_value_int64(value)
            if codec.rule == .int || codec.rule == .plain {
                builder.put(int: number)
            } else {
                pack(int: number, codec, &builder)
            }
        case SQLITE_FLOAT: builder.put(double: sqlite3_value_double(value))
        case SQLITE_TEXT:
            let text = SQLiteBytes.text(value, isUTF8: isUTF8)
            if codec.keepsText {
                builder.put(text: text)
            } else {
                pack(text: text, codec, &builder)
            }
        case SQLITE_BLOB:
            let blob = SQLiteBytes.blob(value)
            if codec.rule == .geometry {
                pack(geometry: blob, codec, &builder)
            } else {
                builder.put(bytes: blob)
            }
        default: builder.putNull()
        }
    }

    private func pack(int number: Int64, _ codec: ColumnCodec, _ builder: inout BatchBuilder) {
        if codec.rule == .bool, number == 0 || number == 1 {
            builder.put(bool: number == 1)
        } else if codec.rule == .double, let exact = Double(exactly: number) {
            builder.put(double: exact)
        } else {
            builder.put(codec.value(int: number))
        }
    }

    @inline(never)
    private func pack(text: UnsafeRawBufferPointer, _ codec: ColumnCodec, _ builder: inout BatchBuilder) {
        switch codec.rule {
        case .date:
            if let date = CalendarDate.parse(utf8: text) { return put(tags.date, date.days, &builder) }
        case .timestamp, .timestampWithZone:
            let withZone = codec.rule == .timestampWithZone
            if let timestamp = TextForm.timestamp(text, withZone: withZone) {
                return put(
                    withZone ? tags.timestampWithZone : tags.timestamp, timestamp.microseconds, &builder)
            }
        default:
            if let value = codec.value(text: text) { return builder.put(value) }
        }
        builder.put(text: text)
    }

    private func pack(
        geometry blob: UnsafeRawBufferPointer, _ codec: ColumnCodec, _ builder: inout BatchBuilder
    ) {
        if let srs = Self.plainPoint(blob) {
            let wkb = UnsafeRawBufferPointer(rebasing: blob[8...])
            builder.put(srid: srs == codec.srs ? codec.srid : srs, canonicalWKB: wkb)
        } else if let (srid, wkb) = codec.geometry(blob), WKB.isCanonical(wkb) {
            builder.put(srid: srid, canonicalWKB: wkb)
        } else {
            builder.put(codec.value(blob: blob))
        }
    }

    /// The reference system of what most layers of points are full of: a little-endian XY point that is not
    /// empty, in a blob without an envelope. Its well-known binary is canonical as it is.
    @inline(__always)
    private static func plainPoint(_ blob: UnsafeRawBufferPointer) -> Int32? {
        // "GP", version 0, flags 1; then byte order 1 and type 1.
        guard blob.count == 29, UInt32(littleEndian: blob.loadUnaligned(as: UInt32.self)) == 0x0100_5047,
            blob[8] == 1, UInt32(littleEndian: blob.loadUnaligned(fromByteOffset: 9, as: UInt32.self)) == 1
        else { return nil }
        let x = Double(
            bitPattern: UInt64(littleEndian: blob.loadUnaligned(fromByteOffset: 13, as: UInt64.self)))
        let y = Double(
            bitPattern: UInt64(littleEndian: blob.loadUnaligned(fromByteOffset: 21, as: UInt64.self)))
        if x.isNaN || y.isNaN { return nil }
        return Int32(littleEndian: blob.loadUnaligned(fromByteOffset: 4, as: Int32.self))
    }

    /// A packed value of a fixed size: its tag and its number, little endian.
    @inline(__always)
    private func put(_ tag: UInt8, _ number: some FixedWidthInteger, _ builder: inout BatchBuilder) {
        builder.put(byte: tag)
        withUnsafeBytes(of: number.littleEndian) { builder.put(raw: $0) }
    }
}

/// Tags of packed values, taken from the encoding itself.
private struct PackedTags {
    let date = PackedRecord([.date(CalendarDate(days: 0))]).bytes[0]
    let timestamp = PackedRecord([.timestamp(Timestamp(microseconds: 0))]).bytes[0]
    let timestampWithZone = PackedRecord([.timestampWithZone(Timestamp(microseconds: 0))]).bytes[0]
}

/// The bytes of SQLite's values, lent until the statement moves on.
enum SQLiteBytes {
    @inline(__always)
    static func text(_ value: OpaquePointer?, isUTF8: Bool) -> UnsafeRawBufferPointer {
        // Of a UTF-8 text the blob is the same bytes, without the zero at the end being seen to.
        let start =
            isUTF8
            ? sqlite3_value_blob(value) : sqlite3_value_text(value).map { UnsafeRawPointer($0) }
        return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_value_bytes(value)))
    }

    @inline(__always)
    static func blob(_ value: OpaquePointer?) -> UnsafeRawBufferPointer {
        let start = sqlite3_value_blob(value)
        return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_value_bytes(value)))
    }
}
