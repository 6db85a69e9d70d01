public import Dovetail

/// A job's memory: base, links, conflicts, rejections, journal and history.
///
/// Each method is one transaction: it happens whole or not at all. The engine keeps the promise on top of that:
/// the base says "agreed" only about records that were proven equal.
///
/// A store that is lost, damaged or older than the replicas means first meeting again, and never a delete.
public protocol StateStore: Sendable {
    /// What output calls it, without credentials.
    var name: String { get }

    /// Takes the job's lock, waiting at most `patience` seconds. A lock left by a dead process is taken over.
    /// - Throws: ``StateError/locked(by:)`` with the holder.
    func lock(as owner: LockOwner, patience: Double) async throws
    func unlock() async
    /// Whether a run of the job is under way now, and whose. It only looks: no run has to wait for that.
    func lockState() async throws -> LockState

    /// Everything small that a run needs at its start.
    func load() async throws -> JobState

    /// The base of one table in key order, as batches of base frames. With `mirrored`, in the order of the right
    /// locators, which then are the keys, and with left and right exchanged: how a linked table's right side sees it.
    func base(of table: String, mirrored: Bool) async throws -> any RecordCursor
    /// The base records with these keys, in key order.
    func base(of table: String, keys: [RecordKey]) async throws -> [BaseRecord]
    /// The keys of the base in these ranges, which are ascending, in key order.
    func baseKeys(of table: String, in ranges: [KeyRange]) async throws -> [RecordKey]
    func baseCount(of table: String) async throws -> Int
    /// Brings every base record of a table into another layout: packed fields are moved by position, new ones are null.
    func relayout(_ table: String, to layout: TableLayout, moving: [Int?]) async throws
    /// Forgets the base of tables: they meet for the first time again.
    func forgetBase(of tables: [String]) async throws

    /// What did not agree in earlier runs.
    func unsettled(of table: String) async throws -> Unsettled
    /// Keys that have to be looked at again even if no feed mentions them.
    func pendingKeys(of table: String) async throws -> [RecordKey]
    /// Writes that were journalled and whose outcome is not known.
    func openIntents(of table: String) async throws -> [JournalEntry]

    /// Starts a run and returns its number.
    func begin(_ run: RunStart) async throws -> Int64
    /// Durably notes what is about to be written.
    func journal(_ entries: [JournalEntry], run: Int64) async throws
    /// Notes outcomes and moves the base forward.
    func remember(_ memory: Memory, run: Int64) async throws
    /// Ends a run, and forgets what history need not keep.
    func finish(_ end: RunEnd, run: Int64) async throws
    /// Ends a run that neither changed nor learnt anything, as if it had not been begun: it leaves no trace in the
    /// history, and nothing is being stamped.
    func discard(_ run: Int64) async throws
    /// Forgets what history need not keep at this time, without a run.
    func retain(_ retention: HistoryRetention, at time: Int64) async throws
    /// Notes that a run found nothing to do, without adding to the history.
    func noteQuiet(at time: Int64, cursors: [String: Sides<FeedCursor?>]) async throws

    /// The latest runs, newest first.
    func runs(limit: Int) async throws -> [RunRecord]
    /// The changes of a run in the order in which they were made, from `offset`.
    func changes(of run: Int64, offset: Int, limit: Int) async throws -> [HistoryChange]
    func conflicts() async throws -> [ConflictRecord]
    /// Keeps a person's decisions until the next run; nil takes one back.
    func decide(_ resolutions: [ConflictRecord.ID: Resolution?]) async throws
    func rejections() async throws -> [RejectionRecord]

    func close() async
}

/// Who holds a job's lock.
public struct LockOwner: Sendable, Hashable, Codable {
    public var process: Int32
    public var host: String
    public var user: String
    public var command: String
    /// Microseconds since 1970.
    public var since: Int64

    public init(process: Int32, host: String, user: String, command: String, since: Int64) {
        self.process = process
        self.host = host
        self.user = user
        self.command = command
        self.since = since
    }

    public var words: String {
        "process \(process) on \(host) (\(user), \(command)), since \(Timestamp(microseconds: since).isoZ)"
    }
}

/// Whether a job's lock is held.
public enum LockState: Sendable, Hashable {
    case free
    /// Nil when the holder has not said yet who it is.
    case held(by: LockOwner?)
}

/// A state store could not do what it was asked to.
public enum StateError: Error, Sendable, CustomStringConvertible {
    case locked(by: LockOwner?)
    case full(store: String)
    case forbidden(store: String, message: String)
    case failed(store: String, message: String)

    public var description: String {
        switch self {
        case .locked(let owner):
            "the job is being run by \(owner?.words ?? "another process"); wait for it, or end it"
        case .full(let store): "\(store): no space left; free some and run again, nothing was lost"
        case .forbidden(let store, let message): "\(store): \(message)"
        case .failed(let store, let message): "\(store): \(message)"
        }
    }
}

/// How packed records of a table are laid out, and where they came from. A run under another layout than the base's
/// stops before it compares what can't be compared.
public struct TableLayout: Sendable, Hashable, Codable {
    /// Names, types and columns of the fields, in order.
    public var fields: [FieldLayout]
    /// The identity in words.
    public var identity: String
    /// Which tables and which of their records take part.
    public var scope: String
    /// The rules of the last run. Other rules are no other mapping, but they decide anew about records that no feed
    /// mentions.
    public var rules: String

    public struct FieldLayout: Sendable, Hashable, Codable {
        public var name: String
        public var type: String
        /// The columns on both sides that stand for the field.
        public var columns: String

        public init(name: String, type: String, columns: String = "") {
            self.name = name
            self.type = type
            self.columns = columns
        }
    }

    public init(_ schema: TableSchema, fields: [FieldLayout]? = nil, scope: String = "", rules: String = "") {
        self.rules = rules
        self.fields = fields ?? schema.fields.map { FieldLayout(name: $0.name, type: $0.type.name) }
        identity = schema.identity.words
        self.scope = scope
    }
}

/// Everything small that a run needs at its start.
public struct JobState: Sendable {
    /// Made once with the store; marks carry it.
    public var identity: String
    /// The generation that both replicas were last stamped with; 0 before the first run.
    public var generation: Int64
    /// The generation a run was stamping when it was interrupted.
    public var pendingGeneration: Int64?
    /// Which sides hold marks, and the change counters of those that don't.
    public var marked: Sides<Bool>
    public var changeCounters: Sides<Int64?>
    public var layouts: [String: TableLayout]
    public var cursors: [String: Sides<FeedCursor?>]
    /// Why the store was made anew, when an older one was found damaged.
    public var resetReason: String?
    public var lastQuiet: Int64?

    public init(identity: String) {
        self.identity = identity
        generation = 0
        marked = Sides(left: false, right: false)
        changeCounters = Sides(left: nil, right: nil)
        layouts = [:]
        cursors = [:]
    }
}
