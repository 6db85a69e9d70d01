import ArgumentParser
import Dovetail
import DovetailEngine
import DovetailJobs

/// `dovetail sync JOB`
struct SyncCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Plan, check limits, apply, verify, remember.",
        discussion: """
            Exits with 0 when both sides agree, 3 when conflicts or rejected records wait, 4 when a limit \
            stopped it before anything was written. Interrupt it anywhere and run it again: it completes.
            """)

    @OptionGroup var argument: JobArgument
    @OptionGroup var allow: AllowOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let allowing = try allow.allowances()
        let status = try await OpenJob.with(argument.job, writing: true, output) { job in
            let report = RunReport(job: job, provesAgreement: true)
            let synchronizer = job.synchronizer
            let result = try await Interruption.heeded { try await synchronizer.sync(allowing: allowing) }
            job.progress.end()
            return try await report.show(result, output)
        }
        try status.end()
    }
}

/// `dovetail apply PLANFILE [JOB]`
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Apply a saved plan (plan --out FILE).",
        discussion: """
            Records that changed since the plan was made are refused, and nothing else is written than what \
            the plan says. Without JOB, the job file beside the plan whose name fits is taken.
            """)

    @Argument(help: "A plan saved by: dovetail plan --out.", completion: .file())
    var planfile: String
    @Argument(
        help: "The job it is for: a job file or its name.", completion: .file(extensions: ["yaml", "yml"]))
    var job: String?
    @Option(name: .customLong("job"), help: "The same.", completion: .file(extensions: ["yaml", "yml"]))
    var jobOption: String?
    @OptionGroup var allow: AllowOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let allowing = try allow.allowances()
        let file = try PlanLocation(planfile)
        let reference = try job ?? jobOption ?? file.jobBeside()
        let url = file.url
        let status = try await OpenJob.with(reference, writing: true, output) { job in
            let report = RunReport(job: job)
            let synchronizer = job.synchronizer
            let result = try await Interruption.heeded {
                try await synchronizer.apply(planAt: url, allowing: allowing)
            }
            job.progress.end()
            return try await report.show(result, output)
        }
        try status.end()
    }
}
