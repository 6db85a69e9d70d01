import ArgumentParser
import Dovetail
import DovetailDocuments
import Foundation

/// `dovetail doc list`
struct DocListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "The documents of a set.")

    @Argument(help: "A folder or file that is kept in agreement, instead of --hub.", completion: .file())
    var path: String?
    @Flag(name: .long, help: "Deleted ones too.")
    var deleted = false
    @OptionGroup var hub: HubOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let access = try hub.open(try path.map(DocumentPlace.find))
        let listing = try await access.whileOpen { try await access.documents() }
        let shown = listing.documents.filter { deleted || $0.hash != nil }
        if output.json { return Console.json(["documents": shown]) }
        for head in shown {
            Console.line(
                "\(Safe.line(head.document.text))  \(head.hash == nil ? "deleted" : "\(head.size) bytes")  "
                    + Paint.stdout.dim(
                        "commit \(head.sequence) by \(Safe.line(head.author)), \(DocumentPrinter.time(head.time))"
                    ))
        }
        if shown.isEmpty { Console.line("there are no documents in \(access.name)") }
    }
}

/// A commit in the documented JSON.
struct CommitJSON: Encodable {
    var sequence: Int64
    var author: String
    /// Seconds since 1970.
    var time: Double
    var size: Int
    var hash: TextHash?
    var added: Int?
    var removed: Int?
    /// Why its text can't be proven.
    var problem: String?

    init(_ commit: Commit, _ changes: ChangedLines?, problem: String? = nil) {
        self.problem = problem
        sequence = commit.sequence
        author = commit.author
        time = Double(commit.time) / 1_000_000
        size = commit.size
        hash = commit.result
        added = changes?.added
        removed = changes?.removed
    }
}

/// `dovetail doc log DOCUMENT`
struct DocLogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Who changed a document, when, and what.")

    @OptionGroup var argument: DocumentArgument
    @Option(name: .long, help: "Show at most this many commits, the newest.")
    var limit = 20
    @Flag(name: .shortAndLong, help: "Show the changed lines too.")
    var patch = false
    @OptionGroup var hub: HubOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await argument.with(hub) { name, hub in
            let versions = try await DocumentHistory(name, at: hub).versions(limit: max(1, limit)).reversed()
            let changed = versions.map { version in
                version.isFirstKept ? nil : ChangedLines(from: version.before ?? [], to: version.after ?? [])
            }
            if output.json {
                return Console.json([
                    "commits": zip(versions, changed).map { CommitJSON($0.commit, $1, problem: $0.problem) }
                ])
            }
            let printer = DocumentPrinter()
            for (version, changes) in zip(versions, changed) {
                printer.printCommit(version.commit, changes)
                if let problem = version.problem {
                    Console.line(Paint.stdout.red("!") + " \(Safe.line(problem))")
                }
                if patch, let changes { printer.printChanges(changes) }
            }
        }
    }
}

/// `dovetail doc show DOCUMENT [REV]`
struct DocShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "The text of a document at a commit, byte by byte.")

    @OptionGroup var argument: DocumentArgument
    @Argument(help: "The number of a commit; the newest unless given.")
    var revision: Int64?
    @OptionGroup var hub: HubOptions

    func run() async throws {
        try await argument.with(hub) { name, hub in
            let text = try await DocumentHistory(name, at: hub).text(at: revision).text
            guard let text else {
                throw UsageFailure("\(name) is deleted there; give the number of a commit")
            }
            Console.bytes(text)
        }
    }
}

/// `dovetail doc diff DOCUMENT [REV [REV]]`
struct DocDiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "What differs between a file and the hub, or between two commits.",
        discussion: """
            Without a number, the hub's newest text against the file. With one, that commit against the newest; with two, \
            one commit against the other. Exits with 3 when they differ.
            """)

    @OptionGroup var argument: DocumentArgument
    @Argument(help: "The number of a commit.")
    var from: Int64?
    @Argument(help: "The number of another one.")
    var to: Int64?
    @OptionGroup var hub: HubOptions

    func run() async throws {
        let differs = try await argument.with(hub) { name, hub in
            let history = DocumentHistory(name, at: hub)
            let old = try await history.text(at: from).text ?? []
            let new: [UInt8]
            if from != nil {
                new = try await history.text(at: to).text ?? []
            } else {
                guard let data = FileManager.default.contents(atPath: argument.document) else {
                    throw UsageFailure(
                        "there is no file \(argument.document) here; give the number of a commit")
                }
                new = Array(data)
            }
            let changes = ChangedLines(from: old, to: new)
            DocumentPrinter().printChanges(changes)
            return !changes.groups.isEmpty
        }
        if differs { throw ExitCode(ExitStatus.waiting.rawValue) }
    }
}

/// `dovetail doc blame DOCUMENT`
struct DocBlameCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "blame", abstract: "Who brought each line, and with which commit.")

    @OptionGroup var argument: DocumentArgument
    @OptionGroup var hub: HubOptions
    @OptionGroup var output: OutputOptions

    private struct LineJSON: Encodable {
        var line: String
        var commit: CommitJSON?
    }

    func run() async throws {
        try await argument.with(hub) { name, hub in
            let lines = try await DocumentHistory(name, at: hub).blame()
            if output.json {
                let shown = lines.map {
                    LineJSON(
                        line: String(decoding: $0.line, as: UTF8.self),
                        commit: $0.commit.map { CommitJSON($0, nil) })
                }
                return Console.json(["lines": shown])
            }
            let authors = lines.map { Safe.line($0.commit?.author ?? "") }
            let width = authors.map(\.count).max() ?? 0
            let digits = lines.map { "\($0.commit?.sequence ?? 0)".count }.max() ?? 1
            for (line, author) in zip(lines, authors) {
                let number = line.commit.map { "\($0.sequence)" } ?? "older"
                Console.line(
                    Paint.stdout.dim(
                        number.padding(toLength: max(digits, 5), withPad: " ", startingAt: 0) + " "
                            + author.padding(toLength: width, withPad: " ", startingAt: 0) + " "
                            + (line.commit.map { DocumentPrinter.time($0.time) } ?? "")) + "  "
                        + DocumentPrinter.words(line.line))
            }
        }
    }
}

/// `dovetail doc restore DOCUMENT REV`
struct DocRestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make the text of an old commit the newest one; nothing of the past is lost.")

    @OptionGroup var argument: DocumentArgument
    @Argument(help: "The number of a commit.")
    var revision: Int64
    @OptionGroup var hub: HubOptions

    func run() async throws {
        try await argument.with(hub) { name, hub in
            switch try await DocumentHistory(name, at: hub).restore(revision) {
            case .alike: Console.line("\(name) is as commit \(revision) already; nothing was done")
            case .restored(let sequence):
                Console.line("\(name) is as commit \(revision) again, with commit \(sequence)")
            }
        }
    }
}
