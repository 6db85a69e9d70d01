import DovetailDiffSync
import Testing

@Suite("What holds of every diff and sync")
struct PropertyTests {
    @Test("nothing differs from itself", arguments: 0..<40 as Range<UInt64>)
    func reflexive(seed: UInt64) throws {
        let adapter = try Forest.random("A", seed: seed)
        let diff = try adapter.diffFrom(adapter)
        #expect(!diff.hasDiffs)
        #expect(diff.count == adapter.count)
        #expect(diff.summary.noChange == adapter.count)
    }

    @Test("after a sync there is nothing to do", arguments: 0..<40 as Range<UInt64>)
    func converges(seed: UInt64) async throws {
        var destination = try Forest.random("A", seed: seed)
        let source = try Forest.random("B", seed: seed &+ 1000)
        let diff = try destination.diffFrom(source)
        let result = try await destination.syncFrom(source, diff: diff)
        let wanted = diff.summary.create + diff.summary.update + diff.summary.delete
        #expect(result.operations.count == wanted)
        #expect(result.owed.isEmpty)
        #expect(try !destination.diffFrom(source).hasDiffs)
        #expect(destination.count == source.count)
    }

    @Test("a diff to is the mirror of a diff from", arguments: 0..<40 as Range<UInt64>)
    func mirrors(seed: UInt64) throws {
        let (a, b) = (try Forest.random("A", seed: seed), try Forest.random("B", seed: seed &+ 1000))
        let (from, to) = (try a.diffFrom(b), try a.diffTo(b))
        #expect(from.summary.create == to.summary.delete)
        #expect(from.summary.delete == to.summary.create)
        #expect(from.summary.update == to.summary.update)
        #expect(from.summary.noChange == to.summary.noChange)
        let mirrored: [DiffSyncAction?: DiffSyncAction] = [
            .create: .delete, .delete: .create, .update: .update,
        ]
        let there = Dictionary(uniqueKeysWithValues: to.elements.map { ($0.identity, $0.action) })
        for element in from.elements { #expect(there[element.identity] == mirrored[element.action]) }
    }

    @Test("a dictionary has what differs, however deep", arguments: [50])
    func deepDictionary(depth: Int) throws {
        let diff = try Forest.chain(depth).diffFrom(Forest.chain(depth, size: 2))
        var level = try #require(diff.dict()["root"]?["r"])
        for number in 0..<depth {
            level = try #require(level["folder"]?["\(number)"])
            #expect(level["+"] == ["size": 2])
        }
    }

    @Test("a tree ten thousand deep is compared, shown, created and deleted")
    func deep() async throws {
        let depth = 10_000
        let (source, empty) = (try Forest.chain(depth), try Forest.chain(0))
        var destination = empty
        #expect(try await destination.syncFrom(source).operations.count == depth)
        let diff = try destination.diffFrom(Forest.chain(depth, size: 2))
        #expect(diff.summary.update == depth)
        #expect(diff.elements.last?.depth == depth)
        #expect(try !destination.diffFrom(source).hasDiffs)
        #expect(try await destination.syncFrom(empty).operations.count == depth)
        #expect(destination.count == 1)
    }

    @Test("children of one parent cost the same each, be they few or many")
    func wide() async throws {
        func seconds(_ count: Int) async throws -> Double {
            let clock = ContinuousClock()
            let time = try await clock.measure {
                var (a, b) = (try Forest.empty("A"), try Forest.empty("B"))
                let site = try a.add("site", ["name": "s"])
                try b.add("site", ["name": "s"])
                for number in 0..<count { try a.add("device", ["name": .int(number)], below: site) }
                try await b.syncFrom(a)
                #expect(b.count == count + 1)
                try await b.syncFrom(Forest.empty())
                #expect(b.count == 0)
            }
            return time / .seconds(1)
        }
        let (few, many) = (try await seconds(2_500), try await seconds(20_000))
        // Eight times as many; 64 times as long if each were looked for among its neighbours.
        #expect(many < 40 * few, "\(few) s and \(many) s")
    }

    @Test("identifiers that read alike are different objects")
    func awkwardIdentifiers() async throws {
        var (a, b) = (try Forest.empty("A"), try Forest.empty("B"))
        for name in Forest.awkward { try a.add("site", ["name": name]) }
        let device = try a.add("device", ["name": "d"], below: a.add("site", ["name": "site"]))
        try a.add("interface", ["device": "a__b", "name": "c"], below: device)
        try a.add("interface", ["device": "a", "name": "b__c"], below: device)
        #expect(a.count("site") == Forest.awkward.count + 1)
        let diff = try b.diffFrom(a)
        #expect(diff.deviations.contains(.uidShared))
        try await b.syncFrom(a)
        #expect(try !b.diffFrom(a).hasDiffs)
        #expect(b.count == a.count)
    }
}
