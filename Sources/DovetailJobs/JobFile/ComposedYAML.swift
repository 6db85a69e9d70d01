import Yams

/// Lets Yams compose a text, and says in plain words what it could not read.
///
/// Yams stops at the first key that a map gives twice. So that the message can name the whole key path and
/// the second place, that key is renamed in the text (its first letter becomes a private-use character, so
/// that no column moves) and the text composed again; ``original(of:at:)`` gives the name back.
struct ComposedYAML {
    private static let maximumRenames = 32
    private static let maximumAliasesBesideComplexKeys = 8
    private static let maximumAnchors = 16

    private var lines: [[Unicode.Scalar]] = []
    private var renamed: [String: Unicode.Scalar] = [:]

    init(text: String = "") {
        let normal = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        let scalars = normal.unicodeScalars.drop { $0 == "\u{FEFF}" }
        lines = scalars.split(omittingEmptySubsequences: false, whereSeparator: Self.isLineBreak).map(
            Array.init)
    }

    /// The root of the document, nil when there is none.
    mutating func compose(file: String) throws(JobFileError) -> Node? {
        if let problem = unreadableCharacter(in: file) ?? bomb(in: file) { throw JobFileError(problem) }
        for _ in 0...Self.maximumRenames {
            do {
                return try Yams.compose(yaml: text, .default, .default, .utf8)
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                let position = JobFile.Position(line: context.mark.line, column: context.mark.column)
                if rename(at: position) { continue }
                let problem = JobFileError.Problem(
                    file: file, line: position.line, column: position.column,
                    message: "the key “\(keys.first ?? "")” is given twice in one map",
                    hint: "keep one of them")
                throw JobFileError(problem)
            } catch {
                throw JobFileError(syntaxProblem(error, file: file))
            }
        }
        let problem = JobFileError.Problem(
            file: file, message: "more than \(Self.maximumRenames) keys are given twice",
            hint: "keep one of each")
        throw JobFileError(problem)
    }

    /// The key as the file has it.
    func original(of key: String, at position: JobFile.Position) -> String {
        guard let first = renamed["\(position.line):\(position.column)"] else { return key }
        return String(first) + String(String.UnicodeScalarView(key.unicodeScalars.dropFirst()))
    }

    private var text: String {
        var view = String.UnicodeScalarView()
        for (index, line) in lines.enumerated() {
            if index > 0 { view.append("\n") }
            view.append(contentsOf: line)
        }
        return String(view)
    }

    private static func isLineBreak(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0A, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    private mutating func rename(at position: JobFile.Position) -> Bool {
        guard lines.indices.contains(position.line - 1) else { return false }
        let line = lines[position.line - 1]
        var index = position.column - 1
        guard line.indices.contains(index) else { return false }
        if line[index] == "\"" || line[index] == "'" { index += 1 }
        guard line.indices.contains(index), !"\\\"'&*!?|>%@`[]{},#:-".unicodeScalars.contains(line[index]),
            let mark = Unicode.Scalar(UInt32(0xE000 + renamed.count)),
            renamed.updateValue(line[index], forKey: "\(position.line):\(position.column)") == nil
        else { return false }
        lines[position.line - 1][index] = mark
        return true
    }

    // MARK: - Before Yams sees the text

    private func unreadableCharacter(in file: String) -> JobFileError.Problem? {
        for (number, line) in lines.enumerated() {
            let found = line.firstIndex { scalar in
                switch scalar.value {
                case 0x09: false
                case 0..<0x20, 0x7F..<0xA0, 0xFFFE, 0xFFFF: true
                default: false
                }
            }
            guard let found else { continue }
            let hex = String(line[found].value, radix: 16, uppercase: true)
            let code = String(repeating: "0", count: max(0, 4 - hex.count)) + hex
            let name = line[found].value == 0 ? "a NUL byte" : "the control character U+\(code)"
            return JobFileError.Problem(
                file: file, line: number + 1, column: found + 1, message: "\(name) can't be in a job file",
                hint: "remove it, and save the file as UTF-8 text")
        }
        return nil
    }

    /// Refuses aliases that would cost more than the text is long, before Yams resolves them.
    ///
    /// Two things can't be undone once Yams has the text. A chain of anchors, each around the one before,
    /// nests so deeply that releasing the tree overflows the stack. And Yams hashes the keys of a map: a key
    /// that is a list of aliases of lists of aliases would take for ever. Everything else is for the caps on
    /// the tree.
    private func bomb(in file: String) -> JobFileError.Problem? {
        let text = text
        guard text.contains("&"), text.contains("*") else { return nil }
        let aliases = text.matches(of: #/\*([\w-]+)/#)
        let aliased = Set(aliases.map(\.1))
        let anchors = text.matches(of: #/&([\w-]+)/#).filter { aliased.contains($0.1) }
        if anchors.count > Self.maximumAnchors {
            return problem(
                file, text[..<anchors[Self.maximumAnchors].range.lowerBound],
                "more than \(Self.maximumAnchors) anchors that aliases use", "write some of the parts out")
        }
        let anchored = Set(anchors.map(\.1))
        let used = aliases.count { anchored.contains($0.1) }
        guard used > Self.maximumAliasesBesideComplexKeys else { return nil }
        let complexKey = text.firstMatch(of: #/(^|[\s\[{,])\?\s|[\]}]\s*:|\*[\w-]+\s*:(\s|$)/#)
        guard let complexKey else { return nil }
        let start = complexKey.range.lowerBound
        return problem(
            file, text[...start].last?.isNewline == true ? text[...start] : text[..<start],
            "many aliases beside a key that is no single word",
            "write KEY: VALUE")
    }

    /// A problem right behind some text.
    private func problem(
        _ file: String, _ before: Substring, _ message: String, _ hint: String
    ) -> JobFileError.Problem {
        let lines = before.unicodeScalars.split(
            omittingEmptySubsequences: false, whereSeparator: Self.isLineBreak)
        return JobFileError.Problem(
            file: file, line: lines.count, column: (lines.last?.count ?? 0) + 1, message: message, hint: hint)
    }

    // MARK: - What Yams could not read

    private func syntaxProblem(_ error: any Error, file: String) -> JobFileError.Problem {
        guard let error = error as? YamlError else {
            return JobFileError.Problem(
                file: file, message: "not valid YAML", hint: "save the file as UTF-8 text")
        }
        switch error {
        case .parser(_, let problem, let mark, _) where problem.hasPrefix("Maximum nesting level"):
            return JobFileError.Problem(
                file: file, line: mark.line, column: mark.column,
                message: "nested more than \(YAMLDocument.maximumDepth) levels deep",
                hint: "remove some levels")
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            if let tab = tab(before: mark.line) {
                return JobFileError.Problem(
                    file: file, line: tab.line, column: tab.column,
                    message: "the line is indented with a tab",
                    hint: "use spaces")
            }
            if problem.contains("another document") {
                return JobFileError.Problem(
                    file: file, line: mark.line, column: mark.column,
                    message: "a second document begins here", hint: "write one job per file, without ---")
            }
            return JobFileError.Problem(
                file: file, line: mark.line, column: mark.column,
                message: "not valid YAML: \(problem)" + (context.map { describe($0) } ?? ""),
                hint: advice(problem))
        case .reader(let problem, _, _, _):
            return JobFileError.Problem(
                file: file, message: "not valid YAML: \(problem)", hint: "save the file as UTF-8 text")
        default:
            return JobFileError.Problem(file: file, message: "not valid YAML", hint: "check its syntax")
        }
    }

    private func describe(_ context: YamlError.Context) -> String {
        context.text.hasPrefix("while ") && !context.text.hasSuffix("next token")
            ? " \(context.text) (line \(context.mark.line))" : ""
    }

    private func tab(before line: Int) -> JobFile.Position? {
        for (number, text) in lines.prefix(line).enumerated() {
            let indent = text.prefix { $0 == " " || $0 == "\t" }
            if let tab = indent.firstIndex(of: "\t"), indent.count < text.count {
                return JobFile.Position(line: number + 1, column: tab + 1)
            }
        }
        return nil
    }

    private func advice(_ problem: String) -> String {
        if problem.contains("mapping values are not allowed") {
            return "check the indentation, and quote a value that contains “: ”"
        }
        if problem.contains("undefined alias") {
            return "quote a value that begins with *"
        }
        if problem.contains("cannot start any token") {
            return "quote a value that begins with @, ` or %"
        }
        return "check the indentation, and that quotes and brackets are closed"
    }
}
