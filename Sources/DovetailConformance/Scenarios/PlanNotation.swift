import Dovetail
import DovetailEngine

/// How scenario files write the lines of a plan.
///
/// | line | meaning |
/// |---|---|
/// | `+ left 7` | 7 is inserted on the left |
/// | `~ right 5 name: a → b, size: 1.0 → 2.0` | fields of 5 change on the right |
/// | `- right 3` | 3 is deleted on the right |
/// | `~ right 5 name: a → b (name left by policy)` | a rule or a person decided; a whole record has no field |
/// | `= 4` | both sides agree on 4 already |
/// | `! 4 name, size` | a conflict of fields |
/// | `! 4 deleted left` | deleted on the left, changed on the right |
/// | `! 4 deleted left asks` | deleted on the left, and deletes ask |
/// | `kept 9 only on the following side` | a difference that stays, and why |
/// | `refused 2 duplicate left` | also `null left`, `text left`, `before left`, `waits`, `changed left` |
/// | `halt deletes` | what a sync would stop at |
///
/// A record without a shared key is called by its address, as it was last agreed on.
///
/// In a job of several tables the table stands in front: `children + left 7`.
enum PlanNotation {
    static func lines(_ plan: Plan, _ tables: [ScenarioTable]) throws -> [String] {
        var lines = plan.halts.map { "halt \($0.allowance?.rawValue ?? "for good")" }
        for table in tables {
            guard var reader = try plan.entries(of: table.schema.name) else { continue }
            let prefix = tables.count > 1 ? table.schema.name + " " : ""
            while let entry = try reader.next() { lines += try Self.lines(entry, table).map { prefix + $0 } }
        }
        return lines
    }

    private static func lines(_ entry: PlanEntry, _ table: ScenarioTable) throws -> [String] {
        let name = table.name(
            of: entry.key, entry.base?.left, entry.seen.left?.fields, entry.seen.right?.fields)
        switch entry.decision {
        case .unchanged: return []
        case .agree: return ["= \(name)"]
        case .keep(let reason): return ["kept \(name) \(reason.rawValue)"]
        case .refuse(let refusal): return ["refused \(name) \(word(refusal))"]
        case .conflict(.fields(let fields)):
            return ["! \(name) \(fields.map(\.field).joined(separator: ", "))"]
        case .conflict(.deletedAgainstChanged(let side)): return ["! \(name) deleted \(side)"]
        case .conflict(.deleteAsks(let side)): return ["! \(name) deleted \(side) asks"]
        case .write(let writes, let decided):
            let why = decided.isEmpty ? "" : " (" + decided.map(words).joined(separator: ", ") + ")"
            return try Side.allCases.compactMap { side in
                try writes[side].map { try line($0, side, name, entry.seen[side]?.fields, table) + why }
            }
        }
    }

    private static func line(
        _ write: Write, _ side: Side, _ name: String, _ old: PackedRecord?, _ table: ScenarioTable
    ) throws -> String {
        switch write {
        case .insert: return "+ \(side) \(name)"
        case .delete: return "- \(side) \(name)"
        case .update(let record, let fields):
            let changes = try fields.map { index in
                let before = try old?.value(at: index) ?? .null
                let after = try record.value(at: index)
                return "\(table.schema.fields[index].name): \(words(before)) → \(words(after))"
            }
            return "~ \(side) \(name) \(changes.joined(separator: ", "))"
        }
    }

    /// The empty text would not be seen.
    private static func words(_ value: Value) -> String { value == .text("") ? "“”" : value.words }

    private static func words(_ decided: Decided) -> String {
        let winner = decided.winner?.rawValue ?? "both"
        return "\(decided.field.map { $0 + " " } ?? "")\(winner) by \(decided.by.rawValue)"
    }

    private static func word(_ refusal: Refusal) -> String {
        switch refusal {
        case .duplicateKey(let side): "duplicate \(side)"
        case .nullKey(let side): "null \(side)"
        case .invalidText(let side, _): "text \(side)"
        case .rejectedBefore(let side, _): "before \(side)"
        case .heldBack: "waits"
        case .changedSince(let side): "changed \(side)"
        }
    }
}

extension PlanCounts.Writes {
    /// `1 insert, 2 updates`, or `nothing`.
    var words: String {
        let parts = [(inserts, "insert"), (updates, "update"), (deletes, "delete")].filter { $0.0 > 0 }
            .map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
        return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
    }
}
