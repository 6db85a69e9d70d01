import Dovetail
import DovetailEngine
import DovetailMemory

/// What befalls the world between two processes: backups restored, sides emptied or replaced, the memory
/// lost.
extension World {
    func misfortune(_ action: Step.Action, _ random: inout SplitMix64) async {
        switch action {
        case .backup(let side): backups[side] = (await replicas[side].backup(), finished, lessons)
        case .restore(let side):
            guard let saved = backups[side] else { return }
            // Marks tell runs apart. What a run that was cut short wrote since the backup, no mark tells.
            let isOlder = saved.finished != finished
            // It gives ids anew that a run cut short has linked since: a known limit.
            if shape.layout == .content, !isOlder, saved.lessons != lessons { return }
            await disturb(side, isAccident: isOlder) { await $0.restore(saved.backup) }
            await acceptUnseen(side)
            tally.add(isOlder ? "older backups restored" : "backups restored")
            if readOnly[side] { await allowWrites(side, false) }
        case .emptyTable(let side):
            let names = shape.tableNames
            let name = names[random.below(names.count)]
            let others = await tables(side)
            let isReferredTo = others.values.contains { other in
                other.description.name != name && !other.rows.isEmpty
                    && other.description.foreignKeys.contains { $0.table == name }
            }
            if isReferredTo { return }
            await disturb(side, isAccident: true) { await Self.empty($0, [name]) }
            tally.add("tables emptied")
        case .emptySide(let side):
            let names = shape.tableNames
            await disturb(side, isAccident: true) { await Self.empty($0, names) }
            tally.add("sides emptied")
        case .replace(let side):
            // Another store gives its ids anew; unlinked records are known by nothing else.
            if shape.layout == .content, !isMarked(side) || finished == 0 { return }
            var tables = shape.memoryTables(side)
            if let count = tables.indices.first, random.chance(700) {
                for number in 0..<(1 + random.below(4)) {
                    let token = ledger.newToken(original(side))
                    var row = newRow(tables[count].description.name, token: token, &random)
                    if shape.keyColumns == ["k"] { row["k"] = .text("k\(number)") }
                    if shape.keyColumns == ["k1", "k2"] { row["k2"] = .int(Int64(50 + number)) }
                    row = tables[count].normalise?(row) ?? row
                    if refusal(row, -1, tables[count], [:]) == nil {
                        tables[count].insert(row, id: Int64(number + 1))
                        ledger.userWrote(side, old: nil, new: row)
                    }
                }
            }
            let others = tables
            // Before the first run that this memory knows of has finished there is nothing to recognise a side by.
            let isKnown = await state.load().generation > 0
            await disturb(side, isAccident: isKnown) { await $0.replace(with: others) }
            await acceptUnseen(side)
            tally.add("sides replaced")
        case .readOnly(let side, let on): await allowWrites(side, !on)
        case .backupState: stateBackup = (await state.copy(), finished, ledger.relearnt)
        case .restoreState:
            guard let saved = stateBackup else { return }
            state = await saved.store.copy()
            // Where no run has finished since, nothing tells it from the memory that it replaces.
            ledger.relearnt = saved.finished == finished ? saved.relearnt : [:]
            stateWasLost = true
            tally.add("states restored")
        case .loseState:
            state = MemoryStateStore(name: "state", identity: "state-\(lives)-\(clock)", batchBytes: 200)
            ledger.relearnt = [:]
            stateWasLost = true
            ledger.meetings += 1
            tally.add("states lost")
        default: break
        }
    }

    /// A side without a mark is recognised by its counter alone: where that does not show it, nothing does.
    private func acceptUnseen(_ side: Side) async {
        guard !isMarked(side) else { return }
        let observation = try? await replicas[side].observe()
        let now = try? await observation?.identity(job: "job").changeCounter
        let last = await state.load().changeCounters[side]
        if let now, let last, now < last { return }
        ledger.accept(side)
    }

    private static func empty(_ replica: MemoryReplica, _ names: [String]) async {
        for name in names {
            _ = await replica.edit(name) { table in
                for id in table.rows.keys.sorted() { table.delete(id) }
            }
        }
    }

    func allowWrites(_ side: Side, _ allowed: Bool) async {
        readOnly[side] = !allowed
        if !isMarked(side) { ledger.accept(side) }
        for name in shape.tableNames {
            _ = await replicas[side].edit(name) {
                $0.description.readOnlyReason = allowed ? nil : "the disk is mounted read-only"
            }
        }
        if !allowed { tally.add("sides read-only for a while") }
    }

    /// Something happens to a whole side. What an accident takes is no user's wish.
    private func disturb(_ side: Side, isAccident: Bool, _ work: (MemoryReplica) async -> Void) async {
        let before = await tables(side)
        await work(replicas[side])
        let after = await tables(side)
        for name in shape.tableNames {
            let had = Set((before[name]?.rows ?? [:]).values.flatMap(Ledger.tokens))
            let has = Set((after[name]?.rows ?? [:]).values.flatMap(Ledger.tokens))
            // Of unlinked records there are copies: one that stays does not stand for one that goes.
            let changed = (before[name]?.rows ?? [:]).filter { after[name]?.rows[$0.key] != $0.value }
            let gone =
                shape.layout == .content ? Set(changed.values.flatMap(Ledger.tokens)) : had.subtracting(has)
            ledger.accident(side, name, lost: gone)
            if !isAccident { ledger.accept(side, name) }
            ledger.arrived(side, new: has.subtracting(had))
            tell(
                "\(side) \(name): \(before[name]?.rows.count ?? 0) records before, "
                    + "\(after[name]?.rows.count ?? 0) now"
            )
            for (id, row) in before[name]?.rows ?? [:] where after[name]?.rows[id] != row {
                ledger.userTouched(side, name, key(id, row))
                if after[name]?.rows[id] == nil { ledger.userDeleted(side, name, key(id, row)) }
            }
        }
        await noteHeld(side)
    }
}
