import Foundation

/// A PostgreSQL server for tests: the one that `DOVETAIL_TEST_POSTGRES` names, or a private one that
/// `script/postgres` starts and that ends with this process.
public final class TestServer: Sendable {
    /// How a role that may create databases comes in: key=value.
    public let conninfo: String
    /// Where a server of ours lives; nil for one of the user's.
    public let folder: String?

    init(conninfo: String, folder: String?) {
        self.conninfo = conninfo
        self.folder = folder
    }

    private static let starting = Once { try await findOrStart() }

    /// The server that all tests of this process use side by side.
    /// - Throws: ``NoServer``.
    public static func shared() async throws -> TestServer { try await starting.value() }

    /// One more server, for a test that restarts it, or that needs its TLS and its `pg_hba.conf`.
    /// - Throws: ``NoServer``.
    public static func withOwn<R>(_ body: (TestServer) async throws -> R) async throws -> R {
        let server = try await start()
        do {
            let result = try await body(server)
            try await server.script("stop")
            return result
        } catch {
            try? await server.script("stop")
            throw error
        }
    }

    private static func findOrStart() async throws -> TestServer {
        let environment = ProcessInfo.processInfo.environment
        guard let conninfo = environment["DOVETAIL_TEST_POSTGRES"], !conninfo.isEmpty else {
            return try await start()
        }
        return TestServer(conninfo: conninfo, folder: environment["DOVETAIL_TEST_POSTGRES_FOLDER"])
    }

    /// Starts a private server that ends with a process; with this one unless another is named.
    /// - Throws: ``NoServer``.
    public static func start(
        for process: Int32 = ProcessInfo.processInfo.processIdentifier
    ) async throws -> TestServer {
        let outcome = try await Script.run(["start", "\(process)"])
        var values: [String: String] = [:]
        for line in outcome.split(separator: "\n") {
            guard let match = line.wholeMatch(of: #/export (\w+)="(.*)"/#) else { continue }
            values[String(match.1)] = String(match.2)
        }
        guard let conninfo = values["DOVETAIL_TEST_POSTGRES"],
            let folder = values["DOVETAIL_TEST_POSTGRES_FOLDER"]
        else { throw NoServer(reason: "script/postgres said: \(outcome)") }
        return TestServer(conninfo: conninfo, folder: folder)
    }

    // MARK: - Faults

    /// Ends the server at once, as a crash would.
    public func down() async throws { try await script("down") }

    /// Starts it again and waits until it answers.
    public func up() async throws { try await script("up") }

    private func script(_ command: String) async throws {
        guard let folder else {
            throw NoServer(reason: "the server of DOVETAIL_TEST_POSTGRES is not ours to be stopped")
        }
        _ = try await Script.run([command, folder])
    }

    // MARK: - Places

    public var port: Int { Conninfo.parse(conninfo)["port"].flatMap { Int($0) } ?? 5432 }

    /// The folder of the server's socket, or its host.
    public var host: String { Conninfo.parse(conninfo)["host"] ?? "" }

    /// The certificate of the authority that signed the certificate of a server of ours, which is for `localhost`.
    public var authority: String { (folder ?? "") + "/tls/ca.crt" }

    /// Runs SQL as the role of ``conninfo``, in its database.
    @discardableResult
    public func run(_ sql: String) async throws -> [[String?]] {
        let session = try await TestSession.open(conninfo)
        return try await session.run(sql)
    }
}

/// There is no server to test with, and what to do about it.
public struct NoServer: Error, CustomStringConvertible {
    public var reason: String
    public var description: String {
        "the tests need a PostgreSQL server (\(reason)); run `script/postgres install` once, or set"
            + " DOVETAIL_TEST_POSTGRES to the conninfo of a role that may create databases and roles"
    }
}

/// Makes a value when it is first asked for, once.
actor Once<Value: Sendable> {
    private let make: @Sendable () async throws -> Value
    private var task: Task<Value, any Error>?

    init(_ make: @escaping @Sendable () async throws -> Value) { self.make = make }

    /// In a task of its own, so that a test that is cancelled takes it from no other.
    func value() async throws -> Value {
        let task = self.task ?? Task { [make] in try await make() }
        self.task = task
        return try await task.value
    }
}

/// `script/postgres` of this package.
enum Script {
    static func run(_ arguments: [String]) async throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result { try launch(root.appendingPathComponent("script/postgres"), arguments) })
            }
        }
    }

    private static func launch(_ script: URL, _ arguments: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = script
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        do { try process.run() } catch { throw NoServer(reason: "\(script.path): \(error)") }
        let told = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw NoServer(reason: told.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        return told
    }
}
