/// How far a diff or a sync is.
public struct DiffSyncProgress: Sendable, Hashable {
    public enum Stage: String, Sendable, Hashable { case diff, sync }

    public let stage: Stage
    /// Objects looked at, or elements worked off. What is below something that was skipped is not counted, so it may end below ``total``.
    public let done: Int
    public let total: Int
}

/// Is told how far a diff or a sync is.
public typealias DiffSyncProgressHandler = @Sendable (DiffSyncProgress) -> Void

extension DiffSyncAdapter {
    /// What would have to be done to this adapter so that it holds what `source` holds.
    ///
    /// Complexity: O(objects of both), whatever the depth.
    /// - Throws: ``DiffSyncError`` when something refers to an object that is not there, an object is below itself, or the schemas
    ///   contradict each other.
    public func diffFrom(
        _ source: DiffSyncAdapter, flags: DiffSyncFlags = [], order: DiffSyncOrder = .default,
        progress: DiffSyncProgressHandler? = nil
    ) throws(DiffSyncError) -> DiffSyncDiff {
        var differ = Differ(source, self, flags, progress)
        return try differ.diff(in: order)
    }

    /// What would have to be done to `destination` so that it holds what this adapter holds.
    /// - Throws: as ``diffFrom(_:flags:order:progress:)``.
    public func diffTo(
        _ destination: DiffSyncAdapter, flags: DiffSyncFlags = [], order: DiffSyncOrder = .default,
        progress: DiffSyncProgressHandler? = nil
    ) throws(DiffSyncError) -> DiffSyncDiff {
        try destination.diffFrom(self, flags: flags, order: order, progress: progress)
    }
}
