import Dovetail
import DovetailEngine
import DovetailModels
import Testing

@Suite("Rules about single records")
struct RuleTests {
    /// In A only: nyc/old, sfo with sw and its interface. In B only: nyc/new, lon with sw and its interface. Both: nyc, nyc/both.
    private func pair() throws -> (a: Dataset, b: Dataset) {
        let a = try network(
            "A", sites: [Site(name: "nyc", region: "east"), Site(name: "sfo")],
            devices: [
                Device(site: "nyc", name: "both"), Device(site: "nyc", name: "old"),
                Device(site: "sfo", name: "sw"),
            ],
            interfaces: [Interface(site: "sfo", device: "sw", name: "e0")])
        let b = try network(
            "B", sites: [Site(name: "nyc", region: "west"), Site(name: "lon")],
            devices: [
                Device(site: "nyc", name: "both", role: .spine), Device(site: "nyc", name: "new"),
                Device(site: "lon", name: "sw"),
            ],
            interfaces: [Interface(site: "lon", device: "sw", name: "e0")])
        return (a, b)
    }

    private func written(_ rules: [Rule]) async throws -> Set<String> {
        let (a, b) = try pair()
        let diff = try await a.diff(from: b, rules: rules)
        let result = try await a.sync(from: b, rules: rules)
        // What the diff says is what is done.
        let shown = diff.flattened.map(\.element).filter { $0.action != nil && $0.protectedBy == nil }
        #expect(
            Set(shown.map { "\($0.action?.rawValue ?? "") \($0.type) \($0.name)" })
                == Set(result.operations.map { "\($0.action.rawValue) \($0.type) \($0.key.words)" }))
        #expect(result.failed.isEmpty)
        // Nothing more is to be done under the same rules.
        #expect(try await a.diff(from: b, rules: rules).isEmpty)
        return Set(result.operations.map { "\($0.action.rawValue) \($0.type) \($0.key.words)" })
    }

    private let creates: Set = [
        "create device nyc, new", "create site lon", "create device lon, sw", "create interface lon, sw, e0",
    ]
    private let deletes: Set = [
        "delete device nyc, old", "delete site sfo", "delete device sfo, sw", "delete interface sfo, sw, e0",
    ]
    private let updates: Set = ["update site nyc", "update device nyc, both"]

    @Test("never create, never delete, never update, of all types")
    func global() async throws {
        #expect(try await written([]) == creates.union(deletes).union(updates))
        #expect(try await written([.never(.create)]) == deletes.union(updates))
        #expect(try await written([.never(.delete)]) == creates.union(updates))
        #expect(try await written([.never(.update)]) == creates.union(deletes))
        #expect(try await written([.never(.create, .delete)]) == updates)
    }

    @Test(
        "what stands under a record that is not created or not deleted shares its lot; what stands elsewhere does not"
    )
    func below() async throws {
        #expect(
            try await written([.never(.create, of: Site.self)])
                == deletes.union(updates).union(["create device nyc, new"]))
        #expect(
            try await written([.never(.delete, of: Site.self) { $0.name == "sfo" }])
                == creates.union(updates).union(["delete device nyc, old"]))
        // A rule about creates says nothing of what only the destination has.
        #expect(
            try await written([.never(.create, of: Site.self) { $0.name == "sfo" }])
                == creates.union(updates).union(deletes))
    }

    @Test("an ignored record vanishes with all that stands under it, whichever dataset the rule fits in")
    func ignored() async throws {
        let all = creates.union(deletes).union(updates)
        #expect(
            try await written([.ignore(Site.self) { $0.region == "west" }])
                == all.filter { !$0.contains("nyc") })
        #expect(
            try await written([.ignore(Site.self) { $0.region == "east" }])
                == all.filter { !$0.contains("nyc") })
        let (a, b) = try pair()
        let diff = try await a.diff(from: b, rules: [.ignore(Device.self)])
        #expect(diff.flattened.allSatisfy { $0.element.type == "site" })
        #expect(diff.summary.skipped == 7)
    }

    @Test("a protected record is shown and not written")
    func protected() async throws {
        let (a, b) = try pair()
        let rules: [Rule] = [Rule.protect(Device.self) { $0.name == "both" }.called("core switches are mine")]
        let diff = try await a.diff(from: b, rules: rules)
        #expect(
            diff.description.contains(
                "device: nyc, both (core switches are mine)\n        role    B(spine)    A(leaf)"))
        #expect(diff.summary.skipped == 1)
        try await a.sync(from: b, rules: rules)
        #expect(a.all(Device.self).contains { $0.name == "both" && $0.role == .leaf })
        let left = try await a.diff(from: b, rules: rules)
        #expect(left.isEmpty && left.elements.count == 1)
        #expect(left.filter { $0.type == "device" }.summary.skipped == 1)
    }

    @Test("no rule allows what another one forbids, and what shows least has the say")
    func deny() async throws {
        let rules: [Rule] = [
            .protect(Device.self), .never(.update, of: Device.self) { $0.name == "both" }, .never(.delete),
        ]
        #expect(try await written(rules) == ["update site nyc", "create site lon"])
        let (a, b) = try pair()
        let diff = try await a.diff(from: b, rules: rules)
        #expect(!diff.flattened.contains { $0.element.name == "nyc, both" })
    }

    @Test("a rule is asked about the records as they were added, with what is local in them")
    func local() async throws {
        let a = try network(
            "A", sites: [Site(name: "x")],
            devices: [Device(site: "x", name: "kept", seen: 1), Device(site: "x", name: "gone", seen: 0)])
        let b = try network("B", sites: [Site(name: "x")], devices: [Device(site: "x", name: "other")])
        try await a.sync(from: b, rules: [.never(.delete, of: Device.self) { $0.seen > 0 }])
        #expect(Set(a.all(Device.self).map(\.name)) == ["kept", "other"])
    }

    @Test("both ways, a rule says which dataset is not written to; when it is lifted, nothing is lost")
    func directed() async throws {
        let (a, b) = try pair()
        let store = MemoryStateStore()
        try await reconcile(a, b, base: store, conflicts: .left, rules: [.protect(Site.self, in: a)])
        #expect(Set(a.all(Site.self).map(\.name)) == ["nyc", "sfo"])
        #expect(Set(b.all(Site.self).map(\.name)) == ["nyc", "sfo", "lon"])
        let result = try await reconcile(a, b, base: store, conflicts: .left)
        #expect(result.isComplete)
        #expect(Set(a.all(Site.self).map(\.name)) == ["nyc", "sfo", "lon"])
        #expect(try await a.diff(from: b).isEmpty)
    }

    @Test("a rule keeps an ignored conflict from waiting")
    func conflict() async throws {
        let a = try network("A", sites: [Site(name: "x", region: "1")])
        let b = try network("B", sites: [Site(name: "x", region: "2")])
        let store = MemoryStateStore()
        #expect(try await reconcile(a, b, base: store).conflicts.count == 1)
        #expect(try await reconcile(a, b, base: store, rules: [.ignore(Site.self)]).conflicts.isEmpty)
        #expect(try await reconcile(a, b, base: store).conflicts.count == 1)
    }

    @Test("mirrored, rules mirror the diff")
    func mirrored() async throws {
        let (a, b) = try pair()
        let there = try await a.diff(
            from: b, rules: [.never(.create), .ignore(Site.self) { $0.name == "nyc" }])
        let back = try await b.diff(
            from: a, rules: [.never(.delete), .ignore(Site.self) { $0.name == "nyc" }])
        #expect(there.summary.delete == back.summary.create && there.summary.create == back.summary.delete)
        #expect(there.flattened.map(\.element.name) == back.flattened.map(\.element.name))
    }
}
