import Dovetail
import GRDBSQLite

/// The SQL function that makes the key bytes of a row, so that SQLite can sort by them.
enum KeyFunction {
    /// Puts the function for these codecs in place. Each statement has one of its own: SQLite replaces none
    /// while a statement is under way.
    static func register(
        _ name: String, on db: OpaquePointer, codecs: [ColumnCodec], isUTF8: Bool
    ) throws {
        let maker = Unmanaged.passRetained(KeyMaker(codecs, isUTF8: isUTF8))
        let code = sqlite3_create_function_v2(
            db, name, Int32(codecs.count), SQLITE_UTF8 | SQLITE_DETERMINISTIC, maker.toOpaque(),
            { context, count, values in
                guard let pointer = sqlite3_user_data(context), let values else { return }
                let maker = Unmanaged<KeyMaker>.fromOpaque(pointer).takeUnretainedValue()
                maker.answer(context, UnsafeBufferPointer(start: values, count: Int(count)))
            }, nil, nil,
            { pointer in
                if let pointer { Unmanaged<KeyMaker>.fromOpaque(pointer).release() }
            })
        // On failure SQLite has released the maker already.
        guard code == SQLITE_OK else { throw SQLiteFailure(db) }
    }
}

/// Holds the codecs of the key's columns and the memory in which keys are built.
private final class KeyMaker {
    private let codecs: [ColumnCodec]
    private let isUTF8: Bool
    private var scratch = KeyScratch()

    init(_ codecs: [ColumnCodec], isUTF8: Bool) {
        self.codecs = codecs
        self.isUTF8 = isUTF8
    }

    func answer(_ context: OpaquePointer?, _ values: UnsafeBufferPointer<OpaquePointer?>) {
        scratch.begin()
        for index in values.indices { scratch.append(values[index], codecs[index], isUTF8: isUTF8) }
        let bytes = scratch.bytes
        sqlite3_result_blob64(
            context, bytes.baseAddress, UInt64(bytes.count),
            unsafeBitCast(-1, to: sqlite3_destructor_type.self))
    }
}
