/// Says where something happened in a folder. What it says is a hint: files are read before anything is decided.
public protocol FileWatcher: Sendable {
    /// What happens in a folder, until the stream is dropped.
    /// - Parameters:
    ///   - deep: also in those below it.
    ///   - other: a folder in which only that something happens is told.
    /// - Throws: ``FileProblem`` from the stream when it can't watch; then it has to be looked at now and then.
    func hints(of folder: String, deep: Bool, besides other: String) -> AsyncThrowingStream<
        FileHint, any Error
    >
}

/// Where something happened.
public enum FileHint: Sendable, Hashable {
    /// A file was made, written, renamed or removed; its path from the folder.
    case changed(String, isOpen: Bool)
    /// Something happened in the other folder.
    case decided
    /// Too much happened: everything has to be looked at.
    case overflow
}
