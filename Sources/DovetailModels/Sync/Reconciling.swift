public import Dovetail
public import DovetailEngine

/// Brings two datasets into agreement, in both directions: what changed in either since they last agreed is carried to the
/// other, field by field; what both changed differently waits in a conflict, or goes by a policy. Nothing is lost.
///
/// ```swift
/// let result = try await reconcile(inventory, network, base: store)
/// ```
///
/// - Parameters:
///   - base: what both last agreed on, kept from run to run. Of a new one both sides meet for the first time: what only one of
///     them holds is carried to the other, and nothing is deleted.
///   - conflicts: who decides where both changed one attribute of a record.
///   - fieldConflicts: who decides for single attributes.
///   - deletes: what becomes of a delete in one of them.
///   - allowing: limits that are lifted for this run.
/// - Throws: ``RunHalted`` before anything was written; ``StateError``; what the loaders throw; ``ModelError``.
@discardableResult
public func reconcile(
    _ left: Dataset, _ right: Dataset, base: any StateStore, conflicts: ConflictPolicy = .ask,
    fieldConflicts: [String: ConflictPolicy] = [:], deletes: DeletePolicy = .propagate,
    limits: Limits = Limits(),
    allowing: Set<Allowance> = []
) async throws -> SyncResult {
    let run = try await DatasetRun(Sides(left: left, right: right), limits: limits, state: base) {
        incomplete in
        TableRules(
            conflicts: conflicts, fieldConflicts: fieldConflicts,
            deletes: incomplete.left || incomplete.right ? .keep : deletes)
    }
    return try await run.sync(allowing: allowing)
}
