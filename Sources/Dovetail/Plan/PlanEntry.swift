/// One line of a plan: a record, both sides as they were seen, and what is decided about it.
public struct PlanEntry: Sendable, Hashable {
    public var table: String
    /// The key under which base, conflicts and rejections know the record.
    public var key: RecordKey
    public var base: BaseRecord?
    /// The records as observed; each write expects to find them so.
    public var seen: Sides<Record?>
    public var decision: Decision

    public init(table: String, key: RecordKey, base: BaseRecord?, seen: Sides<Record?>, decision: Decision) {
        self.table = table
        self.key = key
        self.base = base
        self.seen = seen
        self.decision = decision
    }

    /// The write on one side, if there is one.
    public func write(on side: Side) -> Write? {
        if case .write(let writes, _) = decision { writes[side] } else { nil }
    }

    /// The entry with left and right exchanged.
    public var mirrored: PlanEntry {
        PlanEntry(
            table: table, key: key, base: base?.mirrored, seen: Sides(left: seen.right, right: seen.left),
            decision: decision.mirrored)
    }
}

/// Receives the entries of a plan, in key order within a table.
public protocol PlanSink {
    mutating func emit(_ entry: PlanEntry) throws
}

/// What the planner has to know about records that did not agree in earlier runs.
public struct Unsettled: Sendable {
    /// A write that a side refused, and what both sides held then.
    public struct Rejection: Sendable, Hashable {
        public var side: Side
        public var reason: String
        public var seen: Sides<Digest?>

        public init(side: Side, reason: String, seen: Sides<Digest?>) {
            self.side = side
            self.reason = reason
            self.seen = seen
        }
    }

    /// Writes that were sent before a crash and may have arrived.
    public struct Interrupted: Sendable, Hashable {
        /// The sides that were written to.
        public var written: Set<Side>
        /// What each side holds if everything arrived and nobody else wrote; nil: no record.
        public var expected: Sides<PackedRecord?>

        public init(written: Set<Side>, expected: Sides<PackedRecord?>) {
            self.written = written
            self.expected = expected
        }

        /// The base that holds if all writes arrived: an edit made since then is an edit of that, and not a
        /// conflict with our own write.
        ///
        /// A side's half may have been refused while the other's arrived: then the forms differ in a field that the
        /// known base does not show in just these two forms, and nothing was agreed.
        func base(of key: RecordKey, seen: Sides<Record?>, known: BaseRecord?) -> BaseRecord? {
            // A record that was deleted on one side and let go of its references on the other has only one form.
            guard let left = expected.left ?? expected.right, let right = expected.right ?? expected.left,
                written.allSatisfy({ seen[$0]?.fields == expected[$0] }),
                left == right || differOnlyByHabit(left, right, known)
            else { return nil }
            return BaseRecord(
                key: key, left: left, right: right, leftLocator: seen.left?.locator ?? [],
                rightLocator: seen.right?.locator ?? [])
        }

        /// Whether the two forms differ only where the sides' stores are known to give a value back in two forms.
        private func differOnlyByHabit(_ left: PackedRecord, _ right: PackedRecord, _ known: BaseRecord?)
            -> Bool
        {
            guard let known, let l = try? left.slices(), let r = try? right.slices(),
                let knownLeft = try? known.left.slices(), let knownRight = try? known.right.slices(),
                l.count == r.count, knownLeft.count == l.count, knownRight.count == l.count
            else { return false }
            return l.indices.allSatisfy {
                l[$0] == r[$0] || (l[$0] == knownLeft[$0] && r[$0] == knownRight[$0])
            }
        }
    }

    public var rejections: [RecordKey: Rejection]
    public var resolutions: [RecordKey: Resolution]
    public var interrupted: [RecordKey: Interrupted]

    public init(
        rejections: [RecordKey: Rejection] = [:], resolutions: [RecordKey: Resolution] = [:],
        interrupted: [RecordKey: Interrupted] = [:]
    ) {
        self.rejections = rejections
        self.resolutions = resolutions
        self.interrupted = interrupted
    }
}

/// Counts of a plan, per table. Everything the limits need is here, so they never read the entries.
public struct PlanCounts: Sendable, Hashable, Codable {
    /// Writes of one kind on each side.
    public struct Writes: Sendable, Hashable, Codable {
        public var inserts = 0
        public var updates = 0
        public var deletes = 0
        public var total: Int { inserts + updates + deletes }
        public init() {}

        public static func + (a: Writes, b: Writes) -> Writes {
            var sum = a
            sum.inserts += b.inserts
            sum.updates += b.updates
            sum.deletes += b.deletes
            return sum
        }

        /// Counts one write.
        public mutating func count(_ write: Write) {
            switch write {
            case .insert: inserts += 1
            case .update: updates += 1
            case .delete: deletes += 1
            }
        }
    }

    public var left = Writes()
    public var right = Writes()
    /// Records that both sides already agree on, newly learnt.
    public var agreements = 0
    public var conflicts = 0
    public var refusals = 0
    public var kept = 0
    /// Records found as the base says.
    public var unchanged = 0
    /// Records seen on each side and in the base; nil when only changes were read.
    public var records: Seen?

    public struct Seen: Sendable, Hashable, Codable {
        public var left: Int
        public var right: Int
        public var base: Int
        public init(left: Int, right: Int, base: Int) {
            self.left = left
            self.right = right
            self.base = base
        }
    }

    public init() {}

    public subscript(side: Side) -> Writes {
        get { side == .left ? left : right }
        set { if side == .left { left = newValue } else { right = newValue } }
    }

    /// Whether a sync would write nothing on either side.
    public var isQuiet: Bool { left.total == 0 && right.total == 0 }

    public mutating func count(_ decision: Decision) {
        switch decision {
        case .unchanged: unchanged += 1
        case .agree: agreements += 1
        case .conflict: conflicts += 1
        case .refuse: refusals += 1
        case .keep: kept += 1
        case .write(let writes, _):
            for side in Side.allCases {
                if let write = writes[side] { self[side].count(write) }
            }
        }
    }
}
