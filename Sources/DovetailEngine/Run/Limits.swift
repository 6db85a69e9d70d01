public import Dovetail

/// The brakes of a job. Each stops a run before its first write.
public struct Limits: Sendable, Hashable {
    /// Share of a side's records that may be deleted, 0…1.
    public var deleteShare: Double
    /// Number of records of a table and side that may be deleted; nil: only the share counts.
    public var deleteNumber: Int?
    /// Writes of the whole run; nil: any number.
    public var changes: Int?
    /// Whether a side that had records and is empty now stops the run.
    public var stopsOnEmptySide: Bool

    /// Deletes up to this number never trip the share: one of three records is no accident.
    public static let shareFloor = 10

    public init(
        deleteShare: Double = 0.2, deleteNumber: Int? = nil, changes: Int? = nil,
        stopsOnEmptySide: Bool = true
    ) {
        self.deleteShare = deleteShare
        self.deleteNumber = deleteNumber
        self.changes = changes
        self.stopsOnEmptySide = stopsOnEmptySide
    }

    /// The halts that a plan of one table trips.
    func check(_ table: String, _ counts: PlanCounts, baseCount: Int) -> [Halt] {
        var halts: [Halt] = []
        for side in Side.allCases {
            // A side is emptied when the base had records and the side shows none. What only an interrupted run knows
            // of is in no base yet: then the deletes show it.
            let had = max(baseCount, counts[side.other].deletes)
            if stopsOnEmptySide, had > 0, let records = counts.records,
                (side == .left ? records.left : records.right) == 0
            {
                halts.append(.sideEmptied(table: table, side: side, had: had))
            }
            let deletes = counts[side].deletes
            guard deletes > 0 else { continue }
            if let deleteNumber, deletes > deleteNumber {
                halts.append(
                    .tooManyDeletes(
                        table: table, side: side, deletes: deletes, of: baseCount, limit: "\(deleteNumber)"))
            } else if deletes > Self.shareFloor, Double(deletes) > deleteShare * Double(baseCount) {
                let percent = (deleteShare * 1000).rounded() / 10
                let text = percent == percent.rounded() ? "\(Int(percent)) %" : "\(percent) %"
                halts.append(
                    .tooManyDeletes(table: table, side: side, deletes: deletes, of: baseCount, limit: text))
            }
        }
        return halts
    }

    func check(total: Int) -> [Halt] {
        if let changes, total > changes { [.tooManyChanges(changes: total, limit: changes)] } else { [] }
    }
}

/// What a person may allow once.
public enum Allowance: String, Sendable, Hashable, CaseIterable, Codable {
    case deletes, changes, empty, replaced, mapping
}

/// A reason to stop before the first write.
public enum Halt: Sendable, Hashable {
    case tooManyDeletes(table: String, side: Side, deletes: Int, of: Int, limit: String)
    case tooManyChanges(changes: Int, limit: Int)
    case sideEmptied(table: String, side: Side, had: Int)
    /// A table, or the whole replica, is gone.
    case tableVanished(table: String, side: Side)
    case replicaVanished(side: Side, reason: String)
    /// The replica is not the one that the last run saw.
    case replaced(side: Side, reason: String)
    /// The fields, columns, tables or filters are not those of the base.
    case mappingChanged(table: String, differences: [String])

    /// What allows it once; nil when only mending helps.
    public var allowance: Allowance? {
        switch self {
        case .tooManyDeletes: .deletes
        case .tooManyChanges: .changes
        case .sideEmptied: .empty
        case .replaced: .replaced
        case .mappingChanged: .mapping
        case .tableVanished, .replicaVanished: nil
        }
    }

    /// What happened, what would have happened, and what to do, for a person.
    public func message(labels: Sides<String>) -> String {
        switch self {
        case .tooManyDeletes(let table, let side, let deletes, let count, let limit):
            "\(table): \(deletes) of \(count) records would be deleted on \(labels[side]), and the limit is \(limit). "
                + "If they shall go, run again with --allow deletes"
        case .tooManyChanges(let changes, let limit):
            "\(changes) records would be written, and the limit is \(limit). "
                + "If they shall be, run again with --allow changes"
        case .sideEmptied(let table, let side, let had):
            "\(table): \(labels[side]) is empty; the last run left \(had) records there. "
                + "All of them would be deleted on \(labels[side.other]). "
                + "Bring the data back, or run again with --allow empty"
        case .tableVanished(let table, let side):
            "\(table): the table is gone on \(labels[side]); the last run saw it there. "
                + "Bring it back, or take it out of the job file"
        case .replicaVanished(let side, let reason):
            "\(labels[side]) is gone; the last run saw it. \(reason). Bring it back, or correct the source in the job file"
        case .replaced(let side, let reason):
            "\(labels[side]) is not what the last run left: \(reason). "
                + "If it is meant to be so, run again with --allow replaced: "
                + "the sides then meet as for the first time, and nothing is deleted"
        case .mappingChanged(let table, let differences):
            "\(table): what is compared has changed since the last run (\(differences.joined(separator: "; "))). "
                + "If it is meant to be so, run again with --allow mapping"
        }
    }
}

/// A run was stopped by its limits: nothing was written.
public struct RunHalted: Error, Sendable, CustomStringConvertible {
    public var halts: [Halt]
    public var labels: Sides<String>

    public init(halts: [Halt], labels: Sides<String>) {
        self.halts = halts
        self.labels = labels
    }

    public var description: String { halts.map { $0.message(labels: labels) }.joined(separator: "\n") }
}
