import Dovetail
import DovetailConformance
import DovetailEngine
import DovetailMemory
import DovetailSQLite
import DovetailTestSQLite
import Foundation
import Testing

@Suite("Scenarios over files")
struct FileScenarioTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Scenarios")
    static let files = (try? Scenario.files(in: folder)) ?? []

    @Test("a scenario holds between two SQLite files", arguments: files)
    func sqlite(file: URL) async throws {
        try await ScenarioRunner(left: SQLiteHarness(kind: .sqlite), right: SQLiteHarness(kind: .sqlite))
            .run(try Scenario(file))
    }

    @Test("a scenario holds between two GeoPackages that are observed by change feeds", arguments: files)
    func geoPackage(file: URL) async throws {
        let (left, right) = (SQLiteHarness(kind: .geoPackage), SQLiteHarness(kind: .geoPackage))
        try await ScenarioRunner(left: left, right: right, usesFeeds: true).run(try Scenario(file))
    }

    @Test("a scenario holds between an SQLite file and a GeoPackage, written one by one", arguments: files)
    func mixed(file: URL) async throws {
        let (left, right) = (SQLiteHarness(kind: .sqlite), SQLiteHarness(kind: .geoPackage))
        try await ScenarioRunner(left: left, right: right, chunkSize: 1).run(
            try Scenario(file, mirrored: true))
    }

    @Test("a scenario holds between memory and an SQLite file", arguments: files)
    func memory(file: URL) async throws {
        try await ScenarioRunner(
            left: MemoryHarness(
                types: [.bool, .int, .double, .text, .geometry(GeometryKind(type: "POINT", srid: 4326))],
                holdsNaN: false), right: SQLiteHarness(kind: .sqlite)
        ).run(
            try Scenario(file))
    }
}
