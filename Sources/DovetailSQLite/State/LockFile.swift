import DovetailEngine
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A held lock on a file that says who holds it.
///
/// The lock is the kernel's (`flock`), so it ends with the process however that dies, and the text in the
/// file is only for a person. The descriptor is closed on exec: a program that this one starts never inherits
/// it.
package final class LockFile: Sendable {
    package enum Attempt {
        case taken(LockFile)
        case held(by: LockOwner?)
    }

    private let descriptor: Mutex<Int32?>

    private init(_ descriptor: Int32) { self.descriptor = Mutex(descriptor) }

    deinit { release() }

    /// Tries once.
    /// - Throws: ``StateError`` when the file can't be made or locked at all.
    package static func take(_ path: String, owner: LockOwner, store: String) throws -> Attempt {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileFailure.error(errno, path, store) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            defer { _ = close(descriptor) }
            guard code == EWOULDBLOCK || code == EINTR else { throw FileFailure.error(code, path, store) }
            return .held(by: holder(descriptor))
        }
        let lock = LockFile(descriptor)
        lock.note(owner)
        return .taken(lock)
    }

    /// Whether a living process holds the lock, and who.
    static func isHeld(_ path: String) -> (held: Bool, by: LockOwner?) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return (false, nil) }
        defer { _ = close(descriptor) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return (true, holder(descriptor)) }
        _ = flock(descriptor, LOCK_UN)
        return (false, nil)
    }

    /// Lets go. Unlocked by name and not only by closing, for a forked child may still hold the same
    /// descriptor.
    package func release() {
        descriptor.withLock { descriptor in
            guard let open = descriptor else { return }
            _ = ftruncate(open, 0)
            _ = flock(open, LOCK_UN)
            _ = close(open)
            descriptor = nil
        }
    }

    /// Whether a program started now would not inherit the lock.
    var isClosedOnExec: Bool {
        descriptor.withLock { descriptor in
            descriptor.map { fcntl($0, F_GETFD) & FD_CLOEXEC != 0 } ?? true
        }
    }

    private func note(_ owner: LockOwner) {
        // The text is for a person; a full disk must not keep a run from its lock.
        guard let text = try? JSONEncoder().encode(owner) else { return }
        descriptor.withLock { descriptor in
            guard let descriptor else { return }
            _ = ftruncate(descriptor, 0)
            _ = text.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        }
    }

    private static func holder(_ descriptor: Int32) -> LockOwner? {
        var text = [UInt8](repeating: 0, count: 4096)
        let count = text.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        guard count > 0 else { return nil }
        return try? JSONDecoder().decode(LockOwner.self, from: Data(text.prefix(count)))
    }
}

/// What the file system refused, in words.
enum FileFailure {
    static func error(_ code: Int32, _ path: String, _ store: String) -> StateError {
        let words = String(cString: strerror(code))
        switch code {
        case ENOSPC, EDQUOT: return .full(store: store)
        case EACCES, EPERM, EROFS, ENOTDIR, ENOENT, EISDIR, EEXIST:
            return .forbidden(store: store, message: "can't write \(path): \(words)")
        default: return .failed(store: store, message: "can't write \(path): \(words)")
        }
    }
}

/// The lock on a folder under which state files are made and set aside: short, and without a file of its own.
final class FolderLock {
    private let descriptor: Int32

    init(_ folder: String, store: String) throws {
        descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure.error(errno, folder, store) }
        for _ in 0..<1000 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
            // Not every file system locks folders; the file is then made without this protection.
            guard errno == EWOULDBLOCK || errno == EINTR else { return }
            usleep(10_000)
        }
        throw StateError.failed(store: store, message: "another program keeps the folder \(folder) locked")
    }

    deinit {
        guard descriptor >= 0 else { return }
        _ = flock(descriptor, LOCK_UN)
        _ = close(descriptor)
    }
}
