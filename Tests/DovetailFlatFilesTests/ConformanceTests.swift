import DovetailConformance
import Testing

@Suite("Conformance of flat files")
struct FlatFileConformanceTests {
    @Test("CSV", arguments: Conformance.checks)
    func csv(check: ConformanceCheck) async throws {
        try await check.run(FlatFileHarness(.csv))
    }

    @Test("CSV with semicolons", arguments: Conformance.checks)
    func semicolons(check: ConformanceCheck) async throws {
        try await check.run(FlatFileHarness(.semicolons))
    }

    @Test("GeoJSON", arguments: Conformance.checks)
    func geoJSON(check: ConformanceCheck) async throws {
        try await check.run(FlatFileHarness(.collection))
    }

    @Test("line-delimited GeoJSON", arguments: Conformance.checks)
    func lines(check: ConformanceCheck) async throws {
        try await check.run(FlatFileHarness(.lines))
    }

    @Test("GeoJSON text sequences", arguments: Conformance.checks)
    func separators(check: ConformanceCheck) async throws {
        try await check.run(FlatFileHarness(.separators))
    }
}
