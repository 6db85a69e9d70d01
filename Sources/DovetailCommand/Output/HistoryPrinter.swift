import Dovetail
import DovetailEngine
import DovetailJobs

/// Prints runs and their changes.
struct HistoryPrinter {
    let job: RememberedJob
    let json: Bool
    private let paint = Paint.stdout

    init(job: RememberedJob, json: Bool) {
        self.job = job
        self.json = json
    }

    func printRuns(limit: Int) async throws {
        let runs = try await job.state.runs(limit: limit)
        if json {
            Console.json(RunsJSON(job: job.file.job, runs: runs.map { RunJSON($0) }))
            return
        }
        if runs.isEmpty {
            Console.line("\(job.file.job) has not been run yet; do it with: dovetail sync \(job.name)")
        }
        for run in runs { Console.line(line(of: run)) }
    }

    /// One run.
    /// - Throws: ``UsageFailure`` when the history does not know it.
    func find(_ number: Int64) async throws -> RunRecord {
        let runs = try await job.state.runs(limit: .max)
        guard let run = runs.first(where: { $0.number == number }) else {
            let known =
                runs.isEmpty
                ? "there is none yet" : "the history has runs \(runs.last?.number ?? 0) to \(runs[0].number)"
            throw UsageFailure("there is no run \(number); \(known)")
        }
        return run
    }

    /// One run with its changes, which are streamed.
    /// - Throws: ``UsageFailure`` when the history does not know the run.
    func printRun(_ number: Int64, limit: Int) async throws {
        let run = try await find(number)
        if json {
            Console.raw(
                String(JSON.text(OneRunJSON(job: job.file.job, run: RunJSON(run))).dropLast())
                    + ",\"changes\":[")
        } else {
            Console.line(line(of: run))
        }
        var shown = 0
        while shown < limit {
            let chunk = try await job.state.changes(
                of: number, offset: shown, limit: min(2000, limit - shown))
            if chunk.isEmpty { break }
            for (index, change) in chunk.enumerated() {
                let line = ChangeLine(change)
                if json {
                    Console.raw((shown + index == 0 ? "" : ",") + JSON.text(line))
                } else {
                    Console.line("  " + words(line, change))
                }
            }
            shown += chunk.count
        }
        if json { Console.raw("]}\n") }
    }

    // MARK: Words

    /// “12  2026-05-31T14:05:00Z  sync  agreed  benches: geofa 2 inserts”
    func line(of run: RunRecord) -> String {
        let labels = job.labels.safe
        let status = Self.words(run.status)
        let colour: (String) -> String =
            switch run.status {
            case .agreed: paint.green
            case .waiting, .undone: paint.magenta
            case .failed, .interrupted: paint.red
            case .running: paint.yellow
            }
        var parts = [
            paint.bold("run \(run.number)"), Clock.words(run.started), run.kind.rawValue, colour(status),
        ]
        let tables = run.counts.sorted { $0.key < $1.key }.compactMap { name, counts -> String? in
            var words = Side.allCases.compactMap { side in
                Words.writes(counts[side]).map { "\(labels[side]) \($0)" }
            }
            if counts.conflicts > 0 { words.append(Words.count(counts.conflicts, "conflict")) }
            if counts.refusals > 0 { words.append("\(counts.refusals) refused") }
            return words.isEmpty ? nil : "\(Safe.line(name)): \(words.joined(separator: ", "))"
        }
        parts.append(tables.isEmpty ? "nothing had to be written" : tables.joined(separator: "; "))
        if let message = run.message { parts.append("(\(Safe.line(message)))") }
        return parts.joined(separator: "  ")
    }

    static func words(_ status: RunStatus) -> String {
        switch status {
        case .running: "running"
        case .agreed: "agreed"
        case .waiting: "conflicts or rejected records wait"
        case .undone: "its edits wait for the next sync"
        case .failed: "failed"
        case .interrupted: "interrupted, completed by the next run"
        }
    }

    private func words(_ line: ChangeLine, _ change: HistoryChange) -> String {
        let symbol =
            switch line.verb {
            case "insert": paint.green("+")
            case "delete": paint.red("-")
            default: paint.yellow("~")
            }
        let target = "\(Safe.line(line.table)) \(change.entry.key.words) → \(job.labels.safe[line.side])"
        let fields = line.fields.map { change in
            let new = change.new.map(\.quoted)
            let old = change.old.map(\.quoted)
            let name = Safe.line(change.field)
            return switch (old, new) {
            case (let old?, let new?): "\(name): \(old) → \(new)"
            default: "\(name): \(old ?? new ?? "")"
            }
        }
        let removed =
            line.valuesRemoved ? [fields.isEmpty ? "(values are not kept)" : "(others are not kept)"] : []
        var text = "\(symbol) \(target)  " + (fields + removed).joined(separator: ", ")
        if change.outcome != .applied {
            text +=
                paint.red("  \(change.outcome.rawValue)") + (change.reason.map { ": \(Safe.line($0))" } ?? "")
        }
        return text
    }
}

struct RunsJSON: Encodable {
    var job: String
    var runs: [RunJSON]
}

private struct OneRunJSON: Encodable {
    var job: String
    var run: RunJSON
}

/// One run of the history.
struct RunJSON: Encodable {
    var run: Int64
    var kind: RunKind
    var started: String
    var ended: String?
    var status: RunStatus
    var message: String?
    var tables: [String: PlanCounts]

    init(_ record: RunRecord) {
        run = record.number
        kind = record.kind
        started = Timestamp(microseconds: record.started).isoZ
        ended = record.ended.map { Timestamp(microseconds: $0).isoZ }
        status = record.status
        message = record.message
        tables = record.counts
    }
}

/// One change of a run.
struct ChangeLine: Encodable {
    var sequence: Int
    var table: String
    var key: [Value]
    var side: Side
    var verb: String
    var fields: [ChangeJSON]
    var outcome: ChangeOutcome
    var reason: String?
    var valuesRemoved: Bool

    init(_ change: HistoryChange) {
        let entry = change.entry
        sequence = change.sequence
        table = entry.table
        key = (try? entry.key.values()) ?? []
        side = entry.side
        verb = entry.verb
        outcome = change.outcome
        reason = change.reason
        valuesRemoved = change.valuesRemoved
        let names = change.layout.fields.map(\.name)
        let old = try? entry.seen[entry.side]?.fields.values()
        let new = try? entry.after?.values()
        fields = names.indices.compactMap { index in
            let before = old.flatMap { $0.indices.contains(index) ? $0[index] : nil }
            let after = new.flatMap { $0.indices.contains(index) ? $0[index] : nil }
            if before == after || (before ?? .null).isNull && (after ?? .null).isNull { return nil }
            return ChangeJSON(field: names[index], old: before, new: after)
        }
    }
}
