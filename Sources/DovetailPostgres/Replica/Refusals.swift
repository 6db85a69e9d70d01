import DovetailEngine

extension PostgresFailure {
    /// Whether the failure is about the records that were written, and others may go through. The opposite is a server,
    /// a connection or a transaction that can't go on.
    var isAboutRecords: Bool {
        if connectionLost || sqlState.isEmpty { return false }
        switch sqlClass {
        case "08", "53", "57", "58", "XX", "40": return false
        default: break
        }
        switch sqlState {
        // Locks, objects in use, a server that takes no writes, a transaction that had failed before.
        case "55P03", "55006", "25006", "25P02": return false
        default: return true
        }
    }

    /// PostgreSQL's refusal of a record, in its words.
    var rejection: WriteOutcome.Rejection {
        var words = self
        // The detail of these repeats the whole record, also what the job keeps out of the history.
        if sqlState == "23502" || sqlState == "23514" { words.detail = nil }
        var reason = words.words
        for (kind, name) in [("column", column), ("constraint", constraint)] {
            if let name, !reason.contains(name) { reason += " (\(kind) \(name))" }
        }
        return WriteOutcome.Rejection(reason: reason, dependsOnOthers: dependsOnOthers)
    }

    /// References, unique values and exclusions are matters between records.
    private var dependsOnOthers: Bool {
        ["23503", "23505", "23P01", "23001"].contains(sqlState)
    }
}
