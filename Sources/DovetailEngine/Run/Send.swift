import Dovetail

/// Sends a chunk's writes to one side and checks that they are there.
struct Sender {
    let job: SyncJob
    let events: EventHandler

    /// Sends to both sides at once. Both are waited for, even when one fails: nothing of it is under way afterwards.
    func send(
        _ batches: Sides<WriteBatch>, _ table: JobTable
    ) async -> Sides<Result<ApplyResult, any Error>> {
        async let left = send(batches.left, .left, table)
        async let right = send(batches.right, .right, table)
        return Sides(left: await left, right: await right)
    }

    private func send(
        _ batch: WriteBatch, _ side: Side, _ table: JobTable
    ) async -> Result<ApplyResult, any Error> {
        guard !batch.writes.isEmpty else { return .success(ApplyResult(outcomes: [])) }
        do {
            let replica = job.replicas[side]
            let view = table.views[side]
            let answer = try await replica.apply(batch.writes, to: view)
            guard answer.outcomes.count == batch.writes.count else {
                throw ReplicaError(
                    .failed, replica: replica.name,
                    "it answered \(answer.outcomes.count) of \(batch.writes.count) writes; run again")
            }
            if answer.isProven { return .success(answer) }
            let outcomes = try await verify(batch, answer.outcomes, side, view)
            return .success(ApplyResult(outcomes: outcomes, feed: answer.feed))
        } catch {
            return .failure(error)
        }
    }

    /// Re-reads what was written. A write that did not stick is no write; one that someone changed again since then
    /// is seen as a change by the next run, because the base holds what was written.
    private func verify(
        _ batch: WriteBatch, _ outcomes: [WriteOutcome], _ side: Side, _ view: TableView
    ) async throws -> [WriteOutcome] {
        var references: [RecordReference] = []
        for (write, outcome) in zip(batch.writes, outcomes) {
            switch outcome {
            case .applied(let record?):
                references.append(RecordReference(key: record.key, locator: record.locator))
            case .applied(nil):
                if let key = write.key {
                    references.append(RecordReference(key: key, locator: write.locator))
                }
            case .already, .overtaken, .rejected: break
            }
        }
        guard !references.isEmpty else { return outcomes }
        let observation = try await job.replicas[side].observe()
        let found: [RecordKey: Record]
        do {
            let records = try await observation.read(references, of: view)
            found = Dictionary(records.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        } catch {
            await observation.finish()
            throw error
        }
        await observation.finish()

        return zip(batch.writes, outcomes).map { write, outcome in
            guard case .applied(let record) = outcome, let key = record?.key ?? write.key else {
                return outcome
            }
            let now = found[key]
            if now?.fields == record?.fields { return outcome }
            events(.overtaken(table: view.schema.name, side: side, key: key))
            // Invariant: a record that our write took out of the view is not agreed on. The next run would take it for
            // deleted, and delete the other side's.
            if now == nil, record != nil, view.filter != nil { return .overtaken }
            // Back at what it was before: confirmed and not there. Anything else is a later edit by someone.
            return now?.fields == write.expected ? .overtaken : outcome
        }
    }
}

/// The writes of a chunk on one side.
struct WriteBatch: Sendable {
    var writes: [ReplicaWrite] = []
    var journal: [JournalEntry] = []
    /// The entry that each write belongs to.
    var indices: [Int] = []

    init(_ entries: [PlanEntry], _ side: Side, _ table: JobTable, _ standing: Standing?) {
        let assignsKeys = table.schema.identity == .content
        guard entries.contains(where: { $0.write(on: side) != nil }) else { return }
        writes.reserveCapacity(entries.count)
        journal.reserveCapacity(entries.count)
        indices.reserveCapacity(entries.count)
        for (index, entry) in entries.enumerated() {
            guard case .write(let writes, let decided) = entry.decision, let write = writes[side] else {
                continue
            }
            let seen = entry.seen[side]
            let locator = side == .left ? entry.base?.leftLocator : entry.base?.rightLocator
            self.writes.append(
                ReplicaWrite(
                    key: seen?.key ?? (assignsKeys ? nil : entry.key),
                    locator: seen?.locator ?? locator ?? [],
                    expected: seen?.fields, write: write))
            journal.append(
                JournalEntry(
                    table: entry.table, side: side, key: entry.key, verb: write.verb,
                    base: standing.map { $0[entry.key] } ?? entry.base,
                    seen: entry.seen, after: write.result, decided: decided))
            indices.append(index)
        }
    }
}
