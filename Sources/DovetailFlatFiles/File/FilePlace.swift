import DovetailEngine
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where a flat file is and what output calls it: all that a message needs.
struct FilePlace: Sendable {
    let path: String
    let name: String
    /// The name of its one table.
    let table: String

    func error(_ kind: ReplicaError.Kind, _ message: String) -> ReplicaError {
        ReplicaError(kind, replica: name, message)
    }

    /// What the system says when the file, or one beside it, can't be used.
    func error(code: Int32, doing what: String) -> ReplicaError {
        switch code {
        case ENOENT, ENOTDIR:
            error(.missing, "no such file: \(path); check the path")
        case EACCES, EPERM, EROFS:
            error(.forbidden, "\(path) can't be \(what); check the rights of the file and of its folder")
        case ENOSPC, EDQUOT:
            error(.full, "no room left on the disk of \(path); nothing was written, make room and run again")
        case EISDIR:
            error(.unsuitable, "\(path) is a folder; name a file in it")
        case ELOOP:
            error(.missing, "\(path) leads round in a circle of links; name the file itself")
        case EFBIG:
            error(.full, "\(path) would grow larger than files may be here; nothing was written")
        default:
            error(
                .failed, "\(path) can't be \(what): \(String(cString: strerror(code))); nothing was written")
        }
    }

    /// A file whose content is not what it should be, at a line.
    func damaged(_ problem: ContentProblem) -> ReplicaError {
        error(.damaged, "\(path), \(problem.place): \(problem.message)")
    }
}

/// Content that can't be read, and where.
struct ContentProblem: Error {
    /// Bytes from the start of the file.
    var offset: Int
    /// Counted from one; nil where lines say nothing.
    var line: Int?
    var message: String

    /// The same problem, its offset counted from an earlier place.
    func moved(by distance: Int) -> ContentProblem {
        ContentProblem(offset: offset + distance, line: line, message: message)
    }

    var place: String { line.map { "line \($0) (byte \(offset))" } ?? "byte \(offset)" }
}

/// Which content a file had: its inode, size and time.
struct FileStamp: Sendable, Hashable {
    let device: UInt64
    let inode: UInt64
    let size: Int
    let seconds: Int
    let nanoseconds: Int
    let mode: UInt32

    init(_ facts: stat) {
        device = UInt64(truncatingIfNeeded: facts.st_dev)
        inode = UInt64(truncatingIfNeeded: facts.st_ino)
        size = Int(facts.st_size)
        mode = UInt32(facts.st_mode)
        #if canImport(Darwin)
            seconds = facts.st_mtimespec.tv_sec
            nanoseconds = facts.st_mtimespec.tv_nsec
        #else
            seconds = facts.st_mtim.tv_sec
            nanoseconds = facts.st_mtim.tv_nsec
        #endif
    }

    /// The file that a path names now; nil when there is none.
    init?(path: String) {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return nil }
        self.init(facts)
    }

    /// When the content last changed, in microseconds since 1970.
    var microseconds: Int64 { Int64(seconds) * 1_000_000 + Int64(nanoseconds / 1000) }

    /// Whether the content is the same; rights may have changed.
    func hasSameContent(as other: FileStamp) -> Bool {
        device == other.device && inode == other.inode && size == other.size && seconds == other.seconds
            && nanoseconds == other.nanoseconds
    }

    var isFolder: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }
    var isRegular: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
    /// Someone may write to it. The system lets the administrator write to anything, and a rename asks nobody.
    var isWritable: Bool { mode & 0o222 != 0 }
}
