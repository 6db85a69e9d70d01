import Dovetail
import DovetailEngine
import DovetailMemory

/// The world of one simulation: two replicas and a state store that outlive the processes that run the job.
///
/// Unchecked because it is plain state. Proof: it is used by the jobs of one ``SeededScheduler`` only, which
/// run on
/// one thread, one at a time; no state is held over an await in a way that another job could break.
final class World: @unchecked Sendable {
    let seed: UInt64
    let shape: Shape
    /// The sides are exchanged against the world of the same seed that is not mirrored.
    let isMirrored: Bool
    let replicas: Sides<MemoryReplica>
    var state: MemoryStateStore
    var ledger = Ledger()
    var tally = Tally()
    var violations: [Violation] = []
    private(set) var story: [String] = []
    let tellsStory: Bool

    /// Which of the shape's mappings is in use, and the fields that were new once.
    var mapping = 0
    var mappingWasChanged = false
    var readOnly = Sides(left: false, right: false)
    var backups = Sides<(backup: MemoryReplica.Backup, finished: Int, lessons: Int)?>(left: nil, right: nil)
    /// A copy of the memory, and what of it was learnt since it was last lost.
    var stateBackup: (store: MemoryStateStore, finished: Int, relearnt: [Ledger.Place: Sides<RecordKey>]?)?
    /// Runs that finished, and what the memory learnt of agreements.
    private(set) var finished = 0
    private(set) var lessons = 0
    var stateWasLost = false
    /// A process once ended without knowing what became of a write.
    var wasUnanswered = false
    var lives = 0
    var clock: Int64 = 1_700_000_000_000_000

    init(seed: UInt64, shape: Shape, isMirrored: Bool = false, tellsStory: Bool = false) async {
        self.seed = seed
        self.shape = shape
        self.isMirrored = isMirrored
        self.tellsStory = tellsStory
        replicas = Sides(
            left: MemoryReplica(
                name: "left", tables: shape.memoryTables(.left), holdsMarks: shape.marks.left),
            right: MemoryReplica(
                name: "right", tables: shape.memoryTables(.right), holdsMarks: shape.marks.right))
        state = MemoryStateStore(name: "state", identity: "state-0", batchBytes: 200)
        await populate()
    }

    func tell(_ line: @autoclosure () -> String) { if tellsStory { story.append(line()) } }

    func broke(_ law: Violation.Law, _ what: String) {
        violations.append(Violation(law: law, what: what))
        if violations.count < 4 { tell("BROKEN \(law.rawValue): \(what)") }
    }

    func runFinished() { finished += 1 }

    func learnt(_ memory: Memory) { lessons += memory.agreed.count }

    /// Whether the engine leaves its mark on a side: not on one that can't hold it, nor on the source of a
    /// one-way job.
    func isMarked(_ side: Side) -> Bool { shape.marks[side] && shape.rules.direction.source != side }

    /// The side as the world that is not mirrored calls it.
    func original(_ side: Side) -> Side { isMirrored ? side.other : side }

    // MARK: The job

    var jobTables: [JobTable] { shape.jobTables(mapping: mapping) }

    func jobTable(_ name: String) -> JobTable? { jobTables.first { $0.schema.name == name } }

    func job(_ replicas: Sides<any Replica>) -> SyncJob {
        SyncJob(
            name: "job", replicas: replicas, tables: jobTables, limits: shape.limits,
            retention: HistoryRetention(
                runs: 500, days: 3000, values: shape.values,
                maskedFields: shape.values == .masked ? ["title"] : []))
    }

    func synchronizer(_ replicas: Sides<any Replica>, _ state: any StateStore) -> Synchronizer {
        let now = clock
        return Synchronizer(
            job: job(replicas), state: state,
            owner: LockOwner(
                process: Int32(lives), host: "simulation", user: "seed", command: "simulate", since: now),
            clock: { now }, chunkSize: shape.chunkSize)
    }

    /// Without faults.
    var plainSynchronizer: Synchronizer {
        synchronizer(Sides(left: replicas.left, right: replicas.right), state)
    }

    // MARK: Rows

    func table(_ side: Side, _ name: String) async -> MemoryTable? { await replicas[side].table(name) }

    func tables(_ side: Side) async -> [String: MemoryTable] {
        var tables: [String: MemoryTable] = [:]
        for name in shape.tableNames { tables[name] = await replicas[side].table(name) }
        return tables
    }

    func key(_ id: Int64, _ row: MemoryRow) -> RecordKey {
        shape.keyColumns.isEmpty
            ? RecordKey([Value.int(id)]) : RecordKey(shape.keyColumns.map { row[$0] ?? .null })
    }

    /// Rows that both sides, or one of them, hold from the start.
    private func populate() async {
        var random = SplitMix64(seed: seed, stream: "population")
        let count = 3 + random.below(8)
        // First met by the side that this world calls so; the mirrored world draws the same.
        for number in 0..<count {
            for name in shape.tableNames {
                let both = random.chance(700)
                let only = random.chance(500) ? Side.left : .right
                var row = newRow(name, token: "i\(name.prefix(1))\(number)", &random)
                let refers = random.chance(600) && number > 0
                row["ref"] =
                    refers && shape.target(of: name) != nil && shape.layout != .circle
                    ? .text("k\(number - 1)") : .null
                if shape.keyColumns == ["k"] { row["k"] = .text("k\(number)") }
                if !shape.keyColumns.isEmpty, shape.target(of: name) == nil { row["ref"] = nil }
                for side in Side.allCases where both || original(side) == only {
                    await insertAtStart(row, Int64(number + 1), name, side)
                }
            }
        }
        for side in Side.allCases { await noteHeld(side) }
    }

    private func insertAtStart(_ row: MemoryRow, _ id: Int64, _ name: String, _ side: Side) async {
        let tables = await tables(side)
        guard let table = tables[name] else { return }
        let row = table.normalise?(row) ?? row
        guard refusal(row, id, table, tables) == nil else { return }
        let given = shape.layout == .id ? id : nil
        _ = await replicas[side].edit(name) { $0.insert(row, id: given) }
        ledger.userWrote(side, old: nil, new: row)
    }

    func noteHeld(_ side: Side) async {
        for (_, table) in await tables(side) { ledger.note(side, table) }
    }

    /// Why a database would refuse a row; nil when it would not.
    func refusal(_ row: MemoryRow, _ id: Int64, _ table: MemoryTable, _ tables: [String: MemoryTable])
        -> String?
    {
        if let reason = table.check?(row) { return reason }
        for unique in table.description.uniqueKeys {
            let values = unique.map { row[$0] ?? .null }
            if values.contains(where: \.isNull) { continue }
            if table.rows.contains(where: { other in
                other.key != id && unique.map { other.value[$0] ?? .null } == values
            }) {
                return "not unique"
            }
        }
        for foreign in table.description.foreignKeys {
            let values = foreign.columns.map { row[$0] ?? .null }
            if values.contains(where: \.isNull) { continue }
            let isItself = foreign.table == table.description.name
            if isItself, foreign.targetColumns.map({ row[$0] ?? .null }) == values { continue }
            let found = tables[foreign.table]?.rows.contains { parent in
                !(isItself && parent.key == id)
                    && foreign.targetColumns.map { parent.value[$0] ?? .null } == values
            }
            if found != true { return "no such \(foreign.table)" }
        }
        return nil
    }

    /// Whether rows refer to this one where the store forbids to leave them behind.
    func isReferredTo(_ id: Int64, _ table: MemoryTable, _ tables: [String: MemoryTable]) -> Bool {
        guard let row = table.rows[id] else { return false }
        return tables.values.contains { other in
            other.description.foreignKeys.contains { foreign in
                guard foreign.table == table.description.name else { return false }
                let values = foreign.targetColumns.map { row[$0] ?? .null }
                return other.rows.contains { child in
                    !(other.description.name == table.description.name && child.key == id)
                        && foreign.columns.map { child.value[$0] ?? .null } == values
                }
            }
        }
    }
}
