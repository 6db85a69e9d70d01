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
    /// Tables whose records have no key in common.
    let linkedTables: Set<String>
    /// Whether the run changed or learnt anything that was not known before it.
    var hasNews = false

    init(
        job: SyncJob, state: any StateStore, run: Int64, kind: RunKind, cursors: [String: Sides<FeedCursor?>],
        chunkSize: Int, known: KnownUnsettled, events: @escaping EventHandler
    ) {
        self.known = known
        linkedTables = Set(job.tables.filter { $0.schema.identity == .content }.map(\.schema.name))
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

    /// One chunk of one table, whole. A pass goes through its chunks by ``pass(_:deletes:)``.
    mutating func apply(_ entries: [PlanEntry], of table: JobTable, isRetry: Bool) async throws {
        try Task.checkCancellation()
        var memory = Memory()
        var sending: [PlanEntry] = []
        for entry in entries {
            if let settled = try settle(entry, table, isRetry, into: &memory) { sending.append(settled) }
        }
        let standing = kind == .undo ? try await forget(sending, table) : nil
        let (outcomes, failure) = try await send(sending, table, standing)
        for (entry, outcome) in zip(sending, outcomes) where entry.isAnswered(by: outcome) {
            try learn(entry, outcome, table, isRetry, into: &memory)
            if let standing { recall(standing, entry, outcome, into: &memory) }
        }
        try await remember(memory)
        if let failure { throw failure }
    }

    mutating func remember(_ memory: Memory) async throws {
        guard !memory.isEmpty else { return }
        hasNews = hasNews || known.hasNews(memory)
        try await state.remember(memory, run: run)
        events(.remembered(records: memory.agreed.count + memory.gone.count))
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
        let batches = batches(entries, table, standing)
        // Invariant: what was sent is journalled first, so that an answer that never comes can be found again.
        try await journal(batches)
        let answers = await Sender(job: job, events: events).send(batches, table)
        return note(answers, to: batches, of: entries.count, table)
    }

    func batches(_ entries: [PlanEntry], _ table: JobTable, _ standing: Standing?) -> Sides<WriteBatch> {
        Sides(
            left: WriteBatch(entries, .left, table, standing),
            right: WriteBatch(entries, .right, table, standing))
    }

    func journal(_ batches: Sides<WriteBatch>) async throws {
        let entries = batches.left.journal + batches.right.journal
        if !entries.isEmpty { try await state.journal(entries, run: run) }
    }

    /// Brings answers into the order of the entries, and moves the feeds past our own writes.
    mutating func note(
        _ answers: Sides<Result<ApplyResult, any Error>>, to batches: Sides<WriteBatch>, of count: Int,
        _ table: JobTable
    ) -> (outcomes: [Sides<WriteOutcome?>], failure: (any Error)?) {
        var outcomes = Array(repeating: Sides<WriteOutcome?>(left: nil, right: nil), count: count)
        guard !batches.left.writes.isEmpty || !batches.right.writes.isEmpty else { return (outcomes, nil) }
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
        // Only what counts up digests has to know which keys were written.
        if let known = cursors[table.schema.name], known.left != nil || known.right != nil {
            let written = (batches.left.writes + batches.right.writes).compactMap(\.key)
            cursors[table.schema.name] = known.map { cursor in
                cursor.flatMap { DigestFeed.cursor($0, noting: written) }
            }
        }
        return (outcomes, failure)
    }
}
