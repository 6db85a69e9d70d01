import Dovetail
import DovetailEngine
import DovetailMemory

/// People at work on one side. What their own database would refuse, they don't get in.
extension World {
    func newRow(_ table: String, token: String, _ random: inout SplitMix64) -> MemoryRow {
        var row: MemoryRow = [
            "title": .text(token), "note": .text("\(token)a\n\(token)b\n\(token)c"),
            "amount": .double(Double(random.below(400)) / 4), "stamp": .int(Int64(random.below(50))),
            "code": random.chance(400) ? .text("c\(random.below(30))") : .null,
        ]
        switch shape.keyColumns {
        case ["k"]: row["k"] = .text("k\(random.below(24))")
        case ["k1", "k2"]:
            row["k1"] = .text("k\(random.below(6))")
            row["k2"] = .int(Int64(random.below(4)) - 1)
        default: break
        }
        if shape.target(of: table) != nil { row["ref"] = .null }
        return row
    }

    /// One edit of one user.
    func userEdit(_ side: Side, _ random: inout SplitMix64) async {
        let tables = await tables(side)
        let names = shape.tableNames
        let name = names[random.below(names.count)]
        guard let table = tables[name] else { return }
        let ids = table.rows.keys.sorted()
        let token = ledger.newToken(original(side))
        let choice = random.below(100)
        let pick = ids.isEmpty ? nil : ids[random.below(ids.count)]
        guard choice >= 28, let id = pick, let old = table.rows[id] else {
            await insert(token, name, side, tables, &random)
            return
        }
        if choice < 45 {
            await delete(id, name, side, tables)
            return
        }
        var row = old
        switch choice {
        case ..<62: row["title"] = .text(title(token, &random))
        case ..<74: row["note"] = .text(edited(old["note"], token + "n", &random))
        case ..<78:
            row["title"] = .text(title(token, &random))
            row["note"] = .text(edited(old["note"], token + "n", &random))
        case ..<82: row["amount"] = .double(nudged(old["amount"], &random))
        case ..<88: row["code"] = random.chance(700) ? .text("c\(random.below(30))") : .null
        case ..<91 where ids.count > 1: await swapCodes(id, ids[random.below(ids.count)], name, side, tables)
        case ..<95 where shape.target(of: name) != nil:
            row["ref"] = reference(name, tables, &random)
        case ..<97 where !shape.keyColumns.isEmpty:
            let other = newRow(name, token: token, &random)
            for column in shape.keyColumns + Ledger.tokenFields { row[column] = other[column] }
        default: row["title"] = .text(title(token, &random))
        }
        if choice < 82 { row["stamp"] = .int(Int64(random.below(1000))) }
        await update(id, row, name, side, tables)
    }

    private func title(_ token: String, _ random: inout SplitMix64) -> String {
        let bad = random.chance(100) && shape.checkSide != nil
        return (bad ? "bad" : "") + token + (shape.habitSide != nil && random.chance(300) ? " " : "")
    }

    private func edited(_ note: Value?, _ token: String, _ random: inout SplitMix64) -> String {
        guard case .text(let text)? = note else { return token }
        var lines = text.split(separator: "\n").map(String.init)
        switch random.below(4) {
        case 0: lines.insert(token, at: random.below(lines.count + 1))
        case 1 where lines.count > 1: lines.remove(at: random.below(lines.count))
        default: if lines.isEmpty { lines = [token] } else { lines[random.below(lines.count)] = token }
        }
        return lines.joined(separator: "\n")
    }

    private func nudged(_ amount: Value?, _ random: inout SplitMix64) -> Double {
        guard case .double(let number)? = amount else { return 1 }
        return random.chance(400) ? number + 0.004 : Double(random.below(400)) / 4
    }

    private func reference(_ table: String, _ tables: [String: MemoryTable], _ random: inout SplitMix64)
        -> Value
    {
        if random.chance(250) { return .null }
        guard let target = shape.target(of: table).flatMap({ tables[$0] }) else { return .null }
        let keys = target.rows.keys.sorted().compactMap { target.rows[$0]?["k"] }
        return random.pick(keys) ?? .null
    }

    private func insert(
        _ token: String, _ name: String, _ side: Side, _ tables: [String: MemoryTable],
        _ random: inout SplitMix64
    ) async {
        guard let table = tables[name] else { return }
        var row = newRow(name, token: token, &random)
        if shape.layout == .content, random.chance(200), let copied = random.pick(table.rows.keys.sorted()) {
            row = table.rows[copied] ?? row
        }
        if shape.target(of: name) != nil { row["ref"] = reference(name, tables, &random) }
        // Mostly each side gives ids of its own.
        let own = Int64(100 + random.below(400) * 2 + (original(side) == .left ? 0 : 1))
        let id: Int64? = shape.layout == .id ? (random.chance(100) ? Int64(10 + random.below(20)) : own) : nil
        if let id, table.rows[id] != nil { return }
        row = table.normalise?(row) ?? row
        let mayDouble = random.chance(20) && !shape.isCircular && shape.layout != .family
        guard refusal(row, -1, table, tables) == nil else { return }
        if !shape.keyColumns.isEmpty, !mayDouble {
            let key = key(0, row)
            if table.rows.contains(where: { self.key($0.key, $0.value) == key }) { return }
        }
        let new = row
        let given = await replicas[side].edit(name) { $0.insert(new, id: id) }
        ledger.userWrote(side, old: nil, new: new)
        ledger.accept(side, name)
        touched(side, name, key(given ?? 0, new))
        tell("\(side) \(name): insert \(words(given ?? 0, new))")
        await noteHeld(side)
    }

    private func delete(_ id: Int64, _ name: String, _ side: Side, _ tables: [String: MemoryTable]) async {
        guard let table = tables[name], let row = table.rows[id], !isReferredTo(id, table, tables) else {
            return
        }
        _ = await replicas[side].edit(name) { $0.delete(id) }
        ledger.userWrote(side, old: row, new: nil)
        ledger.userDeleted(side, name, key(id, row))
        touched(side, name, key(id, row))
        tell("\(side) \(name): delete \(words(id, row))")
    }

    private func update(
        _ id: Int64, _ row: MemoryRow, _ name: String, _ side: Side, _ tables: [String: MemoryTable]
    ) async {
        guard let table = tables[name], let old = table.rows[id] else { return }
        let row = table.normalise?(row) ?? row
        guard row != old, refusal(row, id, table, tables) == nil else { return }
        if key(id, row) != key(id, old) {
            if isReferredTo(id, table, tables) { return }
            if table.rows.contains(where: { self.key($0.key, $0.value) == key(id, row) }) { return }
            // Under another key it is another record.
            ledger.userWrote(side, old: old, new: nil)
            ledger.userWrote(side, old: nil, new: row)
            ledger.tookBack(side, Ledger.tokens(old))
            ledger.userDeleted(side, name, key(id, old))
            touched(side, name, key(id, old))
        } else {
            ledger.userWrote(side, old: old, new: row)
        }
        _ = await replicas[side].edit(name) { $0.update(id) { $0 = row } }
        touched(side, name, key(id, row))
        tell("\(side) \(name): \(words(id, old)) becomes \(words(id, row))")
        await noteHeld(side)
    }

    /// Two records exchange their unique values: only together can they be carried over.
    private func swapCodes(
        _ a: Int64, _ b: Int64, _ name: String, _ side: Side, _ tables: [String: MemoryTable]
    ) async {
        guard a != b, let first = tables[name]?.rows[a], let second = tables[name]?.rows[b] else { return }
        _ = await replicas[side].edit(name) { table in
            table.update(a) { $0["code"] = second["code"] ?? .null }
            table.update(b) { $0["code"] = first["code"] ?? .null }
        }
        touched(side, name, key(a, first))
        touched(side, name, key(b, second))
        tell("\(side) \(name): codes of \(words(a, first)) and \(words(b, second)) swapped")
        await noteHeld(side)
    }

    private func touched(_ side: Side, _ table: String, _ key: RecordKey) {
        ledger.userTouched(side, table, key)
        // A side without marks is recognised by its counter, which edits let catch up.
        if !isMarked(side) { ledger.accept(side) }
        tally.add("user edits")
    }

    /// A row as the story tells it.
    func words(_ id: Int64, _ row: MemoryRow) -> String {
        let fields = row.keys.sorted().map { name -> String in
            let value = (row[name] ?? .null).words(limit: 40)
            return "\(name)=\(value)"
        }
        return "#\(id)(\(fields.joined(separator: " ")))"
    }
}
