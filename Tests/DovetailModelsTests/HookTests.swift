import Dovetail
import DovetailEngine
import DovetailModels
import Synchronization
import Testing

@Suite("Hooks of a dataset")
struct HookTests {
    private struct Refused: Error, CustomStringConvertible { let description: String }

    private final class Calls<Call: Sendable>: Sendable {
        private let calls = Mutex<[Call]>([])
        var all: [Call] { calls.withLock { $0 } }
        func note(_ call: Call) { calls.withLock { $0.append(call) } }
    }

    private func sites(_ range: Range<Int>) -> [Site] { range.map { Site(name: String($0 + 100)) } }

    @Test("get batches of the size they take, of one kind each")
    func batches() async throws {
        let calls = Calls<String>()
        let a = try network("A", sites: sites(0..<10) + [Site(name: "x", region: "old")])
        let b = try network("B", sites: sites(5..<30) + [Site(name: "x", region: "new")])
        a.hookPolicy.concurrency = 1
        try a.onBatches(
            of: 8, Site.self,
            create: {
                calls.note("create \($0.count)")
                return []
            },
            update: {
                calls.note("update \($0.map(\.after.name))")
                return []
            },
            delete: {
                calls.note("delete \($0.count)")
                return []
            })
        let result = try await a.sync(from: b)
        #expect(result.isComplete && result.applied.count == 26)
        #expect(Set(calls.all) == ["create 8", "create 4", "update [\"x\"]", "delete 5"])
        #expect(calls.all.count == 5)
        #expect(try await a.diff(from: b).isEmpty)
    }

    @Test("of a batch, what was refused is owed, and the rest is done")
    func partly() async throws {
        let a = try network("A")
        let b = try network("B", sites: sites(0..<10))
        try a.onBatches(
            of: 4, Site.self,
            create: { batch in
                if batch.contains(where: { $0.name == "109" }) { throw Refused(description: "no answer") }
                return batch.indices.filter { batch[$0].name.hasSuffix("2") }.map {
                    HookRefusal(at: $0, "the name is taken")
                }
            })
        let result = try await a.sync(from: b)
        #expect(
            Set(result.failed.map { "\($0.key.words): \($0.error ?? "")" }) == [
                "102: the name is taken", "108: no answer", "109: no answer",
            ])
        #expect(result.applied.count == 7 && a.all(Site.self).count == 7)
        #expect(try await a.diff(from: b).summary.create == 3)
    }

    @Test("are called again as often as allowed, and only for errors that may pass")
    func retries() async throws {
        let tries = Calls<String>()
        let a = try network("A")
        let b = try network("B", sites: sites(0..<3))
        try a.on(
            Site.self,
            create: { site in
                tries.note(site.name)
                let count = tries.all.filter { $0 == site.name }.count
                if site.name == "101", count < 3 { throw Refused(description: "502") }
                if site.name == "102" { throw Refused(description: "400") }
            },
            policy: HookPolicy(
                retries: 4, firstWait: .milliseconds(1),
                isTransient: { ($0 as? Refused)?.description == "502" })
        )
        let result = try await a.sync(from: b)
        #expect(result.failed.map(\.error) == ["400"])
        #expect(tries.all.filter { $0 == "101" }.count == 3)
        #expect(tries.all.filter { $0 == "102" }.count == 1)
    }

    @Test("of a system that is busy are called again when it says, and not before")
    func busy() async throws {
        let begin = ContinuousClock.now
        let tries = Calls<Duration>()
        let a = try network("A")
        let b = try network("B", sites: sites(0..<1))
        a.hookPolicy = HookPolicy(retries: 1, firstWait: .seconds(600))
        try a.on(
            Site.self,
            create: { _ in
                tries.note(.now - begin)
                if tries.all.count == 1 { throw SystemBusy(retryAfter: .milliseconds(80)) }
            })
        #expect(try await a.sync(from: b).isComplete)
        #expect(tries.all.count == 2 && tries.all[1] - tries.all[0] >= .milliseconds(80))
    }

    @Test("are not called faster than allowed, retries among them")
    func rate() async throws {
        let times = Calls<ContinuousClock.Instant>()
        let a = try network("A")
        let b = try network("B", sites: sites(0..<6))
        a.hookPolicy = HookPolicy(retries: 1, firstWait: .zero, callsPerSecond: 50)
        try a.on(
            Site.self,
            create: { site in
                times.note(.now)
                if times.all.count == 1 { throw Refused(description: "once") }
            })
        #expect(try await a.sync(from: b).isComplete)
        let sorted = times.all.sorted()
        #expect(sorted.count == 7)
        #expect(sorted[6] - sorted[0] >= .milliseconds(110))
    }

    @Test("that delete what stands below are the only ones called, and before what they take along is let go")
    func cascade() async throws {
        let calls = Calls<String>()
        func pair(refusing: Bool) throws -> (Dataset, Dataset) {
            let a = try network(
                "A", sites: [Site(name: "x"), Site(name: "y")],
                devices: [
                    Device(site: "x", name: "1"), Device(site: "x", name: "2"), Device(site: "y", name: "3"),
                ],
                interfaces: [Interface(site: "x", device: "1", name: "e0")])
            try a.on(
                Site.self,
                delete: {
                    calls.note("site \($0.name)")
                    if refusing { throw Refused(description: "in use") }
                }, deletesBelow: true)
            try a.on(Device.self, delete: { calls.note("device \($0.name)") })
            try a.on(Interface.self, delete: { calls.note("interface \($0.name)") })
            return (a, try network("B", sites: [Site(name: "y")]))
        }
        let (a, b) = try pair(refusing: false)
        let result = try await a.sync(from: b, allowing: [.empty])
        #expect(result.isComplete && result.applied.count == 5)
        #expect(Set(calls.all) == ["site x", "device 3"] && calls.all.count == 2)
        #expect(try await a.diff(from: b).isEmpty)

        let (c, d) = try pair(refusing: true)
        let refused = try await c.sync(from: d, allowing: [.empty])
        #expect(calls.all.filter { $0 == "site x" }.count == 2)
        #expect(!calls.all.contains("interface e0"))
        #expect(refused.failed.map(\.error) == ["in use"])
        #expect(
            c.all(Site.self).count == 2 && c.all(Device.self).count == 2 && c.all(Interface.self).count == 1)
        #expect(try await c.diff(from: d).summary.delete == 4)
    }

    @Test("a rule that keeps a record keeps what would go with it")
    func cascadeAgainstRules() async throws {
        let calls = Calls<String>()
        let a = try network(
            "A", sites: [Site(name: "x"), Site(name: "z")], devices: [Device(site: "x", name: "1")])
        try a.on(Site.self, delete: { calls.note("site \($0.name)") }, deletesBelow: true)
        try a.on(Device.self, delete: { calls.note("device \($0.name)") })
        let b = try network("B", sites: [Site(name: "z")], devices: [Device(site: "z", name: "9")])
        try await a.sync(from: b, rules: [.never(.delete, of: Site.self)])
        #expect(calls.all.isEmpty && a.all(Device.self).count == 2)
    }

    @Test("batches of no size are refused in words")
    func noSize() throws {
        #expect(throws: ModelError.self) { try network("A").onBatches(of: 0, Site.self) }
    }
}
