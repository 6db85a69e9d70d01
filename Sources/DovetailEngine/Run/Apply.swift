import Dovetail

/// Carries a plan out: journal, write, check, remember, chunk by chunk, parents first and deletes last.
struct Applier {
    let job: SyncJob
    let state: any StateStore
    let run: Int64
    let kind: RunKind
    /// Records per chunk: one transaction on each replica, two on the state store.
    let chunkSize: Int
    let events: EventHandler

    /// What the run did so far.
    var result = ApplyTotals()
    /// Up to where the feeds are read: past our own writes, as long as nobody else wrote in between.
    var cursors: [String: Sides<FeedCursor?>]
    /// Both sides of the record that was proven equal last.
    var proven: Sides<Record?>?
    /// The record of which a first step leaves out a part: where that is refused, the whole one waits.
    var whole: PlanEntry?
    var missing = MissingParents()
    /// Writes that may go through once others have.
    var waiting: [(table: JobTable, entry: PlanEntry)] = []
    /// Entries done, per table, for progress.
    var done: [String: Int] = [:]
    /// What waited for a person before the run.
    let known: KnownUnsettled
    /// Whether the run changed or learnt anything that was not known before it.
    var hasNews = false

    init(
        job: SyncJob, state: any StateStore, run: Int64, kind: RunKind, cursors: [String: Sides<FeedCursor?>],
        chunkSize: Int, known: KnownUnsettled, events: @escaping EventHandler
    ) {
        self.known = known
        self.chunkSize = chunkSize
        self.cursors = cursors
        self.job = job
        self.state = state
        self.run = run
        self.kind = kind
        self.events = events
    }

    /// Applies every table's entries.
    /// - Throws: what the replicas or the state store throw; everything up to then is remembered or journalled.
    mutating func apply(_ planned: [PlannedTable]) async throws {
        for table in planned { try await free(table) }
        let order = TableOrder(planned.map(\.table))
        let spools = Dictionary(
            planned.map { ($0.table.schema.name, $0) }, uniquingKeysWith: { first, _ in first })
        for table in order.tables {
            if let plan = spools[table.schema.name] { try await pass(plan, deletes: false) }
        }
        try await retryWaiting()
        try await breakCircles(order)
        for table in order.tables.reversed() {
            if let plan = spools[table.schema.name] { try await pass(plan, deletes: true) }
        }
        // A unique value may have been freed, or the last child be gone.
        try await retryWaiting()
        try await breakCirclesOfDeletes(order)
        try await giveUpWaiting()
    }

    /// Invariant: when a write is sent, no link goes by an id whose record is gone. The store may give that id to what is
    /// inserted; the new link would then take the place of the old one, or stand beside it for the same record.
    private mutating func free(_ plan: PlannedTable) async throws {
        let name = plan.table.schema.name
        for start in stride(from: 0, to: plan.freed.count, by: chunkSize) {
            var memory = Memory()
            for link in plan.freed[start..<min(start + chunkSize, plan.freed.count)] {
                memory.agreed.append((name, link.base))
                if link.was != link.base.key { memory.gone.append((name, link.was)) }
            }
            try await state.remember(memory, run: run)
            hasNews = true
        }
    }

    mutating func pass(_ plan: PlannedTable, deletes: Bool) async throws {
        var reader = try plan.spool.reader()
        let name = plan.table.schema.name
        while true {
            let chunk = try reader.next(chunkSize) { $0.deletes == deletes }
            if chunk.isEmpty { break }
            try await apply(chunk, of: plan.table, isRetry: false)
            done[name, default: 0] += chunk.count
            events(.applying(table: name, done: done[name] ?? 0, of: plan.spool.count))
        }
    }

    /// One chunk of one table, whole.
    mutating func apply(_ entries: [PlanEntry], of table: JobTable, isRetry: Bool) async throws {
        try Task.checkCancellation()
        var memory = Memory()
        var sending: [PlanEntry] = []
        for entry in entries {
            if let settled = try settle(entry, table, isRetry, into: &memory) { sending.append(settled) }
        }
        let standing = kind == .undo ? try await forget(sending, table) : nil
        let (outcomes, failure) = try await send(sending, table, standing)
        for (entry, outcome) in zip(sending, outcomes) {
            // When one side failed, what the other answered is known all the same.
            let isAnswered = Side.allCases.allSatisfy { outcome[$0] != nil || entry.write(on: $0) == nil }
            guard isAnswered else { continue }
            try learn(entry, outcome, table, isRetry, into: &memory)
            if let standing { recall(standing, entry, outcome, into: &memory) }
        }
        if !memory.isEmpty {
            hasNews = hasNews || known.hasNews(memory)
            try await state.remember(memory, run: run)
            events(.remembered(records: memory.agreed.count + memory.gone.count))
        }
        if let failure { throw failure }
    }

    /// Deals with everything that needs no write; returns the entries that do.
    mutating func settle(
        _ entry: PlanEntry, _ table: JobTable, _ isRetry: Bool, into memory: inout Memory
    ) throws -> PlanEntry? {
        let name = table.schema.name
        switch entry.decision {
        case .unchanged, .keep:
            memory.settled.append((name, entry.key))
        case .agree:
            remember(entry, left: entry.seen.left, right: entry.seen.right, name, into: &memory)
        case .conflict(let conflict):
            memory.conflicts.append(
                ConflictRecord(
                    table: name, key: entry.key, conflict: conflict, base: entry.base, seen: entry.seen,
                    since: run))
            result.conflicts += 1
            events(.conflict(table: name, key: entry.key))
            noteMissing(entry, name)
        case .refuse(.changedSince(let side)):
            // Nothing waits for a person here: the next sync looks at the record as it is.
            let reason = Refusal.changedSince(side).reason(labels: job.labels)
            result.refuse(name, entry.key, reason)
            hasNews = true
            events(.rejected(table: name, side: side, key: entry.key, reason: reason))
        case .refuse(let refusal):
            memory.rejections.append(rejection(entry, refusal, name))
            result.rejected += 1
            noteMissing(entry, name)
        case .write(let writes, _):
            let parents = try missingParents(of: writes, table)
            guard let side = entry.side(where: { parents[$0] != nil }), let parent = parents[side] else {
                return entry
            }
            for side in Side.allCases where parents[side] != nil && entry.seen[side] == nil {
                missing.note(name, entry.key, on: side)
            }
            if isRetry {
                memory.rejections.append(rejection(entry, .heldBack(parent: parent), name, on: side))
                result.rejected += 1
            } else {
                waiting.append((table, entry))
            }
        }
        return nil
    }

    /// The parents that the writes of a record have to wait for.
    private func missingParents(of writes: Sides<Write?>, _ table: JobTable) throws -> Sides<String?> {
        var parents = Sides<String?>(left: nil, right: nil)
        for side in Side.allCases {
            guard let record = writes[side]?.result else { continue }
            parents[side] = try missing.parent(of: record, in: table, on: side, job: job)
        }
        return parents
    }

    /// A record that both sides shall hold and one does not.
    mutating func noteMissing(_ entry: PlanEntry, _ table: String) {
        for side in Side.allCases where entry.seen[side] == nil { missing.note(table, entry.key, on: side) }
    }

    func rejection(
        _ entry: PlanEntry, _ refusal: Refusal, _ table: String, on missing: Side? = nil
    ) -> RejectionRecord {
        let side: Side =
            switch refusal {
            case .duplicateKey(let side), .nullKey(let side), .invalidText(let side, _),
                .rejectedBefore(let side, _):
                side
            case .heldBack, .changedSince: missing ?? (entry.write(on: .left) != nil ? .left : .right)
            }
        // Only the store's own refusals are remembered against the same record; the others are found anew.
        let reason: String
        var isRetried = true
        if case .rejectedBefore(_, let before) = refusal {
            reason = before
            isRetried = false
        } else {
            reason = refusal.reason(labels: job.labels)
        }
        return RejectionRecord(
            table: table, key: entry.key,
            rejection: Unsettled.Rejection(
                side: side, reason: reason, seen: entry.seen.map { $0?.fields.digest }),
            isRetried: isRetried, since: run)
    }

    // MARK: Sending

    /// Journals the writes, sends them to both sides at once, and re-reads what was touched.
    /// - Parameter standing: the base before an undo forgot it.
    mutating func send(
        _ entries: [PlanEntry], _ table: JobTable, _ standing: Standing? = nil
    ) async throws -> (outcomes: [Sides<WriteOutcome?>], failure: (any Error)?) {
        var outcomes = entries.map { _ in Sides<WriteOutcome?>(left: nil, right: nil) }
        let batches = Sides(
            left: WriteBatch(entries, .left, table, standing),
            right: WriteBatch(entries, .right, table, standing))
        guard !batches.left.writes.isEmpty || !batches.right.writes.isEmpty else { return (outcomes, nil) }
        // Invariant: what was sent is journalled first, so that an answer that never comes can be found again.
        try await state.journal(batches.left.journal + batches.right.journal, run: run)

        let sender = Sender(job: job, events: events)
        async let left = sender.send(batches.left, .left, table)
        async let right = sender.send(batches.right, .right, table)
        // Both are waited for, even when one fails: nothing of this run is under way afterwards.
        let answers = Sides(left: await left, right: await right)
        var failure: (any Error)?
        for side in Side.allCases {
            let answer: ApplyResult
            switch answers[side] {
            case .success(let result): answer = result
            case .failure(let error):
                failure = failure ?? error
                continue
            }
            for (index, outcome) in zip(batches[side].indices, answer.outcomes) {
                outcomes[index][side] = outcome
            }
            // After an undo the records are looked at again: the edits it took back are still on the other side.
            if kind != .undo, let range = answer.feed, cursors[table.schema.name]?[side] == range.before {
                cursors[table.schema.name]?[side] = range.after
            }
        }
        let written = (batches.left.writes + batches.right.writes).compactMap(\.key)
        cursors[table.schema.name] = cursors[table.schema.name]?.map { cursor in
            cursor.flatMap { DigestFeed.cursor($0, noting: written) }
        }
        return (outcomes, failure)
    }
}
