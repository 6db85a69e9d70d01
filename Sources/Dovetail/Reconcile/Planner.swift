/// Turns joined records into plan entries: the step from *observe* to *plan* for tables whose sides share a key.
public struct Planner<Output: PlanSink>: JoinSink {
    private let reconciler: Reconciler
    private let keyFields: [Int]
    private let unsettled: Unsettled
    public private(set) var counts = PlanCounts()
    public var output: Output

    public init(schema: TableSchema, rules: TableRules, unsettled: Unsettled = Unsettled(), output: Output) {
        reconciler = Reconciler(schema: schema, rules: rules)
        keyFields =
            if case .match(let fields) = schema.identity { fields.compactMap(schema.index(of:)) } else { [] }
        self.unsettled = unsettled
        self.output = output
    }

    public mutating func visit(_ joined: borrowing JoinedRecords) throws {
        let known = try joined.base()
        let entry = try plan(
            key: joined.key, base: known, seen: Sides(left: joined.left, right: joined.right),
            counts: Sides(left: joined.leftCount, right: joined.rightCount))
        if let base = unsettled.interrupted[entry.key]?.base(
            of: entry.key, seen: entry.seen, known: known)
        {
            try emit(base, foundAgainBefore: entry)
        }
        try emit(entry)
    }

    /// Lets the memory learn what an interrupted run had brought about, before what is to be done now: that may be
    /// refused or in conflict, and must not look like a conflict with our own write next time.
    mutating func emit(_ base: BaseRecord, foundAgainBefore entry: PlanEntry) throws {
        let isWhole = entry.seen.left != nil && entry.seen.right != nil
        switch entry.decision {
        case .unchanged, .agree: return
        case .write, .refuse: if !isWhole { return }
        // A delete that is not carried over would else be forgotten with the run, and its record be new to both sides.
        case .conflict, .keep: if !isWhole, reconciler.schema.identity == .content { return }
        }
        func record(_ side: Side, _ fields: PackedRecord) -> Record {
            let seen = entry.seen[side]
            return Record(key: seen?.key ?? entry.key, locator: seen?.locator ?? [], fields: fields)
        }
        try emit(
            PlanEntry(
                table: entry.table, key: entry.key, base: entry.base,
                seen: Sides(left: record(.left, base.left), right: record(.right, base.right)),
                decision: .agree))
    }

    /// Plans one record from its three states.
    public mutating func plan(
        key: RecordKey, base: BaseRecord?, seen: Sides<Record?>, counts: Sides<Int>? = nil
    ) throws -> PlanEntry {
        // Where nothing links the sides, a record without its counterpart was not deleted over there: it is not paired.
        let isAlone = base == nil && (seen.left == nil || seen.right == nil)
        let isUnpaired = isAlone && reconciler.schema.identity == .content
        let base =
            (isUnpaired ? nil : unsettled.interrupted[key]?.base(of: key, seen: seen, known: base)) ?? base
        var entry = PlanEntry(
            table: reconciler.schema.name, key: key, base: base, seen: seen, decision: .unchanged)
        if let refusal = refusal(entry, counts) {
            entry.decision = .refuse(refusal)
            return entry
        }
        // With an adopted base the sides may be "unchanged", and still the store has to learn that base.
        entry.decision = try reconciler.reconcile(
            base: base, left: seen.left?.fields, right: seen.right?.fields,
            resolution: unsettled.resolutions[key])
        if case .unchanged = entry.decision, unsettled.interrupted[key] != nil { entry.decision = .agree }
        if case .write(let writes, _) = entry.decision {
            if let refusal = invalidText(entry, writes) ?? rejectedBefore(entry) {
                entry.decision = .refuse(refusal)
            }
        }
        return entry
    }

    public mutating func emit(_ entry: PlanEntry) throws {
        counts.count(entry.decision)
        if case .unchanged = entry.decision { return }
        try output.emit(entry)
    }

    /// Takes over what the join counted without visiting.
    public mutating func finish(_ join: MergeJoin, complete: Bool) {
        counts.unchanged += join.unchanged
        if complete {
            counts.records = PlanCounts.Seen(
                left: join.leftCount, right: join.rightCount, base: join.baseCount)
        }
    }

    /// Takes over what was counted elsewhere.
    public mutating func note(_ records: PlanCounts.Seen, unchanged: Int = 0) {
        counts.records = records
        counts.unchanged += unchanged
    }

    private func refusal(_ entry: PlanEntry, _ counts: Sides<Int>?) -> Refusal? {
        for side in Side.allCases {
            if let counts, counts[side] > 1 { return .duplicateKey(side) }
            if !keyFields.isEmpty, entry.seen[side] != nil, entry.key.hasNull { return .nullKey(side) }
        }
        return nil
    }

    /// Text is only checked where it would travel, so that unchanged records cost nothing.
    private func invalidText(_ entry: PlanEntry, _ writes: Sides<Write?>) -> Refusal? {
        for side in Side.allCases {
            guard let record = writes[side]?.result, let field = record.firstInvalidText else { continue }
            return .invalidText(side.other, field: reconciler.schema.fields[field].name)
        }
        return nil
    }

    private func rejectedBefore(_ entry: PlanEntry) -> Refusal? {
        guard let rejection = unsettled.rejections[entry.key],
            rejection.seen.left == entry.seen.left?.fields.digest,
            rejection.seen.right == entry.seen.right?.fields.digest
        else { return nil }
        return .rejectedBefore(rejection.side, reason: rejection.reason)
    }
}

extension PackedRecord {
    /// Position of the first text field whose bytes are not UTF-8.
    var firstInvalidText: Int? {
        guard let slices = try? slices() else { return nil }
        return slices.firstIndex { slice in
            guard slice.first == Tag.text, slice.count > 5 else { return false }
            let text = slice.dropFirst(5)
            if text.allSatisfy({ $0 < 0x80 }) { return false }
            return String(validating: text, as: UTF8.self) == nil
        }
    }
}
