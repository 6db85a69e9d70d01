import Dovetail

/// The base of records before an undo forgot it, by key.
typealias Standing = [RecordKey: BaseRecord]

/// What a run learns from the answers to its writes, and what it remembers of it.
extension Applier {
    mutating func learn(
        _ entry: PlanEntry, _ outcomes: Sides<WriteOutcome?>, _ table: JobTable, _ isRetry: Bool,
        into memory: inout Memory
    ) throws {
        let name = table.schema.name
        var now = entry.seen
        var refusals = Sides<WriteOutcome.Rejection?>(left: nil, right: nil)
        var wasOvertaken = false
        for side in Side.allCases {
            guard let outcome = outcomes[side], let write = entry.write(on: side) else { continue }
            switch outcome {
            case .applied(let record):
                now[side] = record
                result.count(write, on: side, of: name)
                hasNews = true
                memory.outcomes.append((name, side, entry.key, .applied, nil))
                if let record, let wanted = write.result, record.fields != wanted {
                    events(.normalised(table: name, side: side, key: entry.key))
                }
                missing.found(name, entry.key, on: side)
            case .already(let record):
                now[side] = record
                memory.outcomes.append((name, side, entry.key, .already, nil))
                missing.found(name, entry.key, on: side)
            case .overtaken:
                wasOvertaken = true
                memory.outcomes.append((name, side, entry.key, .overtaken, nil))
                events(.overtaken(table: name, side: side, key: entry.key))
                if entry.seen[side] == nil { missing.note(name, entry.key, on: side) }
            case .rejected(let rejection):
                refusals[side] = rejection
                memory.outcomes.append((name, side, entry.key, .rejected, rejection.reason))
                if entry.seen[side] == nil { missing.note(name, entry.key, on: side) }
            }
        }
        // Where both sides refused, the refusal stands that others may lift: a half that may still go through is tried
        // again, for something else may wait for it.
        if let side = entry.side(where: { refusals[$0]?.dependsOnOthers ?? false })
            ?? entry.side(where: { refusals[$0] != nil }), let rejection = refusals[side]
        {
            if let whole {
                // Without its reference it is refused: it waits for the circle to be opened elsewhere.
                waiting.append((table, whole))
                return
            }
            let rest = try rememberHalf(entry, now, outcomes, into: &memory)
            if rejection.dependsOnOthers, !isRetry {
                waiting.append((table, rest))
            } else {
                reject(rest, side, rejection, name, into: &memory)
            }
        } else if wasOvertaken {
            try rememberHalf(entry, now, outcomes, into: &memory)
            result.overtaken += 1
            memory.pending.append((name, entry.key))
        } else {
            remember(entry, left: now.left, right: now.right, name, into: &memory)
            proven = now
        }
    }

    mutating func reject(
        _ entry: PlanEntry, _ side: Side, _ rejection: WriteOutcome.Rejection, _ table: String,
        into memory: inout Memory
    ) {
        result.rejected += 1
        events(.rejected(table: table, side: side, key: entry.key, reason: rejection.reason))
        memory.rejections.append(
            RejectionRecord(
                table: table, key: entry.key,
                rejection: Unsettled.Rejection(
                    side: side, reason: rejection.reason, seen: entry.seen.map { $0?.fields.digest }),
                isRetried: rejection.dependsOnOthers, since: run))
    }

    /// Of a merge that writes to both sides, one half went through and the other did not: the fields that were carried
    /// over are agreed, the others stay as the base has them. Without this an edit of these fields would look like one of
    /// both sides. It is remembered at once, whatever becomes of the other half.
    /// - Returns: what is still to be done of the record.
    @discardableResult
    func rememberHalf(
        _ entry: PlanEntry, _ now: Sides<Record?>, _ outcomes: Sides<WriteOutcome?>, into memory: inout Memory
    ) throws -> PlanEntry {
        guard kind != .undo, case .write(let writes, let decided) = entry.decision,
            let done = Side.allCases.first(where: { outcomes[$0]?.isDone ?? false }),
            let wanted = writes[done]?.result, writes[done.other] != nil
        else { return entry }
        var open = writes
        open[done] = nil
        var rest = entry
        rest.seen = now
        rest.decision = .write(open, decided: decided)
        guard let known = entry.base, let left = now.left, let right = now.right else { return rest }
        let sent = try wanted.slices()
        let l = try left.fields.slices()
        let r = try right.fields.slices()
        let standing = done == .left ? r : l
        var agreed = Sides<[Int: ArraySlice<UInt8>]>(left: [:], right: [:])
        for field in sent.indices where sent[field] == standing[field] {
            agreed.left[field] = l[field]
            agreed.right[field] = r[field]
        }
        var base = agreement(left, right, entry.table)
        base.left = try known.left.replacing(agreed.left)
        base.right = try known.right.replacing(agreed.right)
        rest.base = base
        memory.agreed.append((entry.table, base))
        // Nothing else brings the record to mind should the run be cut short now.
        memory.pending.append((entry.table, entry.key))
        return rest
    }

    /// Invariant: an undo writes when the memory is as before the run that it takes back. Cut short, it leaves records
    /// that agree again, or edits that the next sync plans again, and never a delete that nobody made. What the undo of
    /// an undo brings back is agreed on again, and like any agreement remembered once it is written.
    /// - Returns: what the memory held until now: undoing the undo brings it back, as does a write that did not go
    ///   through.
    func forget(_ entries: [PlanEntry], _ table: JobTable) async throws -> Standing {
        let name = table.schema.name
        let base = try await state.base(of: name, keys: entries.map(\.key))
        var memory = Memory()
        for entry in entries where !entry.isBroughtBack {
            remember(entry, left: entry.seen.left, right: entry.seen.right, name, into: &memory)
            memory.pending.append((name, entry.key))
        }
        if !memory.isEmpty { try await state.remember(memory, run: run) }
        return Dictionary(base.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Takes back what an undo forgot of a record that it could not write: that record was not undone. Without its base
    /// the edit that was in the way would meet a stranger, and unlinked records would both be copied.
    func recall(
        _ standing: Standing, _ entry: PlanEntry, _ outcomes: Sides<WriteOutcome?>, into memory: inout Memory
    ) {
        let isWritten = Side.allCases.contains { outcomes[$0]?.isDone ?? false }
        if isWritten || entry.writesNothing || entry.isBroughtBack { return }
        if let base = standing[entry.key] {
            memory.agreed.append((entry.table, base))
        } else {
            memory.gone.append((entry.table, entry.key))
        }
        // Forgotten under the left id that the record has now, or had before the run.
        let forgotten = entry.base.map { undone($0, entry.seen.left, entry.seen.right, entry.table).key }
        if let forgotten, forgotten != entry.key { memory.gone.append((entry.table, forgotten)) }
        // What it waited for before the undo, it waits for again.
        lookAgain(entry, entry.table, into: &memory)
    }

    /// Moves the base of one record: both sides were proven to hold what the plan says.
    func remember(
        _ entry: PlanEntry, left: Record?, right: Record?, _ table: String, into memory: inout Memory
    ) {
        if kind == .undo {
            // An undone run leaves the memory as it was before it.
            guard let before = entry.base else {
                memory.gone.append((table, entry.key))
                // Records that met without being equal shall meet again, and not be strangers.
                if let left, right != nil {
                    memory.pending.append((table, left.key))
                } else {
                    lookAgain(entry, table, into: &memory)
                }
                return
            }
            let base = undone(before, left, right, table)
            memory.agreed.append((table, base))
            // The name that the link had until now, and the one it was given before the record was written again.
            let forgotten = undone(before, entry.seen.left, entry.seen.right, table).key
            for name in Set([entry.key, forgotten]).subtracting([base.key]) {
                memory.gone.append((table, name))
            }
            lookAgain(entry, table, into: &memory)
            return
        }
        guard let left, let right else {
            memory.gone.append((table, entry.key))
            return
        }
        memory.agreed.append((table, agreement(left, right, table)))
        // An unlinked record was known by another name, or came back on the left under a new id: a link that stayed
        // under the old one would be taken for a delete.
        if left.key != entry.key { memory.gone.append((table, entry.key)) }
    }

    /// What an undo leaves in the memory of a record is another than before, and nothing else may say so: it had nothing
    /// to write, or the side that it wrote to has no feed. Tables matched by content are always read whole.
    private func lookAgain(_ entry: PlanEntry, _ table: String, into memory: inout Memory) {
        guard job.table(table)?.schema.identity != .content else { return }
        memory.pending.append((table, entry.key))
    }

    /// The base that an undo brings back, by the ids that the records have now: what was inserted again has a new one.
    private func undone(
        _ base: BaseRecord, _ left: Record?, _ right: Record?, _ table: String
    ) -> BaseRecord {
        guard job.table(table)?.schema.identity == .content else { return base }
        var base = base
        if let left { base.key = left.key }
        if let right { base.rightLocator = right.key.bytes }
        return base.freed(of: Sides(left: left, right: right)) ?? base
    }

    /// The base of a record of which both sides were proven to hold this.
    private func agreement(_ left: Record, _ right: Record, _ table: String) -> BaseRecord {
        let isLinked = linkedTables.contains(table)
        return BaseRecord(
            key: left.key, left: left.fields, right: right.fields, leftLocator: left.locator,
            rightLocator: isLinked ? right.key.bytes : right.locator)
    }
}

extension WriteOutcome {
    /// Whether the side holds what was to be written.
    var isDone: Bool {
        switch self {
        case .applied, .already: true
        case .overtaken, .rejected: false
        }
    }
}

extension PlanEntry {
    /// The side that is meant. Where both are, one of them by what it holds and not by what it is called: the mirrored run
    /// names the same one.
    func side(where isMeant: (Side) -> Bool) -> Side? {
        switch (isMeant(.left), isMeant(.right)) {
        case (false, false): return nil
        case (true, false): return .left
        case (false, true): return .right
        case (true, true):
            let bytes = seen.map { $0?.fields.bytes ?? [] }
            return bytes.right.lexicographicallyPrecedes(bytes.left) ? .right : .left
        }
    }
}
