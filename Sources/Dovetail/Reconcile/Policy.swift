/// One of the two replicas of a job.
public enum Side: String, Sendable, Hashable, Codable, CaseIterable {
    case left, right

    public var other: Side { self == .left ? .right : .left }
}

/// A value for each side.
public struct Sides<Content> {
    public var left: Content
    public var right: Content

    public init(left: Content, right: Content) {
        self.left = left
        self.right = right
    }

    public subscript(side: Side) -> Content {
        get { side == .left ? left : right }
        set { if side == .left { left = newValue } else { right = newValue } }
    }

    public func map<Other>(_ transform: (Content) throws -> Other) rethrows -> Sides<Other> {
        Sides<Other>(left: try transform(left), right: try transform(right))
    }
}

extension Sides: Sendable where Content: Sendable {}
extension Sides: Equatable where Content: Equatable {}
extension Sides: Hashable where Content: Hashable {}

/// Which way changes travel.
public enum Direction: String, Sendable, Hashable, Codable {
    case both
    /// The left side is the source: the right side is made to follow it.
    case leftToRight = "left-to-right"
    case rightToLeft = "right-to-left"

    /// The side that is followed, unless both are.
    public var source: Side? {
        switch self {
        case .both: nil
        case .leftToRight: .left
        case .rightToLeft: .right
        }
    }

    public var mirrored: Direction {
        switch self {
        case .both: .both
        case .leftToRight: .rightToLeft
        case .rightToLeft: .leftToRight
        }
    }
}

/// The rule that decides when both sides changed the same thing differently.
public enum ConflictPolicy: Sendable, Hashable {
    /// Keep both values in a conflict until a person decides.
    case ask
    case left
    case right
    /// The side with the later value in this field wins; equal or missing values ask.
    case newest(field: String)
    /// Merge text line by line; what can't be merged asks.
    case merge

    /// The word for it in job files.
    public var words: String {
        switch self {
        case .ask: "ask"
        case .left: "left"
        case .right: "right"
        case .newest(let field): "newest \(field)"
        case .merge: "merge"
        }
    }

    public var mirrored: ConflictPolicy {
        switch self {
        case .left: .right
        case .right: .left
        case .ask, .newest, .merge: self
        }
    }
}

/// What becomes of a delete on one side.
public enum DeletePolicy: String, Sendable, Hashable, Codable {
    /// It is carried over.
    case propagate
    /// The other side keeps its record.
    case keep
    /// It waits as a conflict until a person decides.
    case ask
}

/// The rules of one table.
public struct TableRules: Sendable, Hashable {
    public var direction: Direction
    public var conflicts: ConflictPolicy
    /// Policies of single fields, which win over ``conflicts``.
    public var fieldConflicts: [String: ConflictPolicy]
    public var deletes: DeletePolicy
    /// What may not be done to single records; nil: there are no such rules.
    public var guards: RecordGuard?

    public init(
        direction: Direction = .both, conflicts: ConflictPolicy = .ask,
        fieldConflicts: [String: ConflictPolicy] = [:], deletes: DeletePolicy = .propagate,
        guards: RecordGuard? = nil
    ) {
        self.direction = direction
        self.conflicts = conflicts
        self.fieldConflicts = fieldConflicts
        self.deletes = deletes
        self.guards = guards
    }

    /// The rules as text that is the same exactly for the same rules.
    public var words: String {
        let fields = fieldConflicts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.words)" }
        let parts =
            [direction.rawValue, "conflicts \(conflicts.words)", "deletes \(deletes.rawValue)"] + fields
            + (guards.map { [$0.words] } ?? [])
        return parts.joined(separator: "; ")
    }

    public func policy(for field: String) -> ConflictPolicy { fieldConflicts[field] ?? conflicts }

    /// The same rules with left and right exchanged.
    public var mirrored: TableRules {
        TableRules(
            direction: direction.mirrored, conflicts: conflicts.mirrored,
            fieldConflicts: fieldConflicts.mapValues(\.mirrored), deletes: deletes, guards: guards?.mirrored)
    }
}
