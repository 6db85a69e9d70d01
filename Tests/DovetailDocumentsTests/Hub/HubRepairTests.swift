import Dovetail
import DovetailDocuments
import Testing

@Suite("A hub's repair")
struct HubRepairTests {
    /// A log of 25 commits with some damage, and a hub that has nothing of it in memory.
    private struct Damaged {
        let world: HubWorld
        let hub: DocumentHub
        var anna: HubAccess { hub.access(to: HubWorld.set, as: "anna", mayWrite: true) }

        init(_ damage: (MemoryCommitStore) async throws -> Void) async throws {
            world = try await HubLogTests.world(commits: 25, settings: HubLogTests.snapshotEvery10)
            try await damage(world.store)
            hub = DocumentHub(store: world.store, settings: HubLogTests.snapshotEvery10)
        }

        func repair() async throws -> HubRepair {
            let done = try await hub.repair(page, in: HubWorld.set)
            #expect(try await hub.verify().damages.isEmpty)
            #expect(try await DocumentHub(store: world.store).verify().damages.isEmpty)
            return done
        }

        /// The commits that give the text that they gave before the damage.
        func proven() async throws -> [Int64] {
            var proven: [Int64] = []
            for number in 1...25 {
                guard let text = try? await anna.content(at: Int64(number)) else { continue }
                if text == HubLogTests.text(number) { proven.append(Int64(number)) }
            }
            return proven
        }
    }

    private static func zeroed(_ commit: Commit) -> Commit {
        var commit = commit
        commit.delta = commit.delta.map { _ in 0 }
        return commit
    }

    @Test("leaves a document alone that is sound, with its whole history")
    func sound() async throws {
        let damaged = try await Damaged { _ in }
        let epoch = await damaged.world.store.epoch()
        #expect(try await damaged.repair() == HubRepair())
        #expect(try await damaged.proven() == Array(1...25))
        #expect(await damaged.world.store.epoch() == epoch)
    }

    @Test("of a damaged whole text loses nothing: it is made again from the log")
    func wholeText() async throws {
        let damaged = try await Damaged { store in
            let kept = try #require(await store.snapshot(of: page, in: HubWorld.set, before: 25))
            await store.keep(Array("rubbish".utf8), of: page, in: HubWorld.set, at: kept.sequence)
        }
        let done = try await damaged.repair()
        #expect(done.damage != nil && done.lost.isEmpty && !done.isNewestLost)
        #expect(try await damaged.proven() == Array(1...25))
    }

    @Test("keeps what is proven before and after a damaged commit; what is lost says so, and changes nothing")
    func middle() async throws {
        let damaged = try await Damaged { store in
            await store.damage(page, in: HubWorld.set, at: 4, Self.zeroed)
        }
        let epoch = await damaged.world.store.epoch()
        let done = try await damaged.repair()
        #expect(done.newest == 25 && !done.isNewestLost)
        // The next whole text proves the rest.
        let kept = try #require(done.lost.last) + 1
        #expect(done.lost == Array(4..<kept))
        #expect(try await damaged.proven() == Array(1...3) + Array(kept...25))
        #expect(try await damaged.anna.content(at: 5) == HubLogTests.text(3))
        let log = try await damaged.anna.log(of: page, before: nil, limit: 100)
        #expect(log.count == 25)
        #expect(log.filter { $0.author == "anna (lost)" }.map(\.sequence).reversed() == done.lost)
        #expect(await damaged.world.store.epoch() == epoch)
        #expect(try await damaged.anna.save("on\n") == 26)
    }

    @Test("is not needed to read what is proven: a log tells what is not, and goes on behind it")
    func readable() async throws {
        let damaged = try await Damaged { store in
            await store.damage(page, in: HubWorld.set, at: 4, Self.zeroed)
        }
        let history = DocumentHistory(page, at: damaged.anna)
        let versions = try await history.versions(limit: 100)
        #expect(versions.map(\.commit.sequence) == Array(1...25))
        let unproven = versions.filter { $0.problem != nil }.map(\.commit.sequence)
        #expect(unproven.first == 4 && unproven.allSatisfy { $0 < 12 }, "\(unproven)")
        for version in versions where version.problem == nil {
            #expect(version.after == Array(HubLogTests.text(Int(version.commit.sequence)).utf8))
        }
        let blamed = try await history.blame()
        #expect(blamed.flatMap(\.line) == Array(HubLogTests.text(25).utf8))
        #expect(blamed.contains { $0.commit == nil } && blamed.contains { $0.commit?.sequence == 25 })
    }

    @Test("fills a hole, and keeps what is proven on both sides of it")
    func hole() async throws {
        let damaged = try await Damaged { store in
            await store.damage(page, in: HubWorld.set, at: 7) { _ in nil }
        }
        let done = try await damaged.repair()
        #expect(done.lost.first == 7 && !done.isNewestLost)
        #expect(try await damaged.proven() == Array(1...25).filter { !done.lost.contains($0) })
        let start = LogPosition(epoch: await damaged.world.store.epoch(), sequence: 0)
        guard case .commits(let log) = try await damaged.anna.commits(of: page, after: start, limit: 100)
        else {
            Issue.record("the log is not whole")
            return
        }
        #expect(log.map(\.sequence) == Array(1...25))
        #expect(log[6].author == "unknown (lost)")
    }

    @Test(
        "goes on from the newest proven text where newer ones are lost, and clients know that they may have these"
    )
    func newest() async throws {
        let damaged = try await Damaged { store in
            await store.damage(page, in: HubWorld.set, at: 23, Self.zeroed)
        }
        let before = Snapshot(
            document: page, position: LogPosition(epoch: await damaged.world.store.epoch(), sequence: 25),
            text: Array(HubLogTests.text(25).utf8))
        #expect(await kind { _ = try await damaged.anna.head() } == .damaged)
        let done = try await damaged.repair()
        #expect(done.lost == [23, 24, 25] && done.newest == 22 && done.isNewestLost)
        #expect(try await damaged.proven() == Array(1...22))
        #expect(try await damaged.anna.content() == HubLogTests.text(22))
        // An older text must not look as if it followed the lost one.
        let head = try await damaged.anna.head()
        #expect(head.position.epoch != before.position.epoch)
        #expect(try await damaged.anna.push(CommitDraft("x", after: before)) == .gone(head))
        #expect(try await damaged.anna.save(HubLogTests.text(25)) == 26)
    }

    @Test("leaves a document without text of which nothing is proven")
    func nothing() async throws {
        let world = try await HubLogTests.world(commits: 3)
        for number in 1...3 as ClosedRange<Int64> {
            await world.store.damage(page, in: HubWorld.set, at: number, Self.zeroed)
        }
        let hub = DocumentHub(store: world.store)
        let done = try await hub.repair(page, in: HubWorld.set)
        #expect(done.lost == [1, 2, 3] && done.newest == nil && done.isNewestLost)
        #expect(try await hub.verify().damages.isEmpty)
        let anna = hub.access(to: HubWorld.set, as: "anna", mayWrite: true)
        #expect(try await anna.content() == nil)
        #expect(try await anna.save("again\n") == 4)
    }

    @Test("of a log that was cut off begins where the first proven text is")
    func pruned() async throws {
        let clock = StillClock()
        let world = HubWorld(HubLogTests.pruned, clock: clock.clock)
        for number in 1...30 { try await world.client().save(HubLogTests.text(number)) }
        clock.advance(.seconds(1))
        #expect(try await world.hub.prune() == 22)
        await world.store.keep(Array("rubbish".utf8), of: page, in: HubWorld.set, at: 23)
        let hub = DocumentHub(store: world.store)
        let done = try await hub.repair(page, in: HubWorld.set)
        #expect(done.lost.first == 23 && !done.isNewestLost)
        #expect(try await hub.verify().damages.isEmpty)
        let first = try #require(done.lost.last) + 1
        let anna = hub.access(to: HubWorld.set, as: "anna", mayWrite: true)
        for number in first...30 {
            #expect(try await anna.content(at: number) == HubLogTests.text(Int(number)))
        }
        #expect(await kind { _ = try await anna.text(of: page, at: first - 1) } == .pruned)
    }

    @Test("is told why in words that fit damage on a disk")
    func words() async throws {
        let damaged = try await Damaged { store in
            await store.damage(page, in: HubWorld.set, at: 23, Self.zeroed)
        }
        let reason = try #require(try await damaged.hub.verify().damages.first?.reason)
        #expect(reason == "commit 23 is damaged: its delta does not begin as one does")
    }

    @Test(
        "of whatever damage loses no text that is proven, and shows none that is not as if it were",
        arguments: 0..<200)
    func anyDamage(seed: UInt64) async throws {
        var random = Numbers(state: seed)
        let world = HubWorld(HubSettings(commitsPerSnapshot: 5))
        var texts: [[UInt8]?] = []
        for number in 1...20 {
            let text = number % 7 == 0 ? nil : HubLogTests.text(number)
            try await world.client().save(text)
            texts.append(text.map { Array($0.utf8) })
        }
        for _ in 0...(random.next() % 4) {
            let place = Int64(1 + random.next() % 20)
            let kind = random.next() % 7
            if kind == 6 {
                let kept = await world.store.snapshot(of: page, in: HubWorld.set, before: place)
                guard let kept else { continue }
                await world.store.keep([7], of: page, in: HubWorld.set, at: kept.sequence)
                continue
            }
            await world.store.damage(page, in: HubWorld.set, at: place) { commit in
                var commit = commit
                switch kind {
                case 0: commit.delta = commit.delta.map { _ in 0 }
                case 1: return nil
                case 2: commit.parent = .empty
                case 3: commit.result = .empty
                case 4: commit.size += 1
                default: if !commit.delta.isEmpty { commit.delta[commit.delta.count / 2] ^= 64 }
                }
                return commit
            }
        }
        let hub = DocumentHub(store: world.store)
        let anna = hub.access(to: HubWorld.set, as: "anna", mayWrite: true)
        // What can be shown before the repair can be shown after it.
        var proven: [Int64: [UInt8]?] = [:]
        for number in 1...20 as ClosedRange<Int64> {
            if let found = try? await anna.text(of: page, at: number) { proven[number] = .some(found.text) }
        }
        let done = try await hub.repair(page, in: HubWorld.set)
        #expect(try await hub.verify().damages.isEmpty)
        #expect(try await hub.repair(page, in: HubWorld.set) == HubRepair())
        for commit in try await anna.log(of: page, before: nil, limit: 100) {
            let text = try await anna.text(of: page, at: commit.sequence).text
            if commit.author.hasSuffix("(lost)") {
                #expect(done.lost.contains(commit.sequence))
            } else {
                #expect(text == texts[Int(commit.sequence) - 1])
            }
            if let before = proven[commit.sequence], !done.lost.contains(commit.sequence) {
                #expect(text == before)
            }
        }
        for number in proven.keys where proven[number] == .some(texts[Int(number) - 1]) {
            #expect(!done.lost.contains(number), "\(number)")
        }
        let head = try await anna.head()
        #expect(try await anna.push(CommitDraft("on\n", after: head)).isCommitted)
    }

    /// SplitMix64.
    private struct Numbers: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var number = state
            number = (number ^ (number >> 30)) &* 0xBF58_476D_1CE4_E5B9
            number = (number ^ (number >> 27)) &* 0x94D0_49BB_1331_11EB
            return number ^ (number >> 31)
        }
    }
}
