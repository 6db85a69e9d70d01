import DovetailModels
import Foundation

/// A note: a file of a folder, called as the note is, with its text in it.
struct Note: Model {
    var name = ""
    var text = ""

    static let definition = ModelDefinition<Self>("note", id: \.name, attributes: \.text)
}

/// Exports the notes of the folder that its argument names. What a note says makes its hook misbehave.
@main
enum Notes {
    static func main() async throws {
        let name = CommandLine.arguments.dropFirst().first ?? ""
        let folder = URL(filePath: name)
        let notes = try Dataset(name, Note.self) { dataset in
            print("this goes to stderr")
            for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
                if text == "incomplete" { dataset.markIncomplete("page 3 timed out") }
                for _ in 0..<(text == "twice" ? 2 : 1) { try dataset.add(Note(name: file, text: text)) }
            }
        }
        @Sendable func write(_ note: Note) async throws {
            switch note.text {
            case "refuse": throw Refused(description: "the folder says no to \(note.name)")
            case "crash": kill(getpid(), SIGKILL)
            case "slow": try await Task.sleep(for: .seconds(1))
            default: break
            }
            try note.text.write(to: folder.appending(path: note.name), atomically: true, encoding: .utf8)
        }
        notes.hookPolicy.concurrency = 1
        try notes.on(
            Note.self, create: { try await write($0) }, update: { try await write($0.after) },
            delete: { try FileManager.default.removeItem(at: folder.appending(path: $0.name)) })
        try await Dataset.export(notes)
    }
}

struct Refused: Error, CustomStringConvertible {
    let description: String
}
