/// What came of a sync.
public struct DiffSyncResult: Sendable {
    /// The diff that was worked off.
    public let diff: DiffSyncDiff
    /// Each call of a hook, in order.
    public internal(set) var operations: [DiffSyncOperation] = []
    /// Objects that were listed with another parent, in order.
    public internal(set) var moves: [DiffSyncMove] = []
    /// What the diff wants and what was not done: the next diff has it again.
    public internal(set) var owed: [DiffSyncOwed] = []
    /// What was left out because the flags of the sync say so.
    public internal(set) var skipped: [DiffSyncIdentity] = []
    /// What was alike, with ``DiffSyncFlags/logUnchangedRecords``.
    public internal(set) var unchanged: [DiffSyncIdentity] = []
    /// What was otherwise than in DiffSync, in the diff or in the sync.
    public internal(set) var deviations: Set<DiffSyncDeviation>
    /// Whether anything was attempted.
    public internal(set) var isChanged = false

    init(_ diff: DiffSyncDiff) {
        self.diff = diff
        deviations = diff.deviations
    }
}

/// A call of a hook, and what came of it.
public struct DiffSyncOperation: Sendable {
    public let action: DiffSyncAction
    public let identity: DiffSyncIdentity
    /// What was handed over: see ``DiffSyncCall/attributes``.
    public let attributes: DiffSyncFields
    public let outcome: Outcome

    public enum Outcome: Sendable {
        case done
        /// The hook said that it was not done.
        case refused
        case failed(any Error)
    }
}

/// An object that went from one parent to another without being deleted.
public struct DiffSyncMove: Sendable, Hashable {
    public let identity: DiffSyncIdentity
    /// Empty: nothing listed it before, or it stays where it was, too.
    public let from: [DiffSyncIdentity]
    /// Nil: the top level.
    public let to: DiffSyncIdentity?
}

/// An entry of a diff that was not done, and why.
public struct DiffSyncOwed: Sendable, Hashable {
    public let action: DiffSyncAction
    public let identity: DiffSyncIdentity
    public let reason: String
}

/// A sync that was stopped. What was done before it stands, in the adapter as in the system behind it.
public struct DiffSyncStopped: Error, CustomStringConvertible {
    /// What stopped it.
    public let error: any Error
    /// What was done, and what is owed.
    public let result: DiffSyncResult

    public var description: String {
        "the sync was stopped: \(error). \(result.operations.count) operations were attempted, "
            + "\(result.owed.count) are owed: make a new diff to go on"
    }
}
