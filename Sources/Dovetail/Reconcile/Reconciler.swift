/// Decides what becomes of one record, from the base and what both sides hold now.
///
/// A pure function: no clock, no I/O, no randomness. It keeps the laws of docs/architecture.md: nothing is lost,
/// mirror, quiet when nothing changed, and with no base nothing is ever deleted.
///
/// After Pierce and Vouillon, "What's in Unison?" (2004), with records merged by field.
public struct Reconciler: Sendable {
    public let schema: TableSchema
    public let rules: TableRules
    private let fields: FieldMerger

    public init(schema: TableSchema, rules: TableRules) {
        self.schema = schema
        self.rules = rules
        fields = FieldMerger(schema: schema, rules: rules)
    }

    /// One side's record against the base.
    private enum Change {
        case unchanged(PackedRecord)
        case updated(PackedRecord)
        case deleted
    }

    /// The decision for one key. Complexity: O(fields) when something changed.
    /// - Throws: ``PackingError`` when a record is damaged.
    public func reconcile(
        base: BaseRecord?, left: PackedRecord?, right: PackedRecord?, resolution: Resolution? = nil
    ) throws -> Decision {
        let decision = try decide(base: base, left: left, right: right, resolution: resolution)
        return try rules.guards?.judge(decision, Sides(left: left, right: right)) ?? decision
    }

    private func decide(
        base: BaseRecord?, left: PackedRecord?, right: PackedRecord?, resolution: Resolution?
    ) throws -> Decision {
        let resolution = resolution.flatMap { $0.applies(left: left, right: right) ? $0 : nil }
        guard let base else { return try meet(left, right, resolution) }
        switch (try change(left, since: base.left), try change(right, since: base.right)) {
        case (.unchanged(let l), .unchanged(let r)):
            // Within a tolerance of the base, and yet they may be too far from each other.
            guard l != base.left || r != base.right else { return .unchanged }
            let decision = try fields.merge(base: base, left: l, right: r, resolution: resolution)
            return decision == .agree ? .unchanged : decision
        case (.deleted, .deleted):
            return .agree
        case (.unchanged(let l), .updated(let r)), (.updated(let l), .unchanged(let r)),
            (.updated(let l), .updated(let r)):
            return try fields.merge(base: base, left: l, right: r, resolution: resolution)
        case (.deleted, .unchanged(let r)):
            return delete(by: .left, other: r, changed: false, resolution)
        case (.unchanged(let l), .deleted):
            return delete(by: .right, other: l, changed: false, resolution)
        case (.deleted, .updated(let r)):
            return delete(by: .left, other: r, changed: true, resolution)
        case (.updated(let l), .deleted):
            return delete(by: .right, other: l, changed: true, resolution)
        }
    }

    /// First meeting: no base, so nothing can have been deleted.
    private func meet(_ left: PackedRecord?, _ right: PackedRecord?, _ resolution: Resolution?) throws
        -> Decision
    {
        switch (left, right) {
        case (nil, nil): return .unchanged
        case (let record?, nil): return carry(record, from: .left)
        case (nil, let record?): return carry(record, from: .right)
        case (let l?, let r?): return try fields.merge(base: nil, left: l, right: r, resolution: resolution)
        }
    }

    private func carry(_ record: PackedRecord, from side: Side) -> Decision {
        if let source = rules.direction.source, source != side { return .keep(.onlyOnFollower) }
        return write(.insert(record), on: side.other, decided: [])
    }

    private func change(_ now: PackedRecord?, since base: PackedRecord) throws -> Change {
        guard let now else { return .deleted }
        return try schema.equal(now, base) ? .unchanged(now) : .updated(now)
    }

    /// `side` deleted a record that the other side still holds.
    private func delete(
        by side: Side, other: PackedRecord, changed: Bool, _ resolution: Resolution?
    ) -> Decision {
        if case .side(let winner)? = resolution?.choice {
            let write: Decision =
                winner == side
                ? self.write(
                    .delete, on: side.other, decided: [Decided(field: nil, winner: winner, by: .person)])
                : self.write(
                    .insert(other), on: side, decided: [Decided(field: nil, winner: winner, by: .person)])
            return write
        }
        if let source = rules.direction.source, source != side {
            // The follower lost a record that the source has: it gets it back.
            return write(
                .insert(other), on: side, decided: [Decided(field: nil, winner: source, by: .direction)])
        }
        switch rules.deletes {
        case .keep:
            return changed && rules.direction == .both
                ? .conflict(.deletedAgainstChanged(deleted: side)) : .keep(.deletesAreKept)
        case .ask where !changed:
            return .conflict(.deleteAsks(deleted: side))
        case .ask, .propagate:
            if !changed { return write(.delete, on: side.other, decided: []) }
        }
        // Delete against change. A policy that names a side decides; newest and merge have nothing to compare.
        switch (rules.direction.source, rules.conflicts) {
        case (let source?, _) where source == side && rules.deletes == .propagate:
            return write(
                .delete, on: side.other, decided: [Decided(field: nil, winner: source, by: .direction)])
        case (nil, .left), (nil, .right):
            let winner: Side = rules.conflicts == .left ? .left : .right
            // A delete that would ask even against an unchanged record does not go through against a changed one.
            if winner == side, rules.deletes == .ask {
                return .conflict(.deletedAgainstChanged(deleted: side))
            }
            let decided = [Decided(field: nil, winner: winner, by: .policy)]
            return winner == side
                ? write(.delete, on: side.other, decided: decided)
                : write(.insert(other), on: side, decided: decided)
        default:
            return .conflict(.deletedAgainstChanged(deleted: side))
        }
    }

    private func write(_ write: Write, on side: Side, decided: [Decided]) -> Decision {
        var writes = Sides<Write?>(left: nil, right: nil)
        writes[side] = write
        return .write(writes, decided: decided)
    }
}
