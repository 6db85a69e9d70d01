import Dovetail
import DovetailEngine

/// Forgets what history need not keep: old runs, and values that the job does not want kept.
struct StateRetention {
    let rows: StateRows
    let kept: HistoryRetention

    /// - Parameter latest: a run that is kept however old it is: the one that is ending.
    func apply(at time: Int64, latest: Int64?) throws {
        try prune(at: time, latest: latest)
        try redact()
    }

    /// A run whose writes are still open is kept: they may have arrived.
    private func prune(at time: Int64, latest: Int64?) throws {
        for (age, run) in try StateRuns(rows: rows).list(limit: .max).enumerated() {
            guard run.number != latest, run.status != .running, kept.drops(run, age: age, at: time) else {
                continue
            }
            let isOpen = try rows.holds(
                """
                SELECT EXISTS (SELECT 1 FROM \(rows.schema).changes
                    WHERE outcome = 'open' AND job = $1 AND place >= $2 AND place < $3)
                """, [.int(rows.job), .int(run.number << 32), .int((run.number + 1) << 32)])
            if !isOpen { try StateJournal(rows: rows).forget(run.number) }
        }
    }

    /// Removes values from every change under another rule than today's, so that a stricter setting reaches back. Open
    /// changes keep theirs: an interrupted insert is recognised by them.
    private func redact() throws {
        guard kept.values != .full else { return }
        let fields = kept.values == .masked ? kept.maskedFields.sorted() : []
        let rule = try rows.remembered(
            try StateJSON.encode([kept.values.rawValue] + fields), in: "redactions", column: "rule")
        let layouts = try rows.layouts()
        let journal = StateJournal(rows: rows)
        var last: Int64 = -1
        while true {
            let changes = try journal.closed(after: last, notUnder: rule)
            guard let first = changes.first?.place, let end = changes.last?.place else { return }
            last = end
            var places: [String] = []
            var contents: [[UInt8]] = []
            var reasons: [String] = []
            for change in changes {
                let redacted = try kept.redacting(
                    try change.entry(table: ""), reason: change.reason,
                    layout: change.layout.flatMap { layouts[$0] })
                guard let redacted else { continue }
                places.append("\(change.place)")
                contents.append(redacted.entry.stateBytes)
                reasons.append(redacted.reason.map { "=" + $0 } ?? "")
            }
            try rows.join(
                """
                UPDATE \(rows.schema).changes AS c SET content = r.content, redaction = $2,
                    reason = CASE WHEN r.reason <> '' THEN substr(r.reason, 2) END
                FROM unnest($3::text[], $4::bytea[], $5::text[]) AS r(place, content, reason)
                WHERE c.job = $1 AND c.place >= $6 AND c.place <= $7 AND c.place = r.place::bigint
                """,
                [
                    .int(rows.job), .int(rule), .texts(places), .byteArrays(contents), .texts(reasons),
                    .int(first), .int(end),
                ])
        }
    }
}
