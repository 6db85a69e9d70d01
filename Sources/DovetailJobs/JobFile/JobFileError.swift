/// Everything that is wrong with a job file, in the order in which it stands there.
///
/// ```
/// jobs/benches.yaml:12:5: tables.benches.macth: unknown key; did you mean “match”?
/// ```
///
/// A message shows what the file says, never what an environment variable holds.
public struct JobFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The problems, at least one, sorted by their place in the file.
    public let problems: [Problem]

    /// Makes an error of problems; they are sorted by their place.
    public init(problems: [Problem]) {
        self.problems = problems.enumerated().sorted { first, second in
            let left = (first.element.line ?? 0, first.element.column ?? 0, first.offset)
            let right = (second.element.line ?? 0, second.element.column ?? 0, second.offset)
            return left < right
        }.map(\.element)
    }

    init(_ problem: Problem) {
        self.problems = [problem]
    }

    /// One line per problem.
    public var description: String {
        problems.map(\.description).joined(separator: "\n")
    }

    /// One thing that is wrong: what, where, and what to do.
    public struct Problem: Sendable, Equatable, CustomStringConvertible {
        /// The job file as the user called it.
        public let file: String
        /// The line, counted from 1; nil when the whole file is meant.
        public let line: Int?
        /// The column in characters (Unicode scalars), counted from 1.
        public let column: Int?
        /// The place in the tree, such as `tables.benches.match[0]`; empty for the file itself.
        public let keyPath: String
        /// What is wrong.
        public let message: String
        /// What to do about it.
        public let hint: String?

        /// Makes a problem.
        public init(
            file: String, line: Int? = nil, column: Int? = nil, keyPath: String = "", message: String,
            hint: String? = nil
        ) {
            self.file = file
            self.line = line
            self.column = column
            self.keyPath = keyPath
            self.message = message
            self.hint = hint
        }

        /// `FILE:LINE:COLUMN: KEY PATH: MESSAGE; HINT`
        public var description: String {
            var text = file
            if let line { text += ":\(line)" }
            if let column { text += ":\(column)" }
            if !keyPath.isEmpty { text += ": \(keyPath)" }
            text += ": \(message)"
            if let hint { text += "; \(hint)" }
            return text
        }
    }
}
