/// Two changes that can't both stand.
public enum Conflict: Sendable, Hashable {
    /// Both sides hold the record, and these fields differ without a rule to decide.
    case fields([FieldConflict])
    /// `deleted` deleted the record, and the other side changed it.
    case deletedAgainstChanged(deleted: Side)
    /// `deleted` deleted the record, the other side left it alone, and deletes ask.
    case deleteAsks(deleted: Side)

    /// The reason in words for a person, with the sides' labels.
    public func reason(labels: Sides<String>) -> String {
        switch self {
        case .fields(let fields):
            let names = fields.map(\.field).joined(separator: ", ")
            return fields.contains { $0.base != nil }
                ? "both sides changed \(names)" : "the sides met with different values in \(names)"
        case .deletedAgainstChanged(let deleted):
            return "\(labels[deleted]) deleted the record, \(labels[deleted.other]) changed it"
        case .deleteAsks(let deleted):
            return "\(labels[deleted]) deleted the record, and deletes ask first"
        }
    }

    public var mirrored: Conflict {
        switch self {
        case .fields(let fields): .fields(fields.map(\.mirrored))
        case .deletedAgainstChanged(let side): .deletedAgainstChanged(deleted: side.other)
        case .deleteAsks(let side): .deleteAsks(deleted: side.other)
        }
    }
}

/// One field of a conflict, with the three values a person needs to decide.
public struct FieldConflict: Sendable, Hashable {
    public var field: String
    /// The value last agreed on; nil at first meeting.
    public var base: Value?
    public var left: Value
    public var right: Value
    public var cause: Cause

    /// Why no rule decided.
    public enum Cause: String, Sendable, Hashable, Codable {
        /// The policy is to ask.
        case asks
        /// The policy is `newest`, and the field it reads is equal, missing or of two types.
        case notNewer = "not newer"
        /// The policy is `merge`, and both changed the same lines, or the field holds no text.
        case notMergeable = "not mergeable"
    }

    public init(field: String, base: Value?, left: Value, right: Value, cause: Cause) {
        self.field = field
        self.base = base
        self.left = left
        self.right = right
        self.cause = cause
    }

    var mirrored: FieldConflict {
        FieldConflict(field: field, base: base, left: right, right: left, cause: cause)
    }
}

/// A person's decision about one conflict. It holds only as long as both sides are as the person saw them.
public struct Resolution: Sendable, Hashable {
    public enum Choice: Sendable, Hashable {
        /// The side's record stands, or its delete.
        case side(Side)
        /// Each field takes a side's value or a new one; fields not named take no part in the conflict.
        case fields([String: FieldChoice])
    }

    public enum FieldChoice: Sendable, Hashable {
        case side(Side)
        case value(Value)
    }

    public var choice: Choice
    /// Digests of the records the person saw; nil where there was none.
    public var seen: Sides<Digest?>

    public init(_ choice: Choice, seen: Sides<Digest?>) {
        self.choice = choice
        self.seen = seen
    }

    func applies(left: PackedRecord?, right: PackedRecord?) -> Bool {
        seen.left == left?.digest && seen.right == right?.digest
    }
}
