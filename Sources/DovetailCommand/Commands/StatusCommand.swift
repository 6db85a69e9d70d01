import ArgumentParser
import Dovetail
import DovetailEngine
import DovetailJobs
import Foundation

/// `dovetail status [JOB]`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Who runs a job, its last run, waiting conflicts, rejected records.",
        discussion: "Looks at no replica. Without JOB, every job file of this folder is shown. Exits with 0.")

    @Argument(
        help: "A job file, or a NAME whose NAME.yaml is in this folder.",
        completion: .file(extensions: ["yaml", "yml"]))
    var job: String?
    @OptionGroup var output: OutputOptions

    private struct JobJSON: Encodable {
        var job: String?
        var file: String
        /// The run that is under way.
        var running: RunningJSON?
        var lastRun: RunJSON?
        /// When a run last found nothing to do.
        var lastQuiet: String?
        var conflicts = 0
        /// Conflicts that are decided and wait for the next sync.
        var decided = 0
        var rejected = 0
        /// Why nothing can be said.
        var error: String?
    }

    private struct RunningJSON: Encodable {
        var process: Int32?
        var host: String?
        var user: String?
        var command: String?
        var since: String?

        init(_ owner: LockOwner?) {
            (process, host, user, command) = (owner?.process, owner?.host, owner?.user, owner?.command)
            since = owner.map { Timestamp(microseconds: $0.since).isoZ }
        }
    }

    private struct Report: Encodable {
        var jobs: [JobJSON]
    }

    func run() async throws {
        let references = try job.map { [try JobPath.find($0)] } ?? JobPath.all()
        guard !references.isEmpty else {
            throw UsageFailure("no job file is here; make one with: dovetail init LEFT RIGHT")
        }
        var report = Report(jobs: [])
        for reference in references {
            do {
                report.jobs.append(try await RememberedJob.with(reference) { try await status(of: $0) })
            } catch {
                if job != nil { throw error }
                // One broken file hides no other job.
                report.jobs.append(JobJSON(file: reference, error: Failure(error).message))
                if !output.json {
                    Console.line("\(Safe.line(reference)): \(Safe.line(Failure(error).message))")
                }
            }
        }
        if output.json { Console.json(report) }
    }

    private func status(of job: RememberedJob) async throws -> JobJSON {
        let lock = try await job.state.lockState()
        let stored = try await job.state.load()
        let last = try await job.state.runs(limit: 1).first
        let conflicts = try await job.state.conflicts()
        let rejected = try await job.state.rejections()
        let quiet = stored.lastQuiet
        var running: RunningJSON?
        if case .held(let owner) = lock { running = RunningJSON(owner) }
        let json = JobJSON(
            job: job.file.job, file: job.path, running: running, lastRun: last.map { RunJSON($0) },
            lastQuiet: quiet.map { Clock.words($0) }, conflicts: conflicts.count,
            decided: conflicts.count { $0.resolution != nil }, rejected: rejected.count)
        if output.json { return json }
        let paint = Paint.stdout
        Console.line(paint.bold(Safe.line(job.file.job)) + "  \(Words.heading(job.labels.safe, nil))")
        if case .held(let owner) = lock {
            Console.line("  is being run by " + Safe.line(owner?.words ?? "another process"))
        }
        if let last {
            Console.line("  last " + HistoryPrinter(job: job, json: false).line(of: last))
        } else {
            Console.line("  has not been run yet; do it with: dovetail sync \(job.name)")
        }
        if let quiet, quiet > last?.started ?? 0 {
            Console.line("  found nothing to do at \(Clock.words(quiet))")
        }
        if json.conflicts > 0 {
            let decided =
                json.decided > 0 ? ", \(json.decided) of them decided and waiting for the next sync" : ""
            Console.line(
                "  " + paint.magenta(Words.count(json.conflicts, "conflict")) + decided
                    + ": dovetail conflicts list \(job.name)")
        }
        if json.rejected > 0 {
            Console.line(
                "  " + paint.red(Words.count(json.rejected, "rejected record"))
                    + ": dovetail conflicts list \(job.name)")
        }
        return json
    }
}
