import ArgumentParser
import Dovetail
import DovetailEngine
import DovetailJobs
import DovetailPages
import Foundation

/// `dovetail diff LEFT RIGHT`
struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Compare two sources; no job needed.",
        discussion: """
            Without --match, what identifies a record is found out as init does. Writes nothing. Exits with \
            0 when both are equal, with 3 when they differ.
            """)

    @Argument(
        help: """
            The left source: gpkg:PATH, sqlite:PATH, geojson:PATH, csv:PATH, postgresql://HOST/DATABASE, \
            program:PATH ARGUMENTS, documents:PATH, hub+https://HOST/SET, or a path.
            """,
        completion: .file())
    var left: String
    @Argument(help: "The right source.", completion: .file())
    var right: String
    @Option(name: .long, help: "A table to compare: NAME, or LEFT=RIGHT. May be repeated.")
    var table: [String] = []
    @Option(name: .long, help: "What identifies a record: FIELD,FIELD or id or content.")
    var match: String?
    @Option(name: .long, help: "The fields to compare, separated by commas.")
    var fields: String?
    @Option(name: .long, help: "Show at most this many differences per table.")
    var limit = 20
    @OptionGroup var page: PageOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let pageFile = try page.file()
        let here = FileManager.default.currentDirectoryPath
        let sources = (
            left: try SourceReference(left, relativeTo: here),
            right: try SourceReference(right, relativeTo: here)
        )
        let draft: JobScaffold.Draft
        do {
            draft = try await JobScaffold(left: sources.left, right: sources.right, onlyLooks: true)
                .draft(tables: table, match: givenMatch)
        } catch let error as JobScaffold.NothingShared {
            throw UsageFailure(error.description)
        }
        var file = JobFile(
            job: "diff", folder: here, left: .init(label: draft.labels.left, source: sources.left),
            right: .init(label: draft.labels.right, source: sources.right),
            tables: .listed(draft.tables.map { narrowed($0.table) }))
        // Nothing is written, so what can't be written to may take part.
        file.direction = .leftToRight
        let loaded: LoadedJob
        do {
            loaded = try await JobLoader(file, onlyLooks: true).load()
        } catch let error as JobFileError {
            throw UsageFailure(error.problems.map(Self.words).joined(separator: "\n"))
        }
        let progress = Progress(output, job: "diff")
        do {
            let tables = try await compare(loaded, progress)
            progress.end()
            await loaded.close()
            if let pageFile {
                try await ComparisonPage(
                    tables, labels: Sides(left: draft.labels.left, right: draft.labels.right),
                    made: Clock.now
                ).write(to: pageFile)
            }
            try show(tables, draft, pageFile)
        } catch {
            progress.end()
            await loaded.close()
            throw error
        }
    }

    private var givenMatch: JobFile.Match? {
        switch match {
        case "id": .id
        case "content": .content
        case let names?: .fields(Self.names(names))
        case nil: nil
        }
    }

    private func narrowed(_ table: JobFile.Table) -> JobFile.Table {
        var table = table
        table.match = givenMatch ?? table.match
        if let fields { table.fields = .only(Self.names(fields)) }
        return table
    }

    private static func names(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private static func words(_ problem: JobFileError.Problem) -> String {
        let place = problem.keyPath.split(separator: ".").dropFirst().first.map { "\($0): " } ?? ""
        return place + problem.message + (problem.hint.map { "; \($0)" } ?? "")
    }

    private func compare(_ loaded: LoadedJob, _ progress: Progress) async throws -> [TableVerification] {
        // Nothing is remembered: the sides are compared as they are, and what only one of them has is a difference
        // whichever one it is.
        var job = loaded.job
        for index in job.tables.indices { job.tables[index].rules.direction = .both }
        let synchronizer = Synchronizer(
            job: job, state: MemoryStateStore(), owner: .thisProcess, clock: { Clock.now },
            events: { progress.receive($0) })
        let examples = page.html == nil ? limit : max(limit, ComparisonPage.limit)
        return try await synchronizer.verify(examples: max(0, examples), proving: false).tables
    }

    private func show(_ tables: [TableVerification], _ draft: JobScaffold.Draft, _ pageFile: PageFile?) throws
    {
        // A page holds more than a terminal.
        let tables = tables.map { table in
            var table = table
            table.examples = Array(table.examples.prefix(max(0, limit)))
            return table
        }
        let labels = Sides(left: draft.labels.left, right: draft.labels.right)
        let agrees = tables.allSatisfy { $0.counts.differences == 0 }
        if output.json {
            Console.json(ComparisonJSON(job: nil, labels: labels, agrees: agrees, tables: tables))
        } else {
            let printer = DifferencePrinter(labels: labels)
            for table in tables { try printer.printTable(table) }
            if table.isEmpty {
                for note in draft.notes { Console.line(Paint.stdout.dim("note: ") + Safe.line(note)) }
            }
            PageOptions.say(pageFile)
            Console.line(agrees ? "Both are equal." : "They differ.")
        }
        try (agrees ? ExitStatus.agreed : .waiting).end()
    }
}
