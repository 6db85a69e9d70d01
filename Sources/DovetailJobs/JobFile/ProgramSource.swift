/// A program that holds one side's data: `program:PATH ARGUMENTS`. No shell reads it.
public struct ProgramSource: Sendable, Hashable {
    /// The absolute path of the program.
    public let path: String
    /// What it is started with.
    public let arguments: [String]
    /// The folder in which it runs: that of the job file, so that paths among its arguments start there as well.
    public let folder: String

    init(_ text: String, relativeTo folder: String, home: String?) throws(SourceReference.Failure) {
        let words = try Self.words(of: text)
        guard let path = words.first, !path.isEmpty else {
            throw SourceReference.Failure(
                message: "the source is incomplete", hint: "write \(SourceReference.Scheme.program.form)")
        }
        self.path = FilePaths.resolve(path, relativeTo: folder, home: home)
        arguments = Array(words.dropFirst())
        self.folder = folder
    }

    /// Takes words apart at spaces; what stands in quotes, of either kind, is one word.
    private static func words(of text: String) throws(SourceReference.Failure) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        for character in text {
            if let open = quote {
                if character == open { quote = nil } else { word?.append(character) }
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if character.isWhitespace {
                if let word { words.append(word) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        guard quote == nil else {
            throw SourceReference.Failure(
                message: "a quote in the source is never closed",
                hint: "close it, or quote it with the other kind")
        }
        if let word { words.append(word) }
        return words
    }

    /// A word as a source writes it.
    private static func quoted(_ word: String) -> String {
        let isPlain = !word.isEmpty && !word.contains { $0.isWhitespace || "'\"".contains($0) }
        if isPlain { return word }
        return word.split(separator: "'", omittingEmptySubsequences: false).map {
            $0.isEmpty ? "" : "'\($0)'"
        }
        .joined(separator: "\"'\"")
    }

    /// The source with another path to the program.
    func written(path: String) -> String { ([path] + arguments).map(Self.quoted).joined(separator: " ") }

    /// What it is called after: its last argument says which of several datasets is meant.
    var shortName: String { FilePaths.baseName(of: arguments.last ?? path) }
}
