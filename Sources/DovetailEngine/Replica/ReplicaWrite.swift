public import Dovetail

/// One write on one replica, with the state it expects to find.
public struct ReplicaWrite: Sendable, Hashable {
    /// The record's key on this side; nil for an insert where the store assigns it.
    public var key: RecordKey?
    public var locator: [UInt8]
    /// The record as it was observed; nil: there must be none.
    public var expected: PackedRecord?
    public var write: Write

    public init(key: RecordKey?, locator: [UInt8] = [], expected: PackedRecord?, write: Write) {
        self.key = key
        self.locator = locator
        self.expected = expected
        self.write = write
    }
}

/// What became of one write.
public enum WriteOutcome: Sendable, Hashable {
    /// Done. The record as the store gives it back in the same transaction; nil after a delete.
    case applied(Record?)
    /// The record was already as it should be: an interrupted run, or someone else, did it. Nothing was written.
    case already(Record?)
    /// The record changed since it was observed; nothing was written. It is planned again.
    case overtaken
    /// The store refused it, in its own words.
    case rejected(Rejection)

    public struct Rejection: Sendable, Hashable {
        public var reason: String
        /// Another record is missing or in the way; the write may go through when that one changes, so it is
        /// tried again in every run.
        public var dependsOnOthers: Bool

        public init(reason: String, dependsOnOthers: Bool = false) {
            self.reason = reason
            self.dependsOnOthers = dependsOnOthers
        }
    }
}

/// The outcomes of a batch, in the order of its writes.
public struct ApplyResult: Sendable, Hashable {
    public var outcomes: [WriteOutcome]
    /// The table's feed just before and just after the batch, when nothing else can have come between.
    public var feed: FeedRange?
    /// The outcomes say how the records stood at the end of the transaction that wrote them, and it has been
    /// committed: nothing that runs by itself can have changed them since. Read again they would only tell what others
    /// did, which the next run sees as a change. False where the store can't tell; then what was written is read again.
    public var isProven: Bool

    public struct FeedRange: Sendable, Hashable {
        public var before: FeedCursor
        public var after: FeedCursor

        public init(before: FeedCursor, after: FeedCursor) {
            self.before = before
            self.after = after
        }
    }

    public init(outcomes: [WriteOutcome], feed: FeedRange? = nil, isProven: Bool = false) {
        self.outcomes = outcomes
        self.isProven = isProven
        self.feed = feed
    }
}
