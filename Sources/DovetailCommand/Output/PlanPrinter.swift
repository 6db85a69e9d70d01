import Dovetail
import DovetailEngine

/// Prints a plan: per table what would be done to which record, then in total.
struct PlanPrinter {
    let labels: Sides<String>
    /// Entries shown per table and kind.
    let limit: Int
    let paint = Paint.stdout

    init(labels: Sides<String>, limit: Int) {
        self.labels = labels.safe
        self.limit = limit
    }

    func printPlan(_ plan: Plan) throws {
        if let reason = plan.meetsAnew {
            Console.line("The sides meet as for the first time: \(Safe.line(reason)).")
        } else if plan.isFirstMeeting {
            Console.line("The sides meet for the first time: nothing is deleted.")
        }
        let counts = plan.counts
        for name in plan.tableNames {
            guard let table = counts[name], let schema = plan.schema(of: name) else { continue }
            Console.line(paint.bold(Safe.line(name)) + paint.dim("  matched by \(schema.identity.matched)"))
            if var reader = try plan.entries(of: name) { try printEntries(&reader, schema) }
            Console.line("  \(summary(table))")
        }
        printTotal(Array(counts.values), isHalted: !plan.halts.isEmpty)
        for halt in plan.halts {
            Console.line(paint.red("A sync would stop: ") + Safe.line(halt.message(labels: labels)))
        }
    }

    private enum Kind: String, CaseIterable { case insert, update, delete, conflict, refused }

    private func printEntries(_ reader: inout PlanSpool.Reader, _ schema: TableSchema) throws {
        var shown: [Kind: Int] = [:]
        var more: [Kind: Int] = [:]
        func show(_ kind: Kind, _ lines: () throws -> [String]) rethrows {
            guard shown[kind, default: 0] < limit else {
                more[kind, default: 0] += 1
                return
            }
            shown[kind, default: 0] += 1
            for line in try lines() { Console.line("  " + line) }
        }
        while let entry = try reader.next() {
            switch entry.decision {
            case .unchanged, .agree, .keep: break
            case .conflict(let conflict): show(.conflict) { self.lines(of: conflict, entry) }
            case .refuse(let refusal):
                show(.refused) {
                    [paint.red("✗ ") + "\(entry.key.words)  \(Safe.line(refusal.reason(labels: labels)))"]
                }
            case .write(let writes, let decided):
                for side in Side.allCases {
                    guard let write = writes[side] else { continue }
                    try show(Kind(rawValue: write.verb) ?? .update) {
                        [try line(of: write, on: side, entry, schema, decided)]
                    }
                }
            }
        }
        for kind in Kind.allCases {
            guard let count = more[kind] else { continue }
            let noun =
                kind == .refused ? "\(count) more refused" : "\(Words.count(count, "more " + kind.rawValue))"
            Console.line("  " + paint.dim("… and \(noun); --all shows every one"))
        }
    }

    private func line(
        of write: Write, on side: Side, _ entry: PlanEntry, _ schema: TableSchema, _ decided: [Decided]
    ) throws -> String {
        let target = "\(entry.key.words) → \(labels[side])"
        let old = try entry.seen[side]?.fields.values() ?? []
        let new = try write.result?.values() ?? []
        switch write {
        case .insert:
            return paint.green("+ ") + "\(target)  \(Self.values(new, schema))"
        case .delete:
            return paint.red("- ") + "\(target)  \(Self.values(old, schema))"
        case .update(_, let fields):
            let changes = fields.filter { $0 < old.count && $0 < new.count }.map { index in
                let name = schema.fields[index].name
                let rule =
                    decided.contains { $0.field == name && $0.by == .policy } ? paint.dim(" (by rule)") : ""
                return "\(Safe.line(name)): \(paint.dim(old[index].quoted)) → \(new[index].quoted)\(rule)"
            }
            return paint.yellow("~ ") + "\(target)  \(changes.joined(separator: ", "))"
        }
    }

    /// The first values of a record.
    static func values(_ values: [Value], _ schema: TableSchema) -> String {
        let named = zip(schema.fields, values).filter { !$1.isNull }
        let shown = named.prefix(6).map { "\(Safe.line($0.name)): \($1.quoted)" }.joined(separator: ", ")
        return named.count > 6 ? shown + ", …" : shown
    }

    private func lines(of conflict: Conflict, _ entry: PlanEntry) -> [String] {
        var lines = [
            paint.magenta("! ") + "\(entry.key.words)  \(Safe.line(conflict.reason(labels: labels)))"
        ]
        if case .fields(let fields) = conflict {
            for field in fields {
                let base = field.base.map { "base \($0.quoted), " } ?? ""
                lines.append(
                    "    \(Safe.line(field.field)): \(base)\(labels.left) \(field.left.quoted), "
                        + "\(labels.right) \(field.right.quoted)")
            }
        }
        return lines
    }

    /// “geofa: 2 inserts, 1 update; 1 conflict; 40 unchanged”
    func summary(_ counts: PlanCounts) -> String {
        var parts = Side.allCases.compactMap { side in
            Words.writes(counts[side]).map { "\(labels[side]): \($0)" }
        }
        if counts.conflicts > 0 { parts.append(Words.count(counts.conflicts, "conflict")) }
        if counts.refusals > 0 { parts.append("\(counts.refusals) refused") }
        if counts.kept > 0 { parts.append("\(counts.kept) left as they are by rule") }
        if counts.agreements > 0 { parts.append("\(counts.agreements) found equal") }
        if counts.unchanged > 0 { parts.append("\(counts.unchanged) unchanged") }
        return parts.isEmpty ? "nothing to do" : parts.joined(separator: "; ")
    }

    private func printTotal(_ counts: [PlanCounts], isHalted: Bool) {
        var total = PlanCounts()
        for table in counts {
            for side in Side.allCases { total[side] = total[side] + table[side] }
            total.conflicts += table.conflicts
            total.refusals += table.refusals
            total.kept += table.kept
            total.agreements += table.agreements
            total.unchanged += table.unchanged
        }
        let isQuiet = total.isQuiet && total.conflicts + total.refusals == 0 && !isHalted
        let kept =
            total.kept > 0 ? " but for \(Words.count(total.kept, "record")) left as they are by rule" : ""
        Console.line(
            paint.bold("In total: ") + (isQuiet ? "nothing to do, both sides agree\(kept)" : summary(total)))
    }
}
