import Dovetail
import DovetailEngine
import Foundation
import GRDB

/// Turns what went wrong in SQLite into words for a person.
enum StateFailure {
    static func translating<Result>(_ store: String, _ path: String?, _ body: () throws -> Result) throws
        -> Result
    {
        do { return try body() } catch { throw translated(error, store, path) }
    }

    static func translating<Result>(
        _ store: String, _ path: String?, isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws -> Result
    ) async throws -> Result {
        do { return try await body() } catch { throw translated(error, store, path) }
    }

    static func isDamage(_ error: any Error) -> Bool {
        if error is PackingError || error is StateCodingError || error is DecodingError { return true }
        guard let code = (error as? DatabaseError)?.resultCode else { return false }
        return code == .SQLITE_CORRUPT || code == .SQLITE_NOTADB
    }

    private static func translated(_ error: any Error, _ store: String, _ path: String?) -> any Error {
        if error is StateError || error is CancellationError { return error }
        if isDamage(error) {
            // The next run looks at the whole file, not only at its small tables.
            if let path { DamageMark(path).set() }
            return StateError.failed(
                store: store,
                message:
                    "the file is damaged (\(words(error))); the next run sets it aside and begins a new one")
        }
        guard let error = error as? DatabaseError else {
            return StateError.failed(store: store, message: "\(error)")
        }
        switch error.resultCode {
        case .SQLITE_FULL: return StateError.full(store: store)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            return StateError.forbidden(
                store: store, message: "it can't be written to; give yourself the right to")
        case .SQLITE_CANTOPEN:
            return StateError.forbidden(
                store: store, message: "it can't be opened; check the rights on its folder")
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return StateError.failed(
                store: store, message: "another program is using it; try again when it has ended")
        case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHMSIZE:
            // The shared memory of the log can't grow: this is how a full disk shows there.
            return StateError.full(store: store)
        default: return StateError.failed(store: store, message: words(error))
        }
    }

    private static func words(_ error: any Error) -> String {
        guard let error = error as? DatabaseError else { return "\(error)" }
        // Never GRDB's own description: it quotes statements with their values.
        return error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
    }
}

/// An empty file beside a store in which damage was met while it was used.
struct DamageMark {
    private let path: String

    init(_ path: String) { self.path = path + ".suspect" }

    var isSet: Bool { FileManager.default.fileExists(atPath: path) }

    func set() { _ = FileManager.default.createFile(atPath: path, contents: nil) }

    func clear() { try? FileManager.default.removeItem(atPath: path) }
}
