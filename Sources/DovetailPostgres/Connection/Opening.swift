import CLibPQ
import DovetailEngine
import Foundation
import Synchronization

/// Opens a connection, on the thread that is to be its own.
///
/// libpq's own blocking way knows no cancellation, so its steps are taken here; with the same meaning of
/// `connect_timeout`: for each address tried. Of several hosts the next is tried when one can't be reached in that
/// time; one that lets itself be reached and then is silent ends the attempt.
struct Opening {
    let settings: ConnectionSettings
    let place: DatabasePlace

    /// Used when neither the settings, the service nor the environment say another.
    static let usualTimeout = 15

    /// How often a cancellation is looked for, in milliseconds.
    private static let slice: Int32 = 50

    func open(isCancelled: () -> Bool) throws -> Session {
        if let mistake = settings.mistake {
            throw place.error(.unsuitable, "the connection string \(mistake)")
        }
        guard let connection = start() else { throw place.error(.failed, "no memory for a connection") }
        do {
            // The message of a refused connection is the only place where its SQLSTATE is.
            PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
            try wait(for: connection, isCancelled)
            PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
            guard PQserverVersion(connection) >= 130_000 else {
                throw place.error(
                    .unsuitable,
                    located: "PostgreSQL 13 or newer is needed, this is"
                        + " \(PQserverVersion(connection) / 10_000)")
            }
        } catch {
            PQfinish(connection)
            throw error
        }
        let session = Session(connection)
        do {
            try session.pin()
            return session
        } catch {
            session.finish()
            throw place.error(error)
        }
    }

    /// Later words win over earlier ones; `dbname` is taken apart by libpq.
    private func start() -> OpaquePointer? {
        let words = [
            ("dbname", settings.conninfo),
            ("fallback_application_name", settings.applicationName),
            ("client_encoding", "UTF8"),
        ]
        var keys: [UnsafePointer<CChar>?] = words.map { UnsafePointer(strdup($0.0)) } + [nil]
        var values: [UnsafePointer<CChar>?] = words.map { UnsafePointer(strdup($0.1)) } + [nil]
        defer {
            for pointer in keys + values { free(UnsafeMutablePointer(mutating: pointer)) }
        }
        return PQconnectStartParams(&keys, &values, 1)
    }

    private func wait(for connection: OpaquePointer, _ isCancelled: () -> Bool) throws {
        guard PQstatus(connection) != CONNECTION_BAD else { throw failure(connection, waited: nil) }
        let timeout = Self.timeout(of: connection)
        var address = ""
        var deadline = ContinuousClock.now
        var waited: Int?
        var next = PGRES_POLLING_WRITING
        while next != PGRES_POLLING_OK {
            let tried = Self.address(of: connection)
            if tried != address || address.isEmpty, let timeout {
                address = tried
                deadline = .now + .seconds(timeout)
            }
            while try !Self.isReady(connection, forWriting: next == PGRES_POLLING_WRITING) {
                if isCancelled() { throw CancellationError() }
                if let timeout, ContinuousClock.now > deadline {
                    // libpq then goes on to the next address, or fails.
                    shutdown(PQsocket(connection), Int32(SHUT_RDWR))
                    waited = timeout
                    deadline = .now + .seconds(timeout)
                }
            }
            next = PQconnectPoll(connection)
            if next == PGRES_POLLING_FAILED { throw failure(connection, waited: waited) }
        }
    }

    /// Waits a slice of time at most.
    private static func isReady(_ connection: OpaquePointer, forWriting: Bool) throws -> Bool {
        let socket = PQsocket(connection)
        guard socket >= 0 else { return true }
        var entry = pollfd(fd: socket, events: Int16(forWriting ? POLLOUT : POLLIN), revents: 0)
        return poll(&entry, 1, slice) > 0
    }

    private static func address(of connection: OpaquePointer) -> String {
        let parts = [PQhost(connection), PQhostaddr(connection), PQport(connection)]
        return parts.map { trimmed($0) }.joined(separator: " ")
    }

    /// Nil when it is to wait for as long as the system does.
    private static func timeout(of connection: OpaquePointer) -> Int? {
        guard let options = PQconninfo(connection) else { return usualTimeout }
        defer { PQconninfoFree(options) }
        guard let text = ConnectionSettings.shown(options)["connect_timeout"], !text.isEmpty else {
            return usualTimeout
        }
        guard let seconds = Int(text), seconds > 0 else { return nil }
        return max(seconds, 2)
    }

    // MARK: - Why it failed

    private func failure(_ connection: OpaquePointer, waited: Int?) -> ReplicaError {
        // libpq sets off its advice by tabs.
        let lines = trimmed(PQerrorMessage(connection)).split { $0 == "\n" || $0 == "\t" }
        let told = lines.filter { !$0.hasPrefix("LOCATION:") }.joined(separator: " ")
        if let (state, words) = Self.serverWords(told) {
            return place.error(PostgresFailure(sqlState: state, message: words))
        }
        if let waited {
            return place.error(
                .unreachable,
                located: "no answer within \(waited) s (connect_timeout); check host, port and network")
        }
        let (kind, advice) = Self.advice(for: told)
        return place.error(kind, located: "\(told)\(advice)")
    }

    /// Takes `…:  28P01: words` apart, as PQERRORS_VERBOSE writes it; of several attempts the last.
    private static func serverWords(_ told: String) -> (state: String, words: String)? {
        let pattern = #/:  ([0-9A-Z]{5}): /#
        guard let match = told.matches(of: pattern).last else { return nil }
        return (String(match.1), String(told[match.range.upperBound...]))
    }

    /// libpq is not translated in this process, so its words can be relied on; where they change, only the
    /// advice is lost.
    private static func advice(for told: String) -> (ReplicaError.Kind, String) {
        func has(_ words: String) -> Bool { told.contains(words) }
        if has("could not translate host name") {
            return (
                has("Temporary failure") ? .unreachable : .missing, "; check the host's name and the network"
            )
        }
        if has("no password supplied") || has("password authentication") {
            return (.forbidden, "; give a password in the URL (as ${NAME}), PGPASSWORD or .pgpass")
        }
        if has("certificate") && !has("client certificate") {
            return (.forbidden, "; check sslmode and sslrootcert, and whether it is the right server")
        }
        if has("does not support SSL") {
            return (.forbidden, "; sslmode asks for TLS, which this server doesn't offer")
        }
        if has("SSL") && !has("invalid response") { return (.forbidden, "; check the sslmode") }
        if has("definition of service") || has("service file") {
            return (.unsuitable, "; check the service's name and PGSERVICEFILE or ~/.pg_service.conf")
        }
        if has("invalid response") || has("unsupported frontend protocol")
            || has("expected authentication request")
        {
            return (.unreachable, "; what answers there is not PostgreSQL")
        }
        if has("authentication") { return (.forbidden, "; check how the server wants users to sign in") }
        if has("invalid") { return (.unsuitable, "; check the connection string and the PG* variables") }
        return (.unreachable, "; check host, port and whether the server runs")
    }
}
