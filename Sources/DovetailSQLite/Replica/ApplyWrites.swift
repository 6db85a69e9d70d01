import Dovetail
import DovetailEngine
import GRDB
import GRDBSQLite

/// Carries out a batch of writes in one transaction, each only if its record is as expected.
///
/// It belongs to the queue of its connection and is used for one batch.
final class ApplyWrites {
    let plan: ViewPlan
    let db: Database
    let handle: OpaquePointer
    let writes: [ReplicaWrite]
    private(set) var outcomes: [WriteOutcome?]
    /// Where the rows of applied writes are; nil for deletes.
    private(set) var applied: [Int: RowAddress?] = [:]
    /// Writes for which the whole transaction was thrown away, by a trigger or because they took their record out of the
    /// condition of the view: they are left out of the next attempt.
    private var outcasts: [Int: WriteOutcome.Rejection] = [:]
    /// Whether an open reference is the failure of the write that opens it, instead of being looked for at
    /// the end.
    private(set) var isCareful = false
    private(set) var finder: RecordFinder
    let writer: RowWriter
    var upkeep: LayerUpkeep?

    init(_ plan: ViewPlan, _ db: Database, _ writes: [ReplicaWrite]) throws {
        if let reason = plan.facts.readOnlyReason {
            throw plan.place.error(.unsuitable, "table \(plan.facts.name) can't be written to: \(reason)")
        }
        guard let handle = db.sqliteConnection else {
            throw plan.place.error(.failed, "the replica is closed")
        }
        self.plan = plan
        self.db = db
        self.handle = handle
        self.writes = writes
        outcomes = Array(repeating: nil, count: writes.count)
        finder = RecordFinder(plan, handle)
        writer = try RowWriter(plan, db, handle)
    }

    func run() throws -> ApplyResult {
        while true {
            let wasCareful = isCareful
            try db.execute(sql: "BEGIN IMMEDIATE")
            do {
                if let result = try attempt() {
                    try db.execute(sql: "COMMIT")
                    return result
                }
                try db.execute(sql: "ROLLBACK")
                isCareful = true
            } catch is TransactionLost {
                // The culprit is known now and stays out.
                isCareful = wasCareful
            } catch {
                Transaction.rollBack(db)
                throw error
            }
        }
    }

    /// One attempt at the whole batch; nil when references stay open and each write must be looked at alone.
    private func attempt() throws -> ApplyResult? {
        outcomes = Array(repeating: nil, count: writes.count)
        applied = [:]
        finder = RecordFinder(plan, handle)
        upkeep = try LayerUpkeep(plan, db)
        let feed = ChangeFeed(plan)
        let before = try feed.state(db)
        if !isCareful { try db.execute(sql: "PRAGMA defer_foreign_keys = ON") }

        try finder.prepare(
            for: writes.compactMap(\.key) + writes.compactMap { try $0.movedKey(plan.view.keyFields) })
        var pending: [PendingWrite] = []
        for index in writes.indices {
            if let left = try carryOut(index) { pending.append(left) }
        }
        try PendingWrites(self).settle(pending)
        if !isCareful, hasOpenReferences { return nil }

        try upkeep?.finish(db)
        let outcastCount = outcasts.count
        for (index, address) in applied { try outcomes[index] = outcome(of: index, at: address) }
        guard outcasts.count == outcastCount else {
            Transaction.rollBack(db)
            throw TransactionLost()
        }
        let range: ApplyResult.FeedRange? =
            if let before, let after = try feed.state(db) {
                ApplyResult.FeedRange(before: before.cursor(before.last), after: after.cursor(after.last))
            } else {
                nil
            }
        return ApplyResult(outcomes: outcomes.map { $0 ?? .overtaken }, feed: range)
    }

    private func outcome(of index: Int, at address: RowAddress?) throws -> WriteOutcome {
        guard let address else { return .applied(nil) }
        guard let row = try finder.read(address) else {
            return .rejected(
                .init(
                    reason:
                        "the record was gone after the write; look at the triggers of \(plan.facts.name)"
                ))
        }
        if let condition = plan.view.filter, !row.takesPart { outcasts[index] = .leaves(condition) }
        return .applied(row.record)
    }

    /// Lets references stay open while `body` runs.
    func withOpenReferences<Result>(_ body: () throws -> Result) throws -> Result {
        let wasCareful = isCareful
        isCareful = false
        try db.execute(sql: "PRAGMA defer_foreign_keys = ON")
        let result = try body()
        try db.execute(sql: "PRAGMA defer_foreign_keys = OFF")
        isCareful = wasCareful
        return result
    }

    /// Whether a reference of this transaction leads nowhere yet.
    var hasOpenReferences: Bool {
        var open: Int32 = 0
        var most: Int32 = 0
        sqlite3_db_status(handle, SQLITE_DBSTATUS_DEFERRED_FKS, &open, &most, 0)
        return open != 0
    }
}

extension ApplyWrites {
    /// Looks at one write and carries it out if it may be. What it gives back waits for other writes.
    func carryOut(_ index: Int) throws -> PendingWrite? {
        if let reason = outcasts[index] {
            outcomes[index] = .rejected(reason)
            return nil
        }
        let write = writes[index]
        let rows = try rows(for: write)
        outcomes[index] = try write.outcome(on: target(rows)) {
            guard let key = try write.movedKey(plan.view.keyFields),
                let row = try finder.find(key, locator: write.locator).first, row.takesPart
            else { return nil }
            return row.record
        }
        return outcomes[index] == nil ? try carryOut(index, on: rows.first) : nil
    }

    private func target(_ rows: [FoundRow]) -> WriteTarget {
        guard rows.count < 2 else { return .several }
        guard let row = rows.first else { return .nothing }
        return row.takesPart ? .record(row.record) : .outside(condition: plan.view.filter ?? "")
    }

    private func rows(for write: ReplicaWrite) throws -> [FoundRow] {
        // Where the store gives the id, an insert has none yet.
        if case .insert = write.write, plan.view.schema.identity == .content { return [] }
        if let key = write.key { return try finder.find(key, locator: write.locator) }
        guard let rowid = RecordFinder.rowid(inLocator: write.locator) else { return [] }
        return try finder.read(.rowid(rowid)).map { [$0] } ?? []
    }

    /// Carries out a write on the row it was found to be about.
    private func carryOut(_ index: Int, on row: FoundRow?) throws -> PendingWrite? {
        do {
            let address = try guarded { try perform(writes[index], on: row) }
            succeed(index, from: row, at: address)
            return nil
        } catch let unstorable as UnstorableValue {
            outcomes[index] = .rejected(.init(reason: unstorable.reason))
            return nil
        } catch let failure as SQLiteFailure {
            let rejection = try self.rejection(for: failure, index)
            guard rejection.dependsOnOthers else {
                outcomes[index] = .rejected(rejection)
                return nil
            }
            return PendingWrite(index: index, row: row, rejection: rejection)
        }
    }

    /// Notes a write that went through.
    func succeed(_ index: Int, from row: FoundRow?, at address: RowAddress?) {
        applied[index] = .some(address)
        if let address, let key = writes[index].key { finder.note(key, at: address) }
        upkeep?.note(from: row?.record.fields, to: writes[index].write)
    }

    /// Takes back what was noted about writes that were rolled back.
    func forget(_ indices: some Sequence<Int>) {
        for index in indices {
            applied[index] = nil
            outcomes[index] = nil
        }
    }

    func reject(_ pending: PendingWrite) {
        outcomes[pending.index] = .rejected(pending.rejection)
    }

    private func perform(_ write: ReplicaWrite, on row: FoundRow?) throws -> RowAddress? {
        switch (write.write, row) {
        case (.insert(let record), nil): try writer.insert(record, key: write.key)
        case (.insert(let record), let row?):
            try writer.update(row.address, to: record, fields: Array(plan.columns.indices))
        case (.update(let record, let fields), let row?):
            try writer.update(row.address, to: record, fields: fields)
        case (.delete, let row?):
            try writer.delete(row.address)
        case (_, nil): nil
        }
    }

    /// Runs one write so that nothing of it stays when it fails.
    ///
    /// SQLite sees to that for single statements, except for triggers that `RAISE(FAIL)`. In a careful
    /// attempt an open reference counts as failure too.
    func guarded<Result>(_ body: () throws -> Result) throws -> Result {
        guard isCareful || writer.mayFailPartly else { return try body() }
        try db.execute(sql: "SAVEPOINT one")
        do {
            let result = try body()
            if isCareful, hasOpenReferences {
                throw SQLiteFailure.openReference
            }
            try db.execute(sql: "RELEASE one")
            return result
        } catch {
            if db.isInsideTransaction { try db.execute(sql: "ROLLBACK TO one; RELEASE one") }
            throw error
        }
    }

    /// What a failure says about the one write, or an error when it says that nothing can be written.
    func rejection(for failure: SQLiteFailure, _ index: Int) throws -> WriteOutcome.Rejection {
        switch failure.primary {
        case SQLITE_CONSTRAINT, SQLITE_ERROR, SQLITE_MISMATCH, SQLITE_TOOBIG, SQLITE_RANGE: break
        default: throw failure
        }
        let rejection = writer.rejection(for: failure)
        guard db.isInsideTransaction else {
            outcasts[index] = rejection
            throw TransactionLost()
        }
        return rejection
    }
}

/// A write that may go through when another one has.
struct PendingWrite {
    var index: Int
    var row: FoundRow?
    var rejection: WriteOutcome.Rejection
}

/// The whole transaction was rolled back for the sake of some writes.
private struct TransactionLost: Error {}
