import ArgumentParser
import Dovetail
import DovetailEngine
import DovetailJobs

/// `dovetail conflicts …`
struct ConflictsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conflicts", abstract: "List conflicts and rejected records; decide one, some or all.",
        discussion: "Decisions are kept with the job and carried out by the next sync.",
        subcommands: [ListConflicts.self, ShowConflict.self, ResolveConflicts.self],
        defaultSubcommand: ListConflicts.self)
}

/// `dovetail conflicts list JOB`
struct ListConflicts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Every conflict and rejected record that waits.",
        discussion: "Exits with 0.")

    @OptionGroup var argument: JobArgument
    @OptionGroup var output: OutputOptions

    struct Report: Encodable {
        var job: String
        var conflicts: [ConflictJSON]
        var rejected: [RejectedJSON]
    }

    func run() async throws {
        try await RememberedJob.with(argument.job) { job in
            let conflicts = try await job.state.conflicts()
            let rejected = try await job.state.rejections()
            if output.json {
                Console.json(
                    Report(
                        job: job.file.job, conflicts: conflicts.map { ConflictJSON($0, labels: job.labels) },
                        rejected: rejected.map { RejectedJSON($0) }))
                return
            }
            if conflicts.isEmpty, rejected.isEmpty { Console.line("nothing waits") }
            let printer = ConflictPrinter(labels: job.labels.safe)
            if !conflicts.isEmpty { Console.line("\(Words.count(conflicts.count, "conflict")):") }
            for record in conflicts { printer.printShort(record) }
            if !rejected.isEmpty { Console.line("\(Words.count(rejected.count, "rejected record")):") }
            for record in rejected { printer.printRejected(record) }
            if !conflicts.isEmpty, conflicts.allSatisfy({ $0.resolution != nil }) {
                Console.line("carry the decisions out with: dovetail sync \(job.name)")
            } else if !conflicts.isEmpty {
                Console.line("decide with: dovetail conflicts resolve \(job.name) ID --take left|right")
            }
        }
    }
}

/// `dovetail conflicts show JOB ID`
struct ShowConflict: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One conflict with both records, side by side.")

    @OptionGroup var argument: JobArgument
    @Argument(help: "The conflict's id, or its first letters.")
    var id: String
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        struct RecordJSON: Encodable {
            var field: String
            var base: Value?
            var left: Value?
            var right: Value?
        }
        var job: String
        var conflict: ConflictJSON
        var record: [RecordJSON]
    }

    func run() async throws {
        try await RememberedJob.with(argument.job) { job in
            let conflicts = try await job.state.conflicts()
            guard let record = try ConflictSelection(ids: [id]).select(conflicts, job.name).first else {
                return
            }
            let layout = try await job.state.load().layouts[record.table]
            guard output.json else {
                try ConflictPrinter(labels: job.labels.safe).printWhole(record, layout: layout)
                return
            }
            let values = (
                base: try record.base?.left.values(), left: try record.seen.left?.fields.values(),
                right: try record.seen.right?.fields.values()
            )
            func value(_ values: [Value]?, _ index: Int) -> Value? {
                values.flatMap { $0.indices.contains(index) ? $0[index] : nil }
            }
            let rows = (layout?.fields ?? []).enumerated().map { index, field in
                Report.RecordJSON(
                    field: field.name, base: value(values.base, index), left: value(values.left, index),
                    right: value(values.right, index))
            }
            Console.json(
                Report(job: job.file.job, conflict: ConflictJSON(record, labels: job.labels), record: rows))
        }
    }
}
