import GRDBSQLite

/// A prepared statement of the C API. It belongs to the queue of its connection and is used only there.
final class RawStatement {
    let handle: OpaquePointer
    private let connection: OpaquePointer

    /// Prepares exactly one statement.
    init(_ connection: OpaquePointer, _ sql: String) throws {
        var handle: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard code == SQLITE_OK, let handle else { throw SQLiteFailure(connection) }
        self.handle = handle
        self.connection = connection
    }

    deinit { sqlite3_finalize(handle) }

    /// True with a row, false at the end.
    func step() throws -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let failure = SQLiteFailure(connection)
            sqlite3_reset(handle)
            throw failure
        }
    }

    func reset() {
        sqlite3_reset(handle)
    }

    /// Runs a statement that gives no rows.
    func run() throws {
        defer { sqlite3_reset(handle) }
        while try step() {}
    }

    func bind(_ value: StoredValue, at index: Int) throws {
        let position = Int32(index)
        let code: Int32
        switch value {
        case .null: code = sqlite3_bind_null(handle, position)
        case .int(let number): code = sqlite3_bind_int64(handle, position, number)
        case .double(let number): code = sqlite3_bind_double(handle, position, number)
        case .text(let text):
            // By bytes and with a length, so that a NUL inside survives.
            code = text.withUnsafeBytes { raw in
                guard let base = raw.baseAddress, raw.count > 0 else {
                    return sqlite3_bind_text(handle, position, "", 0, Self.transient)
                }
                return sqlite3_bind_text64(
                    handle, position, base.assumingMemoryBound(to: CChar.self), UInt64(raw.count),
                    Self.transient, UInt8(SQLITE_UTF8))
            }
        case .bytes(let bytes):
            code = bytes.withUnsafeBytes { raw in
                guard let base = raw.baseAddress, raw.count > 0 else {
                    return sqlite3_bind_zeroblob(handle, position, 0)
                }
                return sqlite3_bind_blob64(handle, position, base, UInt64(raw.count), Self.transient)
            }
        }
        guard code == SQLITE_OK else { throw SQLiteFailure(connection) }
    }

    /// The value of a column as SQLite holds it.
    func stored(_ column: Int32) -> StoredValue {
        switch sqlite3_column_type(handle, column) {
        case SQLITE_INTEGER: return .int(sqlite3_column_int64(handle, column))
        case SQLITE_FLOAT: return .double(sqlite3_column_double(handle, column))
        case SQLITE_TEXT:
            let bytes = sqlite3_column_text(handle, column)
            let count = Int(sqlite3_column_bytes(handle, column))
            return .text(Array(UnsafeBufferPointer(start: bytes, count: count)))
        case SQLITE_BLOB:
            let bytes = sqlite3_column_blob(handle, column)
            let count = Int(sqlite3_column_bytes(handle, column))
            return .bytes(Array(UnsafeRawBufferPointer(start: bytes, count: count)))
        default: return .null
        }
    }

    /// Tells SQLite to copy what is bound.
    private static var transient: sqlite3_destructor_type {
        unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }
}

/// A value in one of SQLite's five storage classes.
enum StoredValue: Hashable {
    case null
    case int(Int64)
    case double(Double)
    /// UTF-8, valid or not.
    case text([UInt8])
    case bytes([UInt8])
}

extension String {
    /// The name quoted for SQL.
    var quoted: String { "\"" + replacing("\"", with: "\"\"") + "\"" }

    /// The text as an SQL literal.
    var literal: String { "'" + replacing("'", with: "''") + "'" }
}
