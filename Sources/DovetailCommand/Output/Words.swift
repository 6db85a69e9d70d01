import Dovetail
import DovetailEngine

/// Text of others, made harmless: what would steer a terminal is shown, not sent.
enum Safe {
    /// One line, whole.
    static func line(_ text: String) -> String { Value.text(text).words(limit: 4000) }
}

extension Value {
    /// The value as output quotes it: text in quotation marks, so that it can't be taken for something else.
    var quoted: String {
        switch self {
        case .text: "“\(words)”"
        default: words
        }
    }
}

extension Sides where Content == String {
    /// Labels as they are printed.
    var safe: Sides<String> { map(Safe.line) }
}

/// Numbers with their nouns.
enum Words {
    static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
        "\(number) \(number == 1 ? one : many ?? one + "s")"
    }

    /// A path as a person would type it into a shell.
    static func shell(_ path: String) -> String {
        let isPlain = path.unicodeScalars.allSatisfy {
            $0.properties.isAlphabetic || "0123456789_-./@+:".unicodeScalars.contains($0)
        }
        return isPlain ? path : "'" + Safe.line(path).replacing("'", with: "'\\''") + "'"
    }

    /// “2 inserts, 1 update”; nil for nothing.
    static func writes(_ writes: PlanCounts.Writes) -> String? {
        let parts = [(writes.inserts, "insert"), (writes.updates, "update"), (writes.deletes, "delete")]
            .filter { $0.0 > 0 }.map { count($0.0, $0.1) }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    /// “2 inserted, 1 updated”; nil for nothing.
    static func done(_ writes: PlanCounts.Writes) -> String? {
        let parts = [(writes.inserts, "inserted"), (writes.updates, "updated"), (writes.deletes, "deleted")]
            .filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    /// “left → right”, with the arrows that the job's direction has.
    static func heading(_ labels: Sides<String>, _ direction: Direction?) -> String {
        let arrow =
            switch direction {
            case .leftToRight?: "→"
            case .rightToLeft?: "←"
            case .both?, nil: "⇄"
            }
        return "\(labels.left) \(arrow) \(labels.right)"
    }
}

extension Identity {
    /// What records are matched by, in words: “code, year”, “id” or “content”.
    var matched: String {
        if case .match(let fields) = self { Safe.line(fields.joined(separator: ", ")) } else { words }
    }
}
