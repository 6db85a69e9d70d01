import CLibPQ

/// What a statement gave, in the binary forms of PostgreSQL.
///
/// Readers of single values return nil for null and for a column of another width.
final class ResultRows {
    private let result: OpaquePointer
    let count: Int
    let columnCount: Int

    /// Takes over the result.
    init(_ result: OpaquePointer) {
        self.result = result
        count = Int(PQntuples(result))
        columnCount = Int(PQnfields(result))
    }

    deinit { PQclear(result) }

    /// How many rows the statement wrote.
    var affected: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }

    /// What was done, as `UPDATE 3`.
    var commandTag: String { String(cString: PQcmdStatus(result)) }

    func columnName(_ column: Int) -> String {
        PQfname(result, Int32(column)).map { String(cString: $0) } ?? ""
    }

    func columnType(_ column: Int) -> TypeNumber { PQftype(result, Int32(column)) }

    func isNull(_ row: Int, _ column: Int) -> Bool { PQgetisnull(result, Int32(row), Int32(column)) != 0 }

    /// The bytes of a value, valid while the rows are.
    func bytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        guard row < count, column < columnCount, !isNull(row, column),
            let start = PQgetvalue(result, Int32(row), Int32(column))
        else { return nil }
        return UnsafeRawBufferPointer(
            start: start, count: Int(PQgetlength(result, Int32(row), Int32(column))))
    }

    /// Of `text`, `name`, `varchar` and what has their form; and of anything in results of `run`.
    func text(_ row: Int, _ column: Int) -> String? {
        bytes(row, column).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Of `smallint`, `integer`, `bigint`, `oid` and `xid`.
    func int(_ row: Int, _ column: Int) -> Int? {
        guard let bytes = bytes(row, column) else { return nil }
        return switch bytes.count {
        case 8: Int(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
        case 4 where columnType(column) == 26 || columnType(column) == 28:
            Int(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
        case 4: Int(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
        case 2: Int(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
        default: nil
        }
    }

    func bool(_ row: Int, _ column: Int) -> Bool? {
        guard let bytes = bytes(row, column), bytes.count == 1 else { return nil }
        return bytes[0] != 0
    }

    /// Of `real` and `double precision`.
    func double(_ row: Int, _ column: Int) -> Double? {
        guard let bytes = bytes(row, column) else { return nil }
        return switch bytes.count {
        case 8: Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
        case 4: Double(Float(bitPattern: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))))
        default: nil
        }
    }
}
