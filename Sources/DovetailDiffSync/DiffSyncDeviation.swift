/// Where a diff or a sync did something else than DiffSync does, because what DiffSync does there loses something, does it twice, or stops
/// halfway. A run that reports none is DiffSync's, operation by operation.
public enum DiffSyncDeviation: String, Sendable, Hashable, CaseIterable {
    /// A delete that was not done after the parent's was stays owed. DiffSync forgets it.
    case deleteOwed
    /// An object is not deleted while something below it is to be left alone. DiffSync deletes it, and what is left alone can't be reached.
    case deleteHeldBack
    /// Objects that nothing lists take part, at the top level. DiffSync doesn't see them, and fails to create them.
    case unattached
    /// An object that is to be created and is elsewhere is moved. DiffSync fails, or deletes it after.
    case moved
    /// An empty diff that was given is used. DiffSync makes another one.
    case emptyDiffUsed
    /// What was changed since the diff was made is not overwritten. DiffSync overwrites it.
    case changedSinceDiff
    /// Flags that a sync is given count with a diff that is given, too. DiffSync ignores them.
    case flagsAtSync
    /// Objects with one short name get names of their own. DiffSync stops.
    case shortnameShared
    /// Objects whose joined identifiers read the same are told apart. DiffSync stops, or takes them for one.
    case uidShared
    /// An object that is in several places is handled once. DiffSync handles it at each, and fails.
    case handledOnce
    /// Children that the destination has no place for are left out. DiffSync creates their parent, and then stops.
    case childTypeLeftOut
    /// What an order leaves out comes after the rest. DiffSync forgets it.
    case orderCompleted
}
