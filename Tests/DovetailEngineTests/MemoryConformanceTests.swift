import DovetailConformance
import Testing

@Suite("Conformance of the replica in memory")
struct MemoryConformanceTests {
    @Test("memory", arguments: Conformance.checks)
    func conforms(check: ConformanceCheck) async throws {
        try await check.run(MemoryHarness())
    }
}
