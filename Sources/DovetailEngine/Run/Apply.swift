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
    private(set) var result = ApplyTotals()
    /// Up to where the feeds are read: past our own writes, as long as nobody else wrote in between.
    private(set) var cursors: [String: Sides<FeedCursor?>]
    /// Both sides of the record that was proven equal last.
    private var proven: Sides<Record?>?
    /// The record of which a first step leaves out a part: where that is refused, the whole one waits.
    private var whole: PlanEntry?
    private var missing = MissingParents()
    /// Writes that may go through once others have.
    private var waiting: [(table: JobTable, entry: PlanEntry)] = []
    /// Entries done, per table, for progress.
    private var done: [String: Int] = [:]
    /// What waited for a person before the run.
    private let known: KnownUnsettled
    /// Whether the run changed or learnt anything that was not known before it.
    private(set) var hasNews = false

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

    private mutating func pass(_ plan: PlannedTable, deletes: Bool) async throws {
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
    private mutating func apply(_ entries: [PlanEntry], of table: JobTable, isRetry: Bool) async throws {
        try Task.checkCancellation()
        var memory = Memory()
        var sending: [PlanEntry] = []
        for entry in entries {
            if let settled = try settle(entry, table, isRetry, into: &memory) { sending.append(settled) }
        }
        if kind == .undo { try await forget(sending, table) }
        let (outcomes, failure) = try await send(sending, table)
        for (entry, outcome) in zip(sending, outcomes) {
            // When one side failed, what the other answered is known all the same.
            let isAnswered = Side.allCases.allSatisfy { outcome[$0] != nil || entry.write(on: $0) == nil }
            if isAnswered { try learn(entry, outcome, table, isRetry, into: &memory) }
        }
        if !memory.isEmpty {
            hasNews = hasNews || known.hasNews(memory)
            try await state.remember(memory, run: run)
            events(.remembered(records: memory.agreed.count + memory.gone.count))
        }
        if let failure { throw failure }
    }

    /// Deals with everything that needs no write; returns the entries that do.
    private mutating func settle(
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
            for side in Side.allCases {
                guard let record = writes[side]?.result,
                    let parent = try missing.parent(of: record, in: table, on: side, job: job)
                else { continue }
                missing.note(name, entry.key, on: side)
                if isRetry {
                    memory.rejections.append(rejection(entry, .heldBack(parent: parent), name, on: side))
                    result.rejected += 1
                } else {
                    waiting.append((table, entry))
                }
                return nil
            }
            return entry
        }
        return nil
    }

    /// A record that both sides shall hold and one does not.
    private mutating func noteMissing(_ entry: PlanEntry, _ table: String) {
        for side in Side.allCases where entry.seen[side] == nil { missing.note(table, entry.key, on: side) }
    }

    private func rejection(
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
    private mutating func send(
        _ entries: [PlanEntry], _ table: JobTable
    ) async throws -> (outcomes: [Sides<WriteOutcome?>], failure: (any Error)?) {
        var outcomes = entries.map { _ in Sides<WriteOutcome?>(left: nil, right: nil) }
        let batches = Sides(
            left: WriteBatch(entries, .left, table), right: WriteBatch(entries, .right, table))
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
        return (outcomes, failure)
    }

    // MARK: Learning

    private mutating func learn(
        _ entry: PlanEntry, _ outcomes: Sides<WriteOutcome?>, _ table: JobTable, _ isRetry: Bool,
        into memory: inout Memory
    ) throws {
        let name = table.schema.name
        var now = entry.seen
        var failure: (side: Side, rejection: WriteOutcome.Rejection)?
        var wasOvertaken = false
        for side in Side.allCases {
            guard let outcome = outcomes[side], let write = entry.write(on: side) else { continue }
            switch outcome {
            case .applied(let record):
                now[side] = record
                result.count(write, on: side, of: name)
                hasNews = true
                memory.outcomes.append((name, side, entry.key, .applied, nil))
                if let record, let wanted = write.result, record.fields != wanted {
                    events(.normalised(table: name, side: side, key: entry.key))
                }
                missing.found(name, entry.key, on: side)
            case .already(let record):
                now[side] = record
                memory.outcomes.append((name, side, entry.key, .already, nil))
                missing.found(name, entry.key, on: side)
            case .overtaken:
                wasOvertaken = true
                memory.outcomes.append((name, side, entry.key, .overtaken, nil))
                events(.overtaken(table: name, side: side, key: entry.key))
                if entry.seen[side] == nil { missing.note(name, entry.key, on: side) }
            case .rejected(let rejection):
                failure = (side, rejection)
                memory.outcomes.append((name, side, entry.key, .rejected, rejection.reason))
                if entry.seen[side] == nil { missing.note(name, entry.key, on: side) }
            }
        }
        if let failure {
            if let whole {
                // Without its reference it is refused: it waits for the circle to be opened elsewhere.
                waiting.append((table, whole))
            } else if failure.rejection.dependsOnOthers, !isRetry {
                waiting.append((table, entry))
            } else {
                try rememberPart(entry, refusedBy: failure.side, now, outcomes, name, into: &memory)
                reject(entry, failure.side, failure.rejection, name, into: &memory)
            }
        } else if wasOvertaken {
            result.overtaken += 1
            memory.pending.append((name, entry.key))
        } else {
            remember(entry, left: now.left, right: now.right, name, into: &memory)
            proven = now
        }
    }

    private mutating func reject(
        _ entry: PlanEntry, _ side: Side, _ rejection: WriteOutcome.Rejection, _ table: String,
        into memory: inout Memory
    ) {
        result.rejected += 1
        events(.rejected(table: table, side: side, key: entry.key, reason: rejection.reason))
        memory.rejections.append(
            RejectionRecord(
                table: table, key: entry.key,
                rejection: Unsettled.Rejection(
                    side: side, reason: rejection.reason, seen: entry.seen.map { $0?.fields.digest }),
                isRetried: rejection.dependsOnOthers, since: run))
    }

    /// One side took its part of a merge and the other refused its own: the fields that were carried over are agreed,
    /// the others stay as the base has them. Without this an edit of these fields would look like one of both sides.
    private func rememberPart(
        _ entry: PlanEntry, refusedBy side: Side, _ now: Sides<Record?>, _ outcomes: Sides<WriteOutcome?>,
        _ table: String, into memory: inout Memory
    ) throws {
        guard kind != .undo, var base = entry.base, let wanted = entry.write(on: side.other)?.result,
            let left = now.left, let right = now.right
        else { return }
        switch outcomes[side.other] {
        case .applied?, .already?: break
        default: return
        }
        let sent = try wanted.slices()
        let standing = try (side == .left ? left : right).fields.slices()
        let l = try left.fields.slices()
        let r = try right.fields.slices()
        var agreed = Sides<[Int: ArraySlice<UInt8>]>(left: [:], right: [:])
        for field in sent.indices where sent[field] == standing[field] {
            agreed.left[field] = l[field]
            agreed.right[field] = r[field]
        }
        base.left = try base.left.replacing(agreed.left)
        base.right = try base.right.replacing(agreed.right)
        memory.agreed.append((table, base))
    }

    /// Invariant: an undo writes when the memory is as before the run that it takes back. Cut short, it leaves records
    /// that agree again, or edits that the next sync plans again, and never a delete that nobody made.
    private func forget(_ entries: [PlanEntry], _ table: JobTable) async throws {
        var memory = Memory()
        for entry in entries {
            remember(entry, left: entry.seen.left, right: entry.seen.right, table.schema.name, into: &memory)
            memory.pending.append((table.schema.name, entry.key))
        }
        if !memory.isEmpty { try await state.remember(memory, run: run) }
    }

    /// Moves the base of one record: both sides were proven to hold what the plan says.
    private func remember(
        _ entry: PlanEntry, left: Record?, right: Record?, _ table: String, into memory: inout Memory
    ) {
        if kind == .undo {
            // An undone run leaves the memory as it was before it.
            guard var base = entry.base else {
                memory.gone.append((table, entry.key))
                // Records that met without being equal shall meet again, and not be strangers.
                if let left, right != nil { memory.pending.append((table, left.key)) }
                return
            }
            if job.table(table)?.schema.identity == .content {
                // What was inserted again has a new id.
                if let left { base.key = left.key }
                if let right { base.rightLocator = right.key.bytes }
            }
            memory.agreed.append((table, base))
            if base.key != entry.key { memory.gone.append((table, entry.key)) }
            return
        }
        guard let left, let right else {
            memory.gone.append((table, entry.key))
            return
        }
        memory.agreed.append(
            (
                table,
                BaseRecord(
                    key: left.key, left: left.fields, right: right.fields, leftLocator: left.locator,
                    rightLocator: job.table(table)?.schema.identity == .content
                        ? right.key.bytes : right.locator)
            ))
        // An unlinked record was known by another name, or came back on the left under a new id: a link that stayed
        // under the old one would be taken for a delete.
        if left.key != entry.key { memory.gone.append((table, entry.key)) }
    }

    // MARK: What has to wait for others

    /// Tries waiting writes again as long as that gets any of them through.
    private mutating func retryWaiting() async throws {
        var before = Int.max
        while !waiting.isEmpty, waiting.count < before {
            before = waiting.count
            let again = waiting
            waiting = []
            for (table, entries) in Self.grouped(again) {
                for entry in entries { clearMissing(entry, table) }
                try await apply(entries, of: table, isRetry: false)
            }
        }
    }

    private mutating func clearMissing(_ entry: PlanEntry, _ table: JobTable) {
        for side in Side.allCases { missing.found(table.schema.name, entry.key, on: side) }
    }

    /// Records that refer to each other in a circle go in two steps: first without the reference, then with it. A circle
    /// is opened at one table at a time: where one reference must not be empty, another may be.
    private mutating func breakCircles(_ order: TableOrder) async throws {
        var second: [(table: JobTable, entry: PlanEntry)] = []
        for table in order.tables {
            let name = table.schema.name
            guard let circular = order.circular[name] else { continue }
            let stuck = waiting.filter { $0.table.schema.name == name }.map(\.entry)
            if stuck.isEmpty { continue }
            waiting.removeAll { $0.table.schema.name == name }
            let fields = Set(circular.flatMap(\.fields).compactMap(table.schema.index(of:)))
            for entry in stuck {
                guard let steps = try entry.inTwoSteps(nulling: fields, keyFields: table.views.left.keyFields)
                else {
                    waiting.append((table, entry))
                    continue
                }
                clearMissing(entry, table)
                proven = nil
                whole = entry
                try await apply([steps.first], of: table, isRetry: true)
                whole = nil
                // What was overtaken is noted, what was refused waits; the rest goes on from what the store made of it.
                if let made = proven, let next = try steps.second.following(made) {
                    second.append((table, next))
                }
            }
            try await retryWaiting()
        }
        for (table, entries) in Self.grouped(second) { try await apply(entries, of: table, isRetry: false) }
        try await retryWaiting()
    }

    /// Records that hold each other in a circle and are all to go lose their references first.
    private mutating func breakCirclesOfDeletes(_ order: TableOrder) async throws {
        for table in order.tables {
            guard let circular = order.circular[table.schema.name] else { continue }
            let isStuck = { (waits: (table: JobTable, entry: PlanEntry)) in
                waits.table.schema.name == table.schema.name && waits.entry.deletes
            }
            let stuck = waiting.filter(isStuck).map(\.entry)
            if stuck.isEmpty { continue }
            waiting.removeAll(where: isStuck)
            let fields = Set(circular.flatMap(\.fields).compactMap(table.schema.index(of:)))
            for entry in stuck { waiting.append((table, try await letGo(entry, of: fields, table))) }
            try await retryWaiting()
        }
    }

    /// Empties the references of a record that is to be deleted, and remembers that: a run that is cut short in
    /// between must not take it for an edit. The entry comes back as it was where there is nothing to empty, or the
    /// store refuses.
    private mutating func letGo(_ entry: PlanEntry, of fields: Set<Int>, _ table: JobTable) async throws
        -> PlanEntry
    {
        let side: Side = entry.write(on: .left) == .delete ? .left : .right
        guard let seen = entry.seen[side], entry.write(on: side.other) == nil,
            fields.isDisjoint(with: table.views[side].keyFields)
        else { return entry }
        let count = try seen.fields.slices().count
        let moving = (0..<count).map { fields.contains($0) ? nil : Optional($0) }
        let partial = try seen.fields.moved(moving)
        guard partial != seen.fields, case .write(_, let decided) = entry.decision else { return entry }
        let write = Write.update(partial, fields: try table.schema.differingFields(seen.fields, partial))
        var step = entry
        var writes = Sides<Write?>(left: nil, right: nil)
        writes[side] = write
        step.decision = .write(writes, decided: decided)
        let (outcomes, failure) = try await send([step], table)
        if let failure { throw failure }
        var memory = Memory()
        var next = entry
        let name = table.schema.name
        switch outcomes[0][side] {
        case .applied(let record?)?, .already(let record?)?:
            if case .applied? = outcomes[0][side] {
                memory.outcomes.append((name, side, entry.key, .applied, nil))
                result.count(write, on: side, of: name)
                hasNews = true
            } else {
                memory.outcomes.append((name, side, entry.key, .already, nil))
            }
            next.seen[side] = record
            if kind != .undo, var base = entry.base {
                // An agreement about a smaller record, and about nothing else: the record may have been edited.
                base.left = try base.left.moved(moving)
                base.right = try base.right.moved(moving)
                next.base = base
                memory.agreed.append((name, base))
            }
        case .rejected(let rejection)?:
            memory.outcomes.append((name, side, entry.key, .rejected, rejection.reason))
        default: memory.outcomes.append((name, side, entry.key, .overtaken, nil))
        }
        try await state.remember(memory, run: run)
        return next
    }

    /// Nothing else will come: what still waits is rejected, in the store's words.
    private mutating func giveUpWaiting() async throws {
        let rest = waiting
        waiting = []
        for (table, entries) in Self.grouped(rest) { try await apply(entries, of: table, isRetry: true) }
    }

    private static func grouped(_ entries: [(table: JobTable, entry: PlanEntry)]) -> [(JobTable, [PlanEntry])]
    {
        var order: [String] = []
        var groups: [String: (JobTable, [PlanEntry])] = [:]
        for (table, entry) in entries {
            if groups[table.schema.name] == nil {
                order.append(table.schema.name)
                groups[table.schema.name] = (table, [])
            }
            groups[table.schema.name]?.1.append(entry)
        }
        return order.compactMap { groups[$0] }
    }
}

extension PlanEntry {
    /// Whether the entry deletes anything; such entries come last.
    var deletes: Bool { write(on: .left) == .delete || write(on: .right) == .delete }

    /// An insert in two steps: without the fields that close a circle, and then with them. Nil when there is nothing
    /// to leave out. The first step is a true agreement about a smaller record: the source's record counts as if its
    /// references were changed afterwards, so an interruption between the steps heals itself.
    func inTwoSteps(nulling fields: Set<Int>, keyFields: [Int]) throws -> (
        first: PlanEntry, second: PlanEntry
    )? {
        guard case .write(let writes, let decided) = decision else { return nil }
        for side in Side.allCases {
            guard case .insert(let record)? = writes[side], writes[side.other] == nil,
                let source = seen[side.other], fields.isDisjoint(with: keyFields)
            else { continue }
            let count = try record.slices().count
            let moving = (0..<count).map { fields.contains($0) ? nil : Optional($0) }
            let partial = try record.moved(moving)
            guard partial != record else { return nil }
            let partialSource = Record(
                key: source.key, locator: source.locator, fields: try source.fields.moved(moving))
            var step = Sides<Write?>(left: nil, right: nil)
            var first = self
            step[side] = .insert(partial)
            first.decision = .write(step, decided: decided)
            first.seen[side.other] = partialSource

            var second = self
            step[side] = .update(record, fields: fields.sorted())
            second.decision = .write(step, decided: [])
            return (first, second)
        }
        return nil
    }

    /// The second step once the first is done: it finds what the store made of the first, under the id it gave.
    func following(_ made: Sides<Record?>) throws -> PlanEntry? {
        guard case .write(let writes, _) = decision else { return nil }
        for side in Side.allCases {
            guard case .update(let record, let fields)? = writes[side], let now = made[side] else { continue }
            var slices: [Int: ArraySlice<UInt8>] = [:]
            let wanted = try record.slices()
            for field in fields { slices[field] = wanted[field] }
            var entry = self
            var step = Sides<Write?>(left: nil, right: nil)
            step[side] = .update(try now.fields.replacing(slices), fields: fields)
            entry.decision = .write(step, decided: [])
            entry.seen[side] = now
            // An unlinked record is known by its left id as soon as it has one.
            if seen.left == nil, let left = made.left { entry.key = left.key }
            return entry
        }
        return nil
    }
}
