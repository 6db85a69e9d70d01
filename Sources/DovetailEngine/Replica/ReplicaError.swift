/// A replica could not do what it was asked to. The message is for a person: what, where, what to do.
public struct ReplicaError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: String, Sendable, Hashable {
        /// It isn't there: no such file, database or host.
        case missing
        /// It doesn't answer at the moment.
        case unreachable
        /// Someone else holds it.
        case locked
        /// We may not.
        case forbidden
        /// No room left.
        case full
        /// It isn't what it should be: not a database, damaged.
        case damaged
        /// A table or column is missing or of a kind that can't be used.
        case unsuitable
        /// A mistake of the store or ours.
        case failed
    }

    public var kind: Kind
    /// Which replica, as ``Replica/name``.
    public var replica: String
    /// What went wrong, and what to do about it.
    public var message: String

    public init(_ kind: Kind, replica: String, _ message: String) {
        self.kind = kind
        self.replica = replica
        self.message = message
    }

    public var description: String { "\(replica): \(message)" }
}
