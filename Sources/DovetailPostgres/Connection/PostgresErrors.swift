import DovetailEngine

/// Which database a message is about.
struct DatabasePlace: Sendable {
    /// As ``Replica/name``.
    let name: String
    /// As ``ConnectionSettings/display``.
    let display: String

    func error(_ kind: ReplicaError.Kind, _ message: String) -> ReplicaError {
        ReplicaError(kind, replica: name, message)
    }

    /// The same about a database that the message has to name. Where no job gives it a label, its name is its address.
    func error(_ kind: ReplicaError.Kind, located message: String) -> ReplicaError {
        let isNamed = name == display || name.contains("://")
        return error(kind, isNamed ? message : "\(display): \(message)")
    }

    /// Any error as a ``ReplicaError`` that says what to do about it; a cancellation stays one.
    func error(_ error: any Error) -> any Error {
        switch error {
        case let error as ReplicaError: error
        case let error as CancellationError: error
        case let failure as PostgresFailure: self.error(failure)
        default: self.error(.failed, "\(error)")
        }
    }

    /// PostgreSQL's error, and what to do about it.
    func error(_ failure: PostgresFailure) -> ReplicaError {
        let (kind, words) = judgement(of: failure)
        return error(kind, located: words)
    }

    private func judgement(of failure: PostgresFailure) -> (ReplicaError.Kind, String) {
        let said = failure.words
        switch failure.sqlState {
        case "57P01", "57P02":
            return (.unreachable, "the server was shut down or restarted in the middle (\(said)); run again")
        case "57P03":
            return (.unreachable, "the server is starting, stopping or recovering (\(said)); try again soon")
        case "57P04": return (.unreachable, "the database was dropped in the middle (\(said))")
        case "57P05", "25P03", "25P04":
            return (
                .unreachable, "the server ended the connection: \(said); raise that timeout and run again"
            )
        case "57014":
            guard let timeout = failure.timeout else {
                return (.failed, "the statement was cancelled on the server by someone else; run again")
            }
            return (
                .locked,
                "a statement took longer than \(timeout) allows; raise it (in the URL:"
                    + " ?options=-c%20statement_timeout%3D10min) or run when the server is less busy"
            )
        case "55P03":
            let limit = failure.timeout.map { " longer than \($0) allows" } ?? ""
            return (
                .locked,
                "another session holds a lock that was waited for\(limit) (\(said));"
                    + " let it end (see pg_locks), or raise lock_timeout, and run again"
            )
        case "40P01", "40001":
            return (.locked, "another session was in the way: \(said); nothing was written, run again")
        case "55006": return (.locked, "it is in use by another session: \(said)")
        case "53300", "53400":
            return (
                .unreachable, "the server takes no more connections (\(said)); close some or raise the limit"
            )
        case "53100":
            return (
                .full,
                "no room left on the disk of the server (\(said)); nothing was written, make room and run again"
            )
        case "53200": return (.failed, "the server is out of memory (\(said)); nothing was written")
        case "42501": return (.forbidden, "the user lacks a right: \(said); it can be given with GRANT")
        case "25006":
            return (.forbidden, "it can't be written to (\(said)); is it a standby, or set read-only?")
        case "28P01", "28000": return Self.refusal(said)
        case "3D000": return (.missing, "\(said); check the name")
        case "22021", "22P05": return (.unsuitable, Self.encoding(failure))
        case "42P01", "42703", "3F000", "42704", "42883", "42P18", "42804":
            return (.unsuitable, "\(said); it was changed or dropped meanwhile, or never was there")
        case "XX001", "XX002", "58P01":
            return (.damaged, "it is damaged (\(said)); check it with pg_amcheck or restore it")
        default: break
        }
        if failure.sqlClass == "08" {
            return (.unreachable, "the connection failed (\(said)); check the network and run again")
        }
        if failure.connectionLost {
            return (.unreachable, "the connection was lost in the middle (\(said)); run again")
        }
        let state = failure.sqlState.isEmpty ? "" : " [\(failure.sqlState)]"
        return (.failed, "PostgreSQL says: \(said)\(state)")
    }

    /// Why nobody was let in: it is the server's decision, and each reason has another cure.
    private static func refusal(_ said: String) -> (ReplicaError.Kind, String) {
        (
            .forbidden,
            "the server doesn't let this user in: \(said); check user, password (URL, PGPASSWORD, .pgpass)"
                + " and the server's pg_hba.conf"
        )
    }

    /// Databases of another encoding than UTF-8, and those that check none.
    private static func encoding(_ failure: PostgresFailure) -> String {
        let said = failure.words
        return failure.sqlState == "22P05"
            ? "a character has no place in the encoding of this database: \(said)"
            : "text is not valid in its encoding: \(said); a database in SQL_ASCII doesn't check what it"
                + " stores, mend such text there"
    }
}
