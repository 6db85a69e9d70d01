import DovetailDiffSync
import Testing

/// What is done better than in DiffSync, one defect at a time.
@Suite("Where DiffSync is not followed")
struct BehaviourTests {
    /// Two sites, the first with a device with an interface.
    private func inventory(_ name: String = "A") throws -> DiffSyncAdapter {
        var adapter = try Forest.empty(name)
        let site = try adapter.add("site", ["name": "s1"], ["region": "east"])
        try adapter.add("site", ["name": "s2"], ["region": "west"])
        let device = try adapter.add("device", ["name": "d"], ["role": "leaf"], below: site)
        try adapter.add("interface", ["device": "d", "name": "e0"], ["mtu": 1500], below: device)
        return adapter
    }

    private let site = DiffSyncIdentity("site", ["s1"])
    private let device = DiffSyncIdentity("device", ["d"])
    private let interface = DiffSyncIdentity("interface", ["d", "e0"])

    @Test("a delete that fails after the parent's is seen, and tried again")
    func owedDelete() async throws {
        var network = try inventory()
        network.on("interface", delete: { _ in .refused })
        let first = try await network.syncFrom(Forest.empty())
        #expect(first.deviations == [.deleteOwed])
        #expect(first.owed.map(\.identity) == [interface])
        let diff = try network.diffFrom(Forest.empty())
        #expect(diff.dict()["interface"]?["e0"]?["-"] == ["mtu": 1500])
        #expect(diff.unattached.map(\.identity) == [interface])
        network.on("interface", delete: { _ in .done })
        try await network.syncFrom(Forest.empty())
        #expect(network.count == 0)
    }

    @Test(
        "what is to be left alone keeps what it is below",
        arguments: [
            DiffSyncModelFlags.ignore, .skipUnmatchedDestination,
        ])
    func heldBack(flag: DiffSyncModelFlags) async throws {
        var network = try inventory()
        network.setFlags(flag, of: interface)
        let result = try await network.syncFrom(Forest.empty())
        #expect(result.operations.map(\.identity) == [DiffSyncIdentity("site", ["s2"])])
        #expect(result.owed.map(\.identity) == [site, device])
        #expect(result.owed.allSatisfy { $0.reason.contains("interface d, e0") })
        let diff = try network.diffFrom(Forest.empty())
        #expect(diff.elements.map { $0.heldBack != nil } == [true, true])
        #expect("\(diff)".contains("held back"))
    }

    @Test("what has to go whole goes, with what it would leave alone")
    func whole() async throws {
        var network = try inventory()
        network.setFlags(.ignore, of: interface)
        network.setFlags(.skipChildrenOnDelete, of: site)
        try await network.syncFrom(Forest.empty())
        #expect(network.count == 0)
    }

    @Test("what two parents share is deleted once, whichever place comes first")
    func sharedWhole() async throws {
        var network = try inventory()
        try network.addChild(device, to: DiffSyncIdentity("site", ["s2"]))
        network.setFlags(.skipChildrenOnDelete, of: device)
        let order = DiffSyncOrder("backwards") { $0.reversed() }
        let result = try await network.syncFrom(Forest.empty(), order: order)
        #expect(result.operations.map { "\($0.identity)" } == ["site s2", "device d", "site s1"])
        #expect(result.deviations == [.handledOnce])
        #expect(network.count == 0)
    }

    @Test("an object that is elsewhere is moved with what is below it, and told to the hook if it differs")
    func move() async throws {
        var network = try inventory()
        var source = try Forest.empty("B")
        let first = try source.add("site", ["name": "s0"])
        try source.add("site", ["name": "s1"], ["region": "east"])
        try source.add("site", ["name": "s2"], ["region": "west"])
        let moved = try source.add("device", ["name": "d"], ["role": "spine"], below: first)
        try source.add("interface", ["device": "d", "name": "e1"], ["mtu": 9000], below: moved)
        let result = try await network.syncFrom(source)
        #expect(
            result.operations.map { "\($0.action) \($0.identity)" } == [
                "create site s0", "update device d", "create interface d, e1", "delete interface d, e0",
            ])
        #expect(result.moves.map(\.identity) == [device])
        #expect(result.moves.first?.from == [site])
        #expect(result.moves.first?.to == first)
        #expect(result.deviations == [.moved])
        #expect(try !network.diffFrom(source).hasDiffs)
    }

    @Test("an object that nothing lists is listed where the source has it")
    func adopted() async throws {
        var network = try Forest.empty()
        try network.add("site", ["name": "s1"], ["region": "east"])
        try network.add("site", ["name": "s2"], ["region": "west"])
        try network.add("device", ["name": "d"], ["role": "leaf"])
        let result = try await network.syncFrom(inventory("B"))
        #expect(result.operations.map(\.identity) == [interface])
        #expect(result.deviations.contains(.unattached))
        #expect(try !network.diffFrom(inventory("B")).hasDiffs)
    }

    @Test("an empty diff does nothing, whatever came since")
    func emptyDiff() async throws {
        var network = try Forest.empty()
        let diff = try network.diffFrom(Forest.empty())
        let result = try await network.syncFrom(inventory("B"), diff: diff)
        #expect(result.operations.isEmpty)
        #expect(network.count == 0)
    }

    @Test("what was edited since the diff is neither overwritten nor deleted, and the rest is done")
    func edited() async throws {
        var network = try inventory()
        var source = try inventory("B")
        try source.add("site", ["name": "s3"])
        var changed = try Forest.empty("B")
        let site = try changed.add("site", ["name": "s1"], ["region": "north"])
        try changed.add("site", ["name": "s3"])
        try changed.add("device", ["name": "d"], ["role": "spine"], below: site)
        let diff = try network.diffFrom(changed)
        network = try Forest.empty()
        let edited = try network.add("site", ["name": "s1"], ["region": "edited"])
        try network.add("site", ["name": "s2"], ["region": "edited"])
        let below = try network.add("device", ["name": "d"], ["role": "leaf"], below: edited)
        try network.add("interface", ["device": "d", "name": "e0"], ["mtu": 1], below: below)
        let result = try await network.syncFrom(changed, diff: diff)
        #expect(
            result.operations.map { "\($0.action) \($0.identity)" } == ["update device d", "create site s3"])
        #expect(result.owed.count == 3)
        #expect(network.get("site", "s1")?.attributes["region"] == "edited")
        #expect(network.get("site", "s2")?.attributes["region"] == "edited")
        #expect(network.get("interface", "d", "e0")?.attributes["mtu"] == 1)
    }

    @Test("flags of the sync count with a diff that was made without them")
    func flags() async throws {
        var network = try inventory()
        let diff = try network.diffFrom(Forest.empty())
        let result = try await network.syncFrom(
            Forest.empty(), flags: .skipUnmatchedDestination, diff: diff)
        #expect(result.operations.isEmpty)
        #expect(result.skipped.count == 4)
    }

    @Test("a cycle is an error that says where")
    func cycle() throws {
        var adapter = try Forest.chain(3)
        try adapter.addChild(DiffSyncIdentity("folder", [0]), to: DiffSyncIdentity("folder", [2]))
        let empty = try Forest.chain(0)
        #expect(throws: DiffSyncError.cycle(DiffSyncIdentity("folder", [0]), adapter: "chain")) {
            try empty.diffFrom(adapter)
        }
        #expect(throws: DiffSyncError.self) { try empty.diffTo(adapter) }
    }

    @Test("an error of a hook stops the sync, and says what was done and what is owed")
    func stopped() async throws {
        var network = try Forest.empty()
        network.on("device", create: { call in throw DiffSyncCRUDError(call.action, "no such rack") })
        let source = try inventory("B")
        let error = await #expect(throws: DiffSyncStopped.self) { try await network.syncFrom(source) }
        #expect(error?.result.operations.count == 2)
        #expect(error?.result.owed.map(\.identity.type) == ["device", "interface", "site"])
        #expect(network.count == 1)
        let result = try await network.syncFrom(source, flags: .continueOnFailure)
        #expect(result.owed.map(\.reason).first == "no such rack")
        #expect(network.count == 2)
    }

    @Test("what an order leaves out comes after the rest")
    func order() throws {
        let order = DiffSyncOrder("none") { _ in [] }
        let diff = try Forest.empty().diffFrom(inventory(), order: order)
        #expect(diff.count == 4)
        #expect(diff.deviations == [.orderCompleted])
    }

    @Test("a sync says what was alike when it is asked to")
    func unchanged() async throws {
        var network = try inventory()
        let result = try await network.syncFrom(inventory("B"), flags: .logUnchangedRecords)
        #expect(result.unchanged.count == 4)
        #expect(!result.isChanged)
    }

    @Test("numbers and truth values are compared as Python does it")
    func equality() throws {
        #expect((1 as DiffSyncValue).equals(1.0))
        #expect((true as DiffSyncValue).equals(1))
        #expect(!DiffSyncValue.double(.nan).equals(.double(.nan)))
        #expect((["a": 1, "b": [2]] as DiffSyncValue).equals(["b": [2.0], "a": true]))
        let big = try DiffSyncValue(json: "1000000000000000000000000000000")
        #expect(!big.equals(1e30))
        #expect(try DiffSyncValue(json: "1000000000000000019884624838656").equals(1e30))
        #expect(!("\u{e9}" as DiffSyncValue).equals("e\u{301}"))
        #expect(DiffSyncValue.double(1e16).pythonText == "1e+16")
        #expect((["it's", nil, 1.0] as DiffSyncValue).pythonText == "[\"it's\", None, 1.0]")
    }
}
