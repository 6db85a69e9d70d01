import Dovetail
import GRDBSQLite

/// Reads all rows of an ordered reading into batches.
protocol RowReader: AnyObject {
    /// The next batch, of about `target` bytes; an empty one at the end.
    func next(target: Int) throws -> RecordBatch
}

/// Rows came in another order than their keys.
struct KeysOutOfOrder: Error {}

/// Reads row by row through the columns of a statement: any order, any number of columns.
final class SteppingReader: RowReader {
    /// Nil at the end: SQLite would begin anew.
    private var statement: RawStatement?
    private let packer: RowPacker

    init(_ statement: RawStatement, _ packer: RowPacker) {
        self.statement = statement
        self.packer = packer
    }

    func next(target: Int) throws -> RecordBatch {
        var builder = BatchBuilder(capacity: target + target / 8)
        while builder.byteCount < target, let statement {
            guard try statement.step() else {
                self.statement = nil
                break
            }
            guard packer.append(ColumnValues(statement), to: &builder) else { throw KeysOutOfOrder() }
        }
        return builder.seal()
    }
}

/// Reads inside SQLite's own loop: the statement's condition is a function that packs the row it is asked
/// about and is true of the last row of a batch only.
///
/// SQLite spends a quarter of a scan on handing out rows and columns one by one; here it hands out none. It
/// holds only where rows are met in the order asked for, without being sorted afterwards, and within the
/// number of arguments that a function may have.
final class InnerReader: RowReader {
    private var statement: RawStatement?
    private let taker: Taker

    static func canRead(columns: Int, _ db: OpaquePointer) -> Bool {
        columns <= Int(sqlite3_limit(db, SQLITE_LIMIT_FUNCTION_ARG, -1))
    }

    /// Prepares the reading of `columns` of the rows that `source` (a table and its order) gives.
    init(
        _ db: OpaquePointer, columns: [String], table: String, filter: String?, order: String,
        function: String, _ packer: RowPacker
    ) throws {
        taker = Taker(packer)
        try taker.register(function, on: db, arguments: columns.count)
        let take = "\(function)(\(columns.joined(separator: ", ")))"
        let condition = filter.map { "CASE WHEN \($0) THEN \(take) ELSE 0 END" } ?? take
        statement = try RawStatement(
            db, "SELECT 1 FROM \(table) NOT INDEXED WHERE \(condition) ORDER BY \(order)")
    }

    func next(target: Int) throws -> RecordBatch {
        guard let statement else { return taker.seal() }
        taker.begin(target: target)
        do {
            if try statement.step() { return taker.seal() }
        } catch {
            throw taker.isOutOfOrder ? KeysOutOfOrder() : error
        }
        self.statement = nil
        defer { taker.end() }
        return taker.seal()
    }
}

/// What the function in the condition works on.
private final class Taker {
    private let packer: RowPacker
    private var builder = BatchBuilder(capacity: 0)
    private var target = 0
    private(set) var isOutOfOrder = false

    init(_ packer: RowPacker) { self.packer = packer }

    func begin(target: Int) {
        if self.target != target { builder = BatchBuilder(capacity: target + target / 8) }
        self.target = target
    }

    func seal() -> RecordBatch { builder.seal() }

    /// Gives the memory back: SQLite keeps the function until the connection ends.
    func end() {
        builder = BatchBuilder(capacity: 0)
    }

    func register(_ name: String, on db: OpaquePointer, arguments: Int) throws {
        let code = sqlite3_create_function_v2(
            db, name, Int32(arguments), SQLITE_UTF8 | SQLITE_DIRECTONLY,
            Unmanaged.passRetained(self).toOpaque(),
            { context, _, values in
                guard let pointer = sqlite3_user_data(context), let values else { return }
                Unmanaged<Taker>.fromOpaque(pointer)._withUnsafeGuaranteedRef { $0.take(context, values) }
            }, nil, nil,
            { pointer in
                if let pointer { Unmanaged<Taker>.fromOpaque(pointer).release() }
            })
        // On failure SQLite has released it already.
        guard code == SQLITE_OK else { throw SQLiteFailure(db) }
    }

    private func take(_ context: OpaquePointer?, _ values: UnsafeMutablePointer<OpaquePointer?>) {
        guard packer.append(ArgumentValues(values), to: &builder) else {
            isOutOfOrder = true
            return sqlite3_result_error(context, "rows out of order", -1)
        }
        sqlite3_result_int(context, builder.byteCount < target ? 0 : 1)
    }
}
