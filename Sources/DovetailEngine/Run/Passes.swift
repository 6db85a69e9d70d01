import Dovetail

/// A pass over one table. While one chunk is being written, the one before it is remembered and the next one journalled:
/// replicas and memory work side by side.
///
/// Each chunk still goes its way in order: journalled, then sent, then proven, then remembered. Cut short at any
/// moment, a pass leaves at most one chunk more that is journalled and was not sent, which a later run tells from the
/// records themselves, as always.
extension Applier {
    /// A chunk whose writes are journalled.
    private struct Journalled {
        /// Those that are to be sent.
        let entries: [PlanEntry]
        let batches: Sides<WriteBatch>
        /// What the others leave to be remembered.
        let memory: Memory
        /// How many entries there are in all.
        let count: Int
    }

    mutating func pass(_ plan: PlannedTable, deletes: Bool) async throws {
        let table = plan.table
        var reader = try plan.spool.reader()
        // A chunk's answers decide what becomes of the next one where records refer to others of their table, and an
        // undo writes only once the memory is as before the run.
        let standsAlone = kind != .undo && !table.schema.references.contains { $0.table == table.schema.name }
        guard standsAlone else {
            while true {
                let chunk = try reader.next(chunkSize) { $0.deletes == deletes }
                if chunk.isEmpty { return }
                try await apply(chunk, of: table, isRetry: false)
                progress(chunk.count, plan)
            }
        }
        var answered: Answered?
        var next = try await journalled(&reader, deletes, table)
        while let current = next {
            next = nil
            let sender = Sender(job: job, events: events)
            async let sent = sender.send(current.batches, table)
            var failure: (any Error)?
            do {
                if let answered { try await remember(answered, plan) }
                next = try await journalled(&reader, deletes, table)
            } catch {
                failure = error
            }
            let answers = Answered(chunk: current, answers: await sent)
            answered = answers
            if let failure = failure ?? answers.failure {
                // What was answered is remembered, as far as the memory can still be reached.
                try? await remember(answers, plan)
                if let next { await withdraw(next, table) }
                throw failure
            }
        }
        if let answered { try await remember(answered, plan) }
    }

    /// A chunk that was sent.
    private struct Answered {
        let chunk: Journalled
        let answers: Sides<Result<ApplyResult, any Error>>

        var failure: (any Error)? {
            for side in Side.allCases { if case .failure(let error) = answers[side] { return error } }
            return nil
        }
    }

    private mutating func remember(_ answered: Answered, _ plan: PlannedTable) async throws {
        let chunk = answered.chunk
        let (outcomes, _) = note(
            answered.answers, to: chunk.batches, of: chunk.entries.count, plan.table)
        var memory = chunk.memory
        for (entry, outcome) in zip(chunk.entries, outcomes) where entry.isAnswered(by: outcome) {
            try learn(entry, outcome, plan.table, false, into: &memory)
        }
        try await remember(memory)
        progress(chunk.count, plan)
    }

    private mutating func journalled(
        _ reader: inout PlanSpool.Reader, _ deletes: Bool, _ table: JobTable
    ) async throws -> Journalled? {
        try Task.checkCancellation()
        let chunk = try reader.next(chunkSize) { $0.deletes == deletes }
        if chunk.isEmpty { return nil }
        var memory = Memory()
        var sending: [PlanEntry] = []
        let isWritten =
            missing.isEmpty && chunk.allSatisfy { if case .write = $0.decision { true } else { false } }
        if isWritten { sending = chunk }
        for entry in chunk where !isWritten {
            if let settled = try settle(entry, table, false, into: &memory) { sending.append(settled) }
        }
        let batches = batches(sending, table, nil)
        // Invariant: what was sent is journalled first, so that an answer that never comes can be found again.
        try await journal(batches)
        return Journalled(entries: sending, batches: batches, memory: memory, count: chunk.count)
    }

    /// Notes of a chunk that it was not sent. When even that fails it looks as if its answers had been lost, which the
    /// next run clears up.
    private mutating func withdraw(_ chunk: Journalled, _ table: JobTable) async {
        var memory = Memory()
        for side in Side.allCases {
            for entry in chunk.batches[side].journal {
                memory.outcomes.append(
                    (table.schema.name, side, entry.key, .overtaken, "the run ended before it was sent"))
            }
        }
        if !memory.isEmpty { try? await state.remember(memory, run: run) }
    }

    private mutating func progress(_ count: Int, _ plan: PlannedTable) {
        let name = plan.table.schema.name
        done[name, default: 0] += count
        events(.applying(table: name, done: done[name] ?? 0, of: plan.spool.count))
    }
}
