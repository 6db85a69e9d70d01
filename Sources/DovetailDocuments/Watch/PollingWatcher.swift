/// Looks at all files again and again. For systems and folders that don't tell.
public struct PollingWatcher: FileWatcher {
    let files: any FileSystem
    let clock: any ClientClock
    let interval: Duration

    public init(files: any FileSystem, clock: any ClientClock, interval: Duration) {
        self.files = files
        self.clock = clock
        self.interval = interval
    }

    public func hints(of folder: String, deep: Bool, besides other: String) -> AsyncThrowingStream<
        FileHint, any Error
    > {
        AsyncThrowingStream { continuation in
            let task = Task {
                var known: [String: FileFacts]?
                var decisions: Set<FileEntry>?
                while !Task.isCancelled {
                    do throws(FileProblem) {
                        let found = try look(folder, deep)
                        for hint in Self.hints(from: known, to: found) { continuation.yield(hint) }
                        known = found
                        let decided = Set((try? files.entries(of: other)) ?? [])
                        if let decisions, decisions != decided { continuation.yield(.decided) }
                        decisions = decided
                    } catch {
                        // A folder that is gone may come back; until then there is nothing to tell.
                        known = [:]
                    }
                    try await clock.sleep(until: clock.now + interval.microseconds)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    static func hints(from known: [String: FileFacts]?, to found: [String: FileFacts]) -> [FileHint] {
        guard let known else { return [.overflow] }
        let changed = found.filter { known[$0.key] != $0.value }.map(\.key)
        let gone = known.keys.filter { found[$0] == nil }
        return (changed + gone).sorted().map { .changed($0, isOpen: false) }
    }

    private func look(_ root: String, _ deep: Bool) throws(FileProblem) -> [String: FileFacts] {
        var found: [String: FileFacts] = [:]
        var open = [""]
        while let folder = open.popLast() {
            let entries: [FileEntry]
            do throws(FileProblem) {
                entries = try files.entries(of: folder.isEmpty ? root : "\(root)/\(folder)")
            } catch {
                // The scan tells of a folder that can't be looked into.
                if folder.isEmpty { throw error }
                continue
            }
            for entry in entries where !IgnoredNames.ignores(entry.name) {
                let path = folder.isEmpty ? entry.name : "\(folder)/\(entry.name)"
                switch entry.facts.kind {
                case .folder: if deep { open.append(path) }
                case .file: found[path] = entry.facts
                case .other: continue
                }
            }
        }
        return found
    }
}
