import Dovetail

/// Runs a job: observe, reconcile, plan, limits, apply, verify, remember.
///
/// ```swift
/// let synchronizer = Synchronizer(job: job, state: state, owner: owner, clock: clock)
/// let outcome = try await synchronizer.sync()
/// ```
///
/// Interrupt it anywhere and run it again: it completes. A second run right after a good one writes nothing.
public struct Synchronizer: Sendable {
    public let job: SyncJob
    public let state: any StateStore
    let clock: @Sendable () -> Int64
    let events: EventHandler
    let owner: LockOwner
    let chunkSize: Int

    /// - Parameters:
    ///   - owner: how the lock names this process to others.
    ///   - clock: microseconds since 1970.
    ///   - chunkSize: records written in one transaction of each side; nil: as the replicas take it well.
    public init(
        job: SyncJob, state: any StateStore, owner: LockOwner, clock: @escaping @Sendable () -> Int64,
        chunkSize: Int? = nil, events: @escaping EventHandler = { _ in }
    ) {
        self.chunkSize = max(
            1, chunkSize ?? max(job.replicas.left.batchSize, job.replicas.right.batchSize))
        self.job = job
        self.state = state
        self.owner = owner
        self.clock = clock
        self.events = events
    }

    /// Plans without writing anything anywhere. The plan comes with the halts that a sync would stop at.
    /// - Throws: ``ReplicaError``, ``StateError``.
    public func plan() async throws -> Plan {
        events(.started(kind: "plan"))
        return try await observe()
    }

    /// Plans, checks the limits, applies, verifies and remembers.
    /// - Parameter allowing: limits that a person lifts for this run.
    /// - Throws: ``RunHalted`` before anything was written; ``StateError/locked(by:)``; ``ReplicaError``, after
    ///   which running again is safe.
    public func sync(allowing: Set<Allowance> = []) async throws -> RunResult {
        try await locked {
            events(.started(kind: RunKind.sync.rawValue))
            var result = try await round(allowing)
            // Records that changed between plan and write are planned again, while someone else keeps writing.
            for _ in 0..<Self.extraRounds where result.totals.overtaken > 0 {
                result = try await round(allowing).following(result)
            }
            events(.finished(status: result.status))
            return result
        }
    }

    /// How often a sync starts over when records were overtaken.
    private static let extraRounds = 3

    private func round(_ allowing: Set<Allowance>) async throws -> RunResult {
        let plan = try await observe()
        try check(plan.halts, allowing)
        if try await isQuiet(plan) {
            try await state.noteQuiet(at: clock(), cursors: plan.cursors)
            try await state.retain(job.retention, at: clock())
            return RunResult(run: nil, counts: plan.counts, totals: ApplyTotals(), plan: plan)
        }
        return try await carryOut(plan, kind: .sync)
    }

    /// - Throws: ``RunHalted`` when a person has not allowed all of them.
    func check(_ halts: [Halt], _ allowing: Set<Allowance>) throws {
        let standing = halts.filter { $0.allowance.map { !allowing.contains($0) } ?? true }
        guard standing.isEmpty else { throw RunHalted(halts: standing, labels: job.labels) }
    }

    /// Holds the job's lock around `work`.
    func locked<Result: Sendable>(_ work: () async throws -> Result) async throws -> Result {
        try await state.lock(as: owner, patience: job.lockPatience)
        do {
            let result = try await work()
            await state.unlock()
            return result
        } catch {
            await state.unlock()
            throw error
        }
    }

    // MARK: Observe and plan

    /// Looks at both replicas at once, and plans every table.
    func observe() async throws -> Plan {
        let stored = try await state.load()
        return try await looking { try await observe(stored, $0) }
    }

    /// Looks at both replicas, and lets go of them whatever happens.
    func looking<Result>(_ look: (Sides<any Observation>) async throws -> Result) async throws -> Result {
        let left = try await job.replicas.left.observe()
        let right: any Observation
        do {
            right = try await job.replicas.right.observe()
        } catch {
            await left.finish()
            throw error
        }
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await look(Sides(left: left, right: right)))
        } catch {
            result = .failure(described(error))
        }
        await left.finish()
        await right.finish()
        return try result.get()
    }

    /// What both sides are recognised by.
    func identities(_ observations: Sides<any Observation>) async throws -> Sides<ReplicaIdentity> {
        Sides(
            left: try await observations.left.identity(job: job.name),
            right: try await observations.right.identity(job: job.name))
    }

    private func observe(_ stored: JobState, _ observations: Sides<any Observation>) async throws -> Plan {
        let identities = try await identities(observations)
        let recognition = Recognition(stored, identities, labels: job.labels)
        var halts = recognition.halts
        halts += job.vanished.map { .tableVanished(table: $0.table, side: $0.side) }
        // A replaced replica is compared without its base: what the plan then shows is what allowing it would do.
        let meetsAnew = recognition.meetsAnew != nil || !recognition.halts.isEmpty
        if let reason = recognition.meetsAnew { events(.meetsAnew(reason: reason)) }

        let observer = Observer(
            job: job, state: state, stored: stored, observations: observations, meetsAnew: meetsAnew,
            events: events)
        var tables: [PlannedTable] = []
        for table in job.tables {
            let name = table.schema.name
            let differences = stored.layouts[name].map { table.layout.differences(from: $0) } ?? []
            if !differences.isEmpty, !meetsAnew {
                halts.append(.mappingChanged(table: name, differences: differences))
            }
            let planned = try await observer.plan(table, mappingChanged: !differences.isEmpty)
            halts += job.limits.check(name, planned.counts, baseCount: planned.baseCount)
            tables.append(planned)
        }
        let total = tables.reduce(0) { $0 + $1.counts.left.total + $1.counts.right.total }
        halts += job.limits.check(total: total)
        return Plan(
            job: job.name, labels: job.labels, tables: tables, halts: halts, stored: stored,
            identities: identities,
            meetsAnew: meetsAnew ? recognition.meetsAnew ?? "a side was replaced" : nil)
    }

    /// Whether a run of this plan would change nothing on either side, nor in the memory.
    private func isQuiet(_ plan: Plan) async throws -> Bool {
        guard isSteady(plan) else { return false }
        var waiting: Set<ConflictRecord.ID> = []
        var known: [ConflictRecord.ID: (Conflict, Sides<Record?>)] = [:]
        for table in plan.tables {
            let counts = table.counts
            guard counts.isQuiet, counts.agreements == 0, table.freed.isEmpty else { return false }
            if counts.conflicts + counts.refusals == 0 {
                if !table.waitedFor.isEmpty { return false }
                continue
            }
            if known.isEmpty {
                for record in try await state.conflicts() {
                    known[record.id] = (record.conflict, record.seen)
                }
                for record in try await state.rejections() {
                    waiting.insert(ConflictRecord.ID(table: record.table, key: record.key))
                }
            }
            var reader = try table.spool.reader()
            var planned: Set<RecordKey> = []
            while let entry = try reader.next() {
                let id = ConflictRecord.ID(table: entry.table, key: entry.key)
                switch entry.decision {
                case .conflict(let conflict):
                    guard let before = known[id], before.0 == conflict, before.1 == entry.seen else {
                        return false
                    }
                    planned.insert(entry.key)
                case .refuse:
                    guard waiting.contains(id) else { return false }
                    planned.insert(entry.key)
                case .keep, .unchanged: break
                case .agree, .write: return false
                }
            }
            if !table.waitedFor.isSubset(of: planned) { return false }
        }
        return true
    }

    /// Whether replicas, memory and mapping are as a good run left them.
    private func isSteady(_ plan: Plan) -> Bool {
        plan.meetsAnew == nil && plan.stored.generation > 0 && plan.stored.pendingGeneration == nil
            && plan.tables.allSatisfy { table in
                table.relayout == nil && !table.forgetsBase
                    && plan.stored.layouts[table.table.schema.name] == table.table.layout
            }
    }

    // MARK: Apply, verify, remember

    /// Carries a plan out under the lock.
    func carryOut(_ plan: Plan, kind: RunKind) async throws -> RunResult {
        var plan = plan
        let stored = plan.stored
        let generation = plan.nextGeneration
        let known = try await KnownUnsettled(state)
        // Invariant: what can't be trusted is gone before this run's generation is noted. It may be the very one that the
        // replicas carry; were the run cut short in between, the next one would believe an old base.
        let doubtful = plan.tables.filter(\.forgetsBase).map(\.table.schema.name)
        if !doubtful.isEmpty { try await state.forgetBase(of: doubtful) }
        let run = try await state.begin(
            RunStart(
                kind: kind, time: clock(), generation: generation,
                forgetsCursors: DigestFeed.tables(of: stored.cursors)))
        var applier = Applier(
            job: job, state: state, run: run, kind: kind, cursors: plan.cursors, chunkSize: chunkSize,
            known: known,
            events: events)
        do {
            for table in plan.tables { try await layOut(table, stored) }
            for side in Side.allCases {
                try await job.replicas[side].prepare(plan.tables.map { $0.table.views[side] })
            }
            try await applier.apply(plan.tables)
            let hasSettled = try await settle(plan, run: run)
            plan.cursors = applier.cursors
            if kind == .sync, !applier.hasNews, !hasSettled, isSteady(plan) {
                // Waiting writes were tried again, in vain: the run leaves no more of a trace than a quiet one.
                try await state.discard(run)
                try await state.noteQuiet(at: clock(), cursors: plan.cursors)
                return RunResult(run: nil, counts: plan.counts, totals: applier.result, plan: plan)
            }
            let marked = try await stamp(plan, generation)
            let result = RunResult(run: run, counts: plan.counts, totals: applier.result, plan: plan)
            let status: RunStatus = kind == .undo ? .undone : result.status
            var end = end(plan, status, marked: marked, done: applier.result, message: nil)
            end.looksAtEverything = kind == .sync
            end.changeCounters = try await changeCounters(plan, marked)
            try await state.finish(end, run: run)
            // The run is done: when this fails, old entries of the feed only stay longer.
            for side in Side.allCases { try? await acknowledge(plan, side) }
            return result
        } catch {
            // What is journalled and not remembered is found again by the next run. When even this note can't be
            // written, the first failure is the one to report.
            let failure = described(error)
            try? await state.finish(
                end(plan, .failed, marked: nil, done: applier.result, message: "\(failure)"), run: run)
            events(.finished(status: .failed))
            throw failure
        }
    }

    /// Brings the base of a table into the layout of this run, before anything is remembered under it.
    private func layOut(_ table: PlannedTable, _ stored: JobState) async throws {
        let name = table.table.schema.name
        let layout = table.table.layout
        if let moving = table.relayout {
            try await state.relayout(name, to: layout, moving: moving)
        } else if table.forgetsBase || stored.layouts[name] == nil {
            // The base is empty: only its layout is noted, so that a run cut short leaves no base without one. Writes
            // of a run that was cut short before are recognised by their content, and follow.
            let moving = stored.layouts[name].map { layout.positions(in: $0) }
            try await state.relayout(name, to: layout, moving: moving ?? layout.fields.indices.map { $0 })
        }
    }

    /// Forgets conflicts and rejections that this plan no longer found.
    private func settle(_ plan: Plan, run: Int64) async throws -> Bool {
        var memory = Memory()
        for table in plan.tables where !table.waitedFor.isEmpty {
            var open = table.waitedFor
            var reader = try table.spool.reader()
            while let entry = try reader.next() { open.remove(entry.key) }
            memory.settled += open.sorted().map { (table.table.schema.name, $0) }
        }
        if !memory.isEmpty { try await state.remember(memory, run: run) }
        return !memory.isEmpty
    }

    /// Leaves the run's mark on both sides. A one-way job does not write to its source.
    private func stamp(_ plan: Plan, _ generation: Int64) async throws -> Sides<Bool> {
        var marked = Sides(left: false, right: false)
        for side in Side.allCases where plan.isWritten(side) || plan.stored.marked[side] {
            marked[side] = try await job.replicas[side].stamp(
                ReplicaMark(job: job.name, side: side, state: plan.stored.identity, generation: generation))
        }
        return marked
    }

    /// What sides without a mark are recognised by next time: as the run left them, or a backup from before the run
    /// would pass for the side itself.
    private func changeCounters(_ plan: Plan, _ marked: Sides<Bool>) async throws -> Sides<Int64?> {
        var counters = plan.identities.map(\.changeCounter)
        for side in Side.allCases where !marked[side] && counters[side] != nil && plan.isWritten(side) {
            let observation = try await job.replicas[side].observe()
            do {
                counters[side] = try await observation.identity(job: job.name).changeCounter
            } catch {
                await observation.finish()
                throw error
            }
            await observation.finish()
        }
        return counters
    }

    private func acknowledge(_ plan: Plan, _ side: Side) async throws {
        guard plan.isWritten(side) else { return }
        for table in plan.tables {
            guard let cursor = plan.cursors[table.table.schema.name]?[side] else { continue }
            try await job.replicas[side].acknowledge(
                job: job.name, view: table.table.views[side], cursor: cursor)
        }
    }

    private func end(
        _ plan: Plan, _ status: RunStatus, marked: Sides<Bool>?, done: ApplyTotals, message: String?
    ) -> RunEnd {
        // What was done, not what was planned: a run that failed half way must not look like a whole one.
        var counts = plan.counts
        for table in counts.keys {
            counts[table]?.left = done.byTable[table]?.left ?? PlanCounts.Writes()
            counts[table]?.right = done.byTable[table]?.right ?? PlanCounts.Writes()
        }
        var layouts: [String: TableLayout] = [:]
        for table in plan.tables { layouts[table.table.schema.name] = table.table.layout }
        return RunEnd(
            time: clock(), status: status, counts: counts, stamped: marked != nil,
            marked: marked ?? plan.stored.marked,
            changeCounters: plan.identities.map(\.changeCounter),
            // A failed run says nothing about either; it may itself have brought the base into another layout.
            cursors: marked == nil ? [:] : plan.cursors, layouts: marked == nil ? [:] : layouts,
            retention: job.retention, message: message)
    }

    /// Turns the core's errors into messages a person can use.
    func described(_ error: any Error) -> any Error {
        switch error {
        case JoinError.outOfOrder(let stream, let key):
            ReplicaError(
                .failed, replica: stream == .left ? job.replicas.left.name : job.replicas.right.name,
                "records came out of key order near \(key.words); this is a mistake in Dovetail, please report it"
            )
        case let error as PackingError:
            StateError.failed(
                store: state.name,
                message:
                    "\(error); put this memory aside and run again: the sides then meet as for the first time"
            )
        case is CancellationError: RunInterrupted()
        default: error
        }
    }
}

/// A run was ended between two chunks, by the user or the system. What was written is journalled or remembered.
public struct RunInterrupted: Error, Sendable, CustomStringConvertible {
    public let description = "interrupted; run it again to complete"

    public init() {}
}
