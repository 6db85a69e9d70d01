import Dovetail
import DovetailDocuments
import Foundation

/// Prints texts and their past.
struct DocumentPrinter {
    private let paint = Paint.stdout

    /// `12  eva  2026-11-21 18:03:11  +3 −1`
    func printCommit(_ commit: Commit, _ changes: ChangedLines?) {
        let counts =
            if commit.result == nil { paint.red("deleted") } else if let changes {
                [
                    changes.added > 0 ? paint.green("+\(changes.added)") : nil,
                    changes.removed > 0 ? paint.red("−\(changes.removed)") : nil,
                ]
                .compactMap { $0 }.joined(separator: " ")
            } else { "\(commit.size) bytes" }
        Console.line(
            paint.bold("\(commit.sequence)") + "  \(Safe.line(commit.author))  "
                + paint.dim(Self.time(commit.time)) + "  \(counts)")
    }

    /// A difference as `diff -u` writes it.
    func printChanges(_ changes: ChangedLines) {
        for group in changes.groups {
            Console.line(
                paint.magenta(
                    "@@ -\(group.oldStart),\(group.oldCount) +\(group.newStart),\(group.newCount) @@"))
            for line in group.lines {
                let text = Self.words(line.bytes)
                switch line.kind {
                case .same: Console.line(" \(text)")
                case .removed: Console.line(paint.red("-\(text)"))
                case .added: Console.line(paint.green("+\(text)"))
                }
                if line.bytes.last != UInt8(ascii: "\n") { Console.line(paint.dim("\\ no line end")) }
            }
        }
    }

    /// A line without its end, harmless for a terminal.
    static func words(_ line: [UInt8]) -> String {
        let content = line.last == UInt8(ascii: "\n") ? line.dropLast() : line[...]
        return Safe.line(String(decoding: content, as: UTF8.self))
    }

    /// In this machine's time zone.
    static func time(_ microseconds: Int64) -> String {
        let style = Date.VerbatimFormatStyle(
            format:
                "\(year: .defaultDigits)-\(month: .twoDigits)-\(day: .twoDigits) \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\(second: .twoDigits)",
            timeZone: .current, calendar: Calendar(identifier: .gregorian))
        return style.format(Date(timeIntervalSince1970: Double(microseconds) / 1_000_000))
    }
}
