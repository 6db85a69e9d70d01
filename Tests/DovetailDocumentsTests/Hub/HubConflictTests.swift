import Dovetail
import DovetailDocuments
import Testing

@Suite("Conflicts at the hub")
struct HubConflictTests {
    private func conflict(_ id: String = "c1", mine: String = "mine") -> DocumentConflict {
        DocumentConflict(
            id: id, document: page, client: "somebody", base: nil, mine: Array(mine.utf8),
            theirs: Array("theirs".utf8), position: LogPosition(epoch: 1, sequence: 1), time: 5)
    }

    @Test("are shown to all, decided by one, and carried out by the client that has them")
    func life() async throws {
        let world = HubWorld()
        let (anna, ben) = (world.client("anna"), world.client("ben"))
        let listing = try await anna.documents()
        try await anna.report(conflict())
        try await anna.report(conflict())
        #expect(try await ben.conflicts().map(\.client) == ["anna"])
        let events = try await ben.changes(after: listing.place, epoch: listing.epoch, waiting: .seconds(9))
        #expect(events == [.conflict(id: "c1", place: 1)])
        try await ben.resolve("c1", as: .both)
        try await ben.resolve("c1", as: .both)
        // What is decided is not reported away.
        try await anna.report(conflict(mine: "newer"))
        #expect(try await anna.conflicts().map(\.resolution) == [.both])
        #expect(await kind { try await ben.resolve("c1", as: .mine) } == .refused)
        try await anna.settle("c1")
        try await anna.settle("c1")
        #expect(try await ben.conflicts().isEmpty)
        #expect(await kind { try await ben.resolve("c1", as: .mine) } == .notFound)
        let more = try await ben.changes(after: 1, epoch: listing.epoch, waiting: .seconds(9))
        #expect(more.count == 2)
    }

    @Test("are the client's own, and only those who may write have them")
    func rights() async throws {
        let world = HubWorld()
        try await world.client("anna").report(conflict())
        #expect(await kind { try await world.client("ben").report(conflict()) } == .forbidden)
        let reader = world.client("reader", mayWrite: false)
        #expect(try await reader.conflicts().count == 1)
        #expect(await kind { try await reader.report(conflict("c2")) } == .forbidden)
        #expect(await kind { try await reader.resolve("c1", as: .mine) } == .forbidden)
        #expect(await kind { try await reader.settle("c1") } == .forbidden)
    }

    @Test("are bounded in number, size and name")
    func limits() async throws {
        var settings = HubSettings()
        settings.limits.conflictsPerSet = 2
        settings.limits.largestText = 50
        let hub = HubWorld(settings).client()
        try await hub.report(conflict("c1"))
        try await hub.report(conflict("c2"))
        try await hub.report(conflict("c2", mine: "other"))
        #expect(await kind { try await hub.report(conflict("c3")) } == .tooLarge)
        #expect(
            await kind { try await hub.report(conflict("c1", mine: String(repeating: "x", count: 51))) }
                == .tooLarge)
        #expect(await kind { try await hub.report(conflict("c 1")) } == .invalid)
        #expect(await kind { try await hub.report(conflict("")) } == .invalid)
    }
}

@Suite("Tokens")
struct HubTokenTests {
    @Test("are random, known only as hashes, and for some sets (G08)")
    func tokens() async throws {
        let store = MemoryCommitStore()
        let tokens = HubTokens(store: store)
        let token = try await tokens.make(name: "anna", sets: ["notes"], mayWrite: false)
        let other = try await tokens.make(name: "ben")
        #expect(token != other)
        #expect(token.utf8.count == 9 + 64)
        let found = try await tokens.check(token, for: "notes")
        #expect(found.name == "anna")
        #expect(!found.mayWrite)
        #expect(await kind { _ = try await tokens.check(token, for: "other") } == .forbidden)
        #expect(try await tokens.check(other, for: "anything").mayWrite)
        for wrong in ["", "x", String(token.dropLast()), token + "0"] {
            #expect(await kind { _ = try await tokens.check(wrong) } == .unauthorized)
        }
        #expect(try await tokens.list().map(\.name) == ["anna", "ben"])
        #expect(await store.tokens().allSatisfy { $0.hash.description != token })
    }

    @Test("end at once when they are revoked")
    func revoked() async throws {
        let tokens = HubTokens(store: MemoryCommitStore())
        let token = try await tokens.make(name: "anna")
        #expect(try await tokens.revoke(name: "anna") == 1)
        #expect(try await tokens.revoke(name: "anna") == 0)
        #expect(await kind { _ = try await tokens.check(token) } == .unauthorized)
        #expect(try await tokens.list().first?.revoked != nil)
        #expect(await kind { _ = try await tokens.make(name: "a\nb") } == .invalid)
        #expect(await kind { _ = try await tokens.make(name: "a", sets: ["../x"]) } == .invalid)
    }
}
