import Dovetail
import DovetailConformance
import DovetailSQLite
import DovetailTestPostgres
import DovetailTestSQLite
import Foundation
import Testing

@Suite("Scenarios over PostgreSQL", .serialized, .databases(.plain, .postGIS))
struct PostgresScenarioTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Scenarios")
    static let files = (try? Scenario.files(in: folder)) ?? []

    @Test("a scenario holds between two databases", arguments: files)
    func databases(file: URL) async throws {
        let databases = Databases.current
        try await ScenarioRunner(
            left: PostgresHarness(databases[0]), right: PostgresHarness(databases[1], hasPostGIS: true)
        ).run(try Scenario(file))
    }

    @Test("a scenario holds between two databases that add up digests", arguments: files)
    func digests(file: URL) async throws {
        let databases = Databases.current
        try await ScenarioRunner(
            left: PostgresHarness(databases[0], addsUpDigests: true),
            right: PostgresHarness(databases[1], hasPostGIS: true, addsUpDigests: true), usesFeeds: true
        ).run(try Scenario(file))
    }

    @Test("a scenario holds between a GeoPackage and a database with PostGIS", arguments: files)
    func geoPackage(file: URL) async throws {
        let postGIS = PostgresHarness(Databases.current[1], hasPostGIS: true)
        try await ScenarioRunner(left: SQLiteHarness(kind: .geoPackage), right: postGIS).run(
            try Scenario(file))
    }

    @Test("a scenario holds between memory and a database, written one by one", arguments: files)
    func memory(file: URL) async throws {
        let memory = MemoryHarness(types: PostgresHarness(Databases.current[0]).abilities.types)
        try await ScenarioRunner(left: memory, right: PostgresHarness(Databases.current[0]), chunkSize: 1)
            .run(try Scenario(file, mirrored: true))
    }
}
