public import Dovetail

/// What kind of run it was.
public enum RunKind: String, Sendable, Hashable, Codable { case sync, apply, undo }

public struct RunStart: Sendable {
    public var kind: RunKind
    /// Microseconds since 1970.
    public var time: Int64
    /// The generation the replicas will be stamped with.
    public var generation: Int64
    /// Tables whose cursors are forgotten with the beginning, because the run moves what they rest on; its end notes
    /// new ones.
    public var forgetsCursors: [String]

    public init(kind: RunKind, time: Int64, generation: Int64, forgetsCursors: [String] = []) {
        self.kind = kind
        self.time = time
        self.generation = generation
        self.forgetsCursors = forgetsCursors
    }
}

/// A write that is about to be sent.
public struct JournalEntry: Sendable, Hashable {
    public var table: String
    public var side: Side
    /// The key under which base and plan know the record.
    public var key: RecordKey
    public var verb: String
    /// The base before the write; nil when there was none.
    public var base: BaseRecord?
    /// The records of both sides before the write.
    public var seen: Sides<Record?>
    /// The written side's record as it shall be; nil for a delete.
    public var after: PackedRecord?
    public var decided: [Decided]

    public init(
        table: String, side: Side, key: RecordKey, verb: String, base: BaseRecord?, seen: Sides<Record?>,
        after: PackedRecord?, decided: [Decided]
    ) {
        self.table = table
        self.side = side
        self.key = key
        self.verb = verb
        self.base = base
        self.seen = seen
        self.after = after
        self.decided = decided
    }
}

/// What became of a journalled write.
public enum ChangeOutcome: String, Sendable, Hashable, Codable {
    case open, applied, already, overtaken, rejected
}

/// What a run learnt: one transaction of the state store.
public struct Memory: Sendable {
    /// Records proven equal, with the key they were planned under when that differs.
    public var agreed: [(table: String, record: BaseRecord)] = []
    /// Records gone from both sides.
    public var gone: [(table: String, key: RecordKey)] = []
    public var outcomes:
        [(table: String, side: Side, key: RecordKey, outcome: ChangeOutcome, reason: String?)] = []
    public var conflicts: [ConflictRecord] = []
    public var rejections: [RejectionRecord] = []
    /// Conflicts and rejections that no longer stand.
    public var settled: [(table: String, key: RecordKey)] = []
    /// Keys whose write was overtaken: to be looked at again.
    public var pending: [(table: String, key: RecordKey)] = []

    public init() {}

    public var isEmpty: Bool {
        agreed.isEmpty && gone.isEmpty && outcomes.isEmpty && conflicts.isEmpty && rejections.isEmpty
            && settled.isEmpty && pending.isEmpty
    }
}

public struct RunEnd: Sendable {
    public var time: Int64
    public var status: RunStatus
    public var counts: [String: PlanCounts]
    /// Set when both replicas carry the run's mark.
    public var stamped: Bool
    public var marked: Sides<Bool>
    public var changeCounters: Sides<Int64?>
    public var cursors: [String: Sides<FeedCursor?>]
    public var layouts: [String: TableLayout]
    public var retention: HistoryRetention
    /// The run looked at every record of its tables, so that writes which older runs left open are settled now. The
    /// undo of a run and a saved plan look only at theirs.
    public var looksAtEverything = true
    /// Set when the run only recorded and must not appear with changes of its own.
    public var message: String?

    public init(
        time: Int64, status: RunStatus, counts: [String: PlanCounts], stamped: Bool, marked: Sides<Bool>,
        changeCounters: Sides<Int64?>, cursors: [String: Sides<FeedCursor?>], layouts: [String: TableLayout],
        retention: HistoryRetention, message: String? = nil
    ) {
        self.time = time
        self.status = status
        self.counts = counts
        self.stamped = stamped
        self.marked = marked
        self.changeCounters = changeCounters
        self.cursors = cursors
        self.layouts = layouts
        self.retention = retention
        self.message = message
    }
}

public enum RunStatus: String, Sendable, Hashable, Codable {
    case running
    /// Both sides agree.
    case agreed
    /// Done, but conflicts or rejected records wait.
    case waiting
    /// An earlier run was taken back; its edits wait for the next sync.
    case undone
    case failed
    /// It was interrupted; the next run completed it.
    case interrupted
}

/// How long, and with what, history is kept.
public struct HistoryRetention: Sendable, Hashable {
    public enum Values: String, Sendable, Hashable, Codable { case full, masked, none }

    /// At most this many runs.
    public var runs: Int
    /// At most this many days.
    public var days: Int
    public var values: Values
    /// With ``Values/masked``: the fields whose values are not kept. Empty: all.
    public var maskedFields: Set<String>

    public init(runs: Int = 50, days: Int = 30, values: Values = .full, maskedFields: Set<String> = []) {
        self.runs = runs
        self.days = days
        self.values = values
        self.maskedFields = maskedFields
    }
}

public struct RunRecord: Sendable, Hashable {
    public var number: Int64
    public var kind: RunKind
    public var started: Int64
    public var ended: Int64?
    public var status: RunStatus
    public var counts: [String: PlanCounts]
    public var message: String?

    public init(
        number: Int64, kind: RunKind, started: Int64, ended: Int64?, status: RunStatus,
        counts: [String: PlanCounts], message: String?
    ) {
        self.number = number
        self.kind = kind
        self.started = started
        self.ended = ended
        self.status = status
        self.counts = counts
        self.message = message
    }
}

/// One change of one run, from what to what.
public struct HistoryChange: Sendable, Hashable {
    /// Place within the run.
    public var sequence: Int
    public var entry: JournalEntry
    public var outcome: ChangeOutcome
    public var reason: String?
    /// The fields of the packed records.
    public var layout: TableLayout
    /// Values were removed as the job's history settings ask.
    public var valuesRemoved: Bool

    public init(
        sequence: Int, entry: JournalEntry, outcome: ChangeOutcome, reason: String?, layout: TableLayout,
        valuesRemoved: Bool
    ) {
        self.sequence = sequence
        self.entry = entry
        self.outcome = outcome
        self.reason = reason
        self.layout = layout
        self.valuesRemoved = valuesRemoved
    }
}

/// An open conflict.
public struct ConflictRecord: Sendable, Hashable, Identifiable {
    public var table: String
    public var key: RecordKey
    public var conflict: Conflict
    public var base: BaseRecord?
    public var seen: Sides<Record?>
    /// The run that found it.
    public var since: Int64
    public var resolution: Resolution?

    /// Short name for a person, the same as long as the conflict is about the same record.
    public var id: ID { ID(table: table, key: key) }

    public struct ID: Sendable, Hashable {
        public var text: String

        public init(text: String) { self.text = text }

        public init(table: String, key: RecordKey) {
            let digest = Digest(key: key, fields: PackedRecord(bytes: Array(table.utf8)))
            text = String(digest.hex.prefix(8))
        }
    }

    public init(
        table: String, key: RecordKey, conflict: Conflict, base: BaseRecord?, seen: Sides<Record?>,
        since: Int64,
        resolution: Resolution? = nil
    ) {
        self.table = table
        self.key = key
        self.conflict = conflict
        self.base = base
        self.seen = seen
        self.since = since
        self.resolution = resolution
    }
}

/// A record that a side refused.
public struct RejectionRecord: Sendable, Hashable {
    public var table: String
    public var key: RecordKey
    public var rejection: Unsettled.Rejection
    /// Tried again in every run rather than when the record changes.
    public var isRetried: Bool
    public var since: Int64

    public init(
        table: String, key: RecordKey, rejection: Unsettled.Rejection, isRetried: Bool, since: Int64
    ) {
        self.table = table
        self.key = key
        self.rejection = rejection
        self.isRetried = isRetried
        self.since = since
    }
}
