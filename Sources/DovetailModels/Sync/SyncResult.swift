public import Dovetail
public import DovetailEngine

/// What came of a sync.
public struct SyncResult: Sendable {
    /// Each write that was tried, in the order in which it was.
    public let operations: [Operation]
    /// Records that were not tried, and why: they wait for others that could not be written, or can't be told apart.
    public let skipped: [Skipped]
    /// Records that both systems changed, which wait for someone to decide; of a sync one way none.
    public let conflicts: [ConflictRecord]
    /// Datasets that said that records of theirs may be missing: nothing was deleted.
    public let incomplete: [String]

    public struct Operation: Sendable, Hashable {
        /// The dataset that was written to.
        public let dataset: String
        public let action: DiffElement.Action
        public let type: String
        public let key: RecordKey
        /// What the hook said; nil: it was done.
        public let error: String?
    }

    public struct Skipped: Sendable, Hashable {
        public let type: String
        public let key: RecordKey
        public let reason: String
    }

    /// Writes that were done.
    public var applied: [Operation] { operations.filter { $0.error == nil } }
    /// Writes that a hook refused. They are owed: the next run tries them again.
    public var failed: [Operation] { operations.filter { $0.error != nil } }
    /// Whether both datasets hold the same now.
    public var isComplete: Bool {
        failed.isEmpty && skipped.isEmpty && conflicts.isEmpty && incomplete.isEmpty
    }

    init(
        _ result: RunResult, _ state: any StateStore, _ datasets: Sides<DatasetReplica>
    ) async throws {
        func failure(_ table: String, _ key: RecordKey) -> Bool {
            Side.allCases.contains {
                datasets[$0].scope.failures.reason(of: RecordName(type: table, key: key)) != nil
            }
        }
        var skipped = try await state.rejections().filter { !failure($0.table, $0.key) }.map {
            Skipped(type: $0.table, key: $0.key, reason: $0.rejection.reason)
        }
        skipped += try Self.stale(result.plan)
        self.skipped = skipped
        conflicts = try await state.conflicts()
        incomplete = Side.allCases.map { datasets[$0].dataset }.filter { $0.incompleteReason != nil }.map(
            \.name)
        let changes =
            if let run = result.run { try await state.changes(of: run, offset: 0, limit: .max) } else {
                [HistoryChange]()
            }
        var told: Set<ConflictRecord.ID> = []
        operations = changes.compactMap { change in
            let (entry, side) = (change.entry, change.entry.side)
            guard let action = Self.action(entry.verb) else { return nil }
            var error: String?
            switch change.outcome {
            case .applied, .already: break
            // Waited for another record: it was tried again since, or is skipped.
            case .rejected
            where datasets[side].scope.failures.reason(of: RecordName(type: entry.table, key: entry.key))
                == nil:
                return nil
            case .rejected:
                guard told.insert(ConflictRecord.ID(table: entry.table, key: entry.key)).inserted else {
                    return nil
                }
                error = datasets[side].scope.failures.reason(
                    of: RecordName(type: entry.table, key: entry.key))
            case .overtaken: error = change.reason ?? "the record changed meanwhile"
            case .open: error = "no answer came"
            }
            return Operation(
                dataset: datasets[side].dataset.name, action: action, type: entry.table, key: entry.key,
                error: error)
        }
    }

    /// Records that changed after a saved plan was made.
    private static func stale(_ plan: Plan) throws -> [Skipped] {
        var stale: [Skipped] = []
        for (table, counts) in plan.counts.sorted(by: { $0.key < $1.key }) where counts.refusals > 0 {
            guard var entries = try plan.entries(of: table) else { continue }
            while let entry = try entries.next() {
                guard case .refuse(.changedSince(let side)) = entry.decision else { continue }
                let reason = Refusal.changedSince(side).reason(labels: plan.labels)
                stale.append(Skipped(type: table, key: entry.key, reason: reason))
            }
        }
        return stale
    }

    private static func action(_ verb: String) -> DiffElement.Action? {
        switch verb {
        case "insert": .create
        case "update": .update
        case "delete": .delete
        default: nil
        }
    }
}
