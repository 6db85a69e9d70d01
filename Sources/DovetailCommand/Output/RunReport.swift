import Dovetail
import DovetailEngine
import DovetailJobs

/// Tells what a run did, what waits, and what to do next.
struct RunReport {
    let job: OpenJob
    /// The run that is taken back.
    let undoing: Int64?
    private let paint = Paint.stdout
    /// Conflicts and rejected records listed.
    private static let listed = 20

    /// A sync looks at everything; an applied plan only at its own records.
    private let provesAgreement: Bool

    init(job: OpenJob, provesAgreement: Bool = false, undoing: Int64? = nil) {
        self.provesAgreement = provesAgreement
        self.undoing = undoing
        self.job = job
    }

    private struct Report: Encodable {
        struct Table: Encodable {
            var table: String
            var left: PlanCounts.Writes
            var right: PlanCounts.Writes
        }
        var job: String
        var run: Int64?
        var status: RunStatus
        var firstMeeting: Bool
        var meetsAnew: String?
        var left: String
        var right: String
        var overtaken: Int
        var tables: [Table]
        var conflicts: [ConflictJSON]
        var rejected: [RejectedJSON]
        var refused: [RefusedJSON]
    }

    /// A record that was left alone because it had changed.
    private struct RefusedJSON: Encodable {
        var table: String
        var key: [Value]
        var reason: String

        init(_ refused: ApplyTotals.RefusedRecord) {
            table = refused.table
            key = (try? refused.key.values()) ?? []
            reason = refused.reason
        }
    }

    private var labels: Sides<String> { job.loaded.job.labels.safe }

    /// - Returns: what to tell the shell.
    func show(_ result: RunResult, _ output: OutputOptions) async throws -> ExitStatus {
        let conflicts = try await job.state.conflicts()
        let rejected = try await job.state.rejections()
        // An applied plan says nothing about conflicts that were there before.
        let isAgreed = result.status == .agreed && conflicts.isEmpty && rejected.isEmpty
        let status: ExitStatus = isAgreed ? .agreed : .waiting
        if output.json {
            Console.json(
                Report(
                    job: job.file.job, run: result.run, status: isAgreed ? .agreed : .waiting,
                    firstMeeting: isFirstMeeting(result),
                    meetsAnew: result.plan.meetsAnew, left: job.loaded.job.labels.left,
                    right: job.loaded.job.labels.right, overtaken: result.totals.overtaken,
                    tables: result.plan.tableNames.map { name in
                        let done = result.totals.byTable[name] ?? Sides(left: .init(), right: .init())
                        return Report.Table(table: name, left: done.left, right: done.right)
                    },
                    conflicts: conflicts.map { ConflictJSON($0, labels: job.loaded.job.labels) },
                    rejected: rejected.map { RejectedJSON($0) },
                    refused: result.totals.refused.map { RefusedJSON($0) }))
            return status
        }
        show(result, isAgreed: isAgreed)
        show(result.totals.refused)
        show(conflicts)
        show(rejected)
        if result.totals.overtaken > 0 {
            Console.line(
                "\(Words.count(result.totals.overtaken, "record")) changed while the run wrote and "
                    + "\(result.totals.overtaken == 1 ? "was" : "were") left alone; sync again")
        }
        return status
    }

    private func isFirstMeeting(_ result: RunResult) -> Bool {
        result.plan.isFirstMeeting && result.plan.meetsAnew == nil
    }

    private func show(_ result: RunResult, isAgreed: Bool) {
        if let reason = result.plan.meetsAnew {
            Console.line(
                "The sides met as for the first time: \(Safe.line(reason)). What is equal was paired, nothing "
                    + "was deleted.")
        } else if isFirstMeeting(result) {
            Console.line("The sides met for the first time: what is equal was paired, nothing was deleted.")
            Notes.print(job.loaded.notes)
        }
        for name in result.plan.tableNames {
            guard let done = result.totals.byTable[name] else { continue }
            let sides = Side.allCases.compactMap { side in
                Words.done(done[side]).map { "\(labels[side]): \($0)" }
            }
            if !sides.isEmpty {
                Console.line("\(paint.bold(Safe.line(name)))  \(sides.joined(separator: "; "))")
            }
        }
        if let run = result.run {
            let total = Side.allCases.reduce(0) { $0 + result.totals.writes[$1].total }
            let agree =
                undoing.map { "; run \($0) is undone, and the next sync plans its edits again" }
                ?? (isAgreed && provesAgreement ? ", both sides agree\(kept(result))" : "")
            let what = total == 0 ? "nothing had to be written" : "\(Words.count(total, "record")) written"
            Console.line("Run \(run): \(what)\(agree)")
        } else if isAgreed {
            Console.line("nothing to do, both sides agree\(kept(result))")
        } else {
            Console.line("nothing to do until what waits is decided")
        }
    }

    /// What a rule leaves different on purpose.
    private func kept(_ result: RunResult) -> String {
        let kept = result.counts.values.reduce(0) { $0 + $1.kept }
        return kept == 0 ? "" : " but for \(Words.count(kept, "record")) that a rule leaves as they are"
    }

    private func show(_ conflicts: [ConflictRecord]) {
        guard !conflicts.isEmpty else { return }
        Console.line(paint.magenta(Words.count(conflicts.count, "conflict")) + ":")
        for record in conflicts.prefix(Self.listed) { ConflictPrinter(labels: labels).printShort(record) }
        if conflicts.count > Self.listed {
            Console.line("  … and \(conflicts.count - Self.listed) more: dovetail conflicts list \(job.name)")
        }
        Console.line("  decide one by one:  dovetail conflicts resolve \(job.name) --interactive")
        Console.line("  or at once:         dovetail conflicts resolve \(job.name) --all --take left|right")
        Console.line("  then:               dovetail sync \(job.name)")
    }

    /// Records that an applied plan or an undo left alone.
    private func show(_ refused: [ApplyTotals.RefusedRecord]) {
        guard !refused.isEmpty else { return }
        Console.line(paint.red("\(Words.count(refused.count, "record")) left alone:"))
        for record in refused.prefix(Self.listed) {
            Console.line("  ✗ \(Safe.line(record.table)) \(record.key.words)  \(Safe.line(record.reason))")
        }
        if refused.count > Self.listed { Console.line("  … and \(refused.count - Self.listed) more") }
    }

    private func show(_ rejected: [RejectionRecord]) {
        guard !rejected.isEmpty else { return }
        Console.line(paint.red("\(Words.count(rejected.count, "rejected record")):"))
        for record in rejected.prefix(Self.listed) { ConflictPrinter(labels: labels).printRejected(record) }
        if rejected.count > Self.listed {
            Console.line("  … and \(rejected.count - Self.listed) more: dovetail conflicts list \(job.name)")
        }
        Console.line("  correct the record on either side, then: dovetail sync \(job.name)")
    }
}
