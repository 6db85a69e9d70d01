import Dovetail
import DovetailDocuments
import DovetailSimulation
import Testing

@Suite("A client that is given another set of its hub")
struct OtherSetTests {
    private let hub = DocumentHub(store: MemoryCommitStore(epoch: 7), settings: HubSettings())

    private func access(_ set: String) -> HubAccess { hub.access(to: set, as: "eva", mayWrite: true) }

    private func synchronize(_ place: Place, _ set: String) async throws -> DocumentClient {
        let notices = place.notices
        let client = DocumentClient(.folder(place.folder), hub: access(set), clock: place.clock) {
            notices.add($0)
        }
        try await client.synchronize()
        return client
    }

    private func text(_ set: String) async throws -> String? {
        try await access(set).text(of: doc, at: nil).text.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("compares texts, as sequences of one set say nothing about another: no edit is taken for agreed")
    func backAgain() async throws {
        let (anna, bo) = (try Place(access("one")), try Place(access("one")))
        try anna.put(base)
        await (try synchronize(anna, "one")).close()
        await (try synchronize(bo, "one")).close()
        try anna.put(base + "anna\n")
        await (try synchronize(anna, "one")).close()

        try bo.put("bo\n" + base)
        await (try synchronize(bo, "other")).close()
        #expect(try await text("other") == "bo\n" + base)
        let client = try await synchronize(bo, "one")
        // What both had is not known any more, so someone has to decide; both texts are there.
        #expect(bo.text() == "bo\n" + base)
        #expect(try await text("one") == base + "anna\n")
        #expect(try await client.conflicts().count == 1)
        await client.close()
    }

    @Test("does not take for agreed what only the other set has")
    func pushed() async throws {
        let place = try Place(access("one"))
        try place.put(base)
        await (try synchronize(place, "one")).close()
        try place.put(base + "more\n")
        await (try synchronize(place, "other")).close()
        let client = try await synchronize(place, "one")
        #expect(try await client.conflicts().map(\.theirs) == [Array(base.utf8)])
        try await client.resolve(doc, as: .mine)
        try await client.synchronize()
        #expect(try await text("one") == base + "more\n" && place.text() == base + "more\n")
        await client.close()
    }

    @Test("decides no conflict of the first by that")
    func conflict() async throws {
        let (anna, bo) = (try Place(access("one")), try Place(access("one")))
        try anna.put(base)
        await (try synchronize(anna, "one")).close()
        await (try synchronize(bo, "one")).close()
        try anna.put("anna\nl2\n")
        await (try synchronize(anna, "one")).close()
        try bo.put("bo\nl2\n")
        await (try synchronize(bo, "one")).close()
        await (try synchronize(bo, "other")).close()
        let client = try await synchronize(bo, "one")
        #expect(bo.text() == "bo\nl2\n")
        #expect(try await client.conflicts().count == 1)
        #expect(!bo.notices.all.contains { if case .resolved = $0 { true } else { false } })
        await client.close()
    }
}
