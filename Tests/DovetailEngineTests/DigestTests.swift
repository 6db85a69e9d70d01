import Dovetail
import DovetailEngine
import DovetailMemory
import Synchronization
import Testing

@Suite("Sides compared by their digests")
struct DigestTests {
    @Test("verify by digests finds what a whole comparison finds", arguments: 1...20)
    func same(seed: Int) async throws {
        var random = Numbers(seed: UInt64(seed))
        let count = random.below(400)
        var pairs = [MemoryPair(), MemoryPair(addsUpDigests: true)]
        let edits = (0..<random.below(40)).map { _ in
            (random.below(count + 10), random.below(5), random.below(2))
        }
        for index in pairs.indices {
            pairs[index].job.name = "benches"
            await pairs[index].insert(1...(count + 1), .left)
            await pairs[index].insert(1...(count + 1), .right)
            for (id, kind, side) in edits {
                let side: Side = side == 0 ? .left : .right
                switch kind {
                case 0: await pairs[index].delete([id], side)
                case 1: await pairs[index].insert([id + 1000], side)
                default: await pairs[index].update([id], side, ["size": .int(Int64(kind))])
                }
            }
        }
        let whole = try await pairs[0].synchronizer().verify(examples: .max).tables[0]
        let byDigests = try await pairs[1].synchronizer().verify(examples: .max).tables[0]
        #expect(byDigests.counts == whole.counts)
        #expect(byDigests.examples == whole.examples)
        let digests = try #require(byDigests.digests)
        #expect((digests.left == digests.right) == (whole.counts.differences == 0))
    }

    @Test("where nothing differs, no record is read; where little does, little is")
    func readsLittle() async throws {
        var pair = MemoryPair(addsUpDigests: true)
        await pair.insert(1...5000, .left)
        await pair.insert(1...5000, .right)
        let left = CountingReplica(pair.left)
        pair.job.replicas.left = left
        #expect(try await pair.synchronizer().verify().agrees)
        #expect(left.records == 0)
        await pair.update([77, 3000], .right, ["size": .int(2)])
        #expect(try await pair.synchronizer().verify().tables[0].counts.differing == 2)
        #expect(left.records == 2)
    }

    @Test("a second run looks only where digests changed, and finds edits, inserts and deletes")
    func feed() async throws {
        var pair = MemoryPair(addsUpDigests: true)
        await pair.insert(1...3000, .left)
        let left = CountingReplica(pair.left)
        pair.job.replicas.left = left
        _ = try await pair.sync()
        // What the first run wrote on the right is looked at once more.
        #expect(try await pair.sync().run == nil)
        let before = left.records
        #expect(try await pair.sync().run == nil)
        #expect(left.records == before)
        await pair.update([5], .left, ["size": .int(9)])
        await pair.delete([2000], .left)
        await pair.delete([2500], .right)
        await pair.insert([9000], .right)
        let totals = try await pair.sync().totals
        #expect(totals.writes.right.updates == 1 && totals.writes.right.deletes == 1)
        #expect(totals.writes.left.inserts == 1 && totals.writes.left.deletes == 1)
        #expect(left.records - before < 100)
        #expect(try await pair.synchronizer().verify().agrees)
    }

    @Test("where much changed, everything is looked at, and no keys are asked for")
    func muchChanged() async throws {
        var pair = MemoryPair(addsUpDigests: true)
        await pair.insert(1...5000, .left)
        let left = CountingReplica(pair.left)
        pair.job.replicas.left = left
        _ = try await pair.sync()
        _ = try await pair.sync()
        await pair.update(stride(from: 1, to: 5000, by: 4), .left, ["size": .int(9)])
        let (records, keys) = (left.records, left.keys)
        #expect(try await pair.sync().totals.writes.right.updates == 1250)
        #expect(left.keys == keys && left.records >= records + 5000)
        #expect(try await pair.synchronizer().verify().agrees)
    }

    @Test("an edit that takes back what a run wrote is seen, although the table is as it was")
    func takenBack() async throws {
        let pair = MemoryPair(addsUpDigests: true)
        await pair.insert(1...100, .left)
        _ = try await pair.sync()
        _ = try await pair.sync()
        await pair.update([7], .left, ["size": .int(2)])
        #expect(try await pair.sync().totals.writes.right.updates == 1)
        await pair.update([7], .right, ["size": .int(1)])
        #expect(try await pair.sync().totals.writes.left.updates == 1)
        #expect(await pair.rows(.left) == pair.rows(.right))
    }

    @Test("a difference that half a sum does not show is found all the same")
    func equalHalves() async throws {
        var pair = MemoryPair(addsUpDigests: true)
        // So many that ranges are divided further.
        await pair.insert(1...50_000, .left)
        await pair.insert(1...50_000, .right)
        await pair.update([77, 30_000], .right, ["size": .int(2)])
        let sides = Sides(
            left: CountingReplica(pair.left, hidesBelow: 1000),
            right: CountingReplica(pair.right, hidesBelow: 1000))
        pair.job.replicas = Sides(left: sides.left, right: sides.right)
        #expect(try await pair.synchronizer().verify().tables[0].counts.differing == 2)
        // By a look at everything.
        #expect(sides.left.records == 50_000 && sides.right.records == 50_000)
    }

    @Test("digests that are made otherwise are not compared")
    func otherDialect() async throws {
        var pair = MemoryPair(addsUpDigests: true)
        await pair.insert(1...10, .left)
        await pair.insert(1...9, .right)
        pair.job.replicas.left = CountingReplica(pair.left, dialect: "another")
        #expect(try await pair.synchronizer().verify().tables[0].counts.onlyLeft == 1)
    }
}

/// A replica that counts the records it hands out.
private final class CountingReplica: Replica {
    private let replica: MemoryReplica
    private let dialect: String?
    /// Sums of which half will do are alike in ranges below this one, whatever the records.
    private let hidesBelow: Int
    private let handedOut = Mutex(0)
    private let named = Mutex(0)

    init(_ replica: MemoryReplica, dialect: String? = nil, hidesBelow: Int = 0) {
        self.replica = replica
        self.dialect = dialect
        self.hidesBelow = hidesBelow
    }

    var records: Int { handedOut.withLock { $0 } }
    func count(_ records: Int) { handedOut.withLock { $0 += records } }
    /// How many keys were asked for with their digests.
    var keys: Int { named.withLock { $0 } }
    func countKeys(_ keys: Int) { named.withLock { $0 += keys } }

    var name: String { replica.name }
    func describe() async throws -> [TableDescription] { try await replica.describe() }
    func observe() async throws -> any Observation {
        let inner = try await replica.observe()
        guard let inner = inner as? any DigestingObservation else { return inner }
        return CountingObservation(inner: inner, replica: self, dialect: dialect, hidesBelow: hidesBelow)
    }
    func prepare(_ views: [TableView]) async throws { try await replica.prepare(views) }
    func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        try await replica.apply(writes, to: view)
    }
    func stamp(_ mark: ReplicaMark) async throws -> Bool { try await replica.stamp(mark) }
    func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {}
    func close() async {}
}

private struct CountingObservation: DigestingObservation {
    let inner: any DigestingObservation
    let replica: CountingReplica
    let dialect: String?
    let hidesBelow: Int

    func identity(job: String) async throws -> ReplicaIdentity { try await inner.identity(job: job) }
    func snapshot(of view: TableView) async throws -> any RecordCursor {
        CountingCursor(inner: try await inner.snapshot(of: view), replica: replica)
    }
    func read(_ references: [RecordReference], of view: TableView) async throws -> [Record] {
        let records = try await inner.read(references, of: view)
        replica.count(records.count)
        return records
    }
    func changes(of view: TableView, since cursor: FeedCursor) async throws -> ChangedKeys? {
        guard case .changes(let keys)? = try await DigestFeed(self, view: view).changes(since: cursor) else {
            return nil
        }
        return keys
    }
    func feedPosition(of view: TableView) async throws -> FeedCursor? {
        try await inner.feedPosition(of: view)
    }
    func isEmpty(_ view: TableView) async throws -> Bool { try await inner.isEmpty(view) }
    func finish() async { await inner.finish() }
    func digestDialect(of view: TableView) async throws -> String? {
        if let dialect { return dialect }
        return try await inner.digestDialect(of: view)
    }
    func sampleKeys(of view: TableView, count: Int) async throws -> [RecordKey] {
        try await inner.sampleKeys(of: view, count: count)
    }
    func digests(of view: TableView, parts: KeyParts) async throws -> [PartDigest] {
        try await inner.digests(of: view, parts: parts).map { part in
            guard parts.isBrief, part.position.range < hidesBelow else { return part }
            return PartDigest(
                position: part.position,
                digest: SetDigest(sum: Digest(high: 0, low: 0), count: part.digest.count))
        }
    }
    func keyDigests(of view: TableView, parts: KeyParts) async throws -> [KeyDigest] {
        let keys = try await inner.keyDigests(of: view, parts: parts)
        replica.countKeys(keys.count)
        return keys
    }
}

private struct CountingCursor: RecordCursor {
    let inner: any RecordCursor
    let replica: CountingReplica

    func next() async throws -> RecordBatch? {
        let batch = try await inner.next()
        replica.count(batch?.count ?? 0)
        return batch
    }
}

/// Numbers from a seed.
private struct Numbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 }

    mutating func below(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
}
