import Dovetail
import DovetailDocuments
import DovetailSimulation
import Foundation
import Synchronization
import Testing

@Suite("A client")
struct CaseTests {
    static let edits: [(String, String, String)] = [
        ("A01", base, base + "x\n"), ("A02", base, "l1\nl2\nL3\nl4\nl5\n"), ("A03", base, "l1\nl5\n"),
        ("A05", "abc", "abcd"), ("A06", "a\nb", "a\nb\n"), ("A07", "", "x"),
        ("E03", "a\n", "a\nпривет æøå 日本語 👩‍👩‍👧\n"), ("E09", "a\n", "<<<<<<< ours\n=======\n>>>>>>> theirs\n"),
    ]

    @Test("A01–A07, E03, E09: passes every edit on, byte for byte, in one commit", arguments: edits)
    func edit(id: String, before: String, after: String) async throws {
        let (hub, place) = try await agreed(on: before)
        let other = try Place(hub)
        try await other.synchronize()
        try place.put(after)
        try await place.synchronize()
        try await other.synchronize()
        #expect(await hub.string() == after)
        #expect(await hub.log(of: doc).count == 2)
        #expect(other.text() == after)
    }

    @Test("A04: asks nothing of the hub when a file was saved as it was")
    func unchanged() async throws {
        let (hub, place) = try await agreed()
        try place.put(base)
        try await place.synchronize()
        #expect(await hub.log(of: doc).count == 1)
    }

    @Test("A09: takes an earlier text for a new commit")
    func undone() async throws {
        let (hub, place) = try await agreed()
        let other = try Place(hub)
        try await other.synchronize()
        try place.put(base + "x\n")
        try await place.synchronize()
        try await other.synchronize()
        try place.put(base)
        try await place.synchronize()
        #expect(await hub.log(of: doc).map(\.result).first == hub.log(of: doc).last?.result)
        #expect(await hub.log(of: doc).count == 3)
        try await other.synchronize()
        #expect(other.text() == base)
    }

    static let merges: [(String, String, String, String, DocumentRules.Merge)] = [
        ("B01", "S1\nl2\nl3\nl4\nl5\n", "l1\nl2\nl3\nl4\nC5\n", "S1\nl2\nl3\nl4\nC5\n", .lines),
        ("B04", base + "x\n", base + "x\n", base + "x\n", .lines),
        ("B06", base + "s\n", base + "c\n", base + "s\nc\n", .append),
    ]

    @Test("B01, B04, B06: brings edits together that were made at once", arguments: merges)
    func merged(id: String, server: String, client: String, both: String, merge: DocumentRules.Merge)
        async throws
    {
        let (hub, place) = try await agreed(merge: merge)
        try await hub.edit(server)
        try place.put(client)
        try await place.synchronize()
        #expect(place.text() == both)
        #expect(await hub.string() == both)
        #expect(await hub.log(of: doc).count == (id == "B04" ? 2 : 3))
    }

    static let conflicts: [(String, String?, String)] = [
        ("B02", "l1\nl2\nS3\nl4\nl5\n", "l1\nl2\nC3\nl4\nl5\n"),
        ("B03", "l1\nl2\nS3\nl4\nl5\n", "l1\nl2\nl3\nC4\nl5\n"),
        ("B05", base + "s\n", base + "c\n"), ("B07", "l1\nl2\nl4\nl5\n", "l1\nl2\nC3\nl4\nl5\n"),
        ("B08", nil, "l1\nl2\nC3\nl4\nl5\n"),
    ]

    @Test("B02, B03, B05, B07, B08: keeps both texts of a conflict, and the hub's head", arguments: conflicts)
    func conflict(id: String, server: String?, client: String) async throws {
        let (hub, place) = try await agreed()
        try await hub.edit(server)
        try place.put(client)
        try await place.synchronize()
        #expect(place.text() == client)
        #expect(await hub.string() == server)
        let held = try #require(try await place.client().conflicts().first)
        #expect(held.mine == Array(client.utf8))
        #expect(held.theirs == server.map { Array($0.utf8) })
        #expect(held.base == Array(base.utf8))
        #expect(try await hub.conflicts().map(\.id) == [held.id])
    }

    @Test("B09: moves a file to the trash that was deleted at the hub, and does not make it there again")
    func deletedThere() async throws {
        let (hub, place) = try await agreed()
        try await hub.edit(nil)
        try await place.synchronize()
        #expect(place.text() == nil)
        #expect(place.kept(in: "trash") == [base])
        try await place.synchronize()
        #expect(await hub.string() == nil)
    }

    @Test("B10: is content when both deleted a document")
    func deletedByBoth() async throws {
        let (hub, place) = try await agreed()
        try await hub.edit(nil)
        try place.put(String?.none)
        try await place.synchronize()
        #expect(try await place.client().conflicts().isEmpty)
        #expect(await hub.log(of: doc).count == 2)
    }

    @Test("B12: asks when two different texts meet for the first time, and not when they are the same")
    func firstMeeting() async throws {
        let hub = TestHub()
        try await hub.edit("x\n")
        try await hub.edit("same\n", name("same.txt"))
        let place = try Place(hub)
        try place.put("y\n")
        try place.put("same\n", "same.txt")
        try await place.synchronize()
        #expect(place.text() == "y\n")
        #expect(await hub.string() == "x\n")
        let held = try await place.client().conflicts()
        #expect(held.map(\.document) == [doc])
        #expect(held.first?.base == nil)
    }

    @Test("B13: three push at once with one parent; all edits are there, in one chain")
    func three() async throws {
        let text = (1...9).map { "l\($0)\n" }.joined()
        let (hub, first) = try await agreed(on: text)
        let places = [first, try Place(hub), try Place(hub)]
        for place in places { try await place.synchronize() }
        for (number, place) in places.enumerated() {
            try place.put(text.replacing("l\(number * 3 + 2)\n", with: "client \(number)\n"))
        }
        await withTaskGroup(of: Void.self) { group in
            for place in places { group.addTask { try? await place.synchronize() } }
        }
        for place in places { try await place.synchronize() }
        let log = await hub.log(of: doc)
        #expect(zip(log, log.dropFirst()).allSatisfy { $0.result == $1.parent })
        let all = "l1\nclient 0\nl3\nl4\nclient 1\nl6\nl7\nclient 2\nl9\n"
        #expect(places.map { $0.text() } == [all, all, all])
    }

    @Test(
        "B14: comes through on a busy document, with so many tries at once and the rest later",
        arguments: [8, 30])
    func busy(times: Int) async throws {
        let (hub, place) = try await agreed()
        try place.put("l1\nl2\nl3\nl4\nC5\n")
        let counter = Counter()
        let busy = BeforePush(hub, times: times) {
            try await hub.edit("S\(counter.next())\nl2\nl3\nl4\nl5\n")
        }
        let client = DocumentClient(.folder(place.folder), hub: busy, clock: place.clock)
        try await client.synchronize()
        if times > 12 {
            #expect(
                await client.problemsByDocument()[doc]?.contains("changed by others all the time") == true)
            #expect(counter.next() < 14)
            for _ in 0..<4 { try await client.synchronize() }
        }
        #expect(await hub.string()?.hasSuffix("l2\nl3\nl4\nC5\n") == true)
        #expect(await client.problemsByDocument().isEmpty)
        #expect(place.text() == (await hub.string()))
    }

    @Test("B15: sends what was saved during a push with the next one")
    func savedDuringPush() async throws {
        let (hub, place) = try await agreed()
        try place.put(base + "a\n")
        let slow = BeforePush(hub) { try? place.put(base + "a\nb\n") }
        let client = DocumentClient(.folder(place.folder), hub: slow, clock: place.clock)
        try await client.synchronize()
        #expect(await hub.string() == base + "a\nb\n")
        #expect(await hub.log(of: doc).count == 3)
        #expect(place.text() == base + "a\nb\n")
    }

    @Test(
        "C01: compares a file that was edited while the client was off with what both had",
        arguments: [false, true])
    func offline(isAppended: Bool) async throws {
        let (hub, place) = try await agreed(on: "one\n", merge: isAppended ? .append : .lines)
        try await hub.edit("one\ntwo\n")
        try place.put("one\noffline\n")
        try await place.synchronize()
        if isAppended {
            #expect(place.text() == "one\ntwo\noffline\n")
            #expect(await hub.string() == "one\ntwo\noffline\n")
        } else {
            #expect(place.text() == "one\noffline\n")
            #expect(try await place.client().conflicts().first?.base == Array("one\n".utf8))
        }
    }

    @Test("C03: two that were offline end with the same text in either order", arguments: [false, true])
    func twoOffline(isSecondFirst: Bool) async throws {
        let (hub, one) = try await agreed()
        let two = try Place(hub)
        try await two.synchronize()
        try one.put("A1\nl2\nl3\nl4\nl5\n")
        try two.put("l1\nl2\nl3\nl4\nB5\n")
        for place in isSecondFirst ? [two, one, two] : [one, two, one] { try await place.synchronize() }
        #expect(
            [one.text(), two.text(), await hub.string()] == Array(repeating: "A1\nl2\nl3\nl4\nB5\n", count: 3)
        )
    }

    @Test("C05: brings a file back that was deleted here and edited at the hub, and notes it")
    func deletedHere() async throws {
        let (hub, place) = try await agreed()
        try await hub.edit("l1\nl2\nS3\nl4\nl5\n")
        try place.put(String?.none)
        try await place.synchronize()
        #expect(place.text() == "l1\nl2\nS3\nl4\nl5\n")
        #expect(try await place.client().conflicts().map(\.mine) == [nil])
        // The document goes on.
        try place.put("l1\nl2\nS3\nl4\nl5\nmore\n")
        try await place.synchronize()
        #expect(await hub.string() == "l1\nl2\nS3\nl4\nl5\nmore\n")
    }

    @Test("C06: makes one commit of fifty saves without a hub")
    func manySaves() async throws {
        let (hub, place) = try await agreed()
        place.network.set(isAway: true)
        for save in 1...50 {
            try place.put(base + "save \(save)\n")
            await #expect(throws: HubError.self) { try await place.synchronize() }
        }
        place.network.set(isAway: false)
        try await place.synchronize()
        #expect(await hub.string() == base + "save 50\n")
        #expect(await hub.log(of: doc).count == 2)
    }

    @Test("C07: merges with its own base when the hub's log begins later")
    func pruned() async throws {
        let (hub, place) = try await agreed()
        for edit in 1...3 { try await hub.edit("S\(edit)\nl2\nl3\nl4\nl5\n") }
        try await hub.prune(doc)
        try place.put("l1\nl2\nl3\nl4\nC5\n")
        try await place.synchronize()
        #expect(await hub.string() == "S3\nl2\nl3\nl4\nC5\n")
    }

    @Test("C07: asks when its own base is lost as well")
    func baseLost() async throws {
        let (hub, place) = try await agreed()
        try await hub.edit("S1\nl2\nl3\nl4\nl5\n")
        for name in place.names(in: "texts") {
            try place.put("damaged", ".dovetail/documents/folder/texts/\(name)")
        }
        try await place.synchronize()
        #expect(place.text() == base)
        #expect(try await place.client().conflicts().count == 1)
    }

    @Test("C10, F01: sends a commit of which it had no answer again with the same key")
    func lostAnswer() async throws {
        let (hub, place) = try await agreed()
        try place.put(base + "x\n")
        // The listing is answered, the push is not.
        place.network.loseAnswer(after: 1)
        await #expect(throws: HubError.self) { try await place.synchronize() }
        #expect(await hub.log(of: doc).count == 2)
        try place.put(base + "x\ny\n")
        try await place.synchronize()
        #expect(await hub.string() == base + "x\ny\n")
        #expect(await hub.log(of: doc).count == 3)
    }

    @Test("C11: two with a copy of one memory call themselves differently, and lose nothing")
    func cloned() async throws {
        let (hub, one) = try await agreed()
        let two = try Place(hub)
        try FileManager.default.removeItem(atPath: two.folder)
        try FileManager.default.copyItem(atPath: one.folder, toPath: two.folder)
        try one.put("A1\nl2\nl3\nl4\nl5\n")
        try two.put("l1\nl2\nl3\nl4\nB5\n")
        for place in [one, two, one] { try await place.synchronize() }
        #expect(one.text() == "A1\nl2\nl3\nl4\nB5\n")
        let keys = await hub.log(of: doc).map { Array($0.key.bytes.prefix(8)) }
        #expect(keys[1] != keys[2])
    }

    @Test("C11: a memory restored from a backup is recognised by commits that it does not remember")
    func restoredMemory() async throws {
        let (hub, place) = try await agreed()
        let state = "\(place.folder)/.dovetail/documents/folder/records"
        let backup = try FileManager.default.contentsOfDirectory(atPath: state).map {
            ($0, try Data(contentsOf: URL(filePath: "\(state)/\($0)")))
        }
        let texts = place.names(in: "texts").map {
            ($0, place.bytes(".dovetail/documents/folder/texts/\($0)"))
        }
        try place.put(base + "newer\n")
        try await place.synchronize()
        for (name, data) in backup { try data.write(to: URL(filePath: "\(state)/\(name)")) }
        for (name, text) in texts { try place.put(text, ".dovetail/documents/folder/texts/\(name)") }
        try place.put(base)
        try await place.synchronize()
        #expect(place.notices.all.contains(.renewed))
        #expect(place.text() == base + "newer\n")
        #expect(await hub.log(of: doc).count == 2)
    }

    @Test("a hub restored from a backup takes no text away")
    func restoredHub() async throws {
        let (hub, place) = try await agreed()
        try place.put(base + "x\n")
        try await place.synchronize()
        try await hub.restore(doc, to: 1, epoch: 99)
        try await place.synchronize()
        #expect(place.text() == base + "x\n")
        let client = place.client()
        #expect(try await client.conflicts().count == 1)
        try await client.resolve(doc, as: .mine)
        try await client.synchronize()
        #expect(await hub.string() == base + "x\n")
    }

    @Test("E05: binary files go whole, and ask when both changed")
    func binary() async throws {
        let hub = TestHub()
        let place = try Place(hub)
        try place.put([0, 1, 2, 3])
        try await place.synchronize()
        #expect(await hub.text(of: doc) == [0, 1, 2, 3])
        try await hub.edit(doc, [0, 1, 2, 9])
        try place.put([9, 1, 2, 3])
        try await place.synchronize()
        #expect(place.bytes() == [9, 1, 2, 3])
        #expect(try await place.client().conflicts().first?.theirs == [0, 1, 2, 9])
    }

    @Test("E07: a name is one document in either form of Unicode")
    func composed() async throws {
        let hub = TestHub()
        let (mac, linux) = (try Place(hub), try Place(hub))
        try mac.put("a\n", "e\u{301}.txt")
        try await mac.synchronize()
        try await linux.synchronize()
        #expect(linux.text("\u{e9}.txt") == "a\n")
        try linux.put("b\n", "\u{e9}.txt")
        try await linux.synchronize()
        try await mac.synchronize()
        #expect(mac.files.map { Array($0.unicodeScalars) } == [Array("e\u{301}.txt".unicodeScalars)])
        #expect(mac.text("e\u{301}.txt") == "b\n")
    }

    @Test("E10, E11: sends little of a large text", arguments: [false, true])
    func large(isOneLine: Bool) async throws {
        let size = isOneLine ? 5_000_000 : 10_000_000
        var text = [UInt8](repeating: UInt8(ascii: "x"), count: size)
        if !isOneLine { for place in stride(from: 66, to: size, by: 67) { text[place] = UInt8(ascii: "\n") } }
        let hub = TestHub()
        let place = try Place(hub)
        try place.put(text)
        try await place.synchronize()
        if isOneLine { text[size / 2] = UInt8(ascii: "y") } else { text += Array("one more line\n".utf8) }
        try place.put(text)
        try await place.synchronize()
        #expect(await hub.text(of: doc) == text)
        #expect(await (hub.log(of: doc).last?.delta.count ?? .max) < 2000)
    }

    @Test(
        "G08: keeps edits when the hub does not know it any more",
        arguments: [HubError.Kind.unauthorized, .forbidden])
    func unauthorized(kind: HubError.Kind) async throws {
        let (hub, place) = try await agreed()
        try place.put(base + "x\n")
        let refusing = BeforePush(hub) { throw HubError(kind, "the token is revoked") }
        let client = DocumentClient(.folder(place.folder), hub: refusing, clock: place.clock)
        if kind == .forbidden {
            try await client.synchronize()
            #expect(await client.problemsByDocument()[doc]?.contains("revoked") == true)
        } else {
            await #expect(throws: HubError.self) { try await client.synchronize() }
        }
        await client.close()
        #expect(place.text() == base + "x\n")
        try await place.synchronize()
        #expect(await hub.string() == base + "x\n")
    }

    @Test("G12: says what it would do, and does nothing")
    func status() async throws {
        let (hub, place) = try await agreed()
        try await hub.edit("theirs\n", name("there.txt"))
        try place.put("mine\n", "here.txt")
        try await hub.edit(base + "s\n")
        try place.put(base + "c\n")
        let before = await hub.place
        let files = try FileManager.default.subpathsOfDirectory(atPath: place.folder).sorted()
        // Also while another one has the folder.
        let client = place.client()
        try await client.open()
        let status = try await place.client().status()
        #expect(status.documents.map(\.document) == [doc, name("here.txt"), name("there.txt")])
        #expect(status.documents.map(\.agreement) == [.conflict(.lines), .push, .take])
        #expect(status.hubAway == nil)
        #expect(try FileManager.default.subpathsOfDirectory(atPath: place.folder).sorted() == files)
        #expect(await hub.place == before)
        place.network.set(isAway: true)
        #expect(try await place.client().status().hubAway != nil)
    }

    @Test("keeps a refused text, and leaves the file alone")
    func refused() async throws {
        let hub = TestHub()
        await hub.set(DocumentRules(appendOnly: true), of: doc)
        let place = try Place(hub)
        try place.put(base)
        try await place.synchronize()
        try place.put("changed\n")
        try await place.synchronize()
        try await place.synchronize()
        #expect(place.text() == "changed\n")
        #expect(place.kept(in: "refused") == ["changed\n"])
        #expect(await hub.string() == base)
        #expect(place.notices.problems.contains { $0.contains("only be added at its end") })
        try place.put(base + "x\n")
        try await place.synchronize()
        #expect(await hub.string() == base + "x\n")
    }

    @Test("deletes nothing at the hub when all files are gone at once, unless that is allowed")
    func emptied() async throws {
        let hub = TestHub()
        var options = DocumentClient.Options()
        let place = try Place(hub)
        let names = ["a.txt", "b.txt", "c.txt"]
        for name in names { try place.put("text of \(name)\n", name) }
        try await place.synchronize()
        for name in names { try place.put(String?.none, name) }
        try await place.synchronize()
        #expect(await hub.string(name("a.txt")) == "text of a.txt\n")
        #expect(place.notices.problems.contains { $0.contains("all 3 documents are gone") })
        options.mayEmpty = true
        try await DocumentClient(.folder(place.folder), hub: hub, options: options).synchronize()
        #expect(await hub.string(name("a.txt")) == nil)
    }

    @Test("only one at a time keeps a folder")
    func locked() async throws {
        let (_, place) = try await agreed()
        let first = place.client()
        try await first.open()
        await #expect(throws: FileProblem.self) { try await place.client().open() }
        await first.close()
        try await place.client().open()
    }

    @Test("keeps a single file, and no other")
    func single() async throws {
        let hub = TestHub()
        try await hub.edit("other\n", name("other.txt"))
        let place = try Place(hub)
        try place.put("text\n")
        try place.put("beside\n", "beside.txt")
        try await place.client(file: "doc.txt").synchronize()
        #expect(place.files == ["beside.txt", "doc.txt"])
        #expect(await hub.documentNames == [doc, name("other.txt")])
    }
}

private final class Counter: Sendable {
    private let count = Mutex(0)
    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}

/// Lets something happen just before a push reaches the hub, once or several times.
final class BeforePush: Hub {
    private let inner: any Hub
    private let action: Action

    private actor Action {
        private let action: @Sendable () async throws -> Void
        private var left: Int
        init(_ times: Int, _ action: @escaping @Sendable () async throws -> Void) {
            left = times
            self.action = action
        }
        func run() async throws {
            guard left > 0 else { return }
            left -= 1
            try await action()
        }
    }

    init(_ inner: any Hub, times: Int = 1, _ action: @escaping @Sendable () async throws -> Void) {
        self.inner = inner
        self.action = Action(times, action)
    }

    var name: String { inner.name }
    var set: String { inner.set }
    func documents() async throws -> SetListing { try await inner.documents() }
    func push(_ draft: CommitDraft) async throws -> PushAnswer {
        try await action.run()
        return try await inner.push(draft)
    }
    func commits(of document: DocumentName, after position: LogPosition, limit: Int) async throws -> LogPart {
        try await inner.commits(of: document, after: position, limit: limit)
    }
    func text(of document: DocumentName, at sequence: Int64?) async throws -> Snapshot {
        try await inner.text(of: document, at: sequence)
    }
    func log(of document: DocumentName, before sequence: Int64?, limit: Int) async throws -> [Commit] {
        try await inner.log(of: document, before: sequence, limit: limit)
    }
    func events(after place: Int64, epoch: UInt64) -> AsyncThrowingStream<HubEvent, any Error> {
        inner.events(after: place, epoch: epoch)
    }
    func changes(after place: Int64, epoch: UInt64, waiting: Duration) async throws -> [HubEvent] {
        try await inner.changes(after: place, epoch: epoch, waiting: waiting)
    }
    func report(_ conflict: DocumentConflict) async throws { try await inner.report(conflict) }
    func conflicts() async throws -> [DocumentConflict] { try await inner.conflicts() }
    func resolve(_ id: DocumentConflict.ID, as resolution: DocumentConflict.Resolution) async throws {
        try await inner.resolve(id, as: resolution)
    }
    func settle(_ id: DocumentConflict.ID) async throws { try await inner.settle(id) }
    func close() async { await inner.close() }
}
