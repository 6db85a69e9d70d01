import Dovetail
import DovetailEngine
import DovetailJobs

/// Walks a person through conflicts, one by one, over a terminal or a pipe. Each decision is kept at once.
struct ConflictWalk {
    let labels: Sides<String>
    let types: FieldTypes
    let json: Bool
    private let paint = Paint.stdout

    init(labels: Sides<String>, types: FieldTypes, json: Bool) {
        self.labels = labels.safe
        self.types = types
        self.json = json
    }

    private enum Answer {
        case choice(Resolution.Choice)
        case skip
        case quit
    }

    /// - Parameter keep: keeps one decision.
    /// - Returns: the decisions that were made.
    func run(
        _ conflicts: [ConflictRecord], keep: (ConflictRecord, Resolution) async throws -> Void
    ) async throws -> [(ConflictRecord, Resolution?)] {
        Console.redirect(json)
        defer { Console.redirect(false) }
        var decisions: [(ConflictRecord, Resolution?)] = []
        let waiting = conflicts.filter { $0.resolution == nil }
        for (index, record) in waiting.enumerated() {
            Console.line()
            Console.line(paint.bold("Conflict \(index + 1) of \(waiting.count)"))
            show(record)
            switch ask(record) {
            case .quit: return decisions
            case .skip: continue
            case .choice(let choice):
                let resolution = record.resolution(choice)
                try await keep(record, resolution)
                decisions.append((record, resolution))
                Console.line(paint.green("  " + ConflictPrinter(labels: labels).words(choice)))
            }
        }
        return decisions
    }

    private func show(_ record: ConflictRecord) {
        Console.line(
            "  \(paint.bold(record.id.text))  \(Safe.line(record.table)) \(record.key.words)  "
                + Safe.line(record.conflict.reason(labels: labels)))
        let fields = record.fieldsAtStake
        var rows = [["", labels.left, labels.right, "base"]]
        for field in fields {
            rows.append([
                Safe.line(field.field), field.left.quoted, field.right.quoted, field.base?.quoted ?? "–",
            ])
        }
        guard !fields.isEmpty else { return }
        let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
        for (number, row) in rows.enumerated() {
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            let shown =
                number == 0
                ? cells : [cells[0], paint.green(cells[1]), paint.yellow(cells[2]), paint.dim(cells[3])]
            Console.line("    " + shown.joined(separator: "   "))
        }
    }

    // MARK: Asking

    private func ask(_ record: ConflictRecord) -> Answer {
        let perField = record.fieldsAtStake.isEmpty ? "" : "  [f] field by field"
        while true {
            let prompt = "  [l] \(labels.left)  [r] \(labels.right)\(perField)  [s] skip  [q] quit: "
            switch read(prompt) {
            case nil, "q": return .quit
            case "l": return .choice(.side(.left))
            case "r": return .choice(.side(.right))
            case "s", "": return .skip
            case "f" where !record.fieldsAtStake.isEmpty: return askFields(record)
            default: Console.line("  answer with one of the letters")
            }
        }
    }

    private func askFields(_ record: ConflictRecord) -> Answer {
        var choices: [String: Resolution.FieldChoice] = [:]
        for field in record.fieldsAtStake {
            asking: while true {
                let prompt =
                    "    \(Safe.line(field.field)): [l] \(field.left.quoted)  [r] \(field.right.quoted)  "
                    + "[=VALUE] another  [s] skip the record  [q] quit: "
                guard let answer = read(prompt), answer != "q" else { return .quit }
                switch answer {
                case "l": choices[field.field] = .side(.left)
                case "r": choices[field.field] = .side(.right)
                case "s", "": return .skip
                default:
                    guard answer.hasPrefix("=") else {
                        Console.line("    answer with one of the letters, or =VALUE")
                        continue asking
                    }
                    do {
                        let value = try types.value(
                            String(answer.dropFirst()), of: field.field, in: record.table)
                        choices[field.field] = .value(value)
                    } catch {
                        Console.line("    \(Safe.line("\(error)"))")
                        continue asking
                    }
                }
                break asking
            }
        }
        return .choice(record.adding(choices))
    }

    /// One line of an answer; nil at the end of the input.
    private func read(_ prompt: String) -> String? {
        Console.raw(prompt)
        Console.flush()
        guard let line = readLine() else {
            Console.line()
            return nil
        }
        return line.hasPrefix("=") ? line : line.split(separator: " ").joined().lowercased()
    }
}
