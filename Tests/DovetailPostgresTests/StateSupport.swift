import DovetailConformance
import DovetailEngine
import DovetailTestPostgres
import Foundation
import Synchronization
import Testing

@testable import DovetailPostgres

@Suite("Conformance of the state store in PostgreSQL")
struct PostgresStateConformanceTests {
    @Test("PostgreSQL", arguments: StateStoreConformance.checks)
    func conforms(check: StateStoreCheck) async throws {
        try await TestServer.shared().withDatabase { database in
            try await check.run(PostgresStateHarness(database))
        }
    }
}

/// The memory of one job in a database of its own.
struct PostgresStateHarness: StateStoreHarness {
    private let database: TestDatabase

    init(_ database: TestDatabase) { self.database = database }

    func open() async throws -> (any StateStore)? { try await database.state() }

    func openForReading() async throws -> (any StateStore)? { try await database.looking() }

    func destroy() async {}
}

extension TestDatabase {
    func address(_ schema: String = "dovetail", as conninfo: String? = nil) throws -> PostgresStateAddress {
        try PostgresStateAddress(conninfo: conninfo ?? self.conninfo, schema: schema)
    }

    func state(_ job: String = "job", as conninfo: String? = nil) async throws -> PostgresStateStore {
        try await PostgresStateStore.open(try address(as: conninfo), job: job)
    }

    func looking(_ job: String = "job", as conninfo: String? = nil) async throws -> PostgresStateStore {
        try await PostgresStateStore.openForReading(try address(as: conninfo), job: job)
    }

    /// The schemas that tests or stores made.
    func schemas() async throws -> [String] {
        try await run(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1"
        ).compactMap { $0[0] }
    }
}
