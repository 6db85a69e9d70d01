import Dovetail
import DovetailEngine

/// Makes a batch of writes: all at once when nothing is refused; otherwise the sets are halved until the writes at
/// fault stand alone, those that stood in each other's way are tried again, and rings are untied.
///
/// Each attempt has a savepoint, so that a refusal takes back just what it is about. Constraints that can be deferred
/// are, and are checked before the savepoint is let go of: a commit finds nothing left to refuse.
struct PendingWrites {
    let batch: ApplyWrites

    init(_ batch: ApplyWrites) { self.batch = batch }

    private var stage: WriteStage { batch.stage }

    /// A write that may go through when another one has.
    struct Waiting {
        let number: Int
        let rejection: WriteOutcome.Rejection
    }

    func make(_ sets: [WriteSet]) throws {
        guard let refusal = try together(sets) else { return }
        var waiting: [Waiting] = []
        for set in sets {
            // A set that was alone has been refused just now.
            waiting += try sets.count == 1 ? apart(set, refusal) : carefully(set)
        }
        try settle(waiting)
    }

    private func settle(_ writes: [Waiting]) throws {
        var waiting = writes
        while !waiting.isEmpty {
            let before = waiting.count
            if before > 1, try together(stage.sets(waiting.map(\.number))) == nil { return }
            waiting = try stage.sets(waiting.map(\.number)).flatMap { try carefully($0) }
            if waiting.count < before { continue }
            waiting = try untie(waiting)
            waiting = try closeRings(waiting)
            if waiting.count == before { break }
        }
        for write in waiting { batch.reject(write.number, write.rejection) }
    }

    /// Makes these writes as one; nil when they went through, and nothing of them stays otherwise.
    private func together(_ sets: [WriteSet]) throws -> PostgresFailure? {
        try guarded {
            var done: [(WriteSet, [WriteStage.Done])] = []
            for set in sets { done.append((set, try stage.execute(set))) }
            try batch.session.run("SET CONSTRAINTS ALL IMMEDIATE")
            for (set, made) in done { try batch.note(made, of: set) }
        }
    }

    /// Makes everything that `body` does, or nothing of it; nil when it went through.
    func guarded(_ body: () throws -> Void) throws -> PostgresFailure? {
        try batch.session.run("SAVEPOINT dovetail_writes; SET CONSTRAINTS ALL DEFERRED")
        do {
            try body()
            try batch.session.run("RELEASE dovetail_writes")
            return nil
        } catch let failure as PostgresFailure where failure.isAboutRecords {
            try batch.session.run("ROLLBACK TO dovetail_writes; RELEASE dovetail_writes")
            return failure
        }
    }

    /// Makes what can be made of a set. What depends on other records comes back.
    private func carefully(_ set: WriteSet) throws -> [Waiting] {
        guard let refusal = try together([set]) else { return [] }
        return try apart(set, refusal)
    }

    private func apart(_ set: WriteSet, _ refusal: PostgresFailure) throws -> [Waiting] {
        guard set.numbers.count == 1 else { return try set.halves.flatMap { try carefully($0) } }
        let rejection = refusal.rejection
        if rejection.dependsOnOthers { return [Waiting(number: set.numbers[0], rejection: rejection)] }
        batch.reject(set.numbers[0], rejection)
        return []
    }
}

extension PendingWrites {
    /// Writes updates that exchange unique values among themselves: first all of them get values that nothing else has,
    /// then their own. What fails even so is left out, and the rest is tried again.
    private func untie(_ writes: [Waiting]) throws -> [Waiting] {
        var ring = stage.sets(writes.map(\.number)).filter {
            if case .update(let fields) = $0.form {
                Parking(batch, fields).statement($0.numbers) != nil
            } else {
                false
            }
        }
        while ring.reduce(0, { $0 + $1.numbers.count }) > 1 {
            var culprits: Set<Int> = []
            let refusal = try guarded {
                for set in ring {
                    guard case .update(let fields) = set.form,
                        let sql = Parking(batch, fields).statement(set.numbers)
                    else { continue }
                    try batch.session.execute(sql)
                }
                for set in ring { culprits.formUnion(try carefully(set).map(\.number)) }
                // Everything or nothing: a parked value must not stay.
                if !culprits.isEmpty || ring.contains(where: { $0.numbers.contains(where: batch.isRejected) })
                {
                    throw PostgresFailure(sqlState: Self.undone, message: "the ring can't be closed")
                }
            }
            guard let refusal else {
                let done = Set(ring.flatMap(\.numbers))
                return writes.filter { !done.contains($0.number) }
            }
            let numbers = ring.flatMap(\.numbers)
            culprits.formUnion(numbers.filter(batch.isRejected))
            batch.forget(numbers)
            // A ring whose values can't even be put aside stays as it is.
            if refusal.sqlState != Self.undone || culprits.isEmpty { return writes }
            ring = stage.sets(numbers.filter { !culprits.contains($0) })
        }
        return writes
    }

    private static let undone = "09000"

    /// Inserts records that refer to each other, so that none can be the first, by one statement; without those that
    /// refer to nothing even then.
    private func closeRings(_ writes: [Waiting]) throws -> [Waiting] {
        var ring = writes.map(\.number).filter {
            if case .insert = stage.rows[$0].form { true } else { false }
        }
        let count = ring.count
        while ring.count > 1 {
            let open = try dangling(ring)
            if open.isEmpty { break }
            ring.removeAll { open.contains($0) }
        }
        guard ring.count > 1, ring.count < count || count < writes.count,
            try together(stage.sets(ring)) == nil
        else { return writes }
        return writes.filter { !ring.contains($0.number) }
    }

    /// The inserts among these whose reference within the table leads neither to a record nor to one of them.
    private func dangling(_ numbers: [Int]) throws -> Set<Int> {
        var open: Set<Int> = []
        for key in batch.plan.facts.foreignKeys where key.table == batch.plan.facts.name {
            let own = key.columns.compactMap(staged)
            let target = key.targetColumns.compactMap(staged)
            guard own.count == key.columns.count, target.count == key.targetColumns.count else { continue }
            let table = batch.plan.alias
            let there = zip(key.targetColumns, own).map { column, value in
                "\(table).\(column.quotedIdentifier) = \(value("dovetail_rows"))"
            }
            let among = zip(target, own).map { "\($0("others")) = \($1("dovetail_rows"))" }
            let rows = try batch.session.execute(
                """
                SELECT dovetail_rows.n FROM pg_temp.dovetail_rows
                WHERE \(WriteStage.isOne(of: numbers))
                    AND \(own.map { "\($0("dovetail_rows")) IS NOT NULL" }.joined(separator: " AND "))
                    AND NOT EXISTS (SELECT 1 FROM \(batch.plan.facts.sql) WHERE \(there.joined(separator: " AND ")))
                    AND NOT EXISTS (SELECT 1 FROM pg_temp.dovetail_rows AS others
                        WHERE \(WriteStage.isOne(of: numbers, "others")) AND \(among.joined(separator: " AND ")))
                """)
            for row in 0..<rows.count { if let number = rows.int(row, 0) { open.insert(number) } }
        }
        return open
    }

    /// The expression for a column's value in the temporary table, by the name of that table.
    private func staged(_ column: String) -> ((String) -> String)? {
        let plan = batch.plan
        if let field = plan.columns.firstIndex(where: { $0.column.name == column }) {
            return { plan.columns[field].writing("\($0).f\(field)") }
        }
        guard plan.keyFields == [nil], plan.keyColumns[0].column.name == column else { return nil }
        return { plan.keyColumns[0].writing("\($0).id") }
    }
}
