import ArgumentParser
import DovetailEngine
import DovetailPages

/// What every command understands.
struct OutputOptions: ParsableArguments {
    @Flag(
        name: .long, help: "Print one JSON object on stdout (docs/json.md); everything else goes to stderr.")
    var json = false

    @Flag(name: .shortAndLong, help: "No progress.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Log what happens to stderr.")
    var verbose = false
}

/// The job a command is about.
struct JobArgument: ParsableArguments {
    @Argument(
        help: "A job file, or a NAME whose NAME.yaml is in this folder.",
        completion: .file(extensions: ["yaml", "yml"]))
    var job: String
}

/// The limits a person lifts for one run.
struct AllowOptions: ParsableArguments {
    @Option(
        name: .long, parsing: .upToNextOption,
        help: "Lift limits for this run: deletes, changes, empty, replaced, mapping (separated by commas).",
        completion: .list(Allowance.allCases.map(\.rawValue)))
    var allow: [String] = []

    /// - Throws: ``UsageFailure`` for a word that is no limit.
    func allowances() throws -> Set<Allowance> {
        let words = allow.flatMap { $0.split(separator: ",").map(String.init) }
        return Set(
            try words.map { word in
                guard let allowance = Allowance(rawValue: word) else {
                    let known = Allowance.allCases.map(\.rawValue).joined(separator: ", ")
                    throw UsageFailure("--allow \(word): there is no such limit; the limits are \(known)")
                }
                return allowance
            })
    }
}

/// How much a command lists.
struct ListOptions: ParsableArguments {
    @Option(name: .long, help: "Show at most this many entries per table and kind.")
    var limit = 20

    @Flag(name: .long, help: "Show every entry.")
    var all = false

    var shown: Int { all ? .max : max(0, limit) }
}

/// Where a page goes.
struct PageOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "Write a page for a browser: one file with every change, conflicts, and a map.",
        completion: .file(extensions: ["html"]))
    var html: String?

    /// - Throws: ``PageFileError`` before any work, when the place can't be written to.
    func file() throws -> PageFile? { try html.map { try PageFile($0) } }

    /// Says where the page is.
    static func say(_ file: PageFile?) {
        if let file { Console.line("The page is \(Safe.line(file.path)); open it in a browser.") }
    }
}
