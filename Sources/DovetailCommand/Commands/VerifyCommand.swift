import ArgumentParser
import Dovetail
import DovetailEngine
import DovetailJobs

/// `dovetail verify JOB`
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Compare both sides completely and say so.",
        discussion: "Writes nothing. Exits with 0 when both sides agree, with 3 when there are differences.")

    @OptionGroup var argument: JobArgument
    @Option(name: .long, help: "Show at most this many differences per table.")
    var limit = 20
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let limit = max(0, limit)
        let status: ExitStatus = try await OpenJob.with(argument.job, writing: false, output) { job in
            let found = try await job.synchronizer.verify(examples: limit)
            job.progress.end()
            let labels = job.loaded.job.labels
            let gone = job.loaded.job.vanished
            guard gone.isEmpty else {
                throw RunHalted(
                    halts: gone.map { .tableVanished(table: $0.table, side: $0.side) }, labels: labels)
            }
            if output.json {
                Console.json(
                    ComparisonJSON(
                        job: job.file.job, labels: labels, agrees: found.agrees, tables: found.tables))
            } else {
                let printer = DifferencePrinter(labels: labels)
                for table in found.tables { try printer.printTable(table) }
                Console.line(
                    found.agrees
                        ? "Both sides agree."
                        : "The sides differ. What a sync would do: dovetail plan \(job.name)")
            }
            return found.agrees ? .agreed : .waiting
        }
        try status.end()
    }
}
