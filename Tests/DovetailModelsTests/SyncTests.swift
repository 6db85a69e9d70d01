import Dovetail
import DovetailEngine
import DovetailModels
import Synchronization
import Testing

@Suite("A sync of two datasets")
struct SyncTests {
    private struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    /// Notes what hooks were called for, in their order.
    private final class Calls: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func note(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private func hook(_ dataset: Dataset, _ calls: Calls, refusing: Set<String> = []) throws {
        @Sendable func call(_ line: String) throws {
            calls.note(line)
            if refusing.contains(line) { throw Refused(description: "the server says no to \(line)") }
        }
        dataset.hookPolicy.concurrency = 1
        try dataset.on(
            Site.self, create: { try call("create \($0.name)") },
            update: { try call("update \($0.after.name)") },
            delete: { try call("delete \($0.name)") })
        try dataset.on(
            Device.self, create: { try call("create \($0.site)/\($0.name)") },
            update: { try call("update \($0.before.site)/\($0.before.name) \($0.fields)") },
            delete: { try call("delete \($0.site)/\($0.name)") })
    }

    private func pair() throws -> (a: Dataset, b: Dataset) {
        let a = try network(
            "A", sites: [Site(name: "nyc"), Site(name: "sfo")],
            devices: [Device(site: "nyc", name: "sw1", seen: 3), Device(site: "sfo", name: "old")])
        let b = try network(
            "B", sites: [Site(name: "nyc"), Site(name: "lon")],
            devices: [
                Device(site: "nyc", name: "sw1", role: .spine, seen: 9), Device(site: "lon", name: "new"),
            ])
        return (a, b)
    }

    @Test("parents are created before what stands under them and deleted after it; updates name what changed")
    func order() async throws {
        let (a, b) = try pair()
        let calls = Calls()
        try hook(a, calls)
        let result = try await a.sync(from: b)
        #expect(
            calls.all == [
                "create lon", "create lon/new", "update nyc/sw1 [\"role\"]", "delete sfo/old", "delete sfo",
            ])
        #expect(result.isComplete && result.applied.count == 5 && result.failed.isEmpty)
        #expect(try await a.diff(from: b).isEmpty)
    }

    @Test("what is local is neither compared nor sent")
    func local() async throws {
        let (a, b) = try pair()
        try await b.sync(to: a)
        let devices = a.all(Device.self).sorted { $0.name < $1.name }
        #expect(
            devices == [
                Device(site: "lon", name: "new"), Device(site: "nyc", name: "sw1", role: .spine, seen: 3),
            ])
        #expect(b.all(Device.self).count == 2 && b.all(Device.self).contains { $0.seen == 9 })
    }

    @Test("what a hook refuses is told, what needs it is not attempted, and both are owed")
    func refused() async throws {
        let (a, b) = try pair()
        let calls = Calls()
        try hook(a, calls, refusing: ["create lon", "delete sfo/old"])
        let result = try await a.sync(from: b)
        #expect(calls.all == ["create lon", "update nyc/sw1 [\"role\"]", "delete sfo/old"])
        #expect(
            result.failed.map(\.error) == [
                "the server says no to create lon", "the server says no to delete sfo/old",
            ])
        #expect(
            Set(result.skipped.map(\.reason)) == [
                "it waits for site lon, which could not be written", "device sfo, old still refers to it",
            ])
        #expect(!result.isComplete)
        let owed = try await a.diff(from: b)
        #expect(owed.summary.create == 2 && owed.summary.delete == 2)

        let again = Calls()
        try hook(a, again)
        #expect(try await a.sync(from: b).isComplete)
        #expect(again.all == ["create lon", "create lon/new", "delete sfo/old", "delete sfo"])
        #expect(try await a.diff(from: b).isEmpty)
    }

    @Test("after a sync there is nothing to do", arguments: 1...20)
    func settles(seed: UInt64) async throws {
        var random = Numbers(seed: seed)
        func some(_ name: String) throws -> Dataset {
            let sites = (0..<6).filter { _ in Bool.random(using: &random) }.map {
                Site(name: "s\($0)", region: Bool.random(using: &random) ? "r" : nil)
            }
            let devices = sites.flatMap { site in
                (0..<4).filter { _ in Bool.random(using: &random) }.map {
                    Device(
                        site: site.name, name: "d\($0)", role: Bool.random(using: &random) ? .leaf : .spine,
                        tags: ["a", "b"].shuffled(using: &random))
                }
            }
            return try network(name, sites: sites, devices: devices)
        }
        let (a, b) = (try some("A"), try some("B"))
        let before = try await a.diff(from: b)
        let result = try await a.sync(from: b, allowing: [.empty, .deletes])
        #expect(result.applied.count == before.flattened.filter { $0.element.action != nil }.count)
        #expect(try await a.diff(from: b).isEmpty)
        #expect(try await b.diff(from: a).isEmpty)
    }

    @Test("many deletes, and a source that holds nothing, stop before the first write")
    func limits() async throws {
        let a = try network("A", sites: (0..<40).map { Site(name: "s\($0)") })
        let b = try network("B", sites: (0..<20).map { Site(name: "s\($0)") })
        await #expect(throws: RunHalted.self) { try await a.sync(from: b) }
        #expect(a.all(Site.self).count == 40)
        try await a.sync(from: b, allowing: [.deletes])
        #expect(a.all(Site.self).count == 20)
        let empty = try network("C")
        await #expect(throws: RunHalted.self) { try await a.sync(from: empty) }
        #expect(a.all(Site.self).count == 20)
    }

    @Test("a move between parents is an update")
    func moved() async throws {
        let a = try Dataset("A", Folder.self)
        let b = try Dataset("B", Folder.self)
        for name in ["x", "y"] {
            try a.add(Folder(name: name))
            try b.add(Folder(name: name))
        }
        try a.add(Folder(name: "z", inside: "x"))
        try b.add(Folder(name: "z", inside: "y"))
        let result = try await a.sync(from: b)
        #expect(result.operations.map(\.action) == [.update])
        #expect(try await a.diff(from: b).isEmpty)
    }

    @Test("records of one type that refer to each other go parents first, and come off children first")
    func nested() async throws {
        let calls = Calls()
        let a = try Dataset("A", Folder.self)
        try a.on(
            Folder.self, create: { calls.note("create \($0.name)") },
            delete: { calls.note("delete \($0.name)") })
        let b = try Dataset("B", Folder.self)
        // Names in the other order than depths.
        for depth in 0..<20 {
            try b.add(Folder(name: "f\(50 - depth)", inside: depth > 0 ? "f\(51 - depth)" : nil))
        }
        try await a.sync(from: b)
        #expect(calls.all == (0..<20).map { "create f\(50 - $0)" })
        try await a.sync(from: Dataset("none", Folder.self), allowing: [.deletes, .empty])
        #expect(calls.all.suffix(20) == (0..<20).map { "delete f\(31 + $0)" })
        #expect(a.all(Folder.self).isEmpty)
    }

    @Test("a record that comes while a sync is under way is not made twice", arguments: [1, 8])
    func meanwhile(concurrency: Int) async throws {
        let a = try network("A", sites: [Site(name: "x")])
        let b = try network(
            "B", sites: [Site(name: "x")], devices: ["a", "b"].map { Device(site: "x", name: $0) })
        a.hookPolicy.concurrency = concurrency
        // What makes the first also makes the second.
        try a.on(Device.self, create: { if $0.name == "a" { try a.add(Device(site: "x", name: "b")) } })
        try await a.sync(from: b)
        #expect(a.all(Device.self).map(\.name).sorted() == ["a", "b"])
        #expect(try await a.diff(from: b).isEmpty)
    }

    @Test("a circle of references is made in two steps")
    func circle() async throws {
        let calls = Calls()
        let a = try Dataset("A", Folder.self)
        try a.on(
            Folder.self, create: { calls.note("create \($0.name) in \($0.inside ?? "nothing")") },
            update: { calls.note("update \($0.after.name) in \($0.after.inside ?? "nothing")") })
        let b = try Dataset("B", Folder.self)
        try b.add(contentsOf: [Folder(name: "x", inside: "y"), Folder(name: "y", inside: "x")])
        let result = try await a.sync(from: b)
        #expect(result.isComplete)
        #expect(try await a.diff(from: b).isEmpty)
        #expect(calls.all.count == 4 || calls.all.count == 3)
    }

    @Test("hooks of one type run at once, as many as are allowed")
    func concurrent() async throws {
        let running = Mutex((now: 0, most: 0))
        let a = try network("A")
        let b = try network("B", sites: (0..<30).map { Site(name: "s\($0)") })
        try a.on(
            Site.self,
            create: { _ in
                running.withLock {
                    $0.now += 1
                    $0.most = max($0.most, $0.now)
                }
                try await Task.sleep(for: .milliseconds(5))
                running.withLock { $0.now -= 1 }
            })
        a.hookPolicy.concurrency = 4
        try await a.sync(from: b)
        #expect(a.all(Site.self).count == 30)
        #expect(running.withLock(\.most) == 4)
    }
}
