import Dovetail
import DovetailEngine
import Testing

@Suite("Rules that change between runs")
struct RuleChangeTests {
    @Test(
        "what the old rules left alone is looked at again, though no feed mentions it",
        arguments: [false, true])
    func newRulesReachBack(feed: Bool) async throws {
        var pair = MemoryPair(rules: TableRules(direction: .leftToRight))
        pair.job.tables = [
            JobTable(MemoryPair.benches, rules: TableRules(direction: .leftToRight), wantsChangeFeed: feed)
        ]
        await pair.insert(1...3, .left)
        await pair.insert([9], .right)
        for _ in 0..<4 { _ = try await pair.sync() }
        #expect(await pair.count(.left) == 3)
        pair.job.tables = [JobTable(MemoryPair.benches, rules: TableRules(), wantsChangeFeed: feed)]
        _ = try await pair.sync()
        #expect(await pair.count(.left) == 4)
        #expect(try await pair.synchronizer().verify().agrees)
        let quiet = try await pair.sync()
        #expect(quiet.run == nil)
    }
}
