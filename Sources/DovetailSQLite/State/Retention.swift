import Dovetail
import DovetailEngine
import GRDB

/// Forgets what history need not keep: old runs, and values that the job does not want kept.
struct Retention {
    private let db: Database
    private let kept: HistoryRetention

    init(_ db: Database, _ kept: HistoryRetention) {
        self.db = db
        self.kept = kept
    }

    /// - Parameter latest: a run that is kept however old it is: the one that is ending.
    func apply(at time: Int64, latest: Int64?) throws {
        try prune(at: time, latest: latest)
        try redact()
    }

    /// A run whose writes are still open is kept: they may have arrived.
    private func prune(at time: Int64, latest: Int64?) throws {
        let rows = try Row.fetchAll(db, sql: "SELECT * FROM runs ORDER BY number DESC")
        for (age, row) in rows.enumerated() {
            let run = try RunRow.read(row)
            guard run.number != latest, run.status != .running, kept.drops(run, age: age, at: time) else {
                continue
            }
            let range: StatementArguments = [run.number << 32, (run.number + 1) << 32]
            let open = try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM changes INDEXED BY open_places
                        WHERE outcome = 'open' AND place >= ? AND place < ?)
                    """,
                arguments: range)
            guard open != true else { continue }
            try db.execute(sql: "DELETE FROM changes WHERE place >= ? AND place < ?", arguments: range)
            try db.execute(sql: "DELETE FROM runs WHERE number = ?", arguments: [run.number])
        }
    }

    /// Removes values from every change under another rule than today's, so that a stricter setting reaches
    /// back. Open changes keep theirs: an interrupted insert is recognised by them.
    private func redact() throws {
        guard kept.values != .full else { return }
        let rule = try ruleID()
        let layouts = try TableName.layouts(db)
        var last: Int64 = -1
        while true {
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM changes WHERE place > ? AND redaction <> ? AND outcome <> 'open'
                    ORDER BY place LIMIT 2000
                    """,
                arguments: [last, rule])
            guard !rows.isEmpty else { return }
            for row in rows {
                last = row["place"]
                let layout: Int64? = row["layout"]
                let redacted = try kept.redacting(
                    try Journal.entry(row, table: ""), reason: row["reason"],
                    layout: layout.flatMap { layouts[$0] })
                guard let redacted else { continue }
                try db.execute(
                    sql: "UPDATE changes SET content = ?, reason = ?, redaction = ? WHERE place = ?",
                    arguments: [Blob(redacted.entry.stateBytes), redacted.reason, rule, last])
            }
        }
    }

    private func ruleID() throws -> Int64 {
        let fields = kept.values == .masked ? kept.maskedFields.sorted() : []
        let rule = try StateJSON.encode([kept.values.rawValue] + fields)
        let known = try Int64.fetchOne(db, sql: "SELECT id FROM redactions WHERE rule = ?", arguments: [rule])
        if let known { return known }
        try db.execute(sql: "INSERT INTO redactions (rule) VALUES (?)", arguments: [rule])
        return db.lastInsertedRowID
    }
}
