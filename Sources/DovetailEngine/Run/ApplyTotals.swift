import Dovetail

/// What a run did.
public struct ApplyTotals: Sendable, Hashable {
    /// Writes that were carried out, by table.
    public private(set) var byTable: [String: Sides<PlanCounts.Writes>] = [:]
    public var conflicts = 0
    public var rejected = 0
    public var overtaken = 0
    /// The first records that an applied plan or an undo refused because they had changed; ``rejected`` counts all.
    public private(set) var refused: [RefusedRecord] = []

    /// A record that was refused, and nothing waits for.
    public struct RefusedRecord: Sendable, Hashable {
        public var table: String
        public var key: RecordKey
        public var reason: String
    }

    private static let refusedLimit = 100

    public init() {}

    /// Writes that were carried out, of all tables.
    public var writes: Sides<PlanCounts.Writes> {
        byTable.values.reduce(Sides(left: PlanCounts.Writes(), right: PlanCounts.Writes())) { sum, writes in
            Sides(left: sum.left + writes.left, right: sum.right + writes.right)
        }
    }

    mutating func count(_ write: Write, on side: Side, of table: String) {
        byTable[table, default: Sides(left: PlanCounts.Writes(), right: PlanCounts.Writes())][side].count(
            write)
    }

    mutating func refuse(_ table: String, _ key: RecordKey, _ reason: String) {
        rejected += 1
        if refused.count < Self.refusedLimit {
            refused.append(RefusedRecord(table: table, key: key, reason: reason))
        }
    }

    /// Adds the writes of an earlier round of the same sync.
    mutating func add(writesOf earlier: ApplyTotals) {
        byTable.merge(earlier.byTable) { Sides(left: $0.left + $1.left, right: $0.right + $1.right) }
    }
}

/// What waited for a person before a run, by which it tells whether it learnt anything.
struct KnownUnsettled: Sendable {
    private var conflicts: [ConflictRecord.ID: ConflictRecord] = [:]
    private var rejections: [ConflictRecord.ID: RejectionRecord] = [:]

    init(_ state: any StateStore) async throws {
        for record in try await state.conflicts() { conflicts[record.id] = record }
        for record in try await state.rejections() {
            rejections[ConflictRecord.ID(table: record.table, key: record.key)] = record
        }
    }

    /// Whether what a run is about to remember says anything new.
    func hasNews(_ memory: Memory) -> Bool {
        !memory.agreed.isEmpty || !memory.gone.isEmpty || !memory.pending.isEmpty || !memory.settled.isEmpty
            || memory.conflicts.contains { new in
                conflicts[new.id].map { $0.conflict != new.conflict || $0.seen != new.seen } ?? true
            }
            || memory.rejections.contains { new in
                rejections[ConflictRecord.ID(table: new.table, key: new.key)].map {
                    $0.rejection != new.rejection
                } ?? true
            }
    }
}
