import CAtomicSwap
import DovetailEngine
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A part of a file that gets other bytes.
struct FileEdit {
    var range: Range<Int>
    var replacement: [UInt8]
}

/// Writes a file anew beside the old one and puts it in its place, whole or not at all.
///
/// The new file exchanges its name with the old one in one step, and only then the old one is looked at once more: had
/// someone written to it in the meantime, the names are exchanged back. A plain rename, which is what file systems
/// without that step get, would lose such a write.
struct FileRewrite {
    let file: OpenFile

    /// The file that a path leads to in the end, so that a link stays one.
    private static func target(of place: FilePlace) throws -> String {
        guard let resolved = realpath(place.path, nil) else {
            throw place.error(code: errno, doing: "written")
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Whether the file may be replaced.
    /// - Throws: ``ReplicaError``.
    static func checkWritable(_ place: FilePlace) throws {
        let path = try target(of: place)
        guard let stamp = FileStamp(path: path) else { throw place.error(code: errno, doing: "written") }
        guard stamp.isWritable, access(path, W_OK) == 0 else {
            throw place.error(
                .forbidden, "\(place.path) is read-only; give it write permission, or another copy")
        }
        let folder = folder(of: path)
        guard access(folder, W_OK | X_OK) == 0 else {
            throw place.error(
                .forbidden,
                "\(folder) can't be written to, and a new \(place.path) is made there first;"
                    + " check the rights of the folder")
        }
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Writes the file with these edits, which are in order and don't overlap.
    /// - Returns: where the replacement of each edit begins in the new file, and the stamp of that.
    /// - Throws: ``ReplicaError``; the file is then as it was, and nothing is left beside it.
    func write(_ edits: [FileEdit]) throws -> (starts: [Int], stamp: FileStamp) {
        let place = file.place
        try Self.checkWritable(place)
        let path = try Self.target(of: place)
        let folder = Self.folder(of: path)
        let name = String(
            path.dropFirst(
                path.lastIndex(of: "/").map { path.distance(from: path.startIndex, to: $0) + 1 } ?? 0))
        Self.sweep(folder, name)
        let draft = "\(folder)/\(Self.prefix(name))\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw place.error(code: errno, doing: "written") }
        var isOpen = true
        defer {
            if isOpen { close(descriptor) }
            // After an exchange this is the old file, otherwise the draft; in both cases it has to go.
            unlink(draft)
        }
        var output = DraftWriter(descriptor, place)
        var starts: [Int] = []
        var position = 0
        for edit in edits {
            try output.copy(from: file, position..<edit.range.lowerBound)
            starts.append(output.position)
            try output.write(edit.replacement)
            position = edit.range.upperBound
        }
        try output.copy(from: file, position..<file.size)
        try output.flush()
        try file.checkUnchanged()

        // Ownership can be kept only by the administrator; others own the file already or share it by its group.
        var old = stat()
        guard stat(path, &old) == 0 else { throw place.error(code: errno, doing: "written") }
        _ = fchown(descriptor, old.st_uid, old.st_gid)
        guard fchmod(descriptor, mode_t(file.stamp.mode & 0o7777)) == 0, fsync(descriptor) == 0 else {
            throw place.error(code: errno, doing: "written")
        }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw place.error(code: errno, doing: "written") }
        isOpen = false
        guard close(descriptor) == 0 else { throw place.error(code: errno, doing: "written") }
        try commit(draft, to: path)
        Self.syncFolder(folder)
        return (starts, FileStamp(facts))
    }

    private func commit(_ draft: String, to path: String) throws {
        guard isOurs(path) else { throw overtaken() }
        switch dovetail_swap_files(draft, path) {
        case 0:
            // What has our draft's name now is the file that was there. Had it been another one, it goes back.
            guard isOurs(draft) else {
                let code = dovetail_swap_files(draft, path)
                guard code == 0 else { throw file.place.error(code: code, doing: "written") }
                throw overtaken()
            }
        case EINVAL, ENOTSUP, ENOSYS, EPERM:
            guard rename(draft, path) == 0 else { throw file.place.error(code: errno, doing: "written") }
        case let code: throw file.place.error(code: code, doing: "written")
        }
    }

    private func isOurs(_ path: String) -> Bool {
        FileStamp(path: path)?.hasSameContent(as: file.stamp) ?? false
    }

    private func overtaken() -> ReplicaError {
        let path = file.place.path
        guard FileStamp(path: path) != nil else {
            return file.place.error(
                .missing, "\(path) was removed while it was written; nothing was written")
        }
        return file.place.error(
            .locked, "\(path) was changed by another program in the meantime; nothing was written, run again")
    }

    /// A new name in a folder is safe only when the folder is.
    private static func syncFolder(_ folder: String) {
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func prefix(_ name: String) -> String { ".\(name.prefix(100)).dovetail-" }

    /// Removes drafts of processes that were killed.
    private static func sweep(_ folder: String, _ name: String) {
        guard let list = opendir(folder) else { return }
        defer { closedir(list) }
        let prefix = prefix(name)
        while let entry = readdir(list) {
            let found = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard found.hasPrefix(prefix),
                let process = Int32(found.dropFirst(prefix.count).prefix { $0 != "-" }),
                process != getpid(), kill(process, 0) != 0, errno == ESRCH
            else { continue }
            unlink("\(folder)/\(found)")
        }
    }
}

/// Writes the draft in large blocks.
private struct DraftWriter {
    private let descriptor: Int32
    private let place: FilePlace
    private var buffer: [UInt8] = []
    private(set) var position = 0
    private static let block = 1 << 20

    init(_ descriptor: Int32, _ place: FilePlace) {
        self.descriptor = descriptor
        self.place = place
        buffer.reserveCapacity(Self.block)
    }

    mutating func write(_ bytes: [UInt8]) throws {
        buffer.append(contentsOf: bytes)
        position += bytes.count
        if buffer.count >= Self.block { try flush() }
    }

    mutating func copy(from file: OpenFile, _ range: Range<Int>) throws {
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(start + Self.block, range.upperBound)
            try write(file.bytes(start..<end))
            start = end
        }
    }

    mutating func flush() throws {
        var done = 0
        try buffer.withUnsafeBytes { bytes in
            while done < bytes.count {
                #if canImport(Darwin)
                    let count = Darwin.write(
                        descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                #else
                    let count = Glibc.write(
                        descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                #endif
                if count > 0 {
                    done += count
                } else if count < 0, errno != EINTR {
                    throw place.error(code: errno, doing: "written")
                }
            }
        }
        buffer.removeAll(keepingCapacity: true)
    }
}
