import DovetailDocuments
import GRDB
import Synchronization

/// Adds commits that come at the same time in one transaction, each whole or not at all.
///
/// Waiting for the disk is what a commit costs most. While one transaction waits, the next ones gather, and wait once.
final class AppendQueue: Sendable {
    private struct Item: Sendable {
        var commit: Commit
        var snapshot: [UInt8]?
        var set: String
        var answer: CheckedContinuation<AppendOutcome, any Error>
    }

    private struct State {
        var items: [Item] = []
        var isWriting = false
    }

    private let pool: DatabasePool
    private let state = Mutex(State())
    /// Of one transaction, so that nobody waits long for others.
    private static let most = 200

    init(pool: DatabasePool) { self.pool = pool }

    func append(_ commit: Commit, snapshot: [UInt8]?, to set: String) async throws -> AppendOutcome {
        try await withCheckedThrowingContinuation { continuation in
            let item = Item(commit: commit, snapshot: snapshot, set: set, answer: continuation)
            let begins = state.withLock { state in
                state.items.append(item)
                defer { state.isWriting = true }
                return !state.isWriting
            }
            // Not in the caller's task, whose cancellation is none of the others' business.
            if begins { Task.detached { await self.writeAll() } }
        }
    }

    private func writeAll() async {
        while true {
            let items: [Item] = state.withLock { state in
                let next = Array(state.items.prefix(Self.most))
                state.items.removeFirst(next.count)
                if next.isEmpty { state.isWriting = false }
                return next
            }
            guard !items.isEmpty else { return }
            await write(items)
        }
    }

    private func write(_ items: [Item]) async {
        do {
            let outcomes = try await pool.write { db in
                try items.map { item in
                    try Self.outcome { try Self.append(item, db) }
                }
            }
            for (item, outcome) in zip(items, outcomes) { item.answer.resume(with: outcome) }
        } catch {
            // The transaction did not end: none of them is there.
            for item in items { item.answer.resume(throwing: error) }
        }
    }

    /// A commit that can't be read or written fails alone; a failure that ended the transaction is everybody's.
    private static func outcome(_ body: () throws -> AppendOutcome) throws -> Result<AppendOutcome, any Error>
    {
        do {
            return .success(try body())
        } catch let error as HubError {
            return .failure(error)
        }
    }

    private static func append(_ item: Item, _ db: Database) throws -> AppendOutcome {
        var outcome: AppendOutcome?
        try db.inSavepoint {
            outcome = try CommitTables(db).append(item.commit, snapshot: item.snapshot, to: item.set)
            return .commit
        }
        guard let outcome else { throw RowReader.damaged("a commit has no outcome") }
        return outcome
    }
}
