import ArgumentParser
import Dovetail
import DovetailEngine
import DovetailJobs
import DovetailPages

/// `dovetail runs JOB [RUN]`
struct RunsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "History; one run with every change, from what to what.")

    @OptionGroup var argument: JobArgument
    @Argument(help: "The number of a run, to show its changes.")
    var run: Int64?
    @Option(name: .long, help: "Show at most this many runs, or changes of a run.")
    var limit: Int?
    @OptionGroup var page: PageOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if page.html != nil, run == nil { throw ValidationError("--html shows one run; give its number too") }
    }

    func run() async throws {
        let file = try page.file()
        try await RememberedJob.with(argument.job) { job in
            let history = HistoryPrinter(job: job, json: output.json)
            if let run {
                if let file {
                    try await RunPage(
                        try await history.find(run), of: job.file.job, labels: job.labels,
                        direction: job.file.direction.engineDirection,
                        tables: job.file.tables.listed.map(\.name),
                        retention: job.file.history.retention, state: job.state
                    ).write(to: file)
                }
                try await history.printRun(run, limit: max(0, limit ?? .max))
                if !output.json { PageOptions.say(file) }
            } else {
                try await history.printRuns(limit: max(0, limit ?? 20))
            }
        }
    }
}

/// `dovetail undo JOB RUN`
struct UndoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo", abstract: "Plan and apply the inverse of a run.",
        discussion: """
            Every record that the run wrote goes back to what it was, as long as it still is what the run \
            made of it; others are refused. The edits it carried over are then waiting again for the next sync.
            """)

    @OptionGroup var argument: JobArgument
    @Argument(help: "The number of the run; see: dovetail runs JOB.")
    var run: Int64
    @Flag(name: .long, help: "Only show what would be done.")
    var dryRun = false
    @OptionGroup var list: ListOptions
    @OptionGroup var allow: AllowOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let allowing = try allow.allowances()
        let number = run
        guard !dryRun else { return try await show(number) }
        let status = try await OpenJob.with(argument.job, writing: true, output) { job in
            let report = RunReport(job: job, undoing: number)
            let synchronizer = job.synchronizer
            let result = try await Interruption.heeded {
                try await synchronizer.undo(number, allowing: allowing)
            }
            job.progress.end()
            return try await report.show(result, output)
        }
        try status.end()
    }

    private func show(_ number: Int64) async throws {
        try await OpenJob.with(argument.job, writing: false, output) { job in
            let plan = try await job.synchronizer.planUndo(of: number)
            job.progress.end()
            if output.json {
                try PlanJSON.write(plan, notes: [], out: nil, limit: list.shown)
            } else {
                try PlanPrinter(labels: plan.labels, limit: list.shown).printPlan(plan)
                Console.line("Do it with: dovetail undo \(job.name) \(number)")
            }
        }
    }
}
