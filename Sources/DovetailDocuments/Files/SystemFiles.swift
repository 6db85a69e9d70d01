import CAtomicSwap

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The files of the system.
public struct SystemFiles: FileSystem {
    public init() {}

    public func read(_ path: String) throws(FileProblem) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw problem(path, "read")
        }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw problem(path, "read") }
        // One byte more than it has: then the end is seen without growing.
        var bytes = [UInt8](repeating: 0, count: Int(facts.st_size) + 1)
        var count = 0
        while true {
            let got = bytes.withUnsafeMutableBytes { room in
                pread(descriptor, room.baseAddress.map { $0 + count }, room.count - count, off_t(count))
            }
            if got == 0 { break }
            guard got > 0 else {
                if errno == EINTR { continue }
                throw problem(path, "read")
            }
            count += got
            if count == bytes.count { bytes.append(contentsOf: repeatElement(0, count: count)) }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    public func facts(of path: String) throws(FileProblem) -> FileFacts? {
        var facts = stat()
        guard lstat(path, &facts) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw problem(path, "looked at")
        }
        return FileFacts(facts)
    }

    public func entries(of folder: String) throws(FileProblem) -> [FileEntry] {
        guard let list = opendir(folder) else { throw problem(folder, "listed") }
        defer { closedir(list) }
        var entries: [FileEntry] = []
        while let entry = readdir(list) {
            let (name, isText) = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                let bytes = bytes.prefix { $0 != 0 }
                let name = String(validating: bytes, as: UTF8.self)
                return (name ?? String(decoding: bytes, as: UTF8.self), name != nil)
            }
            guard isText else {
                let unknown = FileFacts(kind: .other, size: 0, changed: 0, mode: 0, number: 0)
                entries.append(FileEntry(name: name, facts: unknown, isText: false))
                continue
            }
            guard name != ".", name != "..", let facts = try facts(of: "\(folder)/\(name)") else { continue }
            entries.append(FileEntry(name: name, facts: facts))
        }
        return entries
    }

    public func makeFolder(_ path: String) throws(FileProblem) {
        if mkdir(path, 0o777) == 0 {
            syncFolder(of: path)
            return
        }
        switch errno {
        case EEXIST:
            var facts = stat()
            guard stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
                throw FileProblem(.exists, "\(path) is a file, and a folder is needed there: move it away")
            }
        case ENOENT:
            try makeFolder(Self.folder(of: path))
            guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw problem(path, "made") }
            syncFolder(of: path)
        default: throw problem(path, "made")
        }
    }

    public func create(_ path: String, with bytes: [UInt8], mode: UInt32?) throws(FileProblem) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw problem(path, "made") }
        var isOpen = true
        do throws(FileProblem) {
            defer { if isOpen { close(descriptor) } }
            var done = 0
            while done < bytes.count {
                let count = bytes.withUnsafeBytes { room in
                    write(descriptor, room.baseAddress.map { $0 + done }, room.count - done)
                }
                if count < 0, errno != EINTR { throw problem(path, "written") }
                done += max(count, 0)
            }
            if let mode, fchmod(descriptor, mode_t(mode & 0o7777)) != 0 { throw problem(path, "written") }
            guard fsync(descriptor) == 0 else { throw problem(path, "written") }
            isOpen = false
            guard close(descriptor) == 0 else { throw problem(path, "written") }
        } catch {
            unlink(path)
            throw error
        }
    }

    public func rename(_ path: String, to new: String) throws(FileProblem) {
        #if canImport(Darwin)
            let code = Darwin.rename(path, new)
        #else
            let code = Glibc.rename(path, new)
        #endif
        guard code == 0 else { throw problem(new, "written") }
        syncFolder(of: new)
        if Self.folder(of: path) != Self.folder(of: new) { syncFolder(of: path) }
    }

    public func renameNew(_ path: String, to new: String) throws(FileProblem) -> Bool {
        // A link is made only where there is nothing. Some file systems have none; there a look has to do.
        if link(path, new) == 0 {
            try remove(path)
            syncFolder(of: new)
            return true
        }
        switch errno {
        case EEXIST: return false
        case EPERM, ENOTSUP, ENOSYS, EMLINK:
            guard try facts(of: new) == nil else { return false }
            try rename(path, to: new)
            return true
        default: throw problem(new, "made")
        }
    }

    public func exchange(_ path: String, with other: String) throws(FileProblem) -> Bool {
        switch dovetail_swap_files(path, other) {
        case 0:
            syncFolder(of: other)
            return true
        case EINVAL, ENOTSUP, ENOSYS, EPERM: return false
        case let code: throw problem(other, "written", code)
        }
    }

    public func remove(_ path: String) throws(FileProblem) {
        guard unlink(path) == 0 || errno == ENOENT else { throw problem(path, "removed") }
    }

    public func lock(_ path: String) throws(FileProblem) -> (any FileLock)? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw problem(path, "locked") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            if code == EWOULDBLOCK { return nil }
            throw problem(path, "locked", code)
        }
        return Held(descriptor)
    }

    public func ignoresCase(in folder: String) -> Bool {
        let probe = "\(folder)/.dovetail-case-\(getpid())"
        let descriptor = open(probe, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        close(descriptor)
        defer { unlink(probe) }
        return access("\(folder)/.DOVETAIL-CASE-\(getpid())", F_OK) == 0
    }

    public func hasWriter(_ path: String) -> Bool { dovetail_has_writer(path) == 1 }

    public func giveOwner(of path: String, to new: String) {
        var (wanted, made) = (stat(), stat())
        guard lstat(path, &wanted) == 0, lstat(new, &made) == 0,
            (wanted.st_uid, wanted.st_gid) != (made.st_uid, made.st_gid)
        else { return }
        // Who may not give a file away may still give it to a group of theirs.
        guard lchown(new, wanted.st_uid, wanted.st_gid) == 0 || lchown(new, made.st_uid, wanted.st_gid) == 0
        else { return }
        // The system takes some rights away with the owner.
        chmod(new, made.st_mode & 0o7777)
    }

    private final class Held: FileLock {
        private let descriptor: Int32
        init(_ descriptor: Int32) { self.descriptor = descriptor }
        deinit { close(descriptor) }
    }

    /// A new name in a folder is safe only when the folder is.
    private func syncFolder(of path: String) {
        let descriptor = open(Self.folder(of: path), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private func problem(_ path: String, _ what: String, _ code: Int32 = errno) -> FileProblem {
        switch code {
        case ENOENT, ENOTDIR: FileProblem(.missing, "no such file or folder: \(path); check the path")
        case EACCES, EPERM, EROFS:
            FileProblem(.forbidden, "\(path) can't be \(what); check the rights of it and of its folder")
        case ENOSPC, EDQUOT:
            FileProblem(.full, "no room left on the disk of \(path); make room, it is tried again")
        case EEXIST: FileProblem(.exists, "\(path) is there already")
        default: FileProblem(.failed, "\(path) can't be \(what): \(String(cString: strerror(code)))")
        }
    }
}

extension FileFacts {
    fileprivate init(_ facts: stat) {
        let kind: Kind =
            switch facts.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            default: .other
            }
        #if canImport(Darwin)
            let time = facts.st_mtimespec
        #else
            let time = facts.st_mtim
        #endif
        self.init(
            kind: kind, size: Int(facts.st_size),
            changed: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec / 1000),
            mode: UInt32(facts.st_mode & 0o7777), number: UInt64(facts.st_ino))
    }
}
