/// Plans a table whose sides share no key: records find each other by remembered links, new ones by content.
///
/// Each side is joined with the base on its own, in the order of its own ids; the differences are then put
/// together by link. Memory: O(differences), and at first meeting O(records).
public struct LinkedPlanner {
    /// What one side's records say against the base, keyed by that side's own key.
    public struct SideChanges: JoinSink, Sendable {
        public private(set) var linked: [RecordKey: (base: BaseRecord, now: Record?)] = [:]
        public private(set) var new: [Record] = []
        public private(set) var duplicated: [Record] = []
        /// Records found as the base says.
        public private(set) var unchanged = 0

        public init() {}

        /// Receives joins in which the side's records are fed as the left stream.
        public mutating func visit(_ joined: borrowing JoinedRecords) throws {
            if joined.leftIsAsBase {
                unchanged += 1
            } else if let base = try joined.base() {
                linked[joined.key] = (base, joined.left)
            } else if let record = joined.left {
                if joined.leftCount > 1 { duplicated.append(record) } else { new.append(record) }
            }
        }
    }

    /// A write that was sent before a crash and may have arrived: a record of `side` made from `source`.
    public struct Intent: Sendable {
        public var side: Side
        public var source: RecordKey
        public var record: PackedRecord

        public init(side: Side, source: RecordKey, record: PackedRecord) {
            self.side = side
            self.source = source
            self.record = record
        }
    }

    /// A link of which a side lost its record. The store may give the lost record's id to another one, so the link
    /// no longer goes by it.
    public struct FreedLink: Sendable {
        /// The key under which the memory has the link until now.
        public var was: RecordKey
        /// The link as the memory shall have it before anything is written.
        public var base: BaseRecord
    }

    private typealias Touched = [RecordKey: (base: BaseRecord, left: Record?, right: Record?)]

    public init() {}

    /// Emits the entries of one table.
    ///
    /// Base records are keyed by the left id and carry the right id as their right locator. `right` was joined with
    /// mirrored base records, so its bases are turned back here.
    /// - Parameters:
    ///   - intents: oldest first. The newest are found again first: a store that gives ids anew may have given that of an
    ///     older one's source to what a newer one inserted.
    ///   - unlinked: pairs that are known and have no link: in conflict, or unlinked by an undo that was cut short.
    ///   - waiting: records that could not be settled before, a copy of which may stand on the other side in another
    ///     form: these pair with near records as at first meeting.
    /// - Returns: the links that one side's record left, which the memory has to free before anything is written. The
    ///   entries go by their new names.
    /// - Throws: ``PackingError`` when a record is damaged; whatever `planner`'s output throws.
    public func plan<Output>(
        left: SideChanges, right: SideChanges, intents: [Intent],
        unlinked: [(left: RecordKey, right: RecordKey)] = [], waiting: Set<RecordKey> = [],
        firstMeeting: Bool, fieldCount: Int,
        into planner: inout Planner<Output>
    ) throws -> [FreedLink] {
        var touched = Self.touched(left, right)
        let intents = Array(intents.reversed())
        var freed: [FreedLink] = []
        var newLeft = left.new
        var newRight = right.new
        var adoptedKeys = adoptAgain(intents, &touched, &newLeft, &newRight)
        for adopted in adopt(intents, &newLeft, &newRight) {
            touched[adopted.base.key] = (adopted.base, adopted.left, adopted.right)
            adoptedKeys.insert(adopted.base.key)
        }
        for key in touched.keys.sorted() {
            guard let record = touched[key] else { continue }
            var entry = try planner.plan(
                key: key, base: record.base, seen: Sides(left: record.left, right: record.right))
            // A link that was found again has to be remembered even when neither side has changed since.
            if adoptedKeys.contains(key) {
                try planner.emit(record.base, foundAgainBefore: entry)
                switch entry.decision {
                case .unchanged: entry.decision = .agree
                case .agree: break
                case .write, .conflict, .keep, .refuse:
                    // What was found again is learnt first, and with it the left id the record has now.
                    if let left = record.left { entry.key = left.key }
                }
            }
            if let base = entry.base?.freed(of: entry.seen) {
                if base.key != key || base.rightLocator != record.base.rightLocator {
                    freed.append(FreedLink(was: key, base: base))
                }
                entry.key = base.key
                entry.base = base
            }
            try planner.emit(entry)
        }

        for (left, right) in reunite(unlinked, &newLeft, &newRight) {
            try planner.emit(
                try planner.plan(key: left.key, base: nil, seen: Sides(left: left, right: right)))
        }

        let pairs = try Pairing(fieldCount: fieldCount) { left, right in
            firstMeeting || waiting.contains(left) || waiting.contains(Self.key(ofUnlinkedRight: right))
        }.pair(left: newLeft, right: newRight)
        for (left, right) in pairs.equal + pairs.near {
            try planner.emit(
                try planner.plan(key: left.key, base: nil, seen: Sides(left: left, right: right)))
        }
        for record in pairs.leftOnly {
            try planner.emit(
                try planner.plan(key: record.key, base: nil, seen: Sides(left: record, right: nil)))
        }
        for record in pairs.rightOnly {
            let key = Self.key(ofUnlinkedRight: record.key)
            try planner.emit(try planner.plan(key: key, base: nil, seen: Sides(left: nil, right: record)))
        }
        for (side, records) in [(Side.left, left.duplicated), (.right, right.duplicated)] {
            for record in records {
                var seen = Sides<Record?>(left: nil, right: nil)
                seen[side] = record
                let key = side == .left ? record.key : Self.key(ofUnlinkedRight: record.key)
                try planner.emit(
                    try planner.plan(key: key, base: nil, seen: seen, counts: Sides(left: 2, right: 2)))
            }
        }
        return freed
    }

    /// The links that one side's record left, for runs that plan something else than what changed.
    public static func freedLinks(left: SideChanges, right: SideChanges) -> [FreedLink] {
        touched(left, right).sorted { $0.key < $1.key }.compactMap { key, record in
            guard let base = record.base.freed(of: Sides(left: record.left, right: record.right)),
                base != record.base
            else { return nil }
            return FreedLink(was: key, base: base)
        }
    }

    /// What changed, put together by link.
    private static func touched(_ left: SideChanges, _ right: SideChanges) -> Touched {
        var touched: Touched = [:]
        for (key, change) in left.linked {
            touched[key] = (change.base, change.now, linkedRight(change.base))
        }
        for (rightKey, change) in right.linked {
            let base = BaseRecord(
                key: RecordKey(bytes: change.base.rightLocator), left: change.base.right,
                right: change.base.left,
                rightLocator: rightKey.bytes)
            if touched[base.key] != nil {
                touched[base.key]?.right = change.now
            } else {
                touched[base.key] = (base, Record(key: base.key, fields: base.left), change.now)
            }
        }
        return touched
    }

    /// The name of a right record that has no left id yet. Keys of left ids never start with a text.
    public static func key(ofUnlinkedRight key: RecordKey) -> RecordKey {
        RecordKey(bytes: RecordKey([Value.text("right")]).bytes + key.bytes)
    }

    /// The right locator of a link whose right record is gone.
    public static func key(ofUnlinkedLeft key: RecordKey) -> RecordKey {
        RecordKey(bytes: RecordKey([Value.text("left")]).bytes + key.bytes)
    }

    /// The right record as the base knows it: unchanged, or it would have been joined.
    private static func linkedRight(_ base: BaseRecord) -> Record {
        Record(key: RecordKey(bytes: base.rightLocator), fields: base.right)
    }

    /// Links records that an interrupted run inserted again, on a side that had deleted them. Their links are known.
    private func adoptAgain(
        _ intents: [Intent], _ touched: inout Touched,
        _ newLeft: inout [Record], _ newRight: inout [Record]
    ) -> Set<RecordKey> {
        guard !intents.isEmpty else { return [] }
        var lacking = Sides<[RecordKey: RecordKey]>(left: [:], right: [:])
        for (key, record) in touched {
            if record.left == nil, let right = record.right { lacking.left[right.key] = key }
            if record.right == nil, let left = record.left { lacking.right[left.key] = key }
        }
        var unlinked = Sides(left: Unlinked(newLeft), right: Unlinked(newRight))
        var adopted: Set<RecordKey> = []
        for intent in intents {
            guard let key = lacking[intent.side].removeValue(forKey: intent.source),
                let copy = unlinked[intent.side].take(content: intent.record)
            else { continue }
            if intent.side == .left { touched[key]?.left = copy } else { touched[key]?.right = copy }
            touched[key]?.base.left = intent.record
            touched[key]?.base.right = intent.record
            adopted.insert(key)
        }
        newLeft = unlinked.left.rest
        newRight = unlinked.right.rest
        return adopted
    }

    /// Links records that an interrupted run inserted, so that they are not inserted twice. The base becomes what
    /// was sent, so that an edit made since then is an edit and not a meeting of strangers.
    private func adopt(
        _ intents: [Intent], _ newLeft: inout [Record], _ newRight: inout [Record]
    ) -> [(base: BaseRecord, left: Record, right: Record)] {
        guard !intents.isEmpty else { return [] }
        var unlinked = Sides(left: Unlinked(newLeft), right: Unlinked(newRight))
        var adopted: [(base: BaseRecord, left: Record, right: Record)] = []
        for intent in intents {
            guard unlinked[intent.side.other].holds(intent.source),
                let copy = unlinked[intent.side].take(content: intent.record),
                let source = unlinked[intent.side.other].take(key: intent.source)
            else { continue }
            let (l, r) = intent.side == .right ? (source, copy) : (copy, source)
            let base = BaseRecord(
                key: l.key, left: intent.record, right: intent.record, rightLocator: r.key.bytes)
            adopted.append((base, l, r))
        }
        newLeft = unlinked.left.rest
        newRight = unlinked.right.rest
        return adopted
    }

    /// Pairs records that are known to belong together. A conflict stands until someone decides: were its records
    /// strangers in the next run, both sides would get both.
    private func reunite(
        _ unlinked: [(left: RecordKey, right: RecordKey)], _ newLeft: inout [Record],
        _ newRight: inout [Record]
    ) -> [(left: Record, right: Record)] {
        guard !unlinked.isEmpty else { return [] }
        var sides = Sides(left: Unlinked(newLeft), right: Unlinked(newRight))
        var pairs: [(left: Record, right: Record)] = []
        for pair in unlinked where sides.left.holds(pair.left) && sides.right.holds(pair.right) {
            guard let left = sides.left.take(key: pair.left), let right = sides.right.take(key: pair.right)
            else {
                continue
            }
            pairs.append((left, right))
        }
        newLeft = sides.left.rest
        newRight = sides.right.rest
        return pairs
    }

    /// New records of one side, found by key or by content.
    private struct Unlinked {
        private var byKey: [RecordKey: Record]
        private var byContent: [PackedRecord: [RecordKey]]

        init(_ records: [Record]) {
            byKey = Dictionary(records.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
            byContent = Dictionary(grouping: records, by: \.fields).mapValues { $0.map(\.key) }
        }

        var rest: [Record] { byKey.values.sorted { $0.key < $1.key } }

        func holds(_ key: RecordKey) -> Bool { byKey[key] != nil }

        mutating func take(key: RecordKey) -> Record? { byKey.removeValue(forKey: key) }

        mutating func take(content: PackedRecord) -> Record? {
            while let key = byContent[content]?.popLast() {
                if let record = byKey.removeValue(forKey: key) { return record }
            }
            return nil
        }
    }
}

extension BaseRecord {
    /// The link of two records of which one is gone, by a name that no store gives: that of the one that is left. The
    /// id of the other may belong to another record by the time of the next look. Of a link that lost both, neither id
    /// stays. Nil where both are there.
    public func freed(of seen: Sides<Record?>) -> BaseRecord? {
        var base = self
        switch (seen.left, seen.right) {
        case (nil, let right?):
            base.key = LinkedPlanner.key(ofUnlinkedRight: right.key)
            base.leftLocator = []
            base.rightLocator = right.key.bytes
        case (let left?, nil):
            base.key = left.key
            base.rightLocator = LinkedPlanner.key(ofUnlinkedLeft: left.key).bytes
        case (nil, nil):
            if linkedKey(.left) != nil {
                base.key = LinkedPlanner.key(ofUnlinkedRight: RecordKey(bytes: rightLocator))
            }
            if linkedKey(.right) != nil { base.rightLocator = LinkedPlanner.key(ofUnlinkedLeft: key).bytes }
        case (.some, .some): return nil
        }
        return base
    }

    /// What a side calls a linked record; nil when the link was freed because the record is gone there.
    public func linkedKey(_ side: Side) -> RecordKey? {
        let key = side == .left ? key : RecordKey(bytes: rightLocator)
        return key.bytes.first == Tag.text ? nil : key
    }
}
