extension DiffSyncAdapter {
    /// Makes this adapter hold what `source` holds, through its hooks, and one after the other.
    ///
    /// - Parameters:
    ///   - flags: those that skip count with a given diff, too.
    ///   - diff: a diff that was made before, and is worked off as it is. An entry that no longer fits is not done.
    /// - Throws: ``DiffSyncError`` before anything is done; ``DiffSyncStopped`` when a hook stops it; what the completion hook throws.
    @discardableResult
    public mutating func syncFrom(
        _ source: DiffSyncAdapter, flags: DiffSyncFlags = [], order: DiffSyncOrder = .default,
        diff given: DiffSyncDiff? = nil, progress: DiffSyncProgressHandler? = nil
    ) async throws -> DiffSyncResult {
        let diff: DiffSyncDiff
        if let given {
            if given.count > 0, order.name != DiffSyncOrder.default.name, order.name != given.order {
                throw DiffSyncError.orderMismatch(diff: given.order, wanted: order.name)
            }
            diff = given
        } else {
            diff = try diffFrom(source, flags: flags, order: order, progress: progress)
        }
        var syncer = Syncer(diff, self, flags, progress)
        if let given, given.count == 0 { syncer.result.deviations.insert(.emptyDiffUsed) }
        // Given away for the time of the sync, so that nothing of it is copied.
        self = DiffSyncAdapter(name, schema)
        defer { self = syncer.destination }
        try await syncer.run()
        return syncer.result
    }

    /// Makes `destination` hold what this adapter holds.
    /// - Throws: as ``syncFrom(_:flags:order:diff:progress:)``.
    @discardableResult
    public func syncTo(
        _ destination: inout DiffSyncAdapter, flags: DiffSyncFlags = [], order: DiffSyncOrder = .default,
        diff: DiffSyncDiff? = nil, progress: DiffSyncProgressHandler? = nil
    ) async throws -> DiffSyncResult {
        try await destination.syncFrom(self, flags: flags, order: order, diff: diff, progress: progress)
    }
}
