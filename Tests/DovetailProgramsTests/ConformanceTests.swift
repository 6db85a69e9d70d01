import DovetailConformance
import Testing

@Suite("Conformance of a replica behind a pipe")
struct ProgramConformanceTests {
    @Test("records as they lie in memory", arguments: Conformance.checks)
    func conforms(check: ConformanceCheck) async throws {
        try await check.run(PipedHarness(takesFrames: true))
    }

    @Test("records as JSON", arguments: Conformance.checks)
    func conformsInJSON(check: ConformanceCheck) async throws {
        try await check.run(PipedHarness(takesFrames: false))
    }
}
