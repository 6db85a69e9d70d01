import Dovetail
import DovetailDocuments
import DovetailSimulation
import Testing

@Suite("A conflict")
struct ConflictTests {
    private static let mine = "C1\nl2\nC3\nl4\nl5\n"
    private static let theirs = "l1\nl2\nS3\nl4\nS5\n"

    /// A place whose document is in conflict.
    private func conflict(
        options: DocumentClient.Options = DocumentClient.Options()
    ) async throws -> (hub: TestHub, place: Place) {
        let (hub, place) = try await agreed(options: options)
        try await hub.edit(Self.theirs)
        try place.put(Self.mine)
        try await place.synchronize()
        return (hub, place)
    }

    static let decisions: [(DocumentConflict.Resolution, String)] = [
        (.mine, "C1\nl2\nC3\nl4\nS5\n"), (.theirs, "C1\nl2\nS3\nl4\nS5\n"),
        (.both, "C1\nl2\nS3\nC3\nl4\nS5\n"), (.text(Array("new\n".utf8)), "new\n"),
    ]

    @Test("is decided for its lines only, and the document goes on", arguments: decisions)
    func resolved(resolution: DocumentConflict.Resolution, text: String) async throws {
        let (hub, place) = try await conflict()
        let client = place.client()
        try await client.resolve(doc, as: resolution)
        try await client.synchronize()
        #expect(place.text() == text)
        #expect(await hub.string() == text)
        #expect(try await client.conflicts().isEmpty)
        #expect(try await hub.conflicts().isEmpty)
        try place.put(text + "more\n")
        try await client.synchronize()
        #expect(await hub.string() == text + "more\n")
    }

    @Test("is decided without a hub as well")
    func offline() async throws {
        let (hub, place) = try await conflict()
        let client = place.client()
        try await client.open()
        place.network.set(isAway: true)
        try await client.resolve(doc, as: .both)
        #expect(place.text() == "C1\nl2\nS3\nC3\nl4\nS5\n")
        place.network.set(isAway: false)
        try await client.synchronize()
        #expect(await hub.string() == "C1\nl2\nS3\nC3\nl4\nS5\n")
    }

    @Test("is decided on the hub's page")
    func onPage() async throws {
        let (hub, place) = try await conflict()
        let id = try #require(try await hub.conflicts().first?.id)
        try await hub.resolve(id, as: .theirs)
        try await place.synchronize()
        #expect(place.text() == "C1\nl2\nS3\nl4\nS5\n")
        #expect(await hub.string() == "C1\nl2\nS3\nl4\nS5\n")
        #expect(place.kept(in: "trash") == [Self.mine])
        #expect(try await hub.conflicts().isEmpty)
    }

    @Test("that was decided on the page takes later edits with it")
    func editedSinceDecided() async throws {
        let (hub, place) = try await conflict()
        let id = try #require(try await hub.conflicts().first?.id)
        try await hub.resolve(id, as: .text(Array("C1\nl2\nD3\nl4\nl5\n".utf8)))
        try place.put(Self.mine + "end\n")
        try await place.synchronize()
        #expect(await hub.string() == "C1\nl2\nD3\nl4\nl5\nend\n")
    }

    @Test("that was decided on the page is merged with what came to the hub since")
    func changedSinceDecided() async throws {
        let (hub, place) = try await conflict()
        let id = try #require(try await hub.conflicts().first?.id)
        try await hub.resolve(id, as: .text(Array("l1\nl2\nS3\nl4\nD5\n".utf8)))
        try await hub.edit("top\n" + Self.theirs)
        try await place.synchronize()
        #expect(await hub.string() == "top\nl1\nl2\nS3\nl4\nD5\n")
    }

    @Test(
        "with another text is another one: a decision about what someone saw does not reach what they did not see"
    )
    func updated() async throws {
        let (hub, place) = try await conflict()
        let first = try #require(try await hub.conflicts().first)
        try await hub.edit(Self.theirs + "later\n")
        try await place.synchronize()
        let second = try #require(try await hub.conflicts().first)
        #expect(second.id != first.id)
        #expect(try await hub.conflicts().count == 1)
        await #expect(throws: HubError.self) { try await hub.resolve(first.id, as: .mine) }
        try await place.synchronize()
        #expect(await hub.string() == Self.theirs + "later\n")
        #expect(second.theirs == Array((Self.theirs + "later\n").utf8))
        #expect(try await place.client().conflicts().map(\.theirs) == [second.theirs])
    }

    @Test("is over when the user writes what the hub has")
    func dissolved() async throws {
        let (hub, place) = try await conflict()
        try place.put(Self.theirs)
        try await place.synchronize()
        #expect(try await place.client().conflicts().isEmpty)
        #expect(try await hub.conflicts().isEmpty)
    }

    @Test("holds up no other document, and nobody else")
    func others() async throws {
        let (hub, place) = try await conflict()
        let other = try Place(hub)
        try await other.synchronize()
        try other.put(Self.theirs + "x\n")
        try place.put("beside\n", "beside.txt")
        for place in [other, place, other] { try await place.synchronize() }
        #expect(await hub.string() == Self.theirs + "x\n")
        #expect(other.text("beside.txt") == "beside\n")
        #expect(place.text() == Self.mine)
    }

    @Test("C04: both texts of two that were offline can be had from either")
    func retrievable() async throws {
        let (hub, one) = try await agreed()
        let two = try Place(hub)
        try await two.synchronize()
        try one.put("l1\nl2\nA3\nl4\nl5\n")
        try two.put("l1\nl2\nB3\nl4\nl5\n")
        for place in [one, two, one] { try await place.synchronize() }
        #expect(one.text() == "l1\nl2\nA3\nl4\nl5\n")
        #expect(two.text() == "l1\nl2\nB3\nl4\nl5\n")
        let shown = try #require(try await one.network.conflicts().first)
        #expect(shown.mine == Array("l1\nl2\nB3\nl4\nl5\n".utf8))
        #expect(shown.theirs == Array("l1\nl2\nA3\nl4\nl5\n".utf8))
    }

    @Test("B08: between a delete at the hub and an edit ends either way", arguments: [true, false])
    func deletedThere(isKept: Bool) async throws {
        let (hub, place) = try await agreed()
        try await hub.edit(nil)
        try place.put(Self.mine)
        let client = place.client()
        try await client.synchronize()
        try await client.resolve(doc, as: isKept ? .mine : .theirs)
        try await client.synchronize()
        #expect(place.text() == (isKept ? Self.mine : nil))
        #expect(await hub.string() == (isKept ? Self.mine : nil))
        if !isKept { #expect(place.kept(in: "trash").contains(Self.mine)) }
    }

    @Test("C05: between a delete here and an edit at the hub can still end with the delete")
    func deletedHere() async throws {
        let (hub, place) = try await agreed()
        try await hub.edit(Self.theirs)
        try place.put(String?.none)
        let client = place.client()
        try await client.synchronize()
        try await client.resolve(doc, as: .mine)
        try await client.synchronize()
        #expect(place.text() == nil)
        #expect(await hub.string() == nil)
        #expect(try await client.conflicts().isEmpty)
    }

    @Test("stands between marks where that is asked for; the document goes on when they are gone")
    func marked() async throws {
        var options = DocumentClient.Options()
        options.conflicts = .marks
        let (hub, place) = try await conflict(options: options)
        let marked = try #require(place.text())
        #expect(marked.hasPrefix("C1\nl2\n<<<<<<< here, conflict "))
        #expect(marked.contains("C3\n=======\nS3\n>>>>>>> at the hub, conflict "))
        // Neither the marks nor half of them go to the hub.
        try place.put(marked.replacing("=======\n", with: ""))
        try await place.synchronize()
        #expect(await hub.string() == Self.theirs)
        try place.put("C1\nl2\nS3 and C3\nl4\nS5\n")
        try await place.synchronize()
        #expect(await hub.string() == "C1\nl2\nS3 and C3\nl4\nS5\n")
        #expect(try await hub.conflicts().isEmpty)
    }

    @Test("between marks can be decided by a command too")
    func markedAndResolved() async throws {
        var options = DocumentClient.Options()
        options.conflicts = .marks
        let (hub, place) = try await conflict(options: options)
        let client = place.client()
        try await client.resolve(doc, as: .both)
        try await client.synchronize()
        #expect(await hub.string() == "C1\nl2\nS3\nC3\nl4\nS5\n")
    }

    @Test("where there is none can't be decided")
    func none() async throws {
        let (_, place) = try await agreed()
        await #expect(throws: DocumentClient.NoSuchConflict.self) {
            try await place.client().resolve(doc, as: .mine)
        }
    }
}
