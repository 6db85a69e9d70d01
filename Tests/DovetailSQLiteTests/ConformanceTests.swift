import DovetailConformance
import DovetailSQLite
import DovetailTestSQLite
import Testing

@Suite("Conformance of the SQLite and GeoPackage replica")
struct SQLiteConformanceTests {
    @Test("SQLite", arguments: Conformance.checks)
    func sqlite(check: ConformanceCheck) async throws {
        try await check.run(SQLiteHarness(kind: .sqlite))
    }

    @Test("GeoPackage", arguments: Conformance.checks)
    func geoPackage(check: ConformanceCheck) async throws {
        try await check.run(SQLiteHarness(kind: .geoPackage))
    }
}
