import GRDBSQLite

/// The values of one row, lent by SQLite until it moves on.
protocol RowValues {
    func value(_ column: Int32) -> OpaquePointer?
    func int(_ column: Int32) -> Int64
}

/// The columns of a statement's current row.
struct ColumnValues: RowValues {
    private let handle: OpaquePointer

    init(_ statement: RawStatement) { handle = statement.handle }

    @inline(__always)
    func value(_ column: Int32) -> OpaquePointer? { sqlite3_column_value(handle, column) }

    @inline(__always)
    func int(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
}

/// The arguments of a function.
struct ArgumentValues: RowValues {
    private let values: UnsafeMutablePointer<OpaquePointer?>

    init(_ values: UnsafeMutablePointer<OpaquePointer?>) { self.values = values }

    @inline(__always)
    func value(_ column: Int32) -> OpaquePointer? { values[Int(column)] }

    @inline(__always)
    func int(_ column: Int32) -> Int64 { sqlite3_value_int64(values[Int(column)]) }
}
