import DovetailConformance
import DovetailTestPostgres
import Testing

@Suite("Conformance of the PostgreSQL replica", .serialized, .databases(.plain))
struct PostgresConformanceTests {
    @Test("PostgreSQL", arguments: Conformance.checks)
    func plain(check: ConformanceCheck) async throws {
        try await check.run(PostgresHarness(Databases.current[0]))
    }

    @Test("PostgreSQL with digests", arguments: Conformance.checks)
    func digests(check: ConformanceCheck) async throws {
        try await check.run(PostgresHarness(Databases.current[0], addsUpDigests: true))
    }
}

@Suite("Conformance of the PostGIS replica", .serialized, .databases(.postGIS))
struct PostGISConformanceTests {
    @Test("PostGIS", arguments: Conformance.checks)
    func postGIS(check: ConformanceCheck) async throws {
        try await check.run(
            PostgresHarness(Databases.current[0], hasPostGIS: true, addsUpDigests: true))
    }
}
