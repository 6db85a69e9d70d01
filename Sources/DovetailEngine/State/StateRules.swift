public import Dovetail

// What every state store does alike, so that no two stores can differ in it.

extension ChangeOutcome {
    /// The reason noted with writes that an interrupted run left open and a later one found settled.
    public static var interruptedReason: String { "interrupted" }
}

extension TableLayout {
    /// Stands in where a run was interrupted before its layout was noted.
    public static var unknown: TableLayout { TableLayout(TableSchema("", fields: [], identity: .content)) }
}

extension ConflictRecord {
    /// This conflict where `former` stood: it is the same one as long as both records are as they were, and
    /// keeps when it was found and what a person decided; otherwise the decision was about something else.
    public func succeeding(_ former: ConflictRecord?) -> ConflictRecord {
        guard let former, former.seen.left?.fields == seen.left?.fields,
            former.seen.right?.fields == seen.right?.fields
        else { return self }
        var record = self
        record.since = former.since
        record.resolution = resolution ?? former.resolution
        return record
    }
}

extension RejectionRecord {
    /// This rejection where `former` stood: the same refusal keeps when it was first met.
    public func succeeding(_ former: RejectionRecord?) -> RejectionRecord {
        guard let former, former.rejection == rejection else { return self }
        var record = self
        record.since = former.since
        return record
    }
}

extension Resolution {
    /// Whether this is what a person decided after seeing `conflict`.
    public func isAbout(_ conflict: ConflictRecord) -> Bool {
        seen == conflict.seen.map { $0?.fields.digest }
    }
}

extension RunEnd {
    /// Whether the run came to its end, so that what it says of sides, layouts and cursors holds.
    public var isConclusive: Bool { stamped || status != .failed }
}

extension JobState {
    /// Takes over what the end of a run says.
    ///
    /// A run that failed proves nothing about the sides it did not reach: what was known of their marks
    /// stays, and so do layouts and cursors, which the run may have changed by
    /// ``StateStore/relayout(_:to:moving:)`` and ``StateStore/forgetBase(of:)`` before it failed.
    public mutating func take(_ end: RunEnd, generation run: Int64) {
        if end.stamped {
            generation = run
            pendingGeneration = nil
        } else if end.status == .failed, generation > 0, !end.marked.left, !end.marked.right {
            // Before the first run that came to its end, a side may carry a mark of which nothing is known here.
            pendingGeneration = nil
        }
        if end.isConclusive {
            marked = end.marked
            changeCounters = end.changeCounters
            layouts.merge(end.layouts) { $1 }
            cursors.merge(end.cursors) { $1 }
        } else {
            for side in Side.allCases {
                marked[side] = marked[side] || end.marked[side]
                changeCounters[side] = end.changeCounters[side] ?? changeCounters[side]
            }
        }
        if [.agreed, .waiting, .undone].contains(end.status) { resetReason = nil }
    }
}

extension BaseRecord {
    /// The record as the right side of a linked table sees it: known by its right locator, sides exchanged.
    /// Nil for a record without one.
    public var seenFromRight: BaseRecord? {
        guard !rightLocator.isEmpty else { return nil }
        return BaseRecord(
            key: RecordKey(bytes: rightLocator), left: right, right: left, rightLocator: key.bytes)
    }
}

extension JournalEntry {
    /// The entry with all its records in another layout.
    public func moved(_ moving: [Int?]) throws -> JournalEntry {
        var entry = self
        entry.base = try base?.moved(moving)
        entry.after = try after?.moved(moving)
        for side in Side.allCases {
            if let fields = try seen[side]?.fields.moved(moving) { entry.seen[side]?.fields = fields }
        }
        return entry
    }
}
