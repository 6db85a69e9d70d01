import Dovetail
import GRDB
import GRDBSQLite

/// A statement of the SQLite C API, for the paths on which thousands of rows go by.
///
/// Used only inside one access to a connection, on that connection's thread.
struct StateStatement: ~Copyable {
    private let statement: OpaquePointer
    private let connection: OpaquePointer

    init(_ db: Database, _ sql: String) throws {
        guard let connection = db.sqliteConnection else {
            throw DatabaseError(message: "the store is closed")
        }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, sql, -1, 0, &statement, nil)
        guard code == SQLITE_OK, let statement else { throw Self.error(code, connection) }
        self.connection = connection
        self.statement = statement
    }

    deinit { sqlite3_finalize(statement) }

    /// Binds a copy of the bytes.
    func bind(_ bytes: [UInt8], at index: Int32) throws {
        let code = bytes.withUnsafeBytes { raw in
            // An empty array has no address, and a null pointer would bind NULL.
            raw.count == 0
                ? sqlite3_bind_zeroblob(statement, index, 0)
                : sqlite3_bind_blob64(statement, index, raw.baseAddress, UInt64(raw.count), Self.transient)
        }
        guard code == SQLITE_OK else { throw Self.error(code, connection) }
    }

    func bind(_ number: Int64?, at index: Int32) throws {
        let code =
            number.map { sqlite3_bind_int64(statement, index, $0) } ?? sqlite3_bind_null(statement, index)
        guard code == SQLITE_OK else { throw Self.error(code, connection) }
    }

    func bind(_ text: String?, at index: Int32) throws {
        let code =
            text.map { sqlite3_bind_text(statement, index, $0, -1, Self.transient) }
            ?? sqlite3_bind_null(statement, index)
        guard code == SQLITE_OK else { throw Self.error(code, connection) }
    }

    /// Whether there is a next row.
    func step() throws -> Bool {
        switch sqlite3_step(statement) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw Self.error(code, connection)
        }
    }

    /// Carries out a statement without rows, and makes it ready to be bound anew.
    func run() throws {
        while try step() {}
        reset()
    }

    func reset() { sqlite3_reset(statement) }

    /// The bytes of a column, valid until the next step.
    @inline(__always)
    func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(statement, column)
        return UnsafeRawBufferPointer(
            start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(statement, column)))
    }

    func array(_ column: Int32) -> [UInt8] { Array(bytes(column)) }

    /// "Copy it before you return", as a destructor.
    private static var transient: sqlite3_destructor_type {
        unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }

    private static func error(_ code: Int32, _ connection: OpaquePointer) -> DatabaseError {
        DatabaseError(
            resultCode: ResultCode(rawValue: code),
            message: sqlite3_errmsg(connection).map { String(cString: $0) })
    }
}
