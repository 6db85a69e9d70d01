import DovetailDocuments
import Synchronization

/// A disk in memory. Processes work on it through handles, which die when the process does.
package final class MemoryDisk: Sendable {
    private struct Node {
        var bytes: [UInt8]?
        var mode: UInt32 = 0o644
        var changed: Int64
        var number: UInt64
    }

    private struct State {
        var nodes: [String: Node] = ["/": Node(bytes: nil, changed: 0, number: 1)]
        var next: UInt64 = 2
        var time: Int64 = 1_000_000
        var locks: Set<String> = []
        /// Changes until the handle that makes the next one dies; nil: it lives.
        var crashAfter: Int?
        var isFull = false
    }

    private let state = Mutex(State())
    package let ignoresCase: Bool

    package init(ignoresCase: Bool = false) { self.ignoresCase = ignoresCase }

    /// What a process that starts now works on.
    package func handle() -> MemoryFiles { MemoryFiles(self) }

    /// The process that makes the change after this many dies in it.
    package func crash(after changes: Int?) { state.withLock { $0.crashAfter = changes } }

    package func fill(_ isFull: Bool) { state.withLock { $0.isFull = isFull } }

    /// What a user has in a file.
    package func text(_ path: String) -> [UInt8]? { state.withLock { $0.nodes[path]?.bytes } }

    /// What a user writes; nil: he deletes it.
    package func put(_ text: [UInt8]?, _ path: String, mode: UInt32 = 0o644) {
        state.withLock { state in
            guard let text else {
                state.nodes[path] = nil
                return
            }
            Self.makeFolders(Self.folder(of: path), &state)
            Self.put(path, text, mode, &state)
        }
    }

    /// All files below a folder, for those who look for a text.
    package func texts(below folder: String) -> [String: [UInt8]] {
        state.withLock { state in
            state.nodes.filter { $0.key.hasPrefix("\(folder)/") }.compactMapValues(\.bytes)
        }
    }

    fileprivate static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "/" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func put(_ path: String, _ text: [UInt8], _ mode: UInt32, _ state: inout State) {
        state.time += 1
        state.next += 1
        state.nodes[path] = Node(bytes: text, mode: mode, changed: state.time, number: state.next)
    }

    private static func makeFolders(_ path: String, _ state: inout State) {
        var missing = path
        while state.nodes[missing] == nil {
            state.next += 1
            state.nodes[missing] = Node(bytes: nil, mode: 0o755, changed: state.time, number: state.next)
            missing = folder(of: missing)
        }
    }

    // MARK: Of handles

    private static func facts(_ node: Node) -> FileFacts {
        FileFacts(
            kind: node.bytes == nil ? .folder : .file, size: node.bytes?.count ?? 0, changed: node.changed,
            mode: node.mode, number: node.number)
    }

    fileprivate func node(_ path: String) -> (bytes: [UInt8]?, facts: FileFacts)? {
        state.withLock { state in state.nodes[path].map { ($0.bytes, Self.facts($0)) } }
    }

    fileprivate func entries(_ folder: String) -> [FileEntry]? {
        state.withLock { state in
            guard state.nodes[folder] != nil else { return nil }
            let prefix = folder == "/" ? folder : "\(folder)/"
            return state.nodes.filter { path, _ in
                path.hasPrefix(prefix) && path != folder && !path.dropFirst(prefix.count).contains("/")
            }.map { FileEntry(name: String($0.key.dropFirst(prefix.count)), facts: Self.facts($0.value)) }
                .sorted { $0.name < $1.name }
        }
    }

    /// What becomes of a change: nothing hinders it; the process dies before it; or in the middle.
    fileprivate enum Fate { case done, crashed, full }

    fileprivate func fate() -> Fate {
        state.withLock { state in
            if state.isFull { return .full }
            guard let left = state.crashAfter else { return .done }
            state.crashAfter = left == 0 ? nil : left - 1
            return left == 0 ? .crashed : .done
        }
    }

    fileprivate func makeFolder(_ path: String) { state.withLock { Self.makeFolders(path, &$0) } }

    fileprivate func create(_ path: String, _ bytes: [UInt8], _ mode: UInt32?) -> Bool {
        state.withLock { state in
            guard state.nodes[path] == nil, state.nodes[Self.folder(of: path)] != nil else { return false }
            Self.put(path, bytes, mode ?? 0o644, &state)
            return true
        }
    }

    fileprivate func rename(_ path: String, _ new: String, replacing: Bool) -> Bool? {
        state.withLock { state in
            guard let node = state.nodes[path], state.nodes[Self.folder(of: new)] != nil else { return nil }
            guard replacing || state.nodes[new] == nil else { return false }
            state.nodes[path] = nil
            state.nodes[new] = node
            return true
        }
    }

    fileprivate func exchange(_ path: String, _ other: String) -> Bool {
        state.withLock { state in
            guard let one = state.nodes[path], let two = state.nodes[other] else { return false }
            state.nodes[path] = two
            state.nodes[other] = one
            return true
        }
    }

    fileprivate func remove(_ path: String) { state.withLock { $0.nodes[path] = nil } }

    fileprivate func lock(_ path: String) -> Bool { state.withLock { $0.locks.insert(path).inserted } }
    fileprivate func unlock(_ path: String) { state.withLock { _ = $0.locks.remove(path) } }
}

/// A process's way to a disk in memory.
package final class MemoryFiles: FileSystem {
    private let disk: MemoryDisk
    private let dead = Mutex(false)

    fileprivate init(_ disk: MemoryDisk) { self.disk = disk }

    package var isDead: Bool { dead.withLock { $0 } }

    /// The process is killed.
    package func kill() { dead.withLock { $0 = true } }

    private func check() throws(FileProblem) {
        if isDead { throw FileProblem(.failed, "the process is dead") }
    }

    /// - Returns: false: the process dies before the change.
    private func change(_ path: String) throws(FileProblem) -> Bool {
        try check()
        switch disk.fate() {
        case .done: return true
        case .full:
            throw FileProblem(.full, "no room left on the disk of \(path); make room, it is tried again")
        case .crashed:
            kill()
            return false
        }
    }

    private func begin(_ path: String) throws(FileProblem) {
        guard try change(path) else { throw FileProblem(.failed, "the process is dead") }
    }

    private func missing(_ path: String) -> FileProblem {
        FileProblem(.missing, "no such file or folder: \(path)")
    }

    package func read(_ path: String) throws(FileProblem) -> [UInt8]? {
        try check()
        return disk.node(path)?.bytes
    }

    package func facts(of path: String) throws(FileProblem) -> FileFacts? {
        try check()
        return disk.node(path)?.facts
    }

    package func entries(of folder: String) throws(FileProblem) -> [FileEntry] {
        try check()
        guard let entries = disk.entries(folder) else { throw missing(folder) }
        return entries
    }

    package func makeFolder(_ path: String) throws(FileProblem) {
        try check()
        guard disk.node(path) == nil else { return }
        try begin(path)
        disk.makeFolder(path)
    }

    package func create(_ path: String, with bytes: [UInt8], mode: UInt32?) throws(FileProblem) {
        guard try change(path) else {
            // Dead in the middle of it.
            _ = disk.create(path, Array(bytes.prefix(bytes.count / 2)), mode)
            throw FileProblem(.failed, "the process is dead")
        }
        guard disk.create(path, bytes, mode) else {
            throw FileProblem(disk.node(path) == nil ? .missing : .exists, "\(path) can't be made")
        }
    }

    package func rename(_ path: String, to new: String) throws(FileProblem) {
        try begin(path)
        guard disk.rename(path, new, replacing: true) != nil else { throw missing(path) }
    }

    package func renameNew(_ path: String, to new: String) throws(FileProblem) -> Bool {
        try begin(path)
        guard let isDone = disk.rename(path, new, replacing: false) else { throw missing(path) }
        return isDone
    }

    package func exchange(_ path: String, with other: String) throws(FileProblem) -> Bool {
        try begin(path)
        guard disk.exchange(path, other) else { throw missing(other) }
        return true
    }

    package func remove(_ path: String) throws(FileProblem) {
        try check()
        guard disk.node(path) != nil else { return }
        try begin(path)
        disk.remove(path)
    }

    package func lock(_ path: String) throws(FileProblem) -> (any FileLock)? {
        try check()
        return disk.lock(path) ? Held(disk, path) : nil
    }

    package func ignoresCase(in folder: String) -> Bool { disk.ignoresCase }

    private final class Held: FileLock {
        private let disk: MemoryDisk
        private let path: String
        init(_ disk: MemoryDisk, _ path: String) {
            self.disk = disk
            self.path = path
        }
        deinit { disk.unlock(path) }
    }
}
