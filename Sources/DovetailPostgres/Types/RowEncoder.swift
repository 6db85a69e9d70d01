import Dovetail

/// Builds rows for `COPY … FROM STDIN (FORMAT binary)` into a table of the columns' transfer types.
///
/// A row is built whole before any of it is sent, so that a record that is refused leaves nothing behind.
struct RowEncoder {
    private let encoders: [ValueEncoder]
    private let plain: [PlainColumn]
    /// The row at hand: the number of fields, then each with its length.
    private(set) var row: [UInt8] = []

    /// - Parameter table: the table's name, for refusals.
    init(_ columns: [ColumnPlan], table: String) {
        encoders = columns.map { ValueEncoder(plan: $0, table: table) }
        plain = columns.map { PlainColumn($0) }
    }

    /// Begins a row of so many fields.
    mutating func begin(_ fields: Int) {
        row.removeAll(keepingCapacity: true)
        row.append(bigEndian: Int16(truncatingIfNeeded: fields))
    }

    /// A number beside the columns, such as the place of a write in its batch, for an `int8` column.
    mutating func put(int: Int64) {
        row.append(bigEndian: Int32(8))
        row.append(bigEndian: int)
    }

    /// The place of a row, for a `tid` column.
    mutating func put(place block: UInt32, _ line: UInt16) {
        row.append(bigEndian: Int32(6))
        row.append(bigEndian: block)
        row.append(bigEndian: line)
    }

    /// A number of the catalog, for an `oid` column.
    mutating func put(number: UInt32) {
        row.append(bigEndian: Int32(4))
        row.append(bigEndian: number)
    }

    mutating func putNull() { row.append(bigEndian: Int32(-1)) }

    /// A value of the column at `index`.
    mutating func put(_ value: Value, column index: Int) throws(UnstorableValue) {
        try encoders[index].append(value, to: &row)
    }

    /// The values of these fields of a record, and null for the others among `all`; both ascending.
    mutating func put(_ record: PackedRecord, _ fields: [Int], among all: [Int]) throws(UnstorableValue) {
        var walk = Walk()
        while true {
            let stop = record.bytes.withUnsafeBytes { pass($0, &walk, fields, all) }
            switch stop {
            case .end: return
            case .careful(let range, let column): try put(packed: record.bytes[range], column: column)
            case .tooShort: throw UnstorableValue(reason: "the record has too few fields")
            }
        }
    }

    /// Where in a record an encoder stands.
    private struct Walk {
        var field = 0
        var start = 0
        /// How many of the fields are put, and of all.
        var done = 0
        var passed = 0
    }

    private enum Stop {
        case end, tooShort
        /// This value is not plain.
        case careful(Range<Int>, column: Int)
    }

    private mutating func pass(
        _ bytes: UnsafeRawBufferPointer, _ walk: inout Walk, _ fields: [Int], _ all: [Int]
    ) -> Stop {
        while walk.passed < all.count {
            let column = all[walk.passed]
            guard walk.done < fields.count, fields[walk.done] == column else {
                putNull()
                walk.passed += 1
                continue
            }
            while walk.field < column {
                guard let end = PackedRecord.end(ofFieldAt: walk.start, in: bytes) else { return .tooShort }
                walk.start = end
                walk.field += 1
            }
            guard let end = PackedRecord.end(ofFieldAt: walk.start, in: bytes) else { return .tooShort }
            let range = walk.start..<end
            walk.start = end
            walk.field += 1
            walk.done += 1
            walk.passed += 1
            if bytes[range.lowerBound] == Self.null {
                putNull()
            } else if !plain[column].append(UnsafeRawBufferPointer(rebasing: bytes[range]), to: &row) {
                return .careful(range, column: column)
            }
        }
        return .end
    }

    /// A value from packed bytes, as ``PackedRecord/slices()`` gives them.
    mutating func put(packed: ArraySlice<UInt8>, column index: Int) throws(UnstorableValue) {
        let encoder = encoders[index]
        if packed.first == Self.text, encoder.takesPlainTexts {
            return try encoder.append(packedText: packed.dropFirst(5), to: &row)
        }
        if packed.first == Self.decimal, encoder.takesNumbers, packed.dropFirst(5).allSatisfy({ $0 < 0x3a }) {
            return try encoder.append(packedNumber: packed.dropFirst(5), to: &row)
        }
        var reader = ByteReader(packed)
        guard let value = try? reader.value() else {
            throw encoder.refusal("the text is not valid UTF-8")
        }
        try encoder.append(value, to: &row)
    }

    private static let null = PackedRecord(CollectionOfOne(Value.null)).bytes.first
    private static let decimal = PackedRecord(CollectionOfOne(Value.decimal(.zero))).bytes.first
    private static let text = PackedRecord(CollectionOfOne(Value.text(""))).bytes.first
}

extension ValueEncoder {
    /// Whether a text goes into the column as it is.
    fileprivate var takesPlainTexts: Bool {
        form.rule == .text || form.rule == .blankPadded || form.rule == .inet
    }

    /// Whether a decimal does.
    fileprivate var takesNumbers: Bool {
        plan.conversion == nil && (form.rule == .numeric || form.rule == .money)
    }
}
