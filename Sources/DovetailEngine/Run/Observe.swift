import Dovetail

/// What a run knows about one table once it has looked at both sides.
struct PlannedTable {
    let table: JobTable
    let spool: PlanSpool
    var counts: PlanCounts
    var baseCount: Int
    /// Where the feeds stood when the sides were observed.
    var cursors: Sides<FeedCursor?>
    /// Keys that waited before the run; those no longer planned as waiting are settled.
    var waitedFor: Set<RecordKey>
    /// The base is in another layout, and has to be brought into this one before it is used.
    var relayout: [Int?]?
    var forgetsBase: Bool
    /// Links to free before anything is written.
    var freed: [LinkedPlanner.FreedLink] = []
}

/// Looks at both sides of each table and plans. Writes nothing anywhere.
struct Observer {
    let job: SyncJob
    let state: any StateStore
    let stored: JobState
    let observations: Sides<any Observation>
    /// Compare without a base: nothing is deleted.
    let meetsAnew: Bool
    let events: EventHandler

    func plan(_ table: JobTable, mappingChanged: Bool) async throws -> PlannedTable {
        let name = table.schema.name
        let old = stored.layouts[name]
        let carriesBase = !meetsAnew && (old.map { table.layout.canCarryBase(from: $0) } ?? true)
        let moving = mappingChanged ? old.map { table.layout.positions(in: $0) } : nil
        let relayout = carriesBase ? moving : nil
        let baseCount = carriesBase ? try await state.baseCount(of: name) : 0
        var planned = PlannedTable(
            table: table, spool: PlanSpool(), counts: PlanCounts(), baseCount: baseCount,
            cursors: Sides(left: nil, right: nil), waitedFor: [], relayout: relayout,
            forgetsBase: !carriesBase)
        let pending = try await state.pendingKeys(of: name)
        planned.waitedFor = Set(pending)

        var unsettled = meetsAnew || mappingChanged ? Unsettled() : try await state.unsettled(of: name)
        // An undo brings the sides apart, not together: its writes say nothing about a base.
        var open = try await state.openIntents(of: name)
        if let moving { open = try open.map { try $0.moved(moving) } }
        let intents = open.filter { !$0.decided.contains(.takenBack) }
        let takenBack = open.filter { $0.decided.contains(.takenBack) }
        unsettled.interrupted = interrupted(intents, baseKnown: carriesBase)
        var planner = Planner(
            schema: table.schema, rules: table.rules, unsettled: unsettled, output: planned.spool)

        if case .content = table.schema.identity {
            events(.observing(table: name, byFeed: false))
            planned.freed = try await planLinked(table, planned, intents, takenBack, into: &planner)
        } else if let changed = try await changedKeys(table, planned, pending) {
            events(.observing(table: name, byFeed: true))
            planned.cursors = changed.cursors
            try await planKeys(changed.keys, table, into: &planner)
        } else {
            events(.observing(table: name, byFeed: false))
            planned.cursors = try await feedPositions(table)
            let joined = try await DovetailEngine.join(
                base: try await baseCursor(planned),
                left: try await observations.left.snapshot(of: table.views.left),
                right: try await observations.right.snapshot(of: table.views.right), into: &planner)
            planner.finish(joined, complete: true)
        }
        planned.counts = planner.counts
        events(.planned(table: name, counts: planned.counts))
        return planned
    }

    /// The base in the present layout.
    private func baseCursor(_ planned: PlannedTable, mirrored: Bool = false) async throws -> (
        any RecordCursor
    )? {
        guard planned.baseCount > 0 else { return nil }
        let cursor = try await state.base(of: planned.table.schema.name, mirrored: mirrored)
        guard let moving = planned.relayout else { return cursor }
        return RelayoutCursor(cursor: cursor, moving: moving)
    }

    /// The keys to look at when a feed of one side or of both reaches back to the last run; nil: look at everything.
    private func changedKeys(
        _ table: JobTable, _ planned: PlannedTable, _ pending: [RecordKey]
    ) async throws -> (keys: [RecordKey], cursors: Sides<FeedCursor?>)? {
        guard planned.baseCount > 0, planned.relayout == nil,
            // Records that the old rules left alone are in no feed.
            stored.layouts[table.schema.name]?.rules == table.layout.rules,
            let cursors = stored.cursors[table.schema.name]
        else { return nil }
        let read = Side.allCases.filter { hasFeed($0, table) && cursors[$0] != nil }
        // The other side alone is read whole where that spares reading this one, which lets its server do the work.
        guard read.count == 2 || read.contains(where: { observations[$0] is any DigestingObservation }) else {
            return nil
        }
        let count = planned.baseCount
        async let left = changes(.left, table, count, read.contains(.left) ? cursors.left : nil)
        async let right = changes(.right, table, count, read.contains(.right) ? cursors.right : nil)
        let changes = Sides(left: try await left, right: try await right)
        var keys = Set(pending)
        for side in Side.allCases {
            guard let changed = changes[side] else { return nil }
            keys.formUnion(changed.keys)
            keys.formUnion(try await state.baseKeys(of: table.schema.name, in: changed.ranges))
        }
        guard ChangedKeys.areFew(keys.count, of: count) else { return nil }
        for side in Side.allCases {
            // An emptied side must be seen as emptied, with the counts of a whole look.
            if try await observations[side].isEmpty(table.views[side]) { return nil }
        }
        return (keys.sorted(), Sides(left: changes.left?.cursor, right: changes.right?.cursor))
    }

    /// What changed on one side: by its feed since a cursor, or without one by a look at all of its records beside the
    /// base. Nil when that can't be told, or is too much.
    private func changes(
        _ side: Side, _ table: JobTable, _ baseCount: Int, _ cursor: FeedCursor?
    ) async throws -> (keys: [RecordKey], ranges: [KeyRange], cursor: FeedCursor?)? {
        if let cursor {
            let changed = try await observations[side].changes(of: table.views[side], since: cursor)
            return changed.map { ($0.keys, $0.ranges, $0.cursor) }
        }
        var found = ChangedAgainstBase(side: side)
        let records = try await observations[side].snapshot(of: table.views[side])
        _ = try await DovetailEngine.join(
            base: try await state.base(of: table.schema.name, mirrored: false),
            left: side == .left ? records : nil, right: side == .right ? records : nil, into: &found)
        return ChangedKeys.areFew(found.count, of: baseCount) ? (found.keys, [], nil) : nil
    }

    /// Where the feeds stand now. Both are asked at once: what adds up digests takes a scan.
    private func feedPositions(_ table: JobTable) async throws -> Sides<FeedCursor?> {
        async let left = feedPosition(.left, table)
        async let right = feedPosition(.right, table)
        return Sides(left: try await left, right: try await right)
    }

    private func feedPosition(_ side: Side, _ table: JobTable) async throws -> FeedCursor? {
        guard hasFeed(side, table) else { return nil }
        return try await observations[side].feedPosition(of: table.views[side])
    }

    /// A feed made of digests needs nothing in the store, so it is used without being asked for.
    private func hasFeed(_ side: Side, _ table: JobTable) -> Bool {
        table.views[side].wantsChangeFeed || observations[side] is any DigestingObservation
    }

    /// Plans just these keys. The planner can't tell the difference.
    private func planKeys(
        _ keys: [RecordKey], _ table: JobTable, into planner: inout Planner<PlanSpool>
    ) async throws {
        for start in stride(from: 0, to: keys.count, by: 2000) {
            let chunk = Array(keys[start..<min(start + 2000, keys.count)])
            let base = try await state.base(of: table.schema.name, keys: chunk)
            let known = Dictionary(base.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
            func references(_ side: Side) -> [RecordReference] {
                chunk.map { key in
                    let record = known[key]
                    return RecordReference(
                        key: key, locator: (side == .left ? record?.leftLocator : record?.rightLocator) ?? [])
                }
            }
            let sides = try await observations.read(
                Sides(left: references(.left), right: references(.right)), of: table.views)
            let joined = try await DovetailEngine.join(
                base: BatchCursor([RecordBatch(base: base)]), left: sides.left, right: sides.right,
                into: &planner)
            planner.finish(joined, complete: false)
        }
    }

    private func planLinked(
        _ table: JobTable, _ planned: PlannedTable, _ intents: [JournalEntry], _ takenBack: [JournalEntry],
        into planner: inout Planner<PlanSpool>
    ) async throws -> [LinkedPlanner.FreedLink] {
        var left = LinkedPlanner.SideChanges()
        var right = LinkedPlanner.SideChanges()
        // The side joins as the left stream; its base in that side's own order and form.
        let joinedLeft = try await joinSide(
            try await baseCursor(planned), try await observations.left.snapshot(of: table.views.left),
            into: &left)
        let joinedRight = try await joinSide(
            try await baseCursor(planned, mirrored: true),
            try await observations.right.snapshot(of: table.views.right), into: &right)
        let broughtBack = takenBack.filter { $0.decided.contains(.broughtBack) }
        let sent = (intents + broughtBack).compactMap { entry -> LinkedPlanner.Intent? in
            guard entry.verb == "insert", let after = entry.after, let source = entry.seen[entry.side.other]
            else {
                return nil
            }
            return LinkedPlanner.Intent(side: entry.side, source: source.key, record: after)
        }
        // Pairs without a link: those in conflict since they met, those that an undo unlinked, and those that an
        // interrupted run was making equal.
        let conflicts = try await state.conflicts().filter { $0.table == table.schema.name && $0.base == nil }
        let sentWithout = intents.filter { $0.base == nil }
        let unlinked = (conflicts.map(\.seen) + (takenBack + sentWithout).map(\.seen)).compactMap { seen in
            seen.left.flatMap { left in seen.right.map { (left: left.key, right: $0.key) } }
        }
        let freed = try LinkedPlanner().plan(
            left: left, right: right, intents: sent, unlinked: unlinked, waiting: planned.waitedFor,
            firstMeeting: planned.baseCount == 0 || stored.generation == 0,
            fieldCount: table.schema.fields.count, into: &planner)
        planner.note(
            PlanCounts.Seen(
                left: joinedLeft.leftCount, right: joinedRight.leftCount, base: planned.baseCount),
            unchanged: min(left.unchanged, right.unchanged))
        return freed
    }

    /// Joins one side with its base alone: the side stands in for both streams of a key-matched join.
    private func joinSide(
        _ base: (any RecordCursor)?, _ side: any RecordCursor, into changes: inout LinkedPlanner.SideChanges
    ) async throws -> MergeJoin {
        try await DovetailEngine.join(base: base, left: side, right: nil, into: &changes)
    }

    private func interrupted(_ intents: [JournalEntry], baseKnown: Bool) -> [RecordKey: Unsettled.Interrupted]
    {
        guard baseKnown else { return [:] }
        var interrupted: [RecordKey: Unsettled.Interrupted] = [:]
        var planned: [RecordKey: Sides<Record?>] = [:]
        for entry in intents {
            // Of several runs that were cut short the last one counts: what it saw, the ones before had brought about.
            let isSamePlan = planned[entry.key] == entry.seen
            planned[entry.key] = entry.seen
            var known =
                (isSamePlan ? interrupted[entry.key] : nil)
                ?? Unsettled.Interrupted(
                    written: [],
                    expected: Sides(left: entry.seen.left?.fields, right: entry.seen.right?.fields))
            known.written.insert(entry.side)
            known.expected[entry.side] = entry.after
            interrupted[entry.key] = known
        }
        return interrupted
    }
}

extension Synchronizer {
    /// The links of a table that one side's record left since the last run, by the keys under which the memory has
    /// them. An undo and a saved plan look only at their own records, and yet what they insert may be given any id.
    func freedLinks(
        of table: JobTable, _ observations: Sides<any Observation>
    ) async throws -> [RecordKey: LinkedPlanner.FreedLink] {
        guard table.schema.identity == .content else { return [:] }
        var left = LinkedPlanner.SideChanges()
        var right = LinkedPlanner.SideChanges()
        _ = try await join(
            base: try await state.base(of: table.schema.name, mirrored: false),
            left: try await observations.left.snapshot(of: table.views.left), right: nil, into: &left)
        _ = try await join(
            base: try await state.base(of: table.schema.name, mirrored: true),
            left: try await observations.right.snapshot(of: table.views.right), right: nil, into: &right)
        let freed = LinkedPlanner.freedLinks(left: left, right: right)
        return Dictionary(freed.map { ($0.was, $0) }, uniquingKeysWith: { first, _ in first })
    }
}

/// The keys at which the only side that is joined is not as the base says.
private struct ChangedAgainstBase: JoinSink {
    let side: Side
    /// No more than are of use: from there on everything is looked at.
    private static let most = 1_000_000

    private(set) var keys: [RecordKey] = []
    private(set) var count = 0

    mutating func visit(_ joined: borrowing JoinedRecords) throws {
        guard !(side == .left ? joined.leftIsAsBase : joined.rightIsAsBase) else { return }
        count += 1
        if count <= Self.most { keys.append(joined.key) }
    }
}

/// Shows base records under another layout.
struct RelayoutCursor: RecordCursor {
    let cursor: any RecordCursor
    let moving: [Int?]

    func next() async throws -> RecordBatch? {
        guard let batch = try await cursor.next() else { return nil }
        return RecordBatch(base: try batch.baseRecords().map { try $0.moved(moving) })
    }
}
