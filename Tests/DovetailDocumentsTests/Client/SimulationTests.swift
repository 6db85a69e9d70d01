import DovetailSimulation
import Testing

@Suite("A hub and five clients under faults")
struct SimulationTests {
    @Test(
        "keep every acknowledged commit once, converge, and lose no user's line",
        arguments: stride(from: UInt64(1), through: 200, by: 25).map { $0..<$0 + 25 })
    func laws(seeds: Range<UInt64>) {
        for seed in seeds {
            let outcome = DocumentSimulation(seed: seed).run()
            #expect(outcome.violations.isEmpty, "seed \(seed): script/simulate --documents --seed \(seed)")
        }
    }

    @Test("are the same each time for one seed")
    func replay() {
        #expect(
            DocumentSimulation(seed: 5).run().story.count == DocumentSimulation(seed: 5).run().story.count)
    }
}
