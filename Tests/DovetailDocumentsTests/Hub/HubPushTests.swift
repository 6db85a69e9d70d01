import Dovetail
import DovetailDocuments
import Testing

@Suite("A push to the hub")
struct HubPushTests {
    @Test(
        "makes the text that the client has",
        arguments: [
            (fiveLines, fiveLines + "x\n"),  // A01
            (fiveLines, "l1\nl2\nL3\nl4\nl5\n"),  // A02
            (fiveLines, "l1\nl5\n"),  // A03
            ("abc", "abcd"),  // A05
            ("a\nb", "a\nb\n"),  // A06
            ("", "x"),  // A07
            ("a\n", "a\nпривет æøå 日本語 👩‍👩‍👧\n"),  // E03
            ("x\n", "<<<<<<< ours\n=======\n>>>>>>> theirs\n"),  // E09
        ])
    func saves(base: String, text: String) async throws {
        let hub = HubWorld().client()
        try await hub.save(base)
        #expect(try await hub.save(text) == 2)
        #expect(try await hub.content() == text)
        #expect(try await hub.content(at: 1) == base)
    }

    @Test("of a text that was there before is a commit of its own (A09)")
    func undo() async throws {
        let hub = HubWorld().client()
        try await hub.save(fiveLines)
        let first = try await hub.head()
        try await hub.save(fiveLines + "x\n")
        #expect(try await hub.save(fiveLines) == 3)
        guard case .commits(let missed) = try await hub.commits(of: page, after: first.position, limit: 10)
        else {
            Issue.record("the log is whole")
            return
        }
        #expect(missed.map(\.sequence) == [2, 3])
        #expect(missed.last?.result == first.hash)
    }

    @Test("that changes nothing adds nothing (A04)")
    func nothing() async throws {
        let hub = HubWorld().client()
        try await hub.save(fiveLines)
        #expect(await kind { try await hub.save(fiveLines) } == .invalid)
        #expect(try await hub.head().position.sequence == 1)
    }

    @Test("that comes too late is told what it missed, and goes through after it (B01)")
    func late() async throws {
        let world = HubWorld()
        let (anna, ben) = (world.client("anna"), world.client("ben"))
        try await anna.save(fiveLines)
        let base = try await anna.head()
        try await ben.save("S1\nl2\nl3\nl4\nl5\n")
        let mine = "l1\nl2\nl3\nl4\nC5\n"
        guard case .stale(let missed) = try await anna.push(CommitDraft(mine, after: base)) else {
            Issue.record("ben was faster")
            return
        }
        #expect(missed.map(\.author) == ["ben"])
        let delta = try TextDelta(decoding: missed[0].delta, limit: 1000)
        let theirs = try delta.applied(
            to: try #require(base.text), proving: (base.hash, missed[0].result)
        ) { TextHash(of: $0) }
        let merged = try #require(
            TextMerge(base: base.text ?? [], left: Array(mine.utf8), right: theirs).merged)
        let after = Snapshot(
            document: page, position: LogPosition(epoch: base.position.epoch, sequence: 2), text: theirs)
        #expect(try await anna.push(CommitDraft(merged, after: after)).isCommitted)
        #expect(try await ben.content() == "S1\nl2\nl3\nl4\nC5\n")
    }

    @Test("of twenty clients at once with one parent adds exactly one (B13)")
    func race() async throws {
        let world = HubWorld()
        try await world.client().save(fiveLines)
        let base = try await world.client().head()
        let answers = try await withThrowingTaskGroup(of: PushAnswer.self) { group in
            for number in 0..<20 {
                group.addTask {
                    try await world.client("c\(number)").push(
                        CommitDraft(fiveLines + "\(number)\n", after: base))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count(where: \.isCommitted) == 1)
        #expect(answers.count { if case .stale(let missed) = $0 { missed.count == 1 } else { false } } == 19)
        #expect(try await world.client().log(of: page, before: nil, limit: 100).map(\.sequence) == [2, 1])
    }

    @Test("whose answer was lost is answered as it was, before and after others (F01, F02, C10)")
    func repeated() async throws {
        let hub = HubWorld().client()
        let draft = CommitDraft(fiveLines, after: try await hub.head())
        let first = try await hub.push(draft)
        #expect(try await hub.push(draft) == first)
        try await hub.save(fiveLines + "x\n")
        #expect(try await hub.push(draft) == first)
        #expect(try await hub.content() == fiveLines + "x\n")
        var other = CommitDraft("another", after: try await hub.head())
        other.key = draft.key
        other.parent.sequence = 1
        #expect(await kind { _ = try await hub.push(other) } == .invalid)
    }

    @Test("with a parent that the log never had is told the head (F07)")
    func unknownParent() async throws {
        let hub = HubWorld().client()
        try await hub.save("a")
        try await hub.save("b")
        let head = try await hub.head()
        let parents: [(LogPosition, TextHash?)] = [
            (LogPosition(epoch: head.position.epoch, sequence: 7), head.hash),
            (LogPosition(epoch: head.position.epoch, sequence: -1), nil),
            (LogPosition(epoch: head.position.epoch, sequence: .max), nil),
            (LogPosition(epoch: head.position.epoch, sequence: .min), nil),
            (LogPosition(epoch: head.position.epoch &+ 1, sequence: 2), head.hash),
            (LogPosition(epoch: head.position.epoch, sequence: 2), TextHash(of: Array("deadbeef".utf8))),
            (LogPosition(epoch: head.position.epoch, sequence: 1), TextHash(of: Array("deadbeef".utf8))),
            (LogPosition(epoch: head.position.epoch, sequence: 2), nil),
        ]
        for (position, hash) in parents {
            var draft = CommitDraft("c", after: head)
            (draft.parent, draft.parentHash) = (position, hash)
            #expect(try await hub.push(draft) == .gone(head))
        }
        #expect(try await hub.head() == head)
    }

    @Test("whose delta does not make the text it says is refused (F08)")
    func wrongResult() async throws {
        let hub = HubWorld().client()
        try await hub.save("a\n")
        let head = try await hub.head()
        var draft = CommitDraft("b\n", after: head)
        draft.result = TextHash(of: Array("c\n".utf8))
        #expect(await kind { _ = try await hub.push(draft) } == .invalid)
        draft = CommitDraft(nil as String?, after: head)
        draft.delta = [1]
        #expect(await kind { _ = try await hub.push(draft) } == .invalid)
        #expect(try await hub.head() == head)
    }

    @Test("with any bytes changed applies nothing and crashes nothing (F09)", arguments: 0..<8)
    func fuzz(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let hub = HubWorld().client()
        try await hub.save(fiveLines)
        let head = try await hub.head()
        for _ in 0..<250 {
            var draft = CommitDraft("l1\nnew\nl3\nl5\nmore\n", after: head)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<draft.delta.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: draft.delta[place] ^= UInt8.random(in: 1...255, using: &random)
                case 1: draft.delta.removeSubrange(place...)
                default: draft.delta.insert(UInt8.random(in: 0...255, using: &random), at: place)
                }
                if draft.delta.isEmpty { break }
            }
            let meant = CommitDraft("l1\nnew\nl3\nl5\nmore\n", after: head).delta
            guard draft.delta != meant else { continue }
            let found = await kind { _ = try await hub.push(draft) }
            // A delta may be spelled otherwise and make the same text.
            if found == nil {
                #expect(try await hub.content() == "l1\nnew\nl3\nl5\nmore\n")
                return
            }
            #expect(found == .invalid || found == .tooLarge)
        }
        #expect(try await hub.head() == head)
    }

    @Test("deletes a document, and makes it anew with its log going on (B08, B09, B12)")
    func deletes() async throws {
        let hub = HubWorld().client()
        let none = try await hub.head()
        try await hub.save("x\n")
        let made = try await hub.head()
        #expect(try await hub.save(nil) == 2)
        #expect(try await hub.content() == nil)
        #expect(try await hub.documents().documents.map(\.hash) == [nil])
        guard case .stale(let edits) = try await hub.push(CommitDraft("edited\n", after: made)) else {
            Issue.record("it was deleted meanwhile")
            return
        }
        #expect(edits.map(\.result) == [nil])
        guard case .stale(let all) = try await hub.push(CommitDraft("y\n", after: none)) else {
            Issue.record("it was made meanwhile")
            return
        }
        #expect(all.map(\.sequence) == [1, 2])
        #expect(await kind { try await hub.save(nil) } == .invalid)
        #expect(try await hub.save("z\n") == 3)
        #expect(try await hub.content(at: 1) == "x\n")
        #expect(try await hub.content() == "z\n")
    }

    @Test("of a client that is always late gets its turn (B14)")
    func fairness() async throws {
        let clock = StillClock()
        let world = HubWorld(clock: clock.clock)
        let (slow, fast) = (world.client("slow"), world.client("fast"))
        try await fast.save("0")
        var base = try await slow.head()
        for number in 1...4 {
            try await fast.save("\(number)")
            guard case .stale = try await slow.push(CommitDraft("slow", after: base)) else {
                Issue.record("fast was faster")
                return
            }
            base = try await slow.head()
        }
        #expect(await kind { try await fast.save("5") } == .busy)
        #expect(try await slow.push(CommitDraft("slow", after: base)).isCommitted)
        try await fast.save("6")
    }

    @Test(
        "of a client that takes its time goes through within a few tries, among others that take none (B14)")
    func progress() async throws {
        let world = HubWorld()
        try await world.client().save("start\n")
        let fast = (0..<4).map { number in
            Task {
                let client = world.client("fast \(number)")
                var saved = 0
                while !Task.isCancelled {
                    let head = try await client.head()
                    let text = [UInt8]((head.text ?? []).suffix(2000)) + Array("\(number) \(saved)\n".utf8)
                    do {
                        if try await client.push(CommitDraft(text, after: head)).isCommitted { saved += 1 }
                    } catch let error as HubError where error.kind == .busy {
                        try? await Task.sleep(for: error.retryAfter ?? .zero)
                    }
                }
                return saved
            }
        }
        let slow = world.client("slow")
        for round in 0..<3 {
            var tries = 0
            while true {
                tries += 1
                let head = try await slow.head()
                try await Task.sleep(for: .milliseconds(30))
                if try await slow.push(CommitDraft("slow \(round)\n", after: head)).isCommitted { break }
                guard tries < 20 else { break }
            }
            // Four late pushes, and then a turn of its own, which on a busy machine may pass before it comes.
            #expect(tries < 20)
        }
        var saved = 0
        for task in fast {
            task.cancel()
            saved += try await task.value
        }
        #expect(saved > 0)
    }

    @Test("waits only a moment for a late client that does not come")
    func fairnessEnds() async throws {
        let clock = StillClock()
        let world = HubWorld(clock: clock.clock)
        let (gone, fast) = (world.client("gone"), world.client("fast"))
        let base = try await gone.head()
        for number in 0..<5 {
            if number > 0 { _ = try await gone.push(CommitDraft("gone", after: base)) }
            if number < 4 { try await fast.save("\(number)") }
        }
        #expect(await kind { try await fast.save("a") } == .busy)
        clock.advance(.seconds(3))
        try await fast.save("b")
        _ = try await gone.push(CommitDraft("gone", after: base))
        try await fast.save("c")
    }

    @Test("beyond a limit is refused, and says which")
    func limits() async throws {
        let clock = StillClock()
        var settings = HubSettings()
        settings.limits = HubLimits(
            largestText: 100, largestMessage: 60, commitsPerMinute: 6, documentsPerSet: 1)
        let hub = HubWorld(settings, clock: clock.clock).client()
        try await hub.save(String(repeating: "a", count: 40))
        // The size of an answer is no limit of a text.
        try await hub.save(String(repeating: "b", count: 100))
        let refused = await #expect(throws: HubError.self) {
            try await hub.save(String(repeating: "b", count: 101))
        }
        let words = "“page.txt” would have 101 bytes, and this hub takes texts of 100 bytes; divide it"
        #expect(refused?.message.hasPrefix(words) == true)
        var bomb = CommitDraft("x", after: try await hub.head())
        bomb.delta = [UInt8](repeating: 1, count: 2000)
        #expect(await kind { _ = try await hub.push(bomb) } == .tooLarge)
        #expect(await kind { try await hub.save("x", to: DocumentName(known: "other")) } == .tooLarge)
        try await hub.save("c")
        #expect(await kind { try await hub.save("d") } == .busy)
        clock.advance(.seconds(11))
        try await hub.save("e")
    }

    @Test("without the right to write, or to a set that can't be, is refused (G08, G09)")
    func forbidden() async throws {
        let world = HubWorld()
        #expect(await kind { try await world.client(mayWrite: false).save("x") } == .forbidden)
        for set in ["", "../etc", "a/b", ".hidden", "a b", String(repeating: "x", count: 65)] {
            let hub = world.hub.access(to: set, as: "anna", mayWrite: true)
            #expect(await kind { _ = try await hub.documents() } == .invalid)
            #expect(await kind { _ = try await hub.text(of: page, at: nil) } == .invalid)
        }
    }

    @Test("of 5 MB in one line sends and keeps little of an edit (E10)")
    func longLine() async throws {
        let hub = HubWorld().client()
        var line = [UInt8](repeating: UInt8(ascii: "x"), count: 5_000_000)
        _ = try await hub.push(CommitDraft(line, after: try await hub.head()))
        line[2_500_000] = UInt8(ascii: "y")
        let draft = CommitDraft(line, after: try await hub.head())
        #expect(draft.delta.count < 100)
        #expect(try await hub.push(draft).isCommitted)
        #expect(try await hub.head().text == line)
    }
}

extension PushAnswer {
    var isCommitted: Bool { if case .committed = self { true } else { false } }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
