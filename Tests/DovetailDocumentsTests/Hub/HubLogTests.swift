import Dovetail
import DovetailDocuments
import Testing

@Suite("The hub's log")
struct HubLogTests {
    static func world(commits: Int, settings: HubSettings = HubSettings()) async throws -> HubWorld {
        let world = HubWorld(settings)
        for number in 1...commits {
            try await world.client().save((1...number).map { "line \($0)\n" }.joined())
        }
        return world
    }

    static func text(_ number: Int) -> String { (1...number).map { "line \($0)\n" }.joined() }

    static var snapshotEvery10: HubSettings { HubSettings(commitsPerSnapshot: 10) }

    @Test("is empty for a client that has everything (G01)")
    func nothingNew() async throws {
        let world = try await Self.world(commits: 3)
        let head = try await world.client().head()
        #expect(try await world.client().commits(of: page, after: head.position, limit: 10) == .commits([]))
        let none = LogPosition(epoch: head.position.epoch, sequence: 0)
        #expect(
            try await world.client().commits(of: DocumentName(known: "none"), after: none, limit: 10)
                == .commits([]))
    }

    @Test("gives the text at each commit, whatever is kept whole")
    func everyText() async throws {
        let world = try await Self.world(commits: 35, settings: Self.snapshotEvery10)
        for number in 1...35 {
            #expect(try await world.client().content(at: Int64(number)) == Self.text(number))
        }
        #expect(await kind { _ = try await world.client().text(of: page, at: 36) } == .notFound)
        #expect(await kind { _ = try await world.client().text(of: page, at: 0) } == .notFound)
        let kept = await world.store.snapshot(of: page, in: HubWorld.set, before: 35)
        #expect(kept?.sequence ?? 0 >= 25)
    }

    @Test("is told newest first, without deltas")
    func told() async throws {
        let world = try await Self.world(commits: 5)
        let log = try await world.client().log(of: page, before: 4, limit: 3)
        #expect(log.map(\.sequence) == [4, 3, 2])
        #expect(log.allSatisfy { $0.delta.isEmpty && $0.author == "anna" })
        #expect(
            await kind {
                _ = try await world.client().log(of: DocumentName(known: "no"), before: nil, limit: 1)
            } == .notFound)
    }

    @Test("comes in parts that are bounded by bytes, and in one that is larger than the bound")
    func parts() async throws {
        var settings = HubSettings()
        settings.limits.largestMessage = 2000
        let hub = HubWorld(settings).client()
        let start = try await hub.head().position
        for number in 0..<10 { try await hub.save(String(repeating: "\(number)", count: 900)) }
        var (position, parts) = (start, 0)
        while case .commits(let part) = try await hub.commits(of: page, after: position, limit: 100),
            let last = part.last
        {
            #expect(part.count <= 2)
            #expect(part.first?.sequence == position.sequence + 1)
            position.sequence = last.sequence
            parts += 1
        }
        #expect(position.sequence == 10)
        #expect(parts == 5)
    }

    @Test("replays from its first commit to its head (G05)")
    func verifies() async throws {
        let world = try await Self.world(commits: 25, settings: Self.snapshotEvery10)
        try await world.client().save(nil)
        try await world.client().save("again\n")
        let report = try await world.hub.verify()
        #expect(report.damages.isEmpty)
        #expect(report.commits == 27)
        #expect(report.documents == 1)
    }

    // MARK: Damage

    @Test("with a flipped bit is noticed; the document is read as far as proven and not written (F05)")
    func bitFlip() async throws {
        let world = try await Self.world(commits: 25, settings: Self.snapshotEvery10)
        await world.store.damage(page, in: HubWorld.set, at: 23) { commit in
            var commit = commit
            commit.delta[commit.delta.count - 2] ^= 4
            return commit
        }
        // A new hub has nothing in memory.
        let hub = DocumentHub(store: world.store, settings: Self.snapshotEvery10)
        let anna = hub.access(to: HubWorld.set, as: "anna", mayWrite: true)
        #expect(await kind { _ = try await anna.text(of: page, at: nil) } == .damaged)
        #expect(await kind { _ = try await anna.text(of: page, at: 24) } == .damaged)
        #expect(try await anna.content(at: 22) == Self.text(22))
        let report = try await hub.verify()
        #expect(report.damages.map(\.sequence) == [23])
        let parent = Snapshot(
            document: page, position: LogPosition(epoch: await world.store.epoch(), sequence: 25),
            text: Array(Self.text(25).utf8))
        #expect(await kind { _ = try await anna.push(CommitDraft("x", after: parent)) } == .damaged)
    }

    @Test("with a damaged whole text goes on from the one before it (F05)")
    func damagedWholeText() async throws {
        let world = try await Self.world(commits: 25, settings: Self.snapshotEvery10)
        let kept = try #require(await world.store.snapshot(of: page, in: HubWorld.set, before: 25))
        await world.store.keep(Array("rubbish".utf8), of: page, in: HubWorld.set, at: kept.sequence)
        let hub = DocumentHub(store: world.store)
        #expect(try await hub.access(to: HubWorld.set, as: "a", mayWrite: true).content() == Self.text(25))
        #expect(try await hub.verify().damages.map(\.sequence) == [kept.sequence])
    }

    @Test("with a hole is read-only until it was repaired from a whole text (G04)")
    func hole() async throws {
        let world = try await Self.world(commits: 25, settings: Self.snapshotEvery10)
        await world.store.damage(page, in: HubWorld.set, at: 7) { _ in nil }
        let hub = DocumentHub(store: world.store)
        let report = try await hub.verify()
        #expect(report.damages.map(\.sequence) == [7])
        let anna = hub.access(to: HubWorld.set, as: "anna", mayWrite: true)
        #expect(try await anna.content() == Self.text(25))
        #expect(await kind { try await anna.save("x") } == .damaged)
        let start = LogPosition(epoch: await world.store.epoch(), sequence: 5)
        #expect(await kind { _ = try await anna.commits(of: page, after: start, limit: 100) } == .damaged)
        _ = try await hub.repair(page, in: HubWorld.set)
        #expect(try await anna.save("x") == 26)
        #expect(try await hub.verify().damages.isEmpty)
    }

    // MARK: Pruning

    static let pruned = HubSettings(
        commitsPerSnapshot: 10, pruning: HubSettings.Pruning(keepDays: 0, keepCommits: 8))

    @Test("forgets what the rule says and nothing else; older places are told the head (C07)")
    func pruning() async throws {
        let clock = StillClock()
        let world = HubWorld(Self.pruned, clock: clock.clock)
        let hub = world.client()
        for number in 1...30 { try await hub.save(Self.text(number)) }
        clock.advance(.seconds(1))
        #expect(try await world.hub.prune() == 22)
        #expect(try await world.hub.prune() == 0)
        #expect(await kind { _ = try await hub.text(of: page, at: 22) } == .pruned)
        for number in 23...30 { #expect(try await hub.content(at: Int64(number)) == Self.text(number)) }
        let head = try await hub.head()
        let old = LogPosition(epoch: head.position.epoch, sequence: 10)
        #expect(try await hub.commits(of: page, after: old, limit: 100) == .gone(head))
        var draft = CommitDraft("x", after: head)
        (draft.parent, draft.parentHash) = (old, TextHash(of: Array(Self.text(10).utf8)))
        #expect(try await hub.push(draft) == .gone(head))
        #expect(try await world.hub.verify().damages.isEmpty)
        try await hub.save("on\n")
        #expect(try await DocumentHub(store: world.store).verify().damages.isEmpty)
    }

    @Test("keeps commits that are young enough, and a deleted document's end")
    func youngStay() async throws {
        let clock = StillClock()
        let settings = HubSettings(pruning: HubSettings.Pruning(keepDays: 1, keepCommits: 1))
        let world = HubWorld(settings, clock: clock.clock)
        for number in 1...5 { try await world.client().save(Self.text(number)) }
        try await world.client().save(nil)
        #expect(try await world.hub.prune() == 0)
        clock.advance(.seconds(2 * 86_400))
        #expect(try await world.hub.prune() == 5)
        #expect(try await world.client().content() == nil)
        #expect(try await world.hub.verify().damages.isEmpty)
        try await world.client().save("again")
        let hub = DocumentHub(store: world.store)
        #expect(try await hub.access(to: HubWorld.set, as: "a", mayWrite: false).content() == "again")
        #expect(try await hub.verify().damages.isEmpty)
    }

    @Test("has no hole for a client that pages while it is pruned (G03)", .timeLimit(.minutes(1)))
    func pagingWhilePruning() async throws {
        let clock = StillClock()
        let world = HubWorld(Self.pruned, clock: clock.clock)
        let hub = world.client()
        let start = try await hub.head().position
        for number in 1...20 { try await hub.save(Self.text(number)) }
        let pruner = Task {
            for number in 21...120 {
                try await hub.save(Self.text(number))
                clock.advance(.seconds(1))
                try await world.hub.prune()
            }
        }
        var (reached, gone) = (start, 0)
        while reached.sequence < 120 {
            switch try await hub.commits(of: page, after: reached, limit: 3) {
            case .commits(let part):
                var next = reached.sequence
                for commit in part {
                    next += 1
                    #expect(commit.sequence == next)
                }
                reached.sequence = next
            case .gone(let head):
                #expect(head.text == Array(Self.text(Int(head.position.sequence)).utf8))
                reached = head.position
                gone += 1
            }
        }
        try await pruner.value
        #expect(try await world.hub.verify().damages.isEmpty)
    }

    // MARK: Another store

    @Test("of a restored store is another one: places in it mean nothing (C11)")
    func restored() async throws {
        let world = try await Self.world(commits: 3)
        let before = try await world.client().head()
        try await world.hub.renewEpoch()
        let now = try await world.client().head()
        #expect(now.text == before.text)
        #expect(now.position.epoch != before.position.epoch)
        #expect(try await world.client().push(CommitDraft("x", after: before)) == .gone(now))
        #expect(try await world.client().commits(of: page, after: before.position, limit: 9) == .gone(now))
        try await world.client().save("y")
    }
}
