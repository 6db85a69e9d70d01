import Dovetail
import DovetailEngine
import DovetailMemory

/// The laws as they are checked at every single write and every single lesson of the engine.
extension World {
    /// Checks what a batch made of a table.
    func check(
        _ writes: [ReplicaWrite], _ entries: [JournalEntry], _ result: ApplyResult, _ side: Side,
        _ view: TableView,
        before: MemoryTable, after: MemoryTable, life: Life
    ) {
        ledger.note(side, after)
        tally.add("writes sent", writes.count)
        let table = view.table
        var byKey: [RecordKey: JournalEntry] = [:]
        var inserts: [JournalEntry] = []
        for (write, entry) in zip(writes, entries) {
            if let key = write.key { byKey[key] = entry } else { inserts.append(entry) }
        }
        for outcome in result.outcomes {
            switch outcome {
            case .applied: tally.add("writes applied")
            case .already: tally.add("writes found done already")
            case .overtaken: tally.add("writes overtaken")
            case .rejected: tally.add("writes rejected")
            }
        }
        let ids = Set(before.rows.keys).union(after.rows.keys).sorted()
        for id in ids {
            let old = before.rows[id]
            let new = after.rows[id]
            guard old != new else { continue }
            let name = "\(side) \(table) \((old ?? new).map { words(id, $0) } ?? "")"
            let key = (old ?? new).map { self.key(id, $0) } ?? RecordKey([Value]())
            let entry: JournalEntry?
            if let known = byKey[key] {
                entry = known
            } else if old == nil, let new,
                let index = inserts.firstIndex(where: { fits($0.after, new, view) })
            {
                entry = inserts.remove(at: index)
            } else {
                entry = nil
            }
            guard let entry else {
                broke(.noSurprise, "\(name) was changed, and no write was for it")
                continue
            }
            if let new {
                tell(
                    "engine \(side) \(table): \(old.map { words(id, $0) } ?? "nothing") "
                        + "becomes \(words(id, new))"
                )
            }
            if let old, new == nil {
                tell("engine \(side) \(table): \(words(id, old)) deleted")
                tally.add("deletes by the engine")
                if !life.isUndo, shape.marks.left, shape.marks.right, !ledger.isKnown(side, table, key) {
                    broke(
                        .brakes,
                        "\(name) was deleted, and nothing is known of it since the memory was lost or restored"
                    )
                }
            }
            ledger.written(side, table, entry.key, own: key)
            checkTokens(side, old, new, entry, name, view, life)
            if let new { checkMix(old, new, entry, side, name, view, life) }
        }
        checkDuplicates(before, after, side)
    }

    /// Law 1: what leaves a side was taken from the other by a user, or decided against.
    private func checkTokens(
        _ side: Side, _ old: MemoryRow?, _ new: MemoryRow?, _ entry: JournalEntry, _ name: String,
        _ view: TableView,
        _ life: Life
    ) {
        for field in Ledger.tokenFields {
            let before = Set(Ledger.tokens(old?[field]))
            let after = Set(Ledger.tokens(new?[field]))
            for token in before.subtracting(after).sorted() {
                if life.isUndo, ledger.everTaken[side].contains(token) { ledger.tookBack(side, [token]) }
                if ledger.taken[side.other].contains(token) { continue }
                if isDecided(against: token, field, entry, side, view) {
                    ledger.decidedAgainst(token)
                    continue
                }
                if life.isUndo {
                    // It is taken back here, and still stands, or stood until a user changed it, over there.
                    ledger.tookBack(side, [token])
                    continue
                }
                broke(.nothingIsLost, "\(token) left \(name) field \(field), and nobody decided against it")
            }
            // Unlinked records may have copies, of which one stays when a user takes the other.
            if shape.layout != .content { ledger.arrived(side, new: after.subtracting(before)) }
        }
    }

    private func isDecided(
        against token: String, _ field: String, _ entry: JournalEntry, _ side: Side, _ view: TableView
    ) -> Bool {
        guard let index = view.schema.index(of: field),
            let seen = entry.seen[side].flatMap({ try? $0.fields.value(at: index) }),
            Ledger.tokens(seen).contains(token)
        else { return false }
        return entry.decided.contains { decided in
            guard decided.field == nil || decided.field == field else { return false }
            return decided.winner == side.other || (decided.winner == nil && decided.by == .person)
        }
    }

    /// Law 2: each value is one of a side's, or a merge of both.
    private func checkMix(
        _ old: MemoryRow?, _ new: MemoryRow, _ entry: JournalEntry, _ side: Side, _ name: String,
        _ view: TableView,
        _ life: Life
    ) {
        if life.isUndo { return }
        for (index, field) in view.schema.fields.enumerated() {
            let value = Ledger.canonical(new[field.name])
            if let old, Ledger.canonical(old[field.name]) == value { continue }
            let seen = entry.seen.map { record in
                Ledger.canonical(record.flatMap { try? $0.fields.value(at: index) })
            }
            if value == seen.left || value == seen.right { continue }
            if field.name == "ref", shape.isCircular, value.isNull { continue }
            if entry.decided.contains(where: { $0.by == .person && $0.field == field.name }) { continue }
            let lines = Set(Ledger.tokens(seen.left) + Ledger.tokens(seen.right))
            if field.name == "note" || shape.rules.conflicts == .merge, case .text = value,
                lines.isSuperset(of: Ledger.tokens(value))
            {
                continue
            }
            broke(
                .asItWasOrShallBe, "\(name) field \(field.name) got \(value.words), which neither side held")
        }
    }

    private func checkDuplicates(_ before: MemoryTable, _ after: MemoryTable, _ side: Side) {
        guard !shape.keyColumns.isEmpty else { return }
        var counts: [RecordKey: Int] = [:]
        for (id, row) in before.rows { counts[key(id, row), default: 0] -= 1 }
        var now: [RecordKey: Int] = [:]
        for (id, row) in after.rows {
            counts[key(id, row), default: 0] += 1
            now[key(id, row), default: 0] += 1
        }
        for (key, count) in now where count > 1 && counts[key] ?? 0 > 0 {
            broke(.noDuplicates, "\(side) \(after.description.name) has \(count) records \(key.words)")
        }
    }

    private func fits(_ record: PackedRecord?, _ row: MemoryRow, _ view: TableView) -> Bool {
        guard let values = try? record?.values() else { return false }
        return zip(view.columns, values).allSatisfy {
            Ledger.canonical(row[$0.column]) == Ledger.canonical($1)
        }
    }

    // MARK: The journal and the memory

    /// What an intent says was seen, was there.
    func check(_ entry: JournalEntry, life: Life) {
        guard let table = jobTable(entry.table) else { return }
        // Where one side's write may fail and the other's not, half a merge is no conflict of users.
        if ledger.isJournalled(entry.table, entry.key, on: entry.side.other) {
            ledger.doubt(entry.table, entry.key)
        }
        for side in Side.allCases {
            guard let seen = entry.seen[side] else { continue }
            if !wasHeld(side, table, seen.key, seen.fields) {
                broke(
                    .noSurprise,
                    "the plan saw \(words(seen)) on \(side) in \(entry.table), which it never held")
            }
        }
    }

    /// The memory says "agreed" only about records that were proven equal.
    func check(_ memory: Memory, life: Life) {
        for (name, record) in memory.agreed {
            guard let table = jobTable(name) else { continue }
            let keys = keys(name, record)
            // A link that is only freed from a lost record's id was proven under that id.
            let isFreed =
                shape.layout == .content && Side.allCases.contains { record.linkedKey($0) == nil }
            for side in Side.allCases where !isFreed {
                let form = side == .left ? record.left : record.right
                if !life.isUndo, !isPart(memory, name, record.key), !wasHeld(side, table, keys[side], form) {
                    broke(
                        .baseIsProven,
                        "the base says that \(side) holds \(words(form)) in \(name), which it never did")
                }
            }
            if let field = difference(record.left, record.right, table.schema) {
                broke(
                    .baseIsProven,
                    "the base calls \(words(record.left)) and \(words(record.right)) equal in \(name), "
                        + "but \(field) differs"
                )
            }
        }
        for conflict in memory.conflicts { check(conflict) }
        tally.add("conflicts found", memory.conflicts.count)
        tally.add("rejections noted", memory.rejections.count)
        tally.add("records agreed", memory.agreed.count)
    }

    /// What each side calls a record of the base.
    func keys(_ table: String, _ record: BaseRecord) -> Sides<RecordKey> {
        Sides(
            left: record.key,
            right: shape.layout == .content ? RecordKey(bytes: record.rightLocator) : record.key)
    }

    /// Where one half of a merge went through and the other did not, the base is agreed field by field, and the record
    /// is looked at again.
    private func isPart(_ memory: Memory, _ table: String, _ key: RecordKey) -> Bool {
        memory.pending.contains { $0.table == table && $0.key == key }
    }

    private func wasHeld(_ side: Side, _ table: JobTable, _ key: RecordKey, _ fields: PackedRecord) -> Bool {
        var unknown: Set<String> = mappingWasChanged ? ["amount"] : []
        if shape.isCircular { unknown.insert("ref") }
        // Of an unlinked record that was sent before a crash only the form that was sent is known: a known limit.
        return ledger.everHeld(
            side, table.schema, key: key, fields: fields, unknown: unknown,
            upToHabits: shape.layout == .content && shape.habitSide != nil)
    }

    /// The first field in which two records differ by more than stores' habits.
    func difference(_ left: PackedRecord, _ right: PackedRecord, _ schema: TableSchema) -> String? {
        guard let l = try? left.values(), let r = try? right.values(), l.count == r.count else {
            return "the layout"
        }
        for (index, field) in schema.fields.enumerated() {
            if field.options.equal(l[index], r[index]) { continue }
            if shape.habitSide != nil, field.name == "title",
                Ledger.canonical(l[index]) == Ledger.canonical(r[index])
            {
                continue
            }
            return field.name
        }
        return nil
    }

    /// A conflict is one: its values were not simply an edit of one side that the other side's user never
    /// touched.
    private func check(_ record: ConflictRecord) {
        guard case .fields(let fields) = record.conflict, ledger.meetings == 0, !stateWasLost,
            !mappingWasChanged,
            shape.layout != .content, shape.habitSide == nil,
            !ledger.ambiguous.contains(Ledger.Place(table: record.table, key: record.key))
        else { return }
        for field in fields where field.field == "title" && field.base != nil {
            for side in Side.allCases {
                let own = Set(Ledger.tokens(side == .left ? field.left : field.right))
                let theirs = Set(Ledger.tokens(side == .left ? field.right : field.left))
                let agreed = Set(Ledger.tokens(field.base ?? .null))
                // The other side's user saw this value and replaced it, and nobody here replaced theirs, or what was agreed
                // in between.
                if !own.isEmpty, own.isSubset(of: ledger.taken[side.other]), !theirs.isEmpty,
                    theirs.union(agreed).isDisjoint(with: ledger.taken[side])
                {
                    broke(
                        .completes,
                        "\(record.table) \(record.key.words): \(side.other) replaced \(own) by \(theirs), "
                            + "and it is a conflict"
                    )
                }
            }
        }
    }

    func words(_ record: Record) -> String { "\(record.key.words) \(words(record.fields))" }

    func words(_ fields: PackedRecord) -> String {
        "(" + ((try? fields.values())?.map { $0.words(limit: 30) }.joined(separator: " | ") ?? "damaged")
            + ")"
    }
}
