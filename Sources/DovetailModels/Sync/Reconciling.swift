public import Dovetail
public import DovetailEngine
public import Foundation

/// Two datasets that are brought into agreement, in both directions: what changed in either since they last agreed is carried to
/// the other, field by field; what both changed differently waits in a conflict, or goes by a policy. Nothing is lost.
///
/// ```swift
/// let result = try await Reconciliation(inventory, network, base: store).sync()
/// ```
public struct Reconciliation: Sendable {
    public let left: Dataset
    public let right: Dataset
    /// What both last agreed on, kept from run to run. Of a new one both sides meet for the first time: what only one of them
    /// holds is carried to the other, and nothing is deleted.
    public let base: any StateStore
    /// Who decides where both changed one attribute of a record.
    public var conflicts = ConflictPolicy.ask
    /// Who decides for single attributes.
    public var fieldConflicts: [String: ConflictPolicy] = [:]
    /// What becomes of a delete in one of them.
    public var deletes = DeletePolicy.propagate
    /// What may not be done to some records.
    public var rules: [Rule] = []
    public var limits = Limits()

    public init(_ left: Dataset, _ right: Dataset, base: any StateStore) {
        self.left = left
        self.right = right
        self.base = base
    }

    /// - Parameter allowing: limits that are lifted for this run.
    /// - Throws: ``RunHalted`` before anything was written; ``StateError``; what the loaders throw; ``ModelError``.
    @discardableResult
    public func sync(allowing: Set<Allowance> = []) async throws -> SyncResult {
        try await run().sync(allowing: allowing)
    }

    /// What ``sync(allowing:)`` would do, to be saved (`Plan.save(to:)`), read by someone, and applied later.
    /// - Throws: ``StateError``; what the loaders throw; ``ModelError``.
    public func plan() async throws -> Plan { try await run().synchronizer.plan() }

    /// Does what a saved plan says, and nothing else. A record that changed in either dataset since the plan was made is not
    /// written: the result has it among what was skipped.
    /// - Throws: `PlanFileError` when it is no such plan, or was changed; as ``sync(allowing:)``.
    @discardableResult
    public func apply(planAt url: URL, allowing: Set<Allowance> = []) async throws -> SyncResult {
        try await run().apply(planAt: url, allowing: allowing)
    }

    private func run() async throws -> DatasetRun {
        try await DatasetRun(
            Sides(left: left, right: right), limits: limits, state: base, rules: rules, isOneWay: false
        ) { incomplete in
            TableRules(
                conflicts: conflicts, fieldConflicts: fieldConflicts,
                deletes: incomplete.left || incomplete.right ? .keep : deletes)
        }
    }
}

/// Brings two datasets into agreement, in both directions: ``Reconciliation/sync(allowing:)`` in one call.
/// - Throws: ``RunHalted`` before anything was written; ``StateError``; what the loaders throw; ``ModelError``.
@discardableResult
public func reconcile(
    _ left: Dataset, _ right: Dataset, base: any StateStore, conflicts: ConflictPolicy = .ask,
    fieldConflicts: [String: ConflictPolicy] = [:], deletes: DeletePolicy = .propagate, rules: [Rule] = [],
    limits: Limits = Limits(), allowing: Set<Allowance> = []
) async throws -> SyncResult {
    var reconciliation = Reconciliation(left, right, base: base)
    reconciliation.conflicts = conflicts
    reconciliation.fieldConflicts = fieldConflicts
    reconciliation.deletes = deletes
    reconciliation.rules = rules
    reconciliation.limits = limits
    return try await reconciliation.sync(allowing: allowing)
}
