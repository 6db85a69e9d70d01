#if os(Linux)
    import Glibc

    /// Linux tells what happens in each folder. Folders are watched, not files: editors replace these.
    public struct InotifyWatcher: FileWatcher {
        public init() {}

        public func hints(of folder: String, deep: Bool, besides other: String) -> AsyncThrowingStream<
            FileHint, any Error
        > {
            AsyncThrowingStream { continuation in
                do throws(FileProblem) {
                    let watch = try InotifyWatch(folder, deep, other) { continuation.yield($0) }
                    continuation.onTermination = { _ in watch.stop() }
                    watch.start { continuation.finish(throwing: $0) }
                } catch {
                    continuation.finish(throwing: error)
                }
            }
        }
    }

    /// A thread that waits for the kernel.
    ///
    /// Unchecked. Proof: `folders` is touched by the initialiser and after it by the one thread that ``start(onEnd:)`` makes; the
    /// descriptors are constants, and ``stop()`` only writes to one, which stays open as long as the watch is referenced.
    private final class InotifyWatch: @unchecked Sendable {
        private let events: Int32
        /// A pipe: what is written into one end wakes the thread at the other.
        private let stopped: Int32
        private let stopper: Int32
        private let root: String
        private let deep: Bool
        private let tell: @Sendable (FileHint) -> Void
        /// From the root; nil: the other folder.
        private var folders: [Int32: String?] = [:]

        private static let mask = UInt32(
            IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ONLYDIR
                | IN_DELETE_SELF | IN_MOVE_SELF)

        init(
            _ root: String, _ deep: Bool, _ other: String, tell: @escaping @Sendable (FileHint) -> Void
        ) throws(FileProblem) {
            self.root = root
            self.deep = deep
            self.tell = tell
            events = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
            var ends: [Int32] = [-1, -1]
            let code = pipe(&ends)
            (stopped, stopper) = (ends[0], ends[1])
            guard events >= 0, code == 0 else { throw Self.problem(root) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            let watch = inotify_add_watch(events, other, Self.mask)
            if watch >= 0 { folders[watch] = .some(nil) }
            try add("", telling: false)
        }

        deinit {
            for descriptor in [events, stopped, stopper] where descriptor >= 0 { close(descriptor) }
        }

        func start(onEnd: @escaping @Sendable (FileProblem) -> Void) {
            let body = Body { [self] in
                if let problem = loop() { onEnd(problem) }
            }
            var thread = pthread_t()
            let code = pthread_create(
                &thread, nil,
                { context in
                    if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
                    return nil
                }, Unmanaged.passRetained(body).toOpaque())
            guard code == 0 else { return onEnd(Self.problem(root)) }
            pthread_detach(thread)
        }

        func stop() { _ = write(stopper, [1], 1) }

        private final class Body {
            let run: @Sendable () -> Void
            init(_ run: @escaping @Sendable () -> Void) { self.run = run }
        }

        private static func problem(_ folder: String) -> FileProblem {
            FileProblem(
                errno == ENOENT ? .missing : .full,
                "\(folder) can't be watched (\(String(cString: strerror(errno)))); it is looked at every few seconds"
                    + " instead. Where the system has too few watches: sysctl fs.inotify.max_user_watches")
        }

        /// Watches a folder and those below it. Files in folders that came later may have been written before they are watched.
        private func add(_ folder: String, telling: Bool) throws(FileProblem) {
            let path = folder.isEmpty ? root : "\(root)/\(folder)"
            let watch = inotify_add_watch(
                events, path, Self.mask | (folder.isEmpty ? 0 : UInt32(IN_DONT_FOLLOW)))
            guard watch >= 0 else {
                if errno == ENOENT || errno == ENOTDIR, !folder.isEmpty { return }
                throw Self.problem(path)
            }
            folders[watch] = folder
            guard deep, let entries = try? SystemFiles().entries(of: path) else { return }
            for entry in entries where !IgnoredNames.ignores(entry.name) {
                let inner = folder.isEmpty ? entry.name : "\(folder)/\(entry.name)"
                switch entry.facts.kind {
                case .folder: try add(inner, telling: telling)
                case .file: if telling { tell(.changed(inner, isOpen: false)) }
                case .other: continue
                }
            }
        }

        /// - Returns: why it ended; nil: it was stopped.
        private func loop() -> FileProblem? {
            var polled = [
                pollfd(fd: events, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stopped, events: Int16(POLLIN), revents: 0),
            ]
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                if poll(&polled, 2, -1) < 0 {
                    if errno == EINTR { continue }
                    return Self.problem(root)
                }
                if polled[1].revents != 0 { return nil }
                let count = read(events, &buffer, buffer.count)
                guard count > 0 else { continue }
                do throws(FileProblem) {
                    try take(buffer[..<count])
                } catch {
                    return error
                }
            }
        }

        private func take(_ bytes: ArraySlice<UInt8>) throws(FileProblem) {
            var rest = bytes
            while rest.count >= MemoryLayout<inotify_event>.size {
                let head = rest.withUnsafeBytes { $0.loadUnaligned(as: inotify_event.self) }
                rest = rest.dropFirst(MemoryLayout<inotify_event>.size)
                let name = String(validating: rest.prefix(Int(head.len)).prefix { $0 != 0 }, as: UTF8.self)
                rest = rest.dropFirst(Int(head.len))
                try take(head.wd, head.mask, name)
            }
        }

        private func take(_ watch: Int32, _ mask: UInt32, _ name: String?) throws(FileProblem) {
            func has(_ flag: Int) -> Bool { mask & UInt32(flag) != 0 }
            if has(Int(IN_Q_OVERFLOW)) { return tell(.overflow) }
            guard let known = folders[watch] else { return }
            guard let folder = known else { return tell(.decided) }
            if has(Int(IN_DELETE_SELF)) || has(Int(IN_MOVE_SELF)) {
                folders[watch] = nil
                if folder.isEmpty {
                    throw FileProblem(
                        .missing, "the folder \(root) is gone; nothing is deleted at the hub, bring it back")
                }
                inotify_rm_watch(events, watch)
                // What was in it is gone from here.
                return tell(.overflow)
            }
            guard let name, !name.isEmpty, !IgnoredNames.ignores(name) else { return }
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            if has(Int(IN_ISDIR)) {
                if deep, has(Int(IN_CREATE)) || has(Int(IN_MOVED_TO)) { try add(path, telling: true) }
                return
            }
            tell(.changed(path, isOpen: has(Int(IN_MODIFY)) || has(Int(IN_CREATE))))
        }
    }
#endif
