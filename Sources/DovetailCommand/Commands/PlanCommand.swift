import ArgumentParser
import Dovetail
import DovetailEngine
import DovetailJobs
import DovetailPages
import Foundation

/// `dovetail plan JOB`
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what a sync would do; writes nothing.",
        discussion: "Exits with 0 when the plan was made, whatever it says.")

    @OptionGroup var argument: JobArgument
    @Option(name: .shortAndLong, help: "Save the plan for: dovetail apply.", completion: .file())
    var out: String?
    @OptionGroup var page: PageOptions
    @OptionGroup var list: ListOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let file = try page.file()
        try await OpenJob.with(argument.job, writing: false, output) { job in
            let plan = try await job.synchronizer.plan()
            job.progress.end()
            if let out { try save(plan, to: out) }
            if let file {
                try await PlanPage(
                    plan, direction: job.direction, notes: job.loaded.notes.map(\.words), made: Clock.now
                ).write(to: file)
            }
            if output.json {
                try PlanJSON.write(
                    plan, notes: job.loaded.notes, out: out, html: file?.path, limit: list.shown)
                return
            }
            let labels = plan.labels.safe
            Console.line("\(job.file.job): \(Words.heading(labels, job.direction))")
            Notes.print(job.loaded.notes)
            try PlanPrinter(labels: plan.labels, limit: list.shown).printPlan(plan)
            PageOptions.say(file)
            if let out {
                Console.line(
                    "Saved as \(Safe.line(out)); "
                        + "apply it with: dovetail apply \(Words.shell(out)) \(job.name)"
                )
            } else if !plan.isQuiet {
                let needed = plan.halts.map(\.allowance)
                guard !needed.contains(nil) else { return }
                let words = Set(needed.compactMap { $0?.rawValue }).sorted().joined(separator: ",")
                Console.line(
                    "Do it with: dovetail sync \(job.name)\(words.isEmpty ? "" : " --allow \(words)")")
            }
        }
    }

    private func save(_ plan: Plan, to path: String) throws {
        do {
            try plan.save(to: URL(fileURLWithPath: path))
        } catch let error as PlanFileError {
            throw UsageFailure(error.description)
        }
    }
}

extension OpenJob {
    /// Which way the job's changes go.
    var direction: Direction { file.direction.engineDirection }
}

/// Prints what is worth knowing about a job.
enum Notes {
    static func print(_ notes: [JobNote]) {
        for note in notes { Console.line(Paint.stdout.dim("note: ") + Safe.line(note.words)) }
    }
}

extension JobNote {
    /// With the table that it is about.
    var words: String { table.map { "\($0): \(message)" } ?? message }
}
