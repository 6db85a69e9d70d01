import DovetailEngine
import DovetailTestPostgres
import Foundation
import Testing

@testable import DovetailPostgres

extension TestDatabase {
    func connect(_ conninfo: String? = nil) async throws -> PostgresConnection {
        try await PostgresConnection.open(
            ConnectionSettings(conninfo ?? self.conninfo, applicationName: "dovetail tests"), name: "left")
    }

    /// The same connection string with settings of the session.
    func conninfo(options: String) -> String {
        Conninfo.changing(conninfo, ["options": options])
    }
}

/// The error of what must fail as a replica's.
func refusal(_ body: () async throws -> some Any) async -> ReplicaError? {
    do {
        _ = try await body()
        Issue.record("it did not fail")
    } catch let error as ReplicaError {
        return error
    } catch {
        Issue.record("\(error) is no ReplicaError")
    }
    return nil
}

/// Why a connection can't be opened.
func refusalToOpen(_ conninfo: String) async -> ReplicaError? {
    await refusal {
        try await PostgresConnection.open(
            ConnectionSettings(conninfo, applicationName: "dovetail tests"), name: "left")
    }
}

extension PostgresConnection {
    /// PostgreSQL's error for a statement that must fail.
    func failure(_ sql: String, _ parameters: [Parameter] = []) async throws -> PostgresFailure? {
        try await perform { session in
            do {
                try session.execute(sql, parameters)
                Issue.record("it did not fail: \(sql)")
                return nil
            } catch let failure as PostgresFailure {
                return failure
            }
        }
    }

    func text(_ sql: String, _ parameters: [Parameter] = []) async throws -> String? {
        try await perform { try $0.execute(sql, parameters).text(0, 0) }
    }
}

/// Waits for a condition that another session brings about.
func eventually(_ what: String, _ isSo: () async throws -> Bool) async throws {
    for _ in 0..<1200 {
        if try await isSo() { return }
        try await Task.sleep(for: .milliseconds(50))
    }
    Issue.record("it never came to be: \(what)")
}

/// Thrown by a test's own code.
struct Stop: Error {}
