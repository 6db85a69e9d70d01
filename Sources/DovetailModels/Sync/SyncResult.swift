public import Dovetail
import DovetailEngine

/// What came of a sync.
public struct SyncResult: Sendable {
    /// What there was to do when it began.
    public let diff: Diff
    /// Each write that was tried, in the order in which it was.
    public let operations: [Operation]
    /// Records that were not tried, and why: they wait for others that could not be written, or still refer to them.
    public let skipped: [Skipped]

    public struct Operation: Sendable, Hashable {
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
    /// Writes that a hook refused. They are owed: the next diff has them again.
    public var failed: [Operation] { operations.filter { $0.error != nil } }
    /// Whether the destination holds now what the source holds.
    public var isComplete: Bool { failed.isEmpty && skipped.isEmpty && diff.summary.skipped == 0 }

    init(_ result: RunResult, _ state: any StateStore, diff: Diff) async throws {
        self.diff = diff
        // What waits for another record was never tried: no hook was called.
        let rejections = try await state.rejections()
        let waiting = Set(
            rejections.filter(\.isRetried).map { ConflictRecord.ID(table: $0.table, key: $0.key) })
        skipped = rejections.filter(\.isRetried).map {
            Skipped(type: $0.table, key: $0.key, reason: $0.rejection.reason)
        }
        let changes = try await Self.changes(of: result.run, state)
        var last: [ConflictRecord.ID: Int] = [:]
        for (place, change) in changes.enumerated() { last[change.id] = place }
        operations = changes.enumerated().compactMap { place, change in
            let error = Self.error(change)
            // Tried again since, or waiting: neither is how it ended.
            let isOver = error == nil || (last[change.id] == place && !waiting.contains(change.id))
            guard isOver, let action = Self.action(change.entry.verb) else { return nil }
            return Operation(action: action, type: change.entry.table, key: change.entry.key, error: error)
        }
    }

    private static func changes(of run: Int64?, _ state: any StateStore) async throws -> [HistoryChange] {
        guard let run else { return [] }
        return try await state.changes(of: run, offset: 0, limit: .max)
    }

    private static func action(_ verb: String) -> DiffElement.Action? {
        switch verb {
        case "insert": .create
        case "update": .update
        case "delete": .delete
        default: nil
        }
    }

    private static func error(_ change: HistoryChange) -> String? {
        switch change.outcome {
        case .applied, .already: nil
        case .rejected: change.reason ?? "it was refused"
        case .overtaken: change.reason ?? "the record changed meanwhile"
        case .open: "no answer came"
        }
    }
}

extension HistoryChange {
    fileprivate var id: ConflictRecord.ID { ConflictRecord.ID(table: entry.table, key: entry.key) }
}
