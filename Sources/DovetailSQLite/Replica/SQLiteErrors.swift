import DovetailEngine
import GRDB
import GRDBSQLite

/// A result code of the SQLite C API with SQLite's words for it.
struct SQLiteFailure: Error {
    var code: Int32
    var message: String

    init(code: Int32, message: String) {
        self.code = code
        self.message = message
    }

    /// What the connection says about its last call.
    init(_ db: OpaquePointer?) {
        code = sqlite3_extended_errcode(db)
        message = String(cString: sqlite3_errmsg(db))
    }

    var primary: Int32 { code & 0xff }

    /// Constraints that other records have a part in.
    enum Constraint { case unique, reference }

    /// SQLITE_CONSTRAINT_UNIQUE, _PRIMARYKEY, _ROWID and _FOREIGNKEY; macros that Swift doesn't see.
    var constraint: Constraint? {
        guard primary == SQLITE_CONSTRAINT else { return nil }
        return switch code >> 8 {
        case 6, 8, 10: .unique
        case 3: .reference
        default: nil
        }
    }

    /// A reference that was found open after a write.
    static let openReference = SQLiteFailure(
        code: SQLITE_CONSTRAINT | 3 << 8, message: "FOREIGN KEY constraint failed")
}

/// Where a replica lives and how patient it is: all that a message needs.
struct Place: Sendable {
    let path: String
    let name: String
    let kind: SQLiteReplica.Kind
    let busyTimeout: Double

    func error(_ kind: ReplicaError.Kind, _ message: String) -> ReplicaError {
        ReplicaError(kind, replica: name, message)
    }

    /// Any error as a ``ReplicaError`` that says what to do about it.
    func error(_ error: any Error) -> ReplicaError {
        switch error {
        case let error as ReplicaError: error
        case let failure as SQLiteFailure: self.error(code: failure.code, failure.message)
        case let failure as DatabaseError:
            self.error(code: failure.extendedResultCode.rawValue, failure.message ?? "SQLite gives no reason")
        default: self.error(.failed, "\(error)")
        }
    }

    private func error(code: Int32, _ words: String) -> ReplicaError {
        switch code & 0xff {
        case SQLITE_BUSY, SQLITE_LOCKED:
            error(
                .locked,
                "\(path) is locked by another program; close it there, or raise busy_timeout"
                    + " (waited \(busyTimeout.formatted) s)")
        case SQLITE_READONLY:
            error(.forbidden, "\(path) can't be written to; check the rights of the file and of its folder")
        case SQLITE_PERM, SQLITE_AUTH:
            error(.forbidden, "\(path) may not be used; check the rights of the file (SQLite: \(words))")
        case SQLITE_CANTOPEN:
            error(
                .forbidden,
                "\(path) can't be opened; check the rights of the file and of its folder (SQLite: \(words))")
        case SQLITE_FULL:
            error(.full, "no room left on the disk of \(path); nothing was written, make room and run again")
        case SQLITE_NOTADB:
            error(
                .damaged,
                "\(path) is not a database that SQLite can read; it is another kind of file or encrypted")
        case SQLITE_CORRUPT:
            error(
                .damaged,
                "\(path) is damaged (SQLite: \(words)); check it with PRAGMA integrity_check or restore it")
        case SQLITE_IOERR:
            error(.failed, "the disk of \(path) reports an error (SQLite: \(words)); nothing was written")
        default: error(.failed, "\(path): SQLite says: \(words)")
        }
    }
}

extension Double {
    /// Seconds without a fraction that says nothing.
    fileprivate var formatted: String { self == rounded() ? String(Int(self)) : String(self) }
}
