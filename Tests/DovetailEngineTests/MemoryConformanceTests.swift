import DovetailConformance
import Testing

@Suite("Conformance of the replica in memory")
struct MemoryConformanceTests {
    @Test("memory", arguments: Conformance.checks)
    func conforms(check: ConformanceCheck) async throws {
        try await check.run(MemoryHarness())
    }

    @Test("memory that adds up digests", arguments: Conformance.checks)
    func conformsWithDigests(check: ConformanceCheck) async throws {
        try await check.run(MemoryHarness(addsUpDigests: true))
    }
}

@Suite("Conformance of the state store in memory")
struct MemoryStateConformanceTests {
    @Test("Memory", arguments: StateStoreConformance.checks)
    func conforms(check: StateStoreCheck) async throws { try await check.run(MemoryStateHarness()) }
}
