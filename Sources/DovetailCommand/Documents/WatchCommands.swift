import ArgumentParser
import DovetailDocuments
import Foundation
import Synchronization

/// Files that are kept in agreement.
struct PlaceArgument: ParsableArguments {
    @Argument(help: "A file, or a folder of documents.", completion: .file())
    var path: String

    /// Does `work` on the place, with its hub. What is not there yet is a document of the hub, or becomes a folder, where `mayMake` says so.
    /// - Throws: ``UsageFailure``, and what `work` throws.
    func with<Result>(
        _ options: HubOptions, mayMake: Bool, _ work: (DocumentPlace, HTTPHub) async throws -> Result
    ) async throws -> Result {
        var place = try DocumentPlace.find(path)
        // Of a file that is kept by itself and is gone, it is known what it was.
        let isNew = !place.isThere && place.memory == nil
        if !place.isThere && place.isInside || isNew && !mayMake { throw missing(place) }
        if place.isInside, let hub = options.hub, hub != place.memory?.hub {
            throw UsageFailure(
                "\(path) belongs to \(place.root), which is kept in agreement with \(place.memory?.hub ?? ""): name that folder to"
                    + " give it another hub")
        }
        let access = try options.open(place)
        return try await access.whileOpen {
            var isFolder = isNew
            if isNew, !path.hasSuffix("/") { isFolder = try await !isDocument(place, at: access) }
            if isFolder {
                do {
                    try FileManager.default.createDirectory(
                        atPath: place.path, withIntermediateDirectories: true)
                } catch {
                    throw UsageFailure("the folder \(path) can't be made: \(error.localizedDescription)")
                }
                place = try DocumentPlace.find(path)
            }
            return try await work(place, access)
        }
    }

    /// The place as it is.
    func find() throws -> DocumentPlace {
        let place = try DocumentPlace.find(path)
        guard place.isThere || place.memory != nil && !place.isInside else { throw missing(place) }
        return place
    }

    private func isDocument(_ place: DocumentPlace, at hub: HTTPHub) async throws -> Bool {
        try await hub.documents().documents.contains { $0.document == place.document && $0.hash != nil }
    }

    private func missing(_ place: DocumentPlace) -> UsageFailure {
        let inside =
            place.isInside ? "; to keep all of \(place.root) in agreement, name that" : "; make it first"
        return UsageFailure("there is no file or folder \(path)\(inside)")
    }
}

/// How a client's files are handled.
struct ClientOptions: ParsableArguments {
    @Flag(name: .long, help: "Write both texts into the file where lines are in conflict, between marks.")
    var marks = false
    @Flag(
        name: .long,
        help:
            "Let all documents of a folder be deleted when all their files are gone. Else they are taken for mislaid."
    )
    var allowEmpty = false

    var options: DocumentClient.Options {
        var options = DocumentClient.Options()
        options.conflicts = marks ? .marks : .mine
        options.mayEmpty = allowEmpty
        return options
    }
}

/// `dovetail doc watch PATH`
struct DocWatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Keep a file or a folder in agreement with a hub, until interrupted.",
        discussion: """
            Saves are sent when a file has been quiet for a moment; what others commit is written into the files. A hub \
            that is away is waited for, and edits made meanwhile are merged. Nothing is written over an edit.
            """)

    @OptionGroup var argument: PlaceArgument
    @OptionGroup var hub: HubOptions
    @OptionGroup var client: ClientOptions
    @Flag(name: .long, help: "Look at the files now and then, instead of being told by the system.")
    var polling = false
    @Option(name: .long, help: "Milliseconds for which a file has to be quiet before it is read.")
    var debounce = 250
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if debounce < 1 { throw ValidationError("--debounce is at least 1") }
    }

    func run() async throws {
        var options = client.options
        options.polls = polling
        options.quiet = .milliseconds(debounce)
        let printer = NoticePrinter(json: output.json)
        try await argument.with(hub, mayMake: true) { place, access in
            let watcher = DocumentClient(place.source, hub: access, options: options) { printer.show($0) }
            // A hub that is away is waited for, but not in place of the one that is known.
            try await watcher.open()
            if place.memory.map({ $0.hub != access.name }) ?? false { _ = try await access.documents() }
            try place.remember(hub)
            if !output.quiet {
                Console.error("keeping \(Safe.line(argument.path)) in agreement with \(access.name)")
            }
            do {
                try await Interruption.heeded(saying: "ending; interrupt again to end at once") {
                    try await watcher.run()
                }
            } catch is CancellationError {
                // It was asked to end.
            }
        }
    }
}

/// One round over a place.
private func oneRound(
    _ argument: PlaceArgument, _ hub: HubOptions, _ options: DocumentClient.Options, _ output: OutputOptions
) async throws {
    let printer = NoticePrinter(json: output.json)
    let isWaiting = try await argument.with(hub, mayMake: !options.sends) { place, access in
        let told = Mutex<Set<DocumentName>>([])
        let client = DocumentClient(place.source, hub: access, options: options) { notice in
            if case .conflict(let document, _, _) = notice { _ = told.withLock { $0.insert(document) } }
            printer.show(notice)
        }
        try await client.synchronize()
        try place.remember(hub)
        let conflicts = try await client.conflicts().filter { $0.resolution == nil }
        for conflict in conflicts where !told.withLock({ $0.contains(conflict.document) }) {
            printer.showWaiting(conflict)
        }
        let (problems, paths) = (await client.problemsByDocument(), await client.problemsByPath())
        await client.close()
        return !problems.isEmpty || !paths.isEmpty || !conflicts.isEmpty
    }
    if isWaiting { throw ExitCode(ExitStatus.waiting.rawValue) }
}

/// `dovetail doc push PATH`
struct DocPushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "Send what was edited, once; what others did meanwhile is taken in first.",
        discussion: "Exits with 3 when a conflict or a refused text waits for a person.")

    @OptionGroup var argument: PlaceArgument
    @OptionGroup var hub: HubOptions
    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    func run() async throws { try await oneRound(argument, hub, client.options, output) }
}

/// `dovetail doc pull PATH`
struct DocPullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Take in what others did, once, and send nothing.",
        discussion:
            "Edits stay in the files, merged with what came. Exits with 3 when a conflict waits for a person."
    )

    @OptionGroup var argument: PlaceArgument
    @OptionGroup var hub: HubOptions
    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        var options = client.options
        options.sends = false
        try await oneRound(argument, hub, options, output)
    }
}

/// `dovetail doc status PATH`
struct DocStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What would be sent, taken and asked now; changes nothing.",
        discussion: "Exits with 3 when something waits for a person.")

    @OptionGroup var argument: PlaceArgument
    @OptionGroup var hub: HubOptions
    @OptionGroup var output: OutputOptions

    private struct StatusJSON: Encodable {
        struct Document: Encodable {
            var document: DocumentName
            /// `nothing`, `push`, `take`, `merge`, `conflict`; absent: the hub is away.
            var next: String?
            var commit: Int64
            var conflict: String?
            var refused: String?
            var problem: String?
        }
        var documents: [Document]
        var hubAway: String?
        var problems: [String: String]
    }

    func run() async throws {
        let place = try argument.find()
        let access = try hub.open(place)
        let client = DocumentClient(place.source, hub: access)
        let status = try await access.whileOpen { try await client.status() }
        if output.json {
            Console.json(
                StatusJSON(
                    documents: status.documents.map {
                        StatusJSON.Document(
                            document: $0.document, next: $0.agreement?.word, commit: $0.position.sequence,
                            conflict: $0.conflict, refused: $0.refused, problem: $0.problem)
                    }, hubAway: status.hubAway, problems: status.problems))
        } else {
            if let away = status.hubAway { Console.line("the hub is away: \(Safe.line(away))") }
            for document in status.documents {
                let words = document.agreement?.words ?? "as of commit \(document.position.sequence)"
                let refused = document.refused.map { "; refused: \(Safe.line($0))" } ?? ""
                let isNoted = document.conflict != nil && document.agreement?.word != "conflict"
                let noted = isNoted ? "; a conflict waits for a decision: dovetail doc conflicts" : ""
                let problem = document.problem.map { "; \(Safe.line($0))" } ?? ""
                Console.line("\(Safe.line(document.document.text))  \(words)\(refused)\(noted)\(problem)")
            }
            for (path, problem) in status.problems.sorted(by: { $0.key < $1.key }) {
                Console.line("\(Safe.line(path))  \(Safe.line(problem))")
            }
            if status.documents.isEmpty { Console.line("there are no documents") }
        }
        let waits = status.documents.contains {
            $0.conflict != nil || $0.refused != nil || $0.problem != nil || $0.agreement?.word == "conflict"
        }
        if waits || !status.problems.isEmpty { throw ExitCode(ExitStatus.waiting.rawValue) }
    }
}

extension Agreement {
    /// What scripts can rely on.
    fileprivate var word: String {
        switch self {
        case .nothing, .adopt: "nothing"
        case .push: "push"
        case .take: "take"
        case .merge: "merge"
        case .conflict: "conflict"
        }
    }

    fileprivate var words: String {
        switch self {
        case .nothing, .adopt: "in agreement"
        case .push: "edited here, to be sent"
        case .take: "changed at the hub, to be taken"
        case .merge: "changed on both sides, to be merged"
        case .conflict(let reason): "in conflict: \(reason.words)"
        }
    }
}

extension Agreement.Reason {
    var words: String {
        switch self {
        case .lines: "the same lines were changed here and at the hub"
        case .bothNew: "made here and at the hub, with different texts"
        case .deletedThere: "changed here, deleted at the hub"
        case .deletedHere: "deleted here, changed at the hub"
        case .binary: "changed on both sides, and not a text that has lines"
        case .baseUnknown: "it is not known which text both had"
        }
    }
}
