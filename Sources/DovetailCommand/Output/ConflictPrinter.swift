import Dovetail
import DovetailEngine

/// Prints conflicts and rejected records.
struct ConflictPrinter {
    /// As they are printed.
    let labels: Sides<String>
    let paint = Paint.stdout

    /// A conflict in a few lines: id, record, and the values at stake.
    func printShort(_ record: ConflictRecord) {
        let decided = record.resolution.map { "  " + paint.green("decided: \(words($0.choice))") } ?? ""
        Console.line(
            "  \(paint.bold(record.id.text))  \(Safe.line(record.table)) \(record.key.words)  "
                + Safe.line(record.conflict.reason(labels: labels)) + decided)
        guard case .fields(let fields) = record.conflict else { return }
        for field in fields {
            let base = field.base.map { "base \($0.quoted), " } ?? ""
            Console.line(
                "      \(Safe.line(field.field)): \(base)\(labels.left) \(field.left.quoted), "
                    + "\(labels.right) \(field.right.quoted)\(Self.cause(field.cause))")
        }
    }

    func printRejected(_ record: RejectionRecord) {
        let id = ConflictRecord.ID(table: record.table, key: record.key).text
        Console.line(
            "  \(paint.bold(id))  \(Safe.line(record.table)) \(record.key.words)  "
                + "\(labels[record.rejection.side]): \(Safe.line(record.rejection.reason))")
    }

    private static func cause(_ cause: FieldConflict.Cause) -> String {
        switch cause {
        case .asks: ""
        case .notNewer: " (neither is newer)"
        case .notMergeable: " (can't be merged)"
        }
    }

    /// A decision in words.
    func words(_ choice: Resolution.Choice) -> String {
        switch choice {
        case .side(let side): return "take \(labels[side])"
        case .fields(let choices):
            return choices.sorted { $0.key < $1.key }.map { name, choice in
                switch choice {
                case .side(let side): "\(Safe.line(name)) from \(labels[side])"
                case .value(let value): "\(Safe.line(name)) = \(value.quoted)"
                }
            }.joined(separator: ", ")
        }
    }

    /// The whole record, side by side, with what differs marked.
    func printWhole(_ record: ConflictRecord, layout: TableLayout?) throws {
        Console.line(
            "\(paint.bold(record.id.text))  \(Safe.line(record.table)) \(record.key.words)  "
                + "since run \(record.since)")
        Console.line("  \(Safe.line(record.conflict.reason(labels: labels)))")
        if let resolution = record.resolution { Console.line("  decided: \(words(resolution.choice))") }
        let names = layout?.fields.map(\.name) ?? []
        let base = try record.base?.left.values()
        let left = try record.seen.left?.fields.values()
        let right = try record.seen.right?.fields.values()
        var rows = [["", "base", labels.left, labels.right]]
        var marks = [false]
        for (index, name) in names.enumerated() {
            func cell(_ values: [Value]?) -> String {
                guard let values else { return "–" }
                return values.indices.contains(index) ? values[index].words(limit: 32) : "–"
            }
            rows.append([Safe.line(name), cell(base), cell(left), cell(right)])
            let isAtStake =
                if case .fields(let fields) = record.conflict { fields.contains { $0.field == name } } else {
                    false
                }
            marks.append(isAtStake)
        }
        let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
        for (row, mark) in zip(rows, marks) {
            let line =
                zip(row.dropLast(), widths).map { $0 + String(repeating: " ", count: $1 - $0.count) + "  " }
                .joined() + (row.last ?? "")
            Console.line((mark ? paint.magenta("! ") : "  ") + line)
        }
    }
}
