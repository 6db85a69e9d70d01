import ArgumentParser
import Dovetail
import DovetailDocuments
import Foundation

/// `dovetail doc conflicts [PATH]`
struct DocConflictsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conflicts", abstract: "Texts that wait for someone to decide, with both sides.",
        discussion: "Exits with 3 when there are any.")

    @Argument(help: "A file or folder that is kept in agreement.", completion: .file())
    var path = "."
    @OptionGroup var output: OutputOptions

    private struct ConflictJSON: Encodable {
        var id: String
        var document: DocumentName
        var base: String?
        var mine: String?
        var theirs: String?
        /// The hub's commit.
        var commit: Int64
        var decided: Bool
    }

    func run() async throws {
        let place = try DocumentPlace.find(path)
        let client = DocumentClient(place.source, hub: NoHub())
        let conflicts = try await client.conflicts().filter { conflict in
            place.document.map { $0 == conflict.document } ?? true
        }
        if output.json {
            func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
            let shown = conflicts.map {
                ConflictJSON(
                    id: $0.id, document: $0.document, base: text($0.base), mine: text($0.mine),
                    theirs: text($0.theirs),
                    commit: $0.position.sequence, decided: $0.resolution != nil)
            }
            Console.json(["conflicts": shown])
        } else {
            conflicts.forEach(show)
            if conflicts.isEmpty { Console.line("no conflicts") }
        }
        guard conflicts.allSatisfy({ $0.resolution != nil }) else {
            throw ExitCode(ExitStatus.waiting.rawValue)
        }
    }

    private func show(_ conflict: DocumentConflict) {
        let paint = Paint.stdout
        Console.line(
            paint.bold(Safe.line(conflict.document.text))
                + paint.dim("  against commit \(conflict.position.sequence)")
                + (conflict.resolution == nil ? "" : "  decided, to be carried out"))
        guard let mine = conflict.mine, let theirs = conflict.theirs else {
            Console.line(
                conflict.mine == nil
                    ? "  deleted here, changed at the hub" : "  changed here, deleted at the hub")
            return
        }
        let merge = TextMerge(base: conflict.base ?? [], left: mine, right: theirs)
        for piece in merge.conflicts {
            let table = TextLines(mine)
            let first = table.lines(in: piece.left).lowerBound + 1
            Console.line(paint.dim("  line \(first)"))
            lines(mine[piece.left], paint.green, "  here    ")
            lines(theirs[piece.right], paint.magenta, "  at hub  ")
        }
        if merge.isClean { Console.line("  what is written here and at the hub can't be merged by lines") }
    }

    private func lines(_ bytes: ArraySlice<UInt8>, _ colour: (String) -> String, _ label: String) {
        let table = TextLines(Array(bytes))
        for line in 0..<table.count {
            Console.line(label + colour(DocumentPrinter.words(Array(table[line]))))
        }
        if table.count == 0 { Console.line(label + Paint.stdout.dim("(nothing)")) }
    }
}

/// `dovetail doc resolve FILE --mine`
struct DocResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Decide a conflict; what is not in conflict is merged.",
        discussion:
            "The client that watches the file carries it out at once; else the next watch, push or pull does."
    )

    @Argument(help: "The file whose document is in conflict.", completion: .file())
    var file: String
    @Flag(help: "Which text the lines in conflict get.")
    var choice: Choice?
    @Option(name: .long, help: "Take this file's text, whole.", completion: .file())
    var text: String?

    enum Choice: String, EnumerableFlag {
        case mine, theirs, both

        static func help(for value: Choice) -> ArgumentHelp? {
            switch value {
            case .mine: "The lines as they are here."
            case .theirs: "The lines as they are at the hub."
            case .both: "The lines of both, the hub's first."
            }
        }
    }

    func validate() throws {
        guard (choice == nil) != (text == nil) else {
            throw ValidationError("say one of --mine, --theirs, --both and --text FILE")
        }
    }

    func run() async throws {
        let place = try DocumentPlace.find(file)
        guard let document = place.document else { throw UsageFailure("\(file) is a folder; name the file") }
        let client = DocumentClient(place.source, hub: NoHub())
        try await client.resolve(document, as: try resolution())
        Console.line(
            "decided; it is carried out by the client that watches the file, or with: dovetail doc push")
    }

    private func resolution() throws -> DocumentConflict.Resolution {
        switch choice {
        case .mine: return .mine
        case .theirs: return .theirs
        case .both: return .both
        case nil:
            guard let text, let data = FileManager.default.contents(atPath: text) else {
                throw UsageFailure("\(text ?? "") can't be read")
            }
            return .text(Array(data))
        }
    }
}

/// Where none is asked: what a client remembers is in its own files.
private struct NoHub: Hub {
    let name = "no hub"
    let set = ""
    private var refusal: HubError { HubError(.unavailable, "no hub is asked here") }

    func documents() async throws -> SetListing { throw refusal }
    func push(_ draft: CommitDraft) async throws -> PushAnswer { throw refusal }
    func commits(of document: DocumentName, after position: LogPosition, limit: Int) async throws -> LogPart {
        throw refusal
    }
    func text(of document: DocumentName, at sequence: Int64?) async throws -> Snapshot { throw refusal }
    func log(of document: DocumentName, before sequence: Int64?, limit: Int) async throws -> [Commit] {
        throw refusal
    }
    func events(after place: Int64, epoch: UInt64) -> AsyncThrowingStream<HubEvent, any Error> {
        AsyncThrowingStream { $0.finish(throwing: refusal) }
    }
    func changes(after place: Int64, epoch: UInt64, waiting: Duration) async throws -> [HubEvent] {
        throw refusal
    }
    func report(_ conflict: DocumentConflict) async throws { throw refusal }
    func conflicts() async throws -> [DocumentConflict] { throw refusal }
    func resolve(_ id: DocumentConflict.ID, as resolution: DocumentConflict.Resolution) async throws {
        throw refusal
    }
    func settle(_ id: DocumentConflict.ID) async throws { throw refusal }
    func close() async {}
}
