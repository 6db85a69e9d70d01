public import Dovetail

/// What happens during a run, as it happens. Drives progress, logs and metrics.
public enum RunEvent: Sendable {
    case started(kind: String)
    /// A table is being observed, by its feed or by a snapshot.
    case observing(table: String, byFeed: Bool)
    case observed(table: String, records: Int)
    case planned(table: String, counts: PlanCounts)
    /// The sides meet as for the first time, for this reason.
    case meetsAnew(reason: String)
    case applying(table: String, done: Int, of: Int)
    /// A store gave a record back in another form than it was given.
    case normalised(table: String, side: Side, key: RecordKey)
    /// A record changed between the plan and the write, or between the write and the check.
    case overtaken(table: String, side: Side, key: RecordKey)
    case rejected(table: String, side: Side, key: RecordKey, reason: String)
    case conflict(table: String, key: RecordKey)
    case remembered(records: Int)
    case finished(status: RunStatus)
}

/// Receives events, in order.
public typealias EventHandler = @Sendable (RunEvent) -> Void
