extension JobFile {
    /// The rule that decides a conflict.
    public enum Policy: Sendable, Equatable {
        /// A person decides; the conflict waits.
        case ask
        /// The left value stands.
        case left
        /// The right value stands.
        case right
        /// Text is merged three-way; what can't be merged waits.
        case merge
        /// The record with the later value in this field stands.
        case newest(field: String)

        static let names = ["ask", "left", "right", "merge"]
    }

    /// What a delete on one side does.
    public enum DeleteRule: String, Sendable, CaseIterable {
        /// The record is deleted on the other side too.
        case propagate
        /// The record stays on the other side.
        case keep
        /// A person decides.
        case ask
    }

    /// The policies of one table.
    public struct Conflicts: Sendable, Equatable {
        /// The table's policy; nil means the job's.
        public var `default`: Policy?
        /// The policies of single fields.
        public var fields: [String: Policy] = [:]

        /// Makes the policies of a table.
        public init(default policy: Policy? = nil, fields: [String: Policy] = [:]) {
            self.default = policy
            self.fields = fields
        }
    }

    /// When a run stops before its first write; nil means that the job file sets no limit of its own.
    public struct Limits: Sendable, Equatable {
        /// How many records a run may delete.
        public var deletes: DeleteLimit?
        /// How many records a run may change.
        public var changes: Int?
        /// What happens when a side is empty that was not before.
        public var onEmptySide = OnEmptySide.stop

        /// Makes limits.
        public init(
            deletes: DeleteLimit? = nil, changes: Int? = nil, onEmptySide: OnEmptySide = .stop
        ) {
            self.deletes = deletes
            self.changes = changes
            self.onEmptySide = onEmptySide
        }
    }

    /// A limit for deletes: a share, a number, or both.
    public struct DeleteLimit: Sendable, Equatable {
        /// The share of a table's records, from 0 to 1.
        public var share: Double?
        /// The number of records.
        public var number: Int?

        /// Makes a limit.
        public init(share: Double? = nil, number: Int? = nil) {
            self.share = share
            self.number = number
        }
    }

    /// What happens when a side is empty that was not before.
    public enum OnEmptySide: String, Sendable, CaseIterable {
        case stop, allow
    }

    /// What is kept of past runs.
    public struct History: Sendable, Equatable {
        /// How many runs are kept.
        public var runs = 50
        /// For how many days.
        public var days = 30
        /// How much of the values.
        public var values = HistoryValues.full
        /// The fields whose values are never kept, in any table.
        public var masked: [String] = []

        /// The defaults: 50 runs, 30 days, every value.
        public init() {}
    }

    /// How much of the values a history keeps.
    public enum HistoryValues: String, Sendable, CaseIterable {
        case full, masked, none
    }
}
