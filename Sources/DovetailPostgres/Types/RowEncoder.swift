import Dovetail

/// Builds rows for `COPY … FROM STDIN (FORMAT binary)` into a table of the columns' transfer types.
///
/// A row is built whole before any of it is sent, so that a record that is refused leaves nothing behind.
struct RowEncoder {
    private let encoders: [ValueEncoder]
    /// The row at hand: the number of fields, then each with its length.
    private(set) var row: [UInt8] = []

    /// - Parameter table: the table's name, for refusals.
    init(_ columns: [ColumnPlan], table: String) {
        encoders = columns.map { ValueEncoder(plan: $0, table: table) }
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

    /// The same from packed bytes, as ``PackedRecord/slices()`` gives them.
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
