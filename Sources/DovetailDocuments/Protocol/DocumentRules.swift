/// What may be written into a document, and how edits that were made at once are brought together.
public struct DocumentRules: Sendable, Hashable, Codable {
    public enum Merge: String, Sendable, Hashable, Codable, CaseIterable {
        /// By line; changes of the same lines are a conflict.
        case lines
        /// By line, and within changed lines by word.
        case words
        /// What was only added at the end is kept of both, the hub's first; else by line.
        case append
    }

    public enum Characters: String, Sendable, Hashable, Codable, CaseIterable {
        case any
        /// Well-formed UTF-8 without NUL.
        case utf8 = "utf-8"
        case ascii
    }

    public var merge: Merge
    /// Text may be added at the end, and nothing else changed.
    public var appendOnly: Bool
    public var characters: Characters
    /// Bytes at most; nil: as the hub allows.
    public var largest: Int?
    /// A program at the hub that is given the text and refuses it by a status that is not 0, with the reason on stderr.
    public var command: [String]?

    public init(
        merge: Merge = .lines, appendOnly: Bool = false, characters: Characters = .any, largest: Int? = nil,
        command: [String]? = nil
    ) {
        self.merge = merge
        self.appendOnly = appendOnly
        self.characters = characters
        self.largest = largest
        self.command = command
    }
}
