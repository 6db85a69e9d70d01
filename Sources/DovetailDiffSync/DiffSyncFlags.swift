/// Flags of a whole diff or sync, with DiffSync's bits.
public struct DiffSyncFlags: OptionSet, Sendable, Hashable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// A hook that throws a ``DiffSyncCRUDError`` doesn't stop the sync. Any other error does.
    public static let continueOnFailure = DiffSyncFlags(rawValue: 1)
    /// Nothing is created.
    public static let skipUnmatchedSource = DiffSyncFlags(rawValue: 2)
    /// Nothing is deleted.
    public static let skipUnmatchedDestination = DiffSyncFlags(rawValue: 4)
    /// Only what both sides hold is looked at.
    public static let skipUnmatchedBoth: DiffSyncFlags = [.skipUnmatchedSource, .skipUnmatchedDestination]
    /// The result names what was alike (``DiffSyncResult/unchanged``).
    public static let logUnchangedRecords = DiffSyncFlags(rawValue: 8)
}

/// Flags of one object, or by a class of all objects that are made of it, with DiffSync's bits.
public struct DiffSyncModelFlags: OptionSet, Sendable, Hashable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// Neither the object nor what is below it is looked at, whichever side says so.
    public static let ignore = DiffSyncModelFlags(rawValue: 1)
    /// When the object is deleted, only its own hook is called: what is below it goes with it.
    public static let skipChildrenOnDelete = DiffSyncModelFlags(rawValue: 2)
    /// On the source: not created.
    public static let skipUnmatchedSource = DiffSyncModelFlags(rawValue: 4)
    /// On the destination: not deleted.
    public static let skipUnmatchedDestination = DiffSyncModelFlags(rawValue: 8)
    /// Both of the above.
    public static let skipUnmatchedBoth: DiffSyncModelFlags = [
        .skipUnmatchedSource, .skipUnmatchedDestination,
    ]
    /// What is below the object is deleted before it.
    public static let naturalDeletionOrder = DiffSyncModelFlags(rawValue: 16)

    /// DiffSync's names, in the order of their bits.
    public static let names: [(name: String, flag: DiffSyncModelFlags)] = [
        ("IGNORE", .ignore), ("SKIP_CHILDREN_ON_DELETE", .skipChildrenOnDelete),
        ("SKIP_UNMATCHED_SRC", .skipUnmatchedSource), ("SKIP_UNMATCHED_DST", .skipUnmatchedDestination),
        ("NATURAL_DELETION_ORDER", .naturalDeletionOrder),
    ]
}
