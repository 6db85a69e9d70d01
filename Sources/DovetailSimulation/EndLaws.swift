import Dovetail
import DovetailEngine
import DovetailMemory

/// The laws as they are checked at the end, when faults have stopped.
extension World {
    /// Lets the world come to rest, and checks that it does, quietly and in agreement.
    func settle() async {
        tell("the faults stop")
        for side in Side.allCases where readOnly[side] { await allowWrites(side, true) }
        var rested: RunResult?
        for _ in 0..<3 {
            clock += 60_000_000
            guard let result = await restingRun() else { return }
            if result.totals.writes.left.total + result.totals.writes.right.total + result.totals.overtaken
                == 0
            {
                rested = result
                break
            }
        }
        for conflict in await state.conflicts() {
            tell("open conflict \(conflict.table) \(conflict.key.words): \(conflict.conflict)")
        }
        for record in await state.rejections() {
            let retried = record.isRetried ? " (tried again each time)" : ""
            tell("rejected \(record.table) \(record.key.words)\(retried): \(record.rejection.reason)")
        }
        guard rested != nil else {
            return broke(.convergence, "three runs without faults, and writes still go on")
        }
        // What the last run noted, the next need not note again.
        if rested?.run != nil { guard await restingRun() != nil else { return } }
        await checkQuiet()
        if violations.isEmpty { await checkAgreement() }
        if violations.isEmpty { await checkHistory() }
    }

    private func restingRun() async -> RunResult? {
        var allowances: Set<Allowance> = []
        for _ in 0..<3 {
            do {
                let result = try await faultless(allowances)
                tell(
                    "resting run \(result.run.map { "\($0)" } ?? "quiet"): "
                        + "\(result.status.rawValue), \(result.totals)"
                )
                return result
            } catch let halted as RunHalted {
                tell("resting run halted: \(halted)")
                for halt in halted.halts {
                    switch halt {
                    case .sideEmptied(let table, let side, _): ledger.accept(side, table)
                    case .tooManyDeletes(let table, let side, _, _, _): ledger.accept(side.other, table)
                    default: break
                    }
                }
                allowances.formUnion(halted.halts.compactMap(\.allowance))
            } catch {
                broke(.noFailure, "\(error)")
                return nil
            }
        }
        broke(.convergence, "halted although everything was allowed")
        return nil
    }

    private func faultless(_ allowing: Set<Allowance>) async throws -> RunResult {
        lives += 1
        let life = Life(number: -lives, isUndo: false, edits: 0)
        func source(_ name: String) -> FaultSource { FaultSource(name, life: life, world: self, rate: 0) }
        let faulty = Sides<any Replica>(
            left: FaultyReplica(side: .left, inner: replicas.left, faults: source("left")),
            right: FaultyReplica(side: .right, inner: replicas.right, faults: source("right")))
        return try await synchronizer(faulty, FaultyStateStore(inner: state, faults: source("state")))
            .sync(allowing: allowing)
    }

    /// Law 4: the next run writes nothing, and leaves nothing in the history unless it tried a rejected write
    /// again.
    private func checkQuiet() async {
        let before = Sides(left: await tables(.left), right: await tables(.right))
        let counters = await counters()
        let runs = await state.runs(limit: 1).first?.number
        let retries = await state.rejections().contains(where: \.isRetried)
        clock += 60_000_000
        guard let result = await restingRun() else { return }
        for side in Side.allCases {
            let after = await tables(side)
            for name in shape.tableNames where before[side][name]?.rows != after[name]?.rows {
                broke(.quiet, "\(side) \(name) changed in a run after a settled run")
            }
        }
        if result.totals.writes.left.total + result.totals.writes.right.total > 0 {
            broke(.quiet, "a run after a settled run counts writes: \(result.totals)")
        }
        guard !retries else { return tally.add("worlds with rejections to try again") }
        if await state.runs(limit: 1).first?.number != runs {
            broke(.quiet, "a run after a settled run is in the history")
        }
        if await self.counters() != counters { broke(.quiet, "a run after a settled run touched a side") }
    }

    private func counters() async -> [Int64?] {
        var counters: [Int64?] = []
        for side in Side.allCases {
            let observation = try? await replicas[side].observe()
            counters.append(try? await observation?.identity(job: "job").changeCounter)
        }
        return counters
    }

    /// Law 1: what was decided against stands in the history.
    private func checkHistory() async {
        guard shape.values == .full, !stateWasLost, !mappingWasChanged else { return }
        var shown: Set<String> = []
        for run in await state.runs(limit: 1000) {
            for change in await state.changes(of: run.number, offset: 0, limit: 100_000) {
                for side in Side.allCases {
                    let values = (try? change.entry.seen[side]?.fields.values()) ?? []
                    for value in values { shown.formUnion(Ledger.tokens(value)) }
                }
            }
        }
        for token in ledger.overruled.subtracting(shown).sorted() {
            broke(.nothingIsLost, "\(token) was decided against, and the history does not show it")
        }
        tally.add("values overruled", ledger.overruled.count)
    }

    // MARK: Agreement

    /// Law 8: both sides agree except for what is listed, and `verify` names exactly that.
    private func checkAgreement() async {
        var listed: [String: Set<RecordKey>] = [:]
        for conflict in await state.conflicts() {
            listed[conflict.table, default: []].insert(conflict.key)
            tally.add("conflicts open at the end")
        }
        for rejection in await state.rejections() {
            listed[rejection.table, default: []].insert(rejection.key)
            tally.add("rejections open at the end")
            await checkRejection(rejection)
        }
        let verification: Verification
        do {
            verification = try await plainSynchronizer.verify(examples: 10_000)
        } catch {
            return broke(.noFailure, "verify: \(error)")
        }
        for table in jobTables {
            let name = table.schema.name
            let named = Set(verification.tables.first { $0.table == name }?.examples.map(\.key) ?? [])
            if shape.layout == .content {
                await checkLinked(table, listed[name] ?? [])
            } else {
                await checkKeyed(table, listed[name] ?? [], named)
            }
        }
        if Side.allCases.allSatisfy({ _ in listed.isEmpty }) { tally.add("worlds in full agreement") }
    }

    private func checkKeyed(_ table: JobTable, _ listed: Set<RecordKey>, _ named: Set<RecordKey>) async {
        let name = table.schema.name
        var rows = Sides<[RecordKey: [MemoryRow]]>(left: [:], right: [:])
        for side in Side.allCases {
            for (id, row) in await self.table(side, name)?.rows ?? [:] {
                rows[side][key(id, row), default: []].append(row)
            }
        }
        for key in Set(rows.left.keys).union(rows.right.keys).sorted() {
            let left = rows.left[key] ?? []
            let right = rows.right[key] ?? []
            var what: String?
            if left.count > 1 || right.count > 1 {
                what = "has \(left.count) and \(right.count) copies"
            } else if let l = left.first, let r = right.first {
                what = difference(packed(l, table), packed(r, table), table.schema).map { "differs in \($0)" }
            } else {
                what = left.isEmpty ? "is only on right" : "is only on left"
            }
            guard let what else {
                if named.contains(key), !listed.contains(key), shape.habitSide == nil {
                    broke(.convergence, "verify names \(name) \(key.words), which agrees")
                }
                continue
            }
            let isKept = isKept(key, name, isOnLeft: !left.isEmpty, isOnRight: !right.isEmpty)
            if !named.contains(key), !isKept {
                broke(.convergence, "\(name) \(key.words) \(what), and verify does not say so")
            }
            if listed.contains(key) || isKept { continue }
            broke(.convergence, "\(name) \(key.words) \(what), and is not listed")
        }
    }

    /// Whether a record is left standing on one side because the rules say so.
    private func isKept(_ key: RecordKey, _ table: String, isOnLeft: Bool, isOnRight: Bool) -> Bool {
        guard isOnLeft != isOnRight else { return false }
        let missing: Side = isOnLeft ? .right : .left
        if shape.rules.deletes == .keep, ledger.deleted[missing][table]?.contains(key) ?? false {
            return true
        }
        // The follower may hold more than the source.
        return shape.rules.direction.source == missing
    }

    /// Linked tables: every record has its counterpart, or is listed, or kept.
    private func checkLinked(_ table: JobTable, _ listed: Set<RecordKey>) async {
        let name = table.schema.name
        var rest = Sides<[Int64: MemoryRow]>(left: [:], right: [:])
        for side in Side.allCases { rest[side] = await self.table(side, name)?.rows ?? [:] }
        checkCopies(rest)
        let keys = rest.left.keys.sorted().map { RecordKey([Value.int($0)]) }
        for base in await state.base(of: name, keys: keys) {
            guard let left = id(base.key), let right = id(RecordKey(bytes: base.rightLocator)),
                let l = rest.left[left], let r = rest.right[right]
            else { continue }
            rest.left[left] = nil
            rest.right[right] = nil
            if let field = difference(packed(l, table), packed(r, table), table.schema),
                !listed.contains(base.key)
            {
                broke(
                    .convergence,
                    "\(words(left, l)) and \(words(right, r)) differ in \(field), and are not listed")
            }
        }
        var listedContents: Set<RecordKey> = listed
        for conflict in await state.conflicts() {
            if let key = conflict.seen.right?.key {
                listedContents.insert(LinkedPlanner.key(ofUnlinkedRight: key))
            }
        }
        let rejections = await state.rejections()
        let refused = Sides(
            left: Set(rejections.compactMap(\.rejection.seen.left)),
            right: Set(rejections.compactMap(\.rejection.seen.right)))
        for (side, records) in [(Side.left, rest.left), (.right, rest.right)] {
            for id in records.keys.sorted() {
                guard let row = records[id] else { continue }
                let own = RecordKey([Value.int(id)])
                let key = side == .left ? own : LinkedPlanner.key(ofUnlinkedRight: own)
                if listedContents.contains(key) || listed.contains(own) { continue }
                if refused[side].contains(packed(row, table).digest) { continue }
                if shape.rules.deletes == .keep || shape.rules.direction.source == side.other { continue }
                broke(.convergence, "\(words(id, row)) is only on \(side), and is not listed")
            }
        }
    }

    /// Law 2: there are no more copies of a record than users made.
    private func checkCopies(_ rows: Sides<[Int64: MemoryRow]>) {
        guard ledger.meetings == 0, !stateWasLost, ledger.ambiguous.isEmpty,
            tally.counts["sides replaced"] == nil
        else { return }
        if shape.habitSide != nil, wasUnanswered { return }
        for side in Side.allCases {
            var counts: [String: Int] = [:]
            for row in rows[side].values {
                for token in Ledger.tokens(row) { counts[token, default: 0] += 1 }
            }
            for token in counts.keys.sorted() {
                let made = ledger.copies[token] ?? 0
                guard made > 0, let count = counts[token], count > made else { continue }
                broke(
                    .noDuplicates, "\(side) holds \(token) \(count) times, and users wrote it \(made) times")
            }
        }
    }

    private func id(_ key: RecordKey) -> Int64? {
        if case .int(let id)? = try? key.values().first { id } else { nil }
    }

    func packed(_ row: MemoryRow, _ table: JobTable) -> PackedRecord {
        PackedRecord(table.schema.fields.map { row[$0.name] ?? .null })
    }

    // MARK: Rejections

    /// Law 7: a record is only held up by what is really in its way.
    private func checkRejection(_ record: RejectionRecord) async {
        let reason = record.rejection.reason
        guard let target = shape.target(of: record.table), reason.contains("could not be written"),
            shape.layout == .family
        else { return }
        // The parent it waits for must be missing over there.
        let side = record.rejection.side
        let children = await table(side.other, record.table)?.rows ?? [:]
        guard let child = children.first(where: { key($0.key, $0.value) == record.key })?.value,
            let parent = child["ref"], !parent.isNull
        else { return }
        let parents = await table(side, target)?.rows ?? [:]
        if parents.values.contains(where: { $0["k"] == parent }) {
            broke(
                .oneBadRecord, "\(record.table) \(record.key.words) waits for \(parent.words), which is there"
            )
        }
    }
}
