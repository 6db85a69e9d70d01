/// What a fresh database is like.
public enum DatabaseKind: String, Sendable, CaseIterable {
    /// UTF-8, nothing installed.
    case plain
    /// With PostGIS.
    case postGIS
    /// Text in another encoding.
    case latin1
    /// Text in no encoding: the server checks nothing.
    case sqlASCII
}

/// A database of its own for a test; dropped at its end, with the roles made for it.
public final class TestDatabase: Sendable {
    public let server: TestServer
    public let name: String
    /// How the role of ``TestServer/conninfo`` comes in.
    public let conninfo: String
    private let session: TestSession

    fileprivate init(_ server: TestServer, _ name: String) async throws {
        self.server = server
        self.name = name
        conninfo = Conninfo.changing(server.conninfo, ["dbname": name])
        session = try await TestSession.open(conninfo)
    }

    /// Runs SQL, always over the same connection: a transaction stays open. Gives the rows of the last statement.
    @discardableResult
    public func run(_ sql: String) async throws -> [[String?]] { try await session.run(sql) }

    /// The first value of the last statement.
    public func value(_ sql: String) async throws -> String? { try await session.value(sql) }

    /// Another connection, for someone who holds locks or writes meanwhile.
    public func otherSession() async throws -> TestSession { try await TestSession.open(conninfo) }

    /// A role that may come in and has no right but those of everybody. Gives its name and password.
    public func makeRole(_ label: String = "role") async throws -> (name: String, password: String) {
        let role = "\(name)_\(label)"
        let password = "secret-\(UInt32.random(in: 0...(.max)))"
        try await run("CREATE ROLE \"\(role)\" LOGIN PASSWORD '\(password)'")
        return (role, password)
    }

    /// The connection string of a role over TCP. Needs a server of ours, where a password is asked for.
    public func tcp(_ user: String, password: String?, _ changes: [String: String] = [:]) -> String {
        var all: [String: String?] = ["host": "127.0.0.1", "user": user, "password": password]
        for (key, value) in changes { all[key] = value }
        return Conninfo.changing(conninfo, all)
    }
}

extension TestServer {
    /// Makes a database, and drops it when `body` is done.
    public func withDatabase<R>(
        _ kind: DatabaseKind = .plain, _ body: (TestDatabase) async throws -> R
    ) async throws -> R {
        let name = "dovetail_\(String(UInt64.random(in: 0...(.max)), radix: 36))"
        try await create(name, kind)
        do {
            let result = try await body(try await TestDatabase(self, name))
            try await drop(name)
            return result
        } catch {
            try? await drop(name)
            throw error
        }
    }

    private func create(_ name: String, _ kind: DatabaseKind) async throws {
        switch kind {
        case .plain: try await run("CREATE DATABASE \(name) TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        case .latin1: try await run("CREATE DATABASE \(name) TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        case .sqlASCII:
            try await run("CREATE DATABASE \(name) TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
        case .postGIS:
            try await makeTemplate()
            try await run("CREATE DATABASE \(name) TEMPLATE \(Self.template)")
        }
    }

    private static let template = "dovetail_template_postgis"

    /// PostGIS takes a second to install: once for each server, whoever comes first.
    private func makeTemplate() async throws {
        let session = try await TestSession.open(conninfo)
        try await session.run("SELECT pg_advisory_lock(7065881)")
        let isThere = try await session.value(
            "SELECT 1 FROM pg_database WHERE datname = '\(Self.template)' AND datistemplate")
        if isThere == nil { try await installTemplate(session) }
        // Used to the end: the lock goes with the session.
        try await session.run("SELECT pg_advisory_unlock(7065881)")
    }

    private func installTemplate(_ session: TestSession) async throws {
        try await session.run("DROP DATABASE IF EXISTS \(Self.template)")
        try await session.run(
            "CREATE DATABASE \(Self.template) TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        let inside = try await TestSession.open(Conninfo.changing(conninfo, ["dbname": Self.template]))
        try await inside.run("CREATE EXTENSION postgis")
        // Marked last, so that one left half made is made anew.
        try await inside.run("ALTER DATABASE \(Self.template) IS_TEMPLATE true")
    }

    private func drop(_ name: String) async throws {
        try await run("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
        for row in try await run("SELECT rolname FROM pg_roles WHERE starts_with(rolname, '\(name)_')") {
            if let role = row[0] { try await run("DROP ROLE \"\(role)\"") }
        }
    }
}
