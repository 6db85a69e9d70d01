import Dovetail

/// A run that can't be undone.
public struct UndoError: Error, Sendable, CustomStringConvertible {
    public let description: String
}

extension Decided {
    /// Marks the writes of an undo. A person who decides a conflict about a whole record names a winner.
    static let takenBack = Decided(field: nil, winner: nil, by: .person)

    /// Marks, besides, the writes of an undo whose run was an undo itself: they bring back what had been taken back.
    static let broughtBack = Decided(field: nil, winner: nil, by: .policy)
}

extension PlanEntry {
    /// Whether the undo of an undo writes the record: both sides then agree anew, as after any write of a sync.
    var isBroughtBack: Bool {
        if case .write(_, let decided) = decision { decided.contains(.broughtBack) } else { false }
    }

    /// Whether an undo found both records as they were before the run.
    var writesNothing: Bool {
        if case .write(let writes, _) = decision { writes.left == nil && writes.right == nil } else { false }
    }
}

/// Records that runs wrote. A run knows a linked record by the names that it had then, so it is found by each side's id
/// as well.
private struct WrittenRecords {
    private var keys: Set<RecordKey> = []
    private var ids = Sides<Set<RecordKey>>(left: [], right: [])

    mutating func insert(_ entry: JournalEntry) {
        keys.insert(entry.key)
        for side in Side.allCases {
            if let id = entry.seen[side]?.key { ids[side].insert(id) }
        }
    }

    func contains(_ changes: [HistoryChange]) -> Bool {
        changes.contains { change in
            keys.contains(change.entry.key)
                || Side.allCases.contains { side in
                    change.entry.seen[side].map { ids[side].contains($0.key) } ?? false
                }
        }
    }
}

extension Synchronizer {
    /// Plans the inverse of a run: every record it wrote goes back to what it was, as long as it still is what the
    /// run made of it. Records that changed since then are refused.
    ///
    /// Both replicas and the memory are then as before the run, so the edits it carried over wait to be planned
    /// again by the next sync.
    /// - Throws: ``UndoError`` when the run is unknown, or its values are no longer kept.
    public func planUndo(of run: Int64) async throws -> Plan {
        let stored = try await state.load()
        var history: [String: [HistoryChange]] = [:]
        var offset = 0
        while true {
            let chunk = try await state.changes(of: run, offset: offset, limit: 5000)
            if chunk.isEmpty { break }
            offset += chunk.count
            for change in chunk where change.outcome == .applied {
                guard !change.valuesRemoved else {
                    throw UndoError(
                        description:
                            "the values of run \(run) are no longer kept (history: values), so it can't be undone"
                    )
                }
                history[change.entry.table, default: []].append(change)
            }
        }
        guard !history.isEmpty else {
            throw UndoError(
                description: "run \(run) is not in the history, or changed nothing; see: dovetail runs")
        }
        let later = try await writtenAfter(run)
        return try await looking { observations in
            var tables: [PlannedTable] = []
            var halts: [Halt] = []
            for table in job.tables {
                guard let changes = history[table.schema.name] else { continue }
                let layout = table.layout
                guard let known = stored.layouts[table.schema.name], known.hasSameMapping(as: layout),
                    changes.allSatisfy({ $0.layout.hasSameMapping(as: layout) })
                else {
                    throw UndoError(
                        description:
                            "\(table.schema.name) had other fields in run \(run), so it can't be undone")
                }
                let planned = try await planUndo(
                    of: changes, table, observations, stored,
                    later: later[table.schema.name] ?? WrittenRecords())
                halts += try await emptied(planned, observations)
                tables.append(planned)
            }
            let identities = try await identities(observations)
            let recognition = Recognition(stored, identities, labels: job.labels)
            if let reason = recognition.meetsAnew {
                throw UndoError(description: "\(reason), so nothing can be undone; sync first")
            }
            halts += recognition.halts
            return Plan(
                job: job.name, labels: job.labels, tables: tables, halts: halts, stored: stored,
                identities: identities, meetsAnew: nil)
        }
    }

    /// Records that a later run wrote, or may have written: another undo of the same run among them.
    private func writtenAfter(_ run: Int64) async throws -> [String: WrittenRecords] {
        var written: [String: WrittenRecords] = [:]
        for record in try await state.runs(limit: .max) where record.number > run {
            var offset = 0
            while true {
                let chunk = try await state.changes(of: record.number, offset: offset, limit: 5000)
                if chunk.isEmpty { break }
                offset += chunk.count
                for change in chunk where change.outcome != .rejected && change.outcome != .overtaken {
                    written[change.entry.table, default: WrittenRecords()].insert(change.entry)
                }
            }
        }
        return written
    }

    /// Undoes a run, under the job's lock.
    /// - Throws: ``UndoError``, ``RunHalted``, ``ReplicaError``, ``StateError``.
    public func undo(_ run: Int64, allowing: Set<Allowance> = []) async throws -> RunResult {
        try await locked {
            events(.started(kind: RunKind.undo.rawValue))
            let plan = try await planUndo(of: run)
            try check(plan.halts, allowing)
            let result = try await carryOut(plan, kind: .undo)
            events(.finished(status: result.status))
            return result
        }
    }

    private func planUndo(
        of changes: [HistoryChange], _ table: JobTable, _ observations: Sides<any Observation>,
        _ stored: JobState,
        later: WrittenRecords
    ) async throws -> PlannedTable {
        let name = table.schema.name
        var planned = PlannedTable(
            table: table, spool: PlanSpool(), counts: PlanCounts(),
            baseCount: try await state.baseCount(of: name),
            cursors: stored.cursors[name] ?? Sides(left: nil, right: nil), waitedFor: [],
            relayout: nil, forgetsBase: false)
        // A record written on both sides, or twice, goes back to what it was before the first of these writes.
        var byKey: [RecordKey: [HistoryChange]] = [:]
        for change in changes { byKey[change.entry.key, default: []].append(change) }
        let keys = byKey.keys.sorted()
        let links = try await leftIDs(of: table)
        let freed = try await freedLinks(of: table, observations)
        planned.freed = freed.values.sorted { $0.was < $1.was }
        for start in stride(from: 0, to: keys.count, by: 2000) {
            let chunk = keys[start..<min(start + 2000, keys.count)]
            /// The name that a record's link has now: the run may have known only the right id, and what was lost on
            /// the right no longer goes by an id there.
            func name(_ key: RecordKey) -> RecordKey {
                guard let seen = byKey[key]?.first?.entry.seen else { return key }
                return seen.left.flatMap { links[LinkedPlanner.key(ofUnlinkedLeft: $0.key)] }
                    ?? seen.right.flatMap { links[$0.key] } ?? key
            }
            let base = try await state.base(of: table.schema.name, keys: chunk.map(name))
            let byName = Dictionary(base.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
            var known: [RecordKey: BaseRecord] = [:]
            for key in chunk { known[key] = byName[name(key)] }
            var now = Sides<[RecordKey: Record]>(left: [:], right: [:])
            for side in Side.allCases {
                var own: [RecordKey: RecordKey] = [:]
                for key in chunk { own[key] = ownKey(of: key, side, table, known[key], byKey[key] ?? []) }
                let references = chunk.compactMap { own[$0].map { RecordReference(key: $0) } }
                let found = try await observations[side].read(references, of: table.views[side])
                let byOwnKey = Dictionary(found.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
                for (key, ownKey) in own { now[side][key] = byOwnKey[ownKey] }
            }
            for key in chunk {
                var entry = try undoing(
                    name(key), byKey[key] ?? [], table, base: known[key],
                    now: Sides(left: now.left[key], right: now.right[key]))
                // Under the name that its link has by then, so that no second link is left under another.
                if let link = freed[entry.key] { entry.key = link.base.key }
                if later.contains(byKey[key] ?? []), let side = byKey[key]?.first?.entry.side {
                    entry.decision = .refuse(.changedSince(side))
                }
                planned.counts.count(entry.decision)
                try planned.spool.emit(entry)
            }
        }
        return planned
    }

    /// How a side itself calls a record: in linked tables each has its own id. Nil when it never had one there.
    private func ownKey(
        of key: RecordKey, _ side: Side, _ table: JobTable, _ base: BaseRecord?, _ changes: [HistoryChange]
    ) -> RecordKey? {
        guard table.schema.identity == .content else { return key }
        if let base = base ?? changes.first?.entry.base {
            return base.linkedKey(side)
        }
        return changes.compactMap { $0.entry.seen[side]?.key }.first
    }

    private func undoing(
        _ key: RecordKey, _ changes: [HistoryChange], _ table: JobTable, base: BaseRecord?,
        now: Sides<Record?>
    ) throws -> PlanEntry {
        var writes = Sides<Write?>(left: nil, right: nil)
        for side in Side.allCases {
            let own = changes.filter { $0.entry.side == side }
            guard let first = own.first, let last = own.last else { continue }
            // What the run made of it: what was sent, or the form in which the store gave it back. The base knows
            // that form as long as it has not moved on; its other half shows whether it has.
            let other = changes.last { $0.entry.side == side.other }
            let otherMade = other.map(\.entry.after) ?? last.entry.seen[side.other]?.fields
            let isOfThatRun = (side == .left ? base?.right : base?.left) == otherMade
            let made =
                isOfThatRun && last.entry.after != nil ? (side == .left ? base?.left : base?.right) : nil
            let isAsMade =
                now[side]?.fields == last.entry.after || (now[side] != nil && now[side]?.fields == made)
            guard isAsMade else {
                return PlanEntry(
                    table: table.schema.name, key: key, base: first.entry.base, seen: now,
                    decision: .refuse(.changedSince(side)))
            }
            switch (now[side]?.fields, first.entry.seen[side]?.fields) {
            case (nil, nil): break
            case (.some, nil): writes[side] = .delete
            case (nil, let before?): writes[side] = .insert(before)
            case (let now?, let before?):
                if now != before {
                    writes[side] = .update(before, fields: try table.schema.differingFields(now, before))
                }
            }
        }
        let before = changes.first?.entry
        let wasUndo = before.map { $0.decided.contains(.takenBack) && !$0.decided.contains(.broughtBack) }
        return PlanEntry(
            table: table.schema.name, key: key, base: before?.base, seen: now,
            decision: .write(writes, decided: wasUndo == true ? [.takenBack, .broughtBack] : [.takenBack]))
    }
}
