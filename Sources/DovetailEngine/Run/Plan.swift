public import Dovetail

/// A plan as a run made it: what would be done, and what would stop it.
///
/// Unchecked because its spools are classes. Proof: a plan is made by one task and handed on whole; its spools are
/// only ever read after that, by whichever task holds the plan, one at a time.
public struct Plan: @unchecked Sendable {
    public let job: String
    public let labels: Sides<String>
    let tables: [PlannedTable]
    /// What a sync would stop at.
    public let halts: [Halt]
    let stored: JobState
    let identities: Sides<ReplicaIdentity>
    /// Up to where the feeds are read once the plan is carried out.
    var cursors: [String: Sides<FeedCursor?>]
    /// Why the sides meet as for the first time although a run was there before.
    public let meetsAnew: String?

    init(
        job: String, labels: Sides<String>, tables: [PlannedTable], halts: [Halt], stored: JobState,
        identities: Sides<ReplicaIdentity>, meetsAnew: String?
    ) {
        self.job = job
        self.labels = labels
        self.tables = tables
        self.halts = halts
        self.stored = stored
        self.identities = identities
        self.meetsAnew = meetsAnew
        cursors = Dictionary(
            tables.map { ($0.table.schema.name, $0.cursors) }, uniquingKeysWith: { first, _ in first })
    }

    /// Names of the tables, in the order of the job.
    public var tableNames: [String] { tables.map(\.table.schema.name) }

    public var counts: [String: PlanCounts] {
        Dictionary(tables.map { ($0.table.schema.name, $0.counts) }, uniquingKeysWith: { first, _ in first })
    }

    public func schema(of table: String) -> TableSchema? {
        tables.first { $0.table.schema.name == table }?.table.schema
    }

    /// The entries of one table, streamed.
    /// - Throws: ``SpoolError``.
    public func entries(of table: String) throws -> PlanSpool.Reader? {
        try tables.first { $0.table.schema.name == table }?.spool.reader()
    }

    /// Whether the sides meet without a base: nothing is deleted then.
    public var isFirstMeeting: Bool { stored.generation == 0 || meetsAnew != nil }

    /// Whether nothing would be written on either side.
    public var isQuiet: Bool { tables.allSatisfy { $0.counts.isQuiet } }

    /// Whether a run may write to a side at all: a one-way job leaves its source alone.
    func isWritten(_ side: Side) -> Bool {
        tables.contains { $0.table.rules.direction.source != side }
    }
}

/// What came of a run.
public struct RunResult: Sendable {
    /// Its number in the history; nil when there was nothing to do.
    public let run: Int64?
    public let counts: [String: PlanCounts]
    public let totals: ApplyTotals
    public let plan: Plan

    public var conflicts: Int { counts.values.reduce(0) { $0 + $1.conflicts } }
    /// Records that were refused, in this run or before.
    public var rejected: Int {
        let planned = counts.values.reduce(0) { $0 + $1.refusals }
        return max(planned, totals.rejected)
    }

    /// This result with the writes of an earlier round of the same sync added.
    func following(_ earlier: RunResult) -> RunResult {
        var totals = totals
        totals.add(writesOf: earlier.totals)
        return RunResult(run: run ?? earlier.run, counts: counts, totals: totals, plan: plan)
    }

    /// Whether both sides agree now.
    public var status: RunStatus {
        conflicts + rejected + totals.overtaken == 0 ? .agreed : .waiting
    }
}
