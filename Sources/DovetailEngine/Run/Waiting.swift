import Dovetail

/// Writes that have to wait for others, and the circles in which each waits for the next.
extension Applier {
    /// Tries waiting writes again as long as that gets any of them through.
    mutating func retryWaiting() async throws {
        var before = Int.max
        while !waiting.isEmpty, waiting.count < before {
            before = waiting.count
            let again = waiting
            waiting = []
            for (table, entries) in Self.grouped(again) {
                for entry in entries { clearMissing(entry, table) }
                try await apply(entries, of: table, isRetry: false)
            }
        }
    }

    mutating func clearMissing(_ entry: PlanEntry, _ table: JobTable) {
        for side in Side.allCases { missing.found(table.schema.name, entry.key, on: side) }
    }

    /// Records that refer to each other in a circle go in two steps: first without the reference, then with it. A circle
    /// is opened at one table at a time: where one reference must not be empty, another may be.
    mutating func breakCircles(_ order: TableOrder) async throws {
        var second: [(table: JobTable, entry: PlanEntry)] = []
        for table in order.tables {
            let name = table.schema.name
            guard let circular = order.circular[name] else { continue }
            let stuck = waiting.filter { $0.table.schema.name == name }.map(\.entry)
            if stuck.isEmpty { continue }
            waiting.removeAll { $0.table.schema.name == name }
            let fields = Set(circular.flatMap(\.fields).compactMap(table.schema.index(of:)))
            for entry in stuck {
                guard let steps = try entry.inTwoSteps(nulling: fields, keyFields: table.views.left.keyFields)
                else {
                    waiting.append((table, entry))
                    continue
                }
                clearMissing(entry, table)
                proven = nil
                whole = entry
                try await apply([steps.first], of: table, isRetry: true)
                whole = nil
                // What was overtaken is noted, what was refused waits; the rest goes on from what the store made of it.
                if let made = proven, let next = try steps.second.following(made) {
                    second.append((table, next))
                }
            }
            try await retryWaiting()
        }
        for (table, entries) in Self.grouped(second) { try await apply(entries, of: table, isRetry: false) }
        try await retryWaiting()
    }

    /// Records that hold each other in a circle and are all to go lose their references first.
    mutating func breakCirclesOfDeletes(_ order: TableOrder) async throws {
        for table in order.tables {
            guard let circular = order.circular[table.schema.name] else { continue }
            let isStuck = { (waits: (table: JobTable, entry: PlanEntry)) in
                waits.table.schema.name == table.schema.name && waits.entry.deletes
            }
            let stuck = waiting.filter(isStuck).map(\.entry)
            if stuck.isEmpty { continue }
            waiting.removeAll(where: isStuck)
            let fields = Set(circular.flatMap(\.fields).compactMap(table.schema.index(of:)))
            for entry in stuck { waiting.append((table, try await letGo(entry, of: fields, table))) }
            try await retryWaiting()
        }
    }

    /// Empties the references of a record that is to be deleted, and remembers that: a run that is cut short in
    /// between must not take it for an edit. The entry comes back as it was where there is nothing to empty, or the
    /// store refuses.
    mutating func letGo(_ entry: PlanEntry, of fields: Set<Int>, _ table: JobTable) async throws
        -> PlanEntry
    {
        let side: Side = entry.write(on: .left) == .delete ? .left : .right
        guard let seen = entry.seen[side], entry.write(on: side.other) == nil,
            fields.isDisjoint(with: table.views[side].keyFields)
        else { return entry }
        let count = try seen.fields.slices().count
        let moving = (0..<count).map { fields.contains($0) ? nil : Optional($0) }
        let partial = try seen.fields.moved(moving)
        guard partial != seen.fields, case .write(_, let decided) = entry.decision else { return entry }
        let write = Write.update(partial, fields: try table.schema.differingFields(seen.fields, partial))
        var step = entry
        var writes = Sides<Write?>(left: nil, right: nil)
        writes[side] = write
        step.decision = .write(writes, decided: decided)
        let standing = kind == .undo ? try await forget([step], table) : nil
        let (outcomes, failure) = try await send([step], table, standing)
        if let failure { throw failure }
        var memory = Memory()
        if let standing { recall(standing, step, outcomes[0], into: &memory) }
        var next = entry
        let name = table.schema.name
        switch outcomes[0][side] {
        case .applied(let record?)?, .already(let record?)?:
            if case .applied? = outcomes[0][side] {
                memory.outcomes.append((name, side, entry.key, .applied, nil))
                result.count(write, on: side, of: name)
                hasNews = true
            } else {
                memory.outcomes.append((name, side, entry.key, .already, nil))
            }
            next.seen[side] = record
            if kind != .undo, var base = entry.base {
                // An agreement about a smaller record, and about nothing else: the record may have been edited.
                base.left = try base.left.moved(moving)
                base.right = try base.right.moved(moving)
                next.base = base
                memory.agreed.append((name, base))
                // It is still to be deleted.
                memory.pending.append((name, entry.key))
            }
        case .rejected(let rejection)?:
            memory.outcomes.append((name, side, entry.key, .rejected, rejection.reason))
        default: memory.outcomes.append((name, side, entry.key, .overtaken, nil))
        }
        try await state.remember(memory, run: run)
        return next
    }

    /// Nothing else will come: what still waits is rejected, in the store's words.
    mutating func giveUpWaiting() async throws {
        let rest = waiting
        waiting = []
        for (table, entries) in Self.grouped(rest) { try await apply(entries, of: table, isRetry: true) }
    }

    static func grouped(_ entries: [(table: JobTable, entry: PlanEntry)]) -> [(JobTable, [PlanEntry])] {
        var order: [String] = []
        var groups: [String: (JobTable, [PlanEntry])] = [:]
        for (table, entry) in entries {
            if groups[table.schema.name] == nil {
                order.append(table.schema.name)
                groups[table.schema.name] = (table, [])
            }
            groups[table.schema.name]?.1.append(entry)
        }
        return order.compactMap { groups[$0] }
    }
}
