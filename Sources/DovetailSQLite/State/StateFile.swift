import DovetailEngine
import Foundation
import GRDB

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The file of a state store: found or made, recognised, checked, and set aside when it is damaged.
struct StateFile {
    let path: String
    let job: String

    private var folder: String {
        let folder = (path as NSString).deletingLastPathComponent
        return folder.isEmpty ? "." : folder
    }

    private var exists: Bool { access(path, F_OK) == 0 }

    func translating<Result>(_ body: () throws -> Result) throws -> Result {
        try StateFailure.translating(path, nil, body)
    }

    // MARK: Opening

    /// Opens the file for everything, making it when it is missing or damaged.
    func open() throws -> DatabaseQueue {
        try makeFolder()
        let lock = try FolderLock(folder, store: path)
        defer { withExtendedLifetime(lock) {} }
        guard exists else {
            try make(resetReason: nil)
            return try connect()
        }
        do {
            // Looked at before it is opened for writing: what is not ours, or damaged, stays byte for byte.
            try header().check(path: path)
            let looking = try connectForReading()
            defer { try? looking.close() }
            try check(looking)
            return try connect()
        } catch let damage where isDamage(damage) {
            let aside = try setAside()
            let name = (aside as NSString).lastPathComponent
            try make(resetReason: "the state file was damaged (\(words(damage))) and is kept as \(name)")
            return try connect()
        }
    }

    /// Opens the file without changing it.
    func openForReading() throws -> (DatabaseQueue, StateAccess) {
        guard exists else { return (try empty(resetReason: nil), .absent) }
        do {
            try header().check(path: path)
            let queue = try connectForReading()
            try check(queue)
            return (queue, .reading(path: path))
        } catch let damage where isDamage(damage) {
            return (try empty(resetReason: "the state file is damaged (\(words(damage)))"), .absent)
        }
    }

    private func connect() throws -> DatabaseQueue {
        var configuration = Self.configuration
        configuration.journalMode = .wal
        configuration.prepareDatabase { db in
            try db.execute(
                sql: """
                    PRAGMA secure_delete = ON;
                    PRAGMA cache_size = -8192;
                    PRAGMA wal_autocheckpoint = 32768;
                    """)
        }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try StateSchema.migrator.migrate(queue)
        return queue
    }

    /// A connection that only reads. In a folder that can't be written SQLite can't follow the log of a
    /// writer; when there is none, the file is read as it stands.
    func connectForReading() throws -> DatabaseQueue {
        var configuration = Self.configuration
        // A connection that could write tidies up SQLite's log files when it closes; a read-only one leaves them.
        let canTidyUp = access(path, W_OK) == 0 && access(folder, W_OK) == 0
        configuration.readonly = !canTidyUp
        // A cursor keeps its transaction open from batch to batch.
        configuration.allowsUnsafeTransactions = true
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            _ = try queue.inDatabase { try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_master") }
            return queue
        } catch let error as DatabaseError
            where error.resultCode == .SQLITE_CANTOPEN || error.resultCode == .SQLITE_READONLY
        {
            // What stands in a log would be missed: an old state shown as the present one.
            guard fileSize(path + "-wal") == 0 else { throw error }
            let allowed = CharacterSet.urlPathAllowed.subtracting(CharacterSet(charactersIn: "?#%"))
            guard let escaped = path.addingPercentEncoding(withAllowedCharacters: allowed) else {
                throw error
            }
            return try DatabaseQueue(path: "file:\(escaped)?immutable=1", configuration: configuration)
        }
    }

    private func fileSize(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    static var configuration: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.foreignKeysEnabled = false
        configuration.label = "dovetail.state"
        return configuration
    }

    // MARK: Making

    private func makeFolder() throws {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue {
            return
        }
        try makeFolder(folder)
        if (folder as NSString).lastPathComponent == ".dovetail" {
            let written = FileManager.default.createFile(
                atPath: folder + "/.gitignore", contents: Data("*\n".utf8))
            guard written else { throw FileFailure.error(errno, folder + "/.gitignore", path) }
        }
    }

    private func makeFolder(_ folder: String) throws {
        if mkdir(folder, 0o777) == 0 || errno == EEXIST { return }
        let code = errno
        let parent = (folder as NSString).deletingLastPathComponent
        guard code == ENOENT, !parent.isEmpty, parent != folder else {
            throw FileFailure.error(code, folder, path)
        }
        try makeFolder(parent)
        guard mkdir(folder, 0o777) == 0 || errno == EEXIST else {
            throw FileFailure.error(errno, folder, path)
        }
    }

    /// Makes a new store. It appears under its name only when it is complete, so that a file which is there
    /// and isn't complete is a damaged one.
    private func make(resetReason: String?) throws {
        let draft = path + ".new"
        for suffix in ["", "-wal", "-shm"] { _ = unlink(draft + suffix) }
        defer { for suffix in ["", "-wal", "-shm"] { _ = unlink(draft + suffix) } }
        let queue = try DatabaseQueue(path: draft, configuration: Self.configuration)
        try StateSchema.fill(queue, job: job, resetReason: resetReason)
        try queue.close()
        // A log of a file that is gone would be taken for this one's.
        for suffix in ["-wal", "-shm"] { _ = unlink(path + suffix) }
        guard rename(draft, path) == 0 else { throw FileFailure.error(errno, path, path) }
    }

    private func empty(resetReason: String?) throws -> DatabaseQueue {
        let queue = try DatabaseQueue(configuration: Self.configuration)
        try StateSchema.fill(queue, job: job, resetReason: resetReason)
        return queue
    }

    // MARK: Damage

    private func header() throws -> StateHeader {
        let descriptor = openForHeader(path)
        guard descriptor >= 0 else { throw FileFailure.error(errno, path, path) }
        defer { _ = close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        guard count >= 0 else { throw FileFailure.error(errno, path, path) }
        return StateHeader(bytes: Array(bytes.prefix(count)))
    }

    /// Looks at the small tables on each opening, and at everything after damage was met.
    private func check(_ queue: DatabaseQueue) throws {
        let suspect = DamageMark(path).isSet
        try queue.inDatabase { db in
            try StateHeader.check(version: try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0, path: path)
            for table in StateSchema.smallTables {
                guard try db.tableExists(table) else { throw StateDamage("its table \(table) is missing") }
                let found = try String.fetchAll(db, sql: "PRAGMA quick_check('\(table)')")
                guard found == ["ok"] else { throw StateDamage(found.first ?? "its table \(table)") }
            }
            guard try db.tableExists("changes") else { throw StateDamage("its table changes is missing") }
            for id in try Int64.fetchAll(db, sql: "SELECT id FROM tables") {
                guard try db.tableExists("base_\(id)") else {
                    throw StateDamage("its table base_\(id) is missing")
                }
            }
            if suspect {
                let found = try String.fetchAll(db, sql: "PRAGMA quick_check")
                guard found == ["ok"] else { throw StateDamage(found.first ?? "it fails its check") }
            }
            guard let owner = try String.fetchOne(db, sql: "SELECT name FROM job") else {
                throw StateDamage("it says nothing of its job")
            }
            guard owner == job else {
                throw StateError.failed(
                    store: path,
                    message: "it belongs to the job “\(owner)”, not “\(job)”; give this job a file of its own"
                )
            }
        }
        if suspect { DamageMark(path).clear() }
    }

    private func isDamage(_ error: any Error) -> Bool { error is StateDamage || StateFailure.isDamage(error) }

    private func words(_ error: any Error) -> String {
        (error as? StateDamage)?.description ?? (error as? DatabaseError)?.message ?? "\(error)"
    }

    /// Moves the file out of the way, with its log. A run that still holds the file keeps it.
    private func setAside() throws -> String {
        let (held, owner) = LockFile.isHeld(path + ".lock")
        if held { throw StateError.locked(by: owner) }
        var number = 1
        while access("\(path).damaged-\(number)", F_OK) == 0 { number += 1 }
        let aside = "\(path).damaged-\(number)"
        guard rename(path, aside) == 0 else { throw FileFailure.error(errno, aside, path) }
        for suffix in ["-wal", "-shm"] { _ = rename(path + suffix, aside + suffix) }
        DamageMark(path).clear()
        return aside
    }
}

/// `open` of the C library, which a method of the same name hides.
private func openForHeader(_ path: String) -> Int32 { open(path, O_RDONLY | O_CLOEXEC) }
