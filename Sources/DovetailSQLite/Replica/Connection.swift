import Dispatch
import DovetailEngine
import Foundation
import GRDB
import GRDBSQLite

/// One connection to the file, and the serial queue on which everything of it happens.
///
/// It stays off Swift's cooperative threads: SQLite waits for locks and disks.
final class Connection: Sendable {
    let place: Place
    private let queue: DatabaseQueue

    private init(_ place: Place, _ queue: DatabaseQueue) {
        self.place = place
        self.queue = queue
    }

    /// Opens for looking: nothing is written, and no file stays behind where none was.
    static func look(at place: Place) async throws -> Connection {
        try await open(place) {
            do {
                return try DatabaseQueue(
                    path: place.path, configuration: configuration(place, readonly: true))
            } catch is NeedsCleanClose {
                return try lookAsWriter(place)
            } catch let error as DatabaseError
                where error.extendedResultCode == .SQLITE_READONLY_ROLLBACK
                || error.extendedResultCode == .SQLITE_READONLY_RECOVERY
            {
                // A program died while it wrote. Whoever reads first completes its rollback.
                return try lookAsWriter(place)
            }
        }
    }

    /// Opens for writing.
    static func write(to place: Place) async throws -> Connection {
        try await open(place) {
            var configuration = configuration(place, readonly: false)
            // Indexes are written at random places: with SQLite's 2 MB each of them would go to disk many
            // times. A statement that may fail keeps the pages it touches until its end: in memory, not in a
            // file.
            configuration.prepareDatabase {
                try $0.execute(sql: "PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY")
            }
            return try DatabaseQueue(path: place.path, configuration: configuration)
        }
    }

    /// Runs on the connection's queue. It is not interrupted by cancellation: a transaction once begun is
    /// ended.
    func perform<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws -> Result {
        let place = place
        return try await withCheckedThrowingContinuation { continuation in
            queue.asyncWriteWithoutTransaction { db in
                do {
                    continuation.resume(returning: try body(db))
                } catch {
                    continuation.resume(throwing: place.error(error))
                }
            }
        }
    }

    func close() async {
        let queue = queue
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                // A statement still open only delays the closing until it ends.
                try? queue.close()
                continuation.resume()
            }
        }
    }

    /// A connection that may write makes SQLite remove the `-wal` and `-shm` files it made; `query_only`
    /// keeps it from writing anything else.
    private static func lookAsWriter(_ place: Place) throws -> DatabaseQueue {
        var configuration = configuration(place, readonly: false)
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA query_only = 1") }
        return try DatabaseQueue(path: place.path, configuration: configuration)
    }

    private static func configuration(_ place: Place, readonly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = readonly
        configuration.busyMode = .timeout(place.busyTimeout)
        configuration.allowsUnsafeTransactions = true
        // Triggers and views of other programs may rely on it; filters are checked without it.
        configuration.acceptsDoubleQuotedStringLiterals = true
        configuration.prepareDatabase { db in
            guard let handle = db.sqliteConnection else { return }
            if readonly, FileHeader(handle)?.usesWAL == true, !fileExists(place.path + "-wal"),
                FileManager.default.isWritableFile(atPath: place.path)
            {
                throw NeedsCleanClose()
            }
            try GeoPackageFunctions.register(on: handle)
            // A look reads a page once: what it kept would be memory that nobody reads again.
            if readonly { try db.execute(sql: "PRAGMA cache_size = -500") }
        }
        return configuration
    }

    private static func fileExists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: path)
    }

    private static func open(
        _ place: Place, _ make: @escaping @Sendable () throws -> DatabaseQueue
    ) async throws -> Connection {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                do {
                    try checkFile(place)
                    continuation.resume(returning: Connection(place, try make()))
                } catch {
                    continuation.resume(throwing: place.error(error))
                }
            }
        }
    }

    private static func checkFile(_ place: Place) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder) else {
            throw place.error(.missing, "no such file: \(place.path); check the path")
        }
        if isFolder.boolValue {
            throw place.error(.damaged, "\(place.path) is a folder; name the file in it")
        }
        guard FileManager.default.isReadableFile(atPath: place.path) else {
            throw place.error(.forbidden, "\(place.path) may not be read; check the rights of the file")
        }
    }
}

/// Thrown while opening a file in WAL mode whose log nobody has open.
private struct NeedsCleanClose: Error {}

/// What stands in the first bytes of the file.
///
/// They are read through SQLite's own file handle: opening and closing the file beside SQLite would drop its
/// locks.
struct FileHeader {
    let usesWAL: Bool
    let changeCounter: Int64

    init?(_ db: OpaquePointer) {
        var file: UnsafeMutablePointer<sqlite3_file>?
        let code = withUnsafeMutablePointer(to: &file) {
            sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, $0)
        }
        guard code == SQLITE_OK, let file, let methods = file.pointee.pMethods,
            let read = methods.pointee.xRead
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: 100)
        let outcome = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress, 100, 0) }
        guard outcome == SQLITE_OK else { return nil }
        usesWAL = bytes[18] == 2 || bytes[19] == 2
        changeCounter = bytes[24..<28].reduce(0) { $0 << 8 | Int64($1) }
    }
}
