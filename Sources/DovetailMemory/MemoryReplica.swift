import Dovetail
public import DovetailEngine

/// A replica in memory: for tests, simulation, and datasets that live in a program.
///
/// It keeps the contract of ``Replica`` to the letter, with change feeds, marks and constraints, so that what holds
/// over it holds for the engine. Filters are not supported and are refused.
public actor MemoryReplica: Replica {
    public nonisolated let name: String
    private var tables: [String: MemoryTable]
    private var marks: [ReplicaMark] = []
    /// Whether it can hold a mark.
    private let holdsMarks: Bool
    /// Grows with each change.
    private var changeCounter: Int64 = 0
    private var feedIdentity = 1

    public init(name: String = "memory", tables: [MemoryTable], holdsMarks: Bool = true) {
        self.name = name
        self.tables = Dictionary(
            tables.map { ($0.description.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.holdsMarks = holdsMarks
    }

    // MARK: The outside world

    /// A table as it is now.
    public func table(_ name: String) -> MemoryTable? { tables[name] }

    /// Changes a table as another writer would.
    public func edit<Result: Sendable>(_ name: String, _ change: @Sendable (inout MemoryTable) -> Result)
        -> Result?
    {
        guard var table = tables[name] else { return nil }
        let result = change(&table)
        tables[name] = table
        changeCounter += 1
        return result
    }

    /// Everything it holds, marks included: a backup.
    public struct Backup: Sendable {
        let tables: [String: MemoryTable]
        let marks: [ReplicaMark]
        let changeCounter: Int64
    }

    public func backup() -> Backup { Backup(tables: tables, marks: marks, changeCounter: changeCounter) }

    public func restore(_ backup: Backup) {
        tables = backup.tables
        marks = backup.marks
        changeCounter = backup.changeCounter
        feedIdentity += 1
    }

    /// Empties or replaces everything, as another file under the same name would.
    public func replace(with tables: [MemoryTable]) {
        self.tables = Dictionary(
            tables.map { ($0.description.name, $0) }, uniquingKeysWith: { first, _ in first })
        marks = []
        changeCounter = 0
        feedIdentity += 1
    }

    // MARK: Replica

    public func describe() async throws -> [TableDescription] {
        tables.values.map(\.description).sorted { $0.name < $1.name }
    }

    public func observe() async throws -> any Observation {
        MemoryObservation(
            replica: name, tables: tables, marks: marks, changeCounter: changeCounter,
            feedIdentity: feedIdentity)
    }

    public func prepare(_ views: [TableView]) async throws {
        for view in views where view.wantsChangeFeed {
            if tables[view.table]?.addsUpDigests == false { tables[view.table]?.keepsLog = true }
        }
    }

    public func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        guard var table = tables[view.table] else {
            throw ReplicaError(.unsuitable, replica: name, "there is no table \(view.table)")
        }
        if let reason = table.description.readOnlyReason {
            throw ReplicaError(.forbidden, replica: name, "\(view.table) can't be written to: \(reason)")
        }
        let before = table.log.count
        var outcomes: [WriteOutcome?] = writes.map { _ in nil }
        var index = KeyIndex(table, view)
        // What one write is refused for, another of the batch may mend: unique values that swap, parents that come.
        var open = Array(writes.indices)
        while true {
            var refused: [Int] = []
            for position in open {
                let outcome = carryOut(writes[position], &table, view, &index)
                outcomes[position] = outcome
                if case .rejected(let rejection) = outcome, rejection.dependsOnOthers {
                    refused.append(position)
                }
            }
            if refused.isEmpty { break }
            if refused.count == open.count {
                swapUnique(refused, writes, &outcomes, &table, view, &index)
                break
            }
            open = refused
        }
        let final = zip(writes, outcomes).map { write, outcome in
            settled(write, outcome ?? .overtaken, table, view, index)
        }
        tables[view.table] = table
        changeCounter += 1
        let feed: ApplyResult.FeedRange? =
            table.keepsLog
            ? ApplyResult.FeedRange(before: cursor(before), after: cursor(table.log.count)) : nil
        return ApplyResult(outcomes: final, feed: feed)
    }

    public func stamp(_ mark: ReplicaMark) async throws -> Bool {
        guard holdsMarks else { return false }
        marks.removeAll { $0.job == mark.job && $0.side == mark.side }
        marks.append(mark)
        return true
    }

    public func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {}

    public func close() async {}

    private func cursor(_ position: Int) -> FeedCursor { FeedCursor("\(feedIdentity).\(position)") }

    // MARK: Writing

    /// Unique values that go round in a circle: each write is refused for the sake of the others. Together they are
    /// fine, so they are let through together, or not at all.
    private func swapUnique(
        _ refused: [Int], _ writes: [ReplicaWrite], _ outcomes: inout [WriteOutcome?],
        _ table: inout MemoryTable,
        _ view: TableView, _ index: inout KeyIndex
    ) {
        var trial = table
        var trialIndex = index
        let unique = trial.description.uniqueKeys
        trial.description.uniqueKeys = []
        var through: [Int: WriteOutcome] = [:]
        for position in refused {
            let outcome = carryOut(writes[position], &trial, view, &trialIndex)
            if case .applied = outcome { through[position] = outcome }
        }
        trial.description.uniqueKeys = unique
        guard !through.isEmpty, trial.rows.allSatisfy({ constraint($0.value, $0.key, trial) == nil }) else {
            return
        }
        table = trial
        index = trialIndex
        for (position, outcome) in through { outcomes[position] = outcome }
    }

    private func carryOut(
        _ write: ReplicaWrite, _ table: inout MemoryTable, _ view: TableView, _ index: inout KeyIndex
    ) -> WriteOutcome {
        let ids = write.key.map { index.ids(of: $0) } ?? []
        let now = ids.first.flatMap { id in record(id, table, view).map { (id, $0) } }
        let target = now.map { ids.count > 1 ? .several : .record($0.1) } ?? WriteTarget.nothing
        let wanted = write.write.result
        do {
            let settled = try write.outcome(on: target) {
                try write.movedKey(view.keyFields).flatMap { index.ids(of: $0).first }
                    .flatMap { record($0, table, view) }
            }
            if let settled { return settled }
        } catch {
            return .rejected(WriteOutcome.Rejection(reason: "\(error)"))
        }
        guard let wanted else {
            if let id = now?.0 {
                if let child = child(of: id, in: table) {
                    return .rejected(
                        WriteOutcome.Rejection(reason: "\(child) still refers to it", dependsOnOthers: true))
                }
                index.remove(id)
                table.delete(id)
            }
            return .applied(nil)
        }
        var row = now.flatMap { table.rows[$0.0] } ?? [:]
        let values: [Value]
        do {
            values = try wanted.values()
        } catch {
            return .rejected(WriteOutcome.Rejection(reason: "\(error)"))
        }
        for (column, value) in zip(view.columns, values) { row[column.column] = value }
        if let normalise = table.normalise { row = normalise(row) }
        if let reason = table.check?(row) { return .rejected(WriteOutcome.Rejection(reason: reason)) }
        if let reason = constraint(row, now?.0, table) {
            return .rejected(WriteOutcome.Rejection(reason: reason, dependsOnOthers: true))
        }
        if let id = now?.0 {
            table.update(id) { $0 = row }
            index.put(id, row, table, view)
            return .applied(nil)
        }
        var id: Int64?
        if view.keyFields.isEmpty, case .int(let given)? = try? write.key?.values().first { id = given }
        let inserted = table.insert(row, id: id)
        index.put(inserted, row, table, view)
        return .applied(Record(key: RecordKey([Value.int(inserted)]), fields: wanted))
    }

    /// The outcome with the record as the store gives it back once the whole batch is in.
    private func settled(
        _ write: ReplicaWrite, _ outcome: WriteOutcome, _ table: MemoryTable, _ view: TableView,
        _ index: KeyIndex
    ) -> WriteOutcome {
        guard case .applied(let inserted) = outcome, let wanted = write.write.result else { return outcome }
        if write.key == nil, let inserted, case .int(let id)? = try? inserted.key.values().first {
            return .applied(record(id, table, view))
        }
        let key: RecordKey
        if view.keyFields.isEmpty {
            key = write.key ?? RecordKey([])
        } else {
            guard let values = try? wanted.values() else { return outcome }
            key = RecordKey(view.keyFields.map { values[$0] })
        }
        return .applied(index.ids(of: key).first.flatMap { record($0, table, view) })
    }

    private func record(_ id: Int64, _ table: MemoryTable, _ view: TableView) -> Record? {
        table.rows[id].map { table.record(id, $0, view) }
    }

    /// Why a row breaks a unique or foreign key; nil when it doesn't.
    private func constraint(_ row: MemoryRow, _ id: Int64?, _ table: MemoryTable) -> String? {
        let description = table.description
        for unique in description.uniqueKeys {
            let values = unique.map { row[$0] ?? .null }
            if values.contains(where: \.isNull) { continue }
            let clash = table.rows.contains { other in
                other.key != id && unique.map { other.value[$0] ?? .null } == values
            }
            if clash { return "\(unique.joined(separator: ", ")) is not unique" }
        }
        for foreign in description.foreignKeys {
            let values = foreign.columns.map { row[$0] ?? .null }
            if values.contains(where: \.isNull) { continue }
            let parents = foreign.table == description.name ? table : tables[foreign.table]
            let found = parents?.rows.values.contains { parent in
                foreign.targetColumns.map { parent[$0] ?? .null } == values
            }
            let isItself =
                foreign.table == description.name && foreign.targetColumns.map { row[$0] ?? .null } == values
            if found != true, !isItself { return "\(foreign.table) has no such record" }
        }
        return nil
    }

    /// A table that refers to a row; nil when none does.
    private func child(of id: Int64, in table: MemoryTable) -> String? {
        guard let row = table.rows[id] else { return nil }
        for (name, other) in tables {
            let other = name == table.description.name ? table : other
            for foreign in other.description.foreignKeys where foreign.table == table.description.name {
                let values = foreign.targetColumns.map { row[$0] ?? .null }
                let refers = other.rows.contains { entry in
                    !(name == table.description.name && entry.key == id)
                        && foreign.columns.map { entry.value[$0] ?? .null } == values
                }
                if refers { return name }
            }
        }
        return nil
    }
}
