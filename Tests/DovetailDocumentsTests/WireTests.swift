import Dovetail
import Foundation
import Testing

@testable import DovetailDocuments

/// What travels between clients and hubs.
@Suite struct WireTests {
    @Test func whatIsWrittenIsReadAgain() throws {
        var made = Seeded(seed: 42)
        for _ in 0..<300 {
            try expectSame(made.draft())
            try expectSame(made.answer())
            try expectSame(made.part())
            try expectSame(EventList(made.many { $0.event() }))
        }
    }

    private func expectSame<Message: WireCodable & Equatable>(_ message: Message) throws {
        #expect(try Message(wire: message.wire, limit: 1 << 20) == message)
    }

    @Test func bytesThatAreNoMessageAreRefused() throws {
        var made = Seeded(seed: 43)
        var refused = 0
        for _ in 0..<20_000 {
            var wire = made.next() % 2 == 0 ? made.draft().wire : made.answer().wire
            for _ in 0...(made.next() % 3) where !wire.isEmpty {
                let place = Int(made.next() % UInt64(wire.count))
                switch made.next() % 4 {
                case 0: wire[place] = UInt8(truncatingIfNeeded: made.next())
                case 1: wire.removeSubrange(place...)
                case 2: wire.insert(0xff, at: place)
                default: wire.append(0)
                }
            }
            // Either is fine, as long as nothing breaks and nothing large is made.
            for read in [
                { try CommitDraft(wire: wire, limit: 4_096).delta.count },
                { try PushAnswer(wire: wire, limit: 4_096).wire.count },
                { try LogPart(wire: wire, limit: 4_096).wire.count },
                { try EventList(wire: wire, limit: 4_096).wire.count },
            ] as [() throws -> Int] {
                do { _ = try read() } catch is WireError { refused += 1 }
            }
        }
        #expect(refused > 40_000)
    }

    @Test func whatUnpacksToMoreThanIsAllowedIsRefused() throws {
        var made = Seeded(seed: 44)
        var draft = made.draft()
        draft.delta = [UInt8](repeating: 7, count: 1 << 22)
        #expect(draft.wire.count < 8_192)
        #expect(throws: WireError.self) { try CommitDraft(wire: draft.wire, limit: 1 << 20) }
        #expect(try CommitDraft(wire: draft.wire, limit: 1 << 22) == draft)
        // Together, too.
        let commits = [made.commit(), made.commit(), made.commit()].map {
            var commit = $0
            commit.delta = [UInt8](repeating: 7, count: 1 << 19)
            return commit
        }
        #expect(throws: WireError.self) { try LogPart(wire: LogPart.commits(commits).wire, limit: 1 << 20) }
        #expect(Deflate.inflated(try #require(Deflate.deflated(draft.delta)), limit: 1 << 20) == nil)
    }

    @Test func aLineAppendedTo10MegabytesTravelsInLessThan200Bytes() throws {
        let old = [UInt8](repeating: 97, count: 10_000_000)
        let new =
            old + Array("\n2026-11-21 18:56:28 a line of a log, as they are, of some seventy bytes".utf8)
        var made = Seeded(seed: 45)
        var draft = made.draft()
        draft.document = try DocumentName("notes.txt")
        draft.parentHash = TextHash(of: old)
        draft.result = TextHash(of: new)
        draft.delta = TextDelta(from: old, to: new).encoded()
        #expect(draft.wire.count < 200)
    }

    @Test(arguments: [
        ("http://127.0.0.1:8030/notes", "http://127.0.0.1:8030", "notes"),
        ("https://hub.example/my-notes", "https://hub.example", "my-notes"),
        ("http://[::1]:80/a/", "http://[::1]:80", "a"),
    ]) func addressesNameAServerAndASet(_ text: String, _ server: String, _ set: String) throws {
        let address = try HubAddress(text)
        #expect(address.server == server)
        #expect(address.set == set)
    }

    @Test(arguments: [
        "", "notes", "ftp://h/notes", "http://h", "http://h/", "http://h/a/b", "http://h/..",
        "http://h/a?b=c",
        "http://h/a#b", "http:///a", "http://h/%2e%2e", "http://h/a%2Fb", "http://h/a%00", "http://h:65536/a",
        "https://h:99999/a", "http://h:0/a", "http://h:99999999999999999999999/a",
    ]) func whatIsNoAddressIsRefused(_ text: String) {
        #expect(throws: HubError.self) { try HubAddress(text) }
    }

    @Test func aPasswordInAnAddressIsRefusedAndNotShown() {
        let error = #expect(throws: HubError.self) { try HubAddress("http://anna:hush@h/a") }
        #expect(error?.message.contains("hush") == false)
    }

    @Test func percentCodingKeepsEveryName() {
        for text in ["a b", "ü/é", "%", "100%25", "a&b=c?d#e", "日本", "😀", "a+b"] {
            #expect(PercentCoding.decoded(PercentCoding.encoded(text)) == text)
        }
        for text in ["%", "%4", "%zz", "%ff", "%c3%28"] { #expect(PercentCoding.decoded(text) == nil) }
    }

    @Test func eventsAreFoundHoweverTheyArrive() throws {
        var made = Seeded(seed: 46)
        let events = (0..<50).map { _ in made.event() }.filter { $0 != .alive }
        let text = events.map { "id:1\r\ndata: \(Data($0.wire).base64EncodedString())\n\n" }.joined(
            separator: ":\n")
        for size in [1, 2, 7, 100, 100_000] {
            var lines = EventLines()
            var found: [HubEvent] = []
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                lines.append(Array(rest.prefix(size)))
                rest = rest.dropFirst(size)
                while let event = try lines.next() { if event != .alive { found.append(event) } }
            }
            #expect(found == events)
        }
    }

    @Test func aLineWithoutEndIsNotCollectedForEver() {
        var lines = EventLines()
        #expect(throws: HubError.self) {
            for _ in 0..<1_000 {
                lines.append([UInt8](repeating: 97, count: 1_000))
                _ = try lines.next()
            }
        }
        #expect(throws: HubError.self) {
            var lines = EventLines()
            for _ in 0..<100_000 {
                lines.append(Array("data:0123456789\n".utf8))
                _ = try lines.next()
            }
        }
    }

    @Test func whyAStreamEndsIsTold() throws {
        var lines = EventLines()
        lines.append(Array("event:error\ndata:{\"kind\":\"damaged\",\"message\":\"it is broken\"}\n\n".utf8))
        let error = #expect(throws: HubError.self) { try lines.next() }
        #expect(error == HubError(.damaged, "it is broken"))
    }
}

/// Numbers and messages that are the same in every run.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func bytes() -> [UInt8] {
        let count = Int(next() % 400)
        let isDull = next() % 2 == 0
        return (0..<count).map { _ in isDull ? 97 : UInt8(truncatingIfNeeded: next()) }
    }

    mutating func number() -> Int64 { Int64(next() >> (1 + next() % 63)) }
    mutating func hash() -> TextHash? { next() % 4 == 0 ? nil : TextHash(of: bytes()) }
    mutating func key() -> CommitKey { CommitKey.random(using: &self) }
    mutating func many<Element>(_ one: (inout Seeded) -> Element) -> [Element] {
        (0..<(next() % 4)).map { _ in one(&self) }
    }

    mutating func name() -> DocumentName {
        let text = ["notes.txt", "a/b", "ü/日本.md", "x"][Int(next() % 4)]
        guard let name = try? DocumentName(text) else { preconditionFailure("\(text) is no name") }
        return name
    }

    mutating func draft() -> CommitDraft {
        CommitDraft(
            document: name(), parent: LogPosition(epoch: next(), sequence: number()), parentHash: hash(),
            result: hash(), delta: bytes(), key: key())
    }

    mutating func commit() -> Commit {
        Commit(
            document: name(), sequence: number(), place: number(), parent: hash(), result: hash(),
            size: Int(number()), author: ["anna", "bert", ""][Int(next() % 3)], time: number(), key: key(),
            delta: bytes())
    }

    mutating func snapshot() -> Snapshot {
        Snapshot(
            document: name(), position: LogPosition(epoch: next(), sequence: number()),
            text: next() % 3 == 0 ? nil : bytes())
    }

    mutating func answer() -> PushAnswer {
        switch next() % 3 {
        case 0: .committed(sequence: number(), place: number(), time: number())
        case 1: .stale(many { $0.commit() })
        default: .gone(snapshot())
        }
    }

    mutating func part() -> LogPart {
        next() % 2 == 0 ? .commits(many { $0.commit() }) : .gone(snapshot())
    }

    mutating func event() -> HubEvent {
        switch next() % 4 {
        case 0: .alive
        case 1: .commit(commit())
        case 2: .conflict(id: "c\(number())", place: number())
        default: .restart(epoch: next(), place: number())
        }
    }
}
