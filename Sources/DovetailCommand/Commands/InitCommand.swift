import ArgumentParser
import DovetailJobs
import Foundation

/// `dovetail init LEFT RIGHT`
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Look at two sources and write a job file that fits them.",
        discussion: "Both sources are only read. The file says in comments why it says what it says.")

    @Argument(
        help: """
            The left source: gpkg:PATH, sqlite:PATH, geojson:PATH, csv:PATH, postgresql://HOST/DATABASE, \
            program:PATH ARGUMENTS, documents:PATH, hub+https://HOST/SET, or a path.
            """,
        completion: .file())
    var left: String
    @Argument(help: "The right source.", completion: .file())
    var right: String
    @Option(name: .long, help: "The job file to write; default LEFT-RIGHT.yaml.", completion: .file())
    var job: String?
    @Flag(name: .long, help: "Overwrite the job file when it is there.")
    var force = false
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        struct Table: Encodable {
            var table: String
            var left: String
            var right: String
            var match: String
            var reason: String?
        }
        var file: String
        var job: String
        var tables: [Table]
        var notes: [String]
    }

    func run() async throws {
        let here = FileManager.default.currentDirectoryPath
        let sources = (
            left: try SourceReference(left, relativeTo: here),
            right: try SourceReference(right, relativeTo: here)
        )
        guard sources.left != sources.right else {
            throw UsageFailure("both sides are the same source; name two")
        }
        let path = target(sources)
        // Looking takes time, so what would be refused in the end is refused first.
        guard force || !FileManager.default.fileExists(atPath: path) else {
            throw UsageFailure(
                "\(path) is there already; name another with --job, or overwrite it with --force")
        }
        let draft: JobScaffold.Draft
        do {
            draft = try await JobScaffold(left: sources.left, right: sources.right).draft()
        } catch let error as JobScaffold.NothingShared {
            throw UsageFailure(error.description)
        }
        let url = URL(fileURLWithPath: path)
        let folder = url.deletingLastPathComponent().standardizedFileURL.path
        let template = JobTemplate(
            job: url.deletingPathExtension().lastPathComponent,
            left: .init(
                label: draft.labels.left, source: JobScaffold.written(sources.left, from: folder),
                types: draft.types.left),
            right: .init(
                label: draft.labels.right, source: JobScaffold.written(sources.right, from: folder),
                types: draft.types.right),
            tables: draft.tables)
        do {
            try JobFile.template(template).write(to: url, atomically: true, encoding: .utf8)
        } catch {
            throw UsageFailure("\(path) can't be written: \(error.localizedDescription)")
        }
        report(path, draft)
    }

    private func target(_ sources: (left: SourceReference, right: SourceReference)) -> String {
        if let job {
            return job.hasSuffix(".yaml") || job.hasSuffix(".yml") ? job : job + ".yaml"
        }
        let names = (sources.left.shortName, sources.right.shortName)
        return (names.0 == names.1 ? names.0 : "\(names.0)-\(names.1)") + ".yaml"
    }

    private func report(_ path: String, _ draft: JobScaffold.Draft) {
        func words(_ match: JobFile.Match) -> String {
            switch match {
            case .fields(let names): names.joined(separator: ", ")
            case .id: "id"
            case .content: "content"
            }
        }
        if output.json {
            let tables = draft.tables.map {
                Report.Table(
                    table: $0.name, left: $0.left, right: $0.right, match: words($0.match),
                    reason: $0.matchReason)
            }
            let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
            Console.json(Report(file: path, job: name, tables: tables, notes: draft.notes))
            return
        }
        Console.line("Wrote \(Safe.line(path)):")
        for table in draft.tables {
            Console.line(
                "  \(Paint.stdout.bold(Safe.line(table.name)))  matched by \(Safe.line(words(table.match)))")
            if let reason = table.matchReason { Console.line("    \(Safe.line(reason))") }
        }
        for note in draft.notes { Console.line("  " + Paint.stdout.dim("note: ") + Safe.line(note)) }
        Console.line("Look at it, then: dovetail plan \(Words.shell(path))")
    }
}
