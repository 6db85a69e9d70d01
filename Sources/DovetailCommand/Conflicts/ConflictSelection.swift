import Dovetail
import DovetailEngine

/// Which conflicts a person means.
struct ConflictSelection {
    var ids: [String] = []
    var all = false
    var table: String?
    var field: String?

    /// The conflicts meant.
    /// - Throws: ``UsageFailure`` when nothing is named, or nothing of that name waits.
    func select(_ conflicts: [ConflictRecord], _ job: String) throws -> [ConflictRecord] {
        guard all || table != nil || field != nil || !ids.isEmpty else {
            throw UsageFailure(
                "say which conflicts: their ids, --all, --table T or --field F; "
                    + "see: dovetail conflicts list \(job)"
            )
        }
        let named = try ids.isEmpty ? conflicts : ids.map { try one($0, conflicts, job) }
        let meant = named.filter { record in
            (table == nil || record.table == table) && (field == nil || record.isAbout(field ?? ""))
        }
        if meant.isEmpty, !all {
            let what = [table.map { "in the table \($0)" }, field.map { "about the field \($0)" }].compactMap(
                \.self)
            throw UsageFailure(
                "no conflict \(what.joined(separator: " ")) waits; see: dovetail conflicts list \(job)")
        }
        return meant
    }

    private func one(_ id: String, _ conflicts: [ConflictRecord], _ job: String) throws -> ConflictRecord {
        let fitting = conflicts.filter { $0.id.text.hasPrefix(id.lowercased()) }
        guard let record = fitting.first, !id.isEmpty else {
            throw UsageFailure("no conflict \(id) waits; see: dovetail conflicts list \(job)")
        }
        guard fitting.count == 1 else {
            throw UsageFailure(
                "several conflicts begin with \(id): \(fitting.map(\.id.text).joined(separator: ", "))")
        }
        return record
    }
}

extension ConflictRecord {
    /// The fields at stake; none when the record itself is.
    var fieldsAtStake: [FieldConflict] {
        if case .fields(let fields) = conflict { fields } else { [] }
    }

    func isAbout(_ field: String) -> Bool { fieldsAtStake.contains { $0.field == field } }

    /// The digests of what the person saw.
    func resolution(_ choice: Resolution.Choice) -> Resolution {
        Resolution(choice, seen: seen.map { $0?.fields.digest })
    }

    /// `choices` on top of what was decided about other fields before.
    func adding(_ choices: [String: Resolution.FieldChoice]) -> Resolution.Choice {
        switch resolution?.choice {
        case .fields(let former)?: return .fields(former.merging(choices) { $1 })
        case .side(let side)?:
            let former = Dictionary(
                fieldsAtStake.map { ($0.field, Resolution.FieldChoice.side(side)) }, uniquingKeysWith: { $1 })
            return .fields(former.merging(choices) { $1 })
        case nil: return .fields(choices)
        }
    }

    /// The fields that a decision leaves open.
    func open(after choice: Resolution.Choice) -> [String] {
        guard case .fields(let choices) = choice else { return [] }
        return fieldsAtStake.map(\.field).filter { choices[$0] == nil }
    }
}
