import Dovetail
import DovetailEngine
import DovetailModels
import Testing

@Suite("Two datasets with a base")
struct ReconcileTests {
    private func sites(_ dataset: Dataset) -> [Site] { dataset.all(Site.self).sorted { $0.name < $1.name } }

    /// The two systems after someone worked in each: datasets are loaded anew for each run.
    private func run(_ a: [Device], _ b: [Device], _ store: MemoryStateStore, refusing: String? = nil)
        async throws
        -> (a: [Device], b: [Device], result: SyncResult)
    {
        struct No: Error {}
        let left = try network("A", sites: [Site(name: "nyc")], devices: a)
        let right = try network("B", sites: [Site(name: "nyc")], devices: b)
        if let refusing {
            try right.on(
                Device.self, create: { if $0.name == refusing { throw No() } },
                delete: { if $0.name == refusing { throw No() } })
        }
        let result = try await reconcile(left, right, base: store)
        func sorted(_ dataset: Dataset) -> [Device] { dataset.all(Device.self).sorted { $0.name < $1.name } }
        return (sorted(left), sorted(right), result)
    }

    private func device(_ name: String, _ role: Device.Role = .leaf, tags: [String] = []) -> Device {
        Device(site: "nyc", name: name, role: role, tags: tags)
    }

    @Test("edits of both sides are merged, deletes and inserts travel, and nothing is lost")
    func merged() async throws {
        let store = MemoryStateStore()
        let all = ["a", "b", "c", "d"].map { device($0) }
        #expect(try await run(all, all, store).result.isComplete)
        let left = [device("a", .spine), device("b"), device("d"), device("e")]
        let right = [device("a", tags: ["x"]), device("b"), device("c"), device("f")]
        let now = try await run(left, right, store)
        let wanted = [device("a", .spine, tags: ["x"]), device("b"), device("e"), device("f")]
        #expect(now.a == wanted && now.b == wanted && now.result.isComplete)
        #expect(try await run(now.a, now.b, store).result.operations.isEmpty)
    }

    @Test("at first meeting nothing is deleted, and what differs is a conflict with both values")
    func first() async throws {
        let store = MemoryStateStore()
        let now = try await run(
            [device("a"), device("b", .leaf)], [device("b", .spine), device("c")], store)
        #expect(now.a.map(\.name) == ["a", "b", "c"] && now.b.map(\.name) == ["a", "b", "c"])
        #expect(now.result.conflicts.count == 1 && !now.result.isComplete)
        #expect(now.a[1].role == .leaf && now.b[1].role == .spine)
    }

    @Test("a delete that a hook refuses is owed in the next run, and the hook is called once a run")
    func owed() async throws {
        let store = MemoryStateStore()
        let all = [device("a"), device("b")]
        _ = try await run(all, all, store)
        let now = try await run([device("a")], all, store, refusing: "b")
        #expect(now.b.map(\.name) == ["a", "b"])
        #expect(now.result.failed.map(\.error) == ["No()"] && now.result.skipped.isEmpty)
        let next = try await run(now.a, now.b, store)
        #expect(next.b.map(\.name) == ["a"] && next.result.isComplete)
    }

    @Test("an incomplete side deletes nothing on the other")
    func incomplete() async throws {
        let store = MemoryStateStore()
        let all = [Site(name: "x"), Site(name: "y")]
        try await reconcile(try network("A", sites: all), try network("B", sites: all), base: store)
        let left = try network("A", sites: [Site(name: "x")])
        left.markIncomplete("the server stopped answering")
        let right = try network("B", sites: all)
        let result = try await reconcile(left, right, base: store)
        #expect(sites(right) == all && result.incomplete == ["A"])
    }

    @Test("a conflict that waits is the same one when the datasets were loaded in another order")
    func waiting() async throws {
        let store = MemoryStateStore()
        let all = ["x", "y", "z"].map { Site(name: $0) }
        _ = try await reconcile(network("A", sites: all), network("B", sites: all), base: store)
        let (left, right) = (Site(name: "y", region: "1"), Site(name: "y", region: "2"))
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let a = try network("A", sites: order.map { $0 == 1 ? left : all[$0] })
            let b = try network("B", sites: order.reversed().map { $0 == 1 ? right : all[$0] })
            #expect(try await reconcile(a, b, base: store).conflicts.count == 1)
        }
        // One run agreed, one noted the conflict, and the others had nothing to do.
        #expect(await store.runs(limit: 10).count == 2)
    }

    @Test("the order of loading does not matter, and both ways are alike", arguments: 1...20)
    func mirrored(seed: UInt64) async throws {
        var random = Numbers(seed: seed)
        func some() -> [Device] {
            (0..<8).filter { _ in Int.random(in: 0..<4, using: &random) > 0 }.map {
                device("d\($0)", Bool.random(using: &random) ? .leaf : .spine)
            }
        }
        let (base, left, right) = (some(), some(), some())
        var ends: [[Device]] = []
        for turned in [false, true] {
            let store = MemoryStateStore()
            _ = try await run(base, base, store)
            let (a, b) = turned ? (right, left) : (left, right)
            let now = try await run(a.shuffled(using: &random), b.shuffled(using: &random), store)
            ends += turned ? [now.b, now.a] : [now.a, now.b]
        }
        #expect(ends[0] == ends[2] && ends[1] == ends[3])
    }
}
