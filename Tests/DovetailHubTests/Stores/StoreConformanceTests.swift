import Dovetail
import DovetailDocuments
import DovetailHub
import Testing

@Suite("A store of commits")
struct StoreConformanceTests {
    private let set = "notes"

    @Test("has an epoch, which it keeps until it is told to take another", arguments: StoreKind.allCases)
    func epoch(kind: StoreKind) async throws {
        try await kind.withStore { open in
            let store = try await open()
            let first = try await store.epoch()
            #expect(try await store.epoch() == first)
            try await store.renewEpoch()
            #expect(try await store.epoch() != first)
            await store.close()
        }
    }

    @Test("adds a commit after the head, and none other", arguments: StoreKind.allCases)
    func append(kind: StoreKind) async throws {
        try await kind.withStore { open in
            let store = try await open()
            #expect(try await store.sets().isEmpty)
            #expect(try await store.head(of: page, in: set) == nil)
            var log = LogWriter()
            let first = log.commit("a\n")
            let added = try #require(try await store.append(first, snapshot: nil, to: set).appended)
            #expect(added.place > 0)
            var expected = first
            expected.place = added.place
            #expect(added == expected)
            let head = try #require(try await store.head(of: page, in: set))
            #expect(head == StoredHead(of: added, oldest: 1))
            #expect(try await store.append(first, snapshot: nil, to: set) == .known(added))

            var other = LogWriter()
            #expect(try await store.append(other.commit("b\n"), snapshot: nil, to: set) == .stale(head))
            other.text = Array("another parent".utf8)
            #expect(try await store.append(other.commit("b\n"), snapshot: nil, to: set) == .stale(head))
            var none = LogWriter(document: storedName("none"), sequence: 4, text: [])
            #expect(try await store.append(none.commit("x"), snapshot: nil, to: set) == .stale(nil))

            let second = try #require(
                try await store.append(log.commit(nil), snapshot: nil, to: set).appended)
            #expect(second.place > added.place)
            #expect(try await store.head(of: page, in: set)?.hash == nil)
            // A retry of the first comes after the second.
            #expect(try await store.append(first, snapshot: nil, to: set) == .known(added))
            #expect(try await store.commit(with: first.key, in: set) == added)
            #expect(try await store.commit(with: first.key, in: "other") == nil)
            #expect(try await store.commit(with: .fresh(), in: set) == nil)
            #expect(try await store.sets() == [set])
            await store.close()
        }
    }

    @Test(
        "keeps sets apart, and documents in the order of the bytes of their names",
        arguments: StoreKind.allCases)
    func heads(kind: StoreKind) async throws {
        try await kind.withStore { open in
            let store = try await open()
            let names = ["b", "B", "a/ä", "a/z", "é", "日本", "a b"]
            for name in names {
                var log = LogWriter(document: storedName(name))
                _ = try await store.append(log.commit(name), snapshot: nil, to: set)
            }
            var log = LogWriter(document: storedName("b"))
            _ = try await store.append(log.commit("else"), snapshot: nil, to: "other")
            let (place, heads) = try await store.heads(of: set)
            #expect(heads.map(\.document) == names.map(storedName).sorted())
            #expect(place == heads.map(\.place).max())
            #expect(try await store.heads(of: "none").heads.isEmpty)
            #expect(try await store.sets() == [set, "other"])
            await store.close()
        }
    }

    @Test(
        "of twenty commits with one parent adds exactly one, and gives places in order (B13)",
        arguments: StoreKind.allCases)
    func race(kind: StoreKind) async throws {
        try await kind.withStore { open in
            let store = try await open()
            let outcomes = try await withThrowingTaskGroup(of: AppendOutcome.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        var log = LogWriter()
                        return try await store.append(log.commit("\(number)"), snapshot: nil, to: set)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.compactMap(\.appended).count == 1)
            #expect(outcomes.count(where: \.isStale) == 19)

            // Documents of their own: all get through, and a reader who goes on by places misses none.
            let reader = Task {
                var (seen, last): ([String], Int64) = ([], 0)
                while seen.count < 41 {
                    for commit in try await store.commits(of: set, after: last, limit: 5) {
                        #expect(commit.place > last)
                        last = commit.place
                        seen.append(commit.document.text)
                    }
                }
                return seen
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        var log = LogWriter(document: storedName("d\(number)"))
                        for text in ["a", "b"] {
                            _ = try await store.append(log.commit(text), snapshot: nil, to: set)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(Set(try await reader.value).count == 21)
            await store.close()
        }
    }

    @Test("gives commits by sequence and by place", arguments: StoreKind.allCases)
    func commits(kind: StoreKind) async throws {
        try await kind.withStore { open in
            let store = try await open()
            var log = LogWriter()
            var made: [Commit] = []
            for number in 1...10 {
                let commit = try await store.append(log.commit("text \(number)"), snapshot: nil, to: set)
                    .appended
                made.append(try #require(commit))
            }
            func part(
                _ range: ClosedRange<Int64>, _ limit: Int, newestFirst: Bool = false, withDeltas: Bool = true
            ) async throws -> [Commit] {
                try await store.commits(
                    of: page, in: set, sequences: range, limit: limit, newestFirst: newestFirst,
                    withDeltas: withDeltas)
            }
            #expect(try await part(3...6, 100) == Array(made[2...5]))
            #expect(try await part(3...100, 2) == Array(made[2...3]))
            #expect(try await part(3...6, 2, newestFirst: true) == [made[5], made[4]])
            #expect(try await part(11...20, 5).isEmpty)
            #expect(try await part(1...1, 5, withDeltas: false).first?.delta == [])
            #expect(try await store.commits(of: set, after: made[7].place, limit: 10) == Array(made[8...]))
            #expect(try await store.commits(of: set, after: 0, limit: 2) == Array(made[..<2]))
            #expect(try await store.commits(of: "other", after: 0, limit: 2).isEmpty)
            await store.close()
        }
    }

    @Test("keeps whole texts, and forgets what is before one", arguments: StoreKind.allCases)
    func prune(kind: StoreKind) async throws {
        try await kind.withStore { open in
            let store = try await open()
            var log = LogWriter()
            let first = log.commit("1")
            _ = try await store.append(first, snapshot: nil, to: set)
            for number in 2...10 {
                _ = try await store.append(
                    log.commit("\(number)"), snapshot: number == 4 ? [52] : nil, to: set)
            }
            func whole(_ sequence: Int64) async throws -> [UInt8]? {
                try await store.snapshot(of: page, in: set, before: sequence)?.text
            }
            #expect(try await whole(3) == nil)
            #expect(try await whole(10) == [52])
            try await store.keep([9, 9], of: page, in: set, at: 7)
            try await store.keep([], of: page, in: set, at: 8)
            #expect(try await whole(7) == [9, 9])
            #expect(try await whole(10) == [])
            try await store.keep([7], of: page, in: set, at: 7)
            #expect(try await whole(7) == [7])

            await #expect(throws: HubError.self) { try await store.prune(page, in: set, before: 9) }
            await #expect(throws: HubError.self) { try await store.prune(page, in: set, before: 99) }
            #expect(try await store.head(of: page, in: set)?.oldest == 1)
            try await store.prune(page, in: set, before: 7)
            try await store.prune(page, in: set, before: 4)
            #expect(try await store.head(of: page, in: set)?.oldest == 7)
            #expect(try await whole(6) == nil)
            #expect(try await whole(7) == [7])
            let left = try await store.commits(
                of: page, in: set, sequences: 1...10, limit: 100, newestFirst: false, withDeltas: false)
            #expect(left.map(\.sequence) == [7, 8, 9, 10])
            #expect(try await store.commit(with: first.key, in: set) == nil)
            _ = try await store.append(log.commit(nil), snapshot: nil, to: set)
            try await store.prune(page, in: set, before: 11)
            #expect(try await store.head(of: page, in: set)?.oldest == 11)
            await store.close()
        }
    }

    @Test("takes a mended log: its commits, its texts, its ends", arguments: StoreKind.allCases)
    func mended(kind: StoreKind) async throws {
        try await kind.withStore { open in
            let store = try await open()
            var log = LogWriter()
            var stored: [Commit] = []
            for number in 1...6 {
                let commit = log.commit("text \(number)\n")
                stored.append(
                    try #require(try await store.append(commit, snapshot: log.text, to: set).appended))
            }
            var other = LogWriter(document: storedName("other"))
            let beside = try #require(
                try await store.append(other.commit("x"), snapshot: nil, to: set).appended)
            var (third, fourth) = (stored[2], stored[3])
            (third.author, third.key) = ("mended", .fresh())
            (fourth.place, fourth.key) = (0, .fresh())
            let text = Array("another\n".utf8)
            try await store.mend(
                page, in: set,
                by: LogMend(oldest: 2, newest: 5, commits: [third, fourth], texts: [3: text, 4: nil]))

            let head = try #require(try await store.head(of: page, in: set))
            #expect(head == StoredHead(of: stored[4], oldest: 2))
            fourth.place = beside.place + 1
            let found = try await store.commits(
                of: page, in: set, sequences: 1...9, limit: 9, newestFirst: false, withDeltas: true)
            #expect(found == [stored[1], third, fourth, stored[4]])
            #expect(
                try await store.commits(of: set, after: 0, limit: 9)
                    == [stored[1], third, stored[4], beside, fourth])
            #expect(try await store.commit(with: stored[2].key, in: set) == nil)
            #expect(try await store.commit(with: third.key, in: set) == third)
            #expect(try await store.snapshot(of: page, in: set, before: 4)?.text == text)
            #expect(try await store.snapshot(of: page, in: set, before: 9)?.sequence == 5)
            #expect(try await store.snapshot(of: page, in: set, before: 1) == nil)
            let next = try #require(
                try await store.append(other.commit("y"), snapshot: nil, to: set).appended)
            #expect(next.place > fourth.place)
            await store.close()
        }
    }

    @Test("keeps conflicts as they are, and gives each change a place", arguments: StoreKind.allCases)
    func conflicts(kind: StoreKind) async throws {
        try await kind.withStore { open in
            let store = try await open()
            let position = LogPosition(epoch: .max, sequence: 7)
            var conflict = DocumentConflict(
                id: "c1", document: page, client: "anna", base: nil, mine: [], theirs: [0, 255],
                position: position,
                time: 5)
            var place = try await store.keep(conflict, id: "c1", in: set)
            #expect(try await store.conflicts(of: set) == [conflict])
            for resolution in [DocumentConflict.Resolution.mine, .theirs, .both, .text([]), .text([1, 0])] {
                conflict.resolution = resolution
                let next = try await store.keep(conflict, id: "c1", in: set)
                #expect(next > place)
                place = next
                #expect(try await store.conflicts(of: set) == [conflict])
            }
            var log = LogWriter()
            let commit = try #require(
                try await store.append(log.commit("x"), snapshot: nil, to: set).appended)
            #expect(commit.place > place)
            #expect(try await store.keep(nil, id: "c1", in: set) > commit.place)
            #expect(try await store.conflicts(of: set).isEmpty)
            #expect(try await store.heads(of: set).place > commit.place)
            await store.close()
        }
    }

    @Test("keeps tokens, and what becomes of them", arguments: StoreKind.allCases)
    func tokens(kind: StoreKind) async throws {
        try await kind.withStore { open in
            let store = try await open()
            let tokens = HubTokens(store: store)
            let secret = try await tokens.make(name: "anna", sets: ["a", "b.c"], mayWrite: false)
            _ = try await tokens.make(name: "ben")
            let found = try await tokens.check(secret, for: "b.c")
            #expect(found.sets == ["a", "b.c"])
            #expect(!found.mayWrite)
            try await tokens.revoke(name: "anna")
            await #expect(throws: HubError.self) { try await tokens.check(secret) }
            #expect(try await tokens.list().map(\.name) == ["anna", "ben"])
            #expect(try await tokens.list().last?.sets == [])
            await store.close()
        }
    }

    @Test("carries a hub: pushes at once, every version, proof", arguments: StoreKind.allCases)
    func carriesHub(kind: StoreKind) async throws {
        try await kind.withStore { open in
            let store = try await open()
            let hub = DocumentHub(store: store, settings: HubSettings(commitsPerSnapshot: 5))
            let sequences = try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 {
                    group.addTask {
                        let access = hub.access(to: set, as: "c\(number)", mayWrite: true)
                        for round in 0..<5 {
                            while true {
                                let head = try await access.head()
                                let text =
                                    String(decoding: head.text ?? [], as: UTF8.self) + "c\(number) \(round)\n"
                                do {
                                    if try await access.save(text, after: head) != nil { break }
                                } catch let error as HubError where error.kind == .busy {
                                    try await Task.sleep(for: .milliseconds(5))
                                }
                            }
                        }
                    }
                }
                try await group.waitForAll()
                return try await hub.access(to: set, as: "a", mayWrite: false).log(
                    of: page, before: nil, limit: 100
                )
                .map(\.sequence)
            }
            #expect(sequences == (1...30).reversed())
            let report = try await hub.verify()
            #expect(report.damages.isEmpty)
            #expect(report.commits == 30)
            let text = try await hub.access(to: set, as: "a", mayWrite: false).head().text ?? []
            #expect(Set(text.split(separator: 10)).count == 30)
            await hub.close()
            await store.close()
        }
    }

    @Test("has everything when it is opened again", arguments: StoreKind.durable)
    func reopened(kind: StoreKind) async throws {
        try await kind.withStore { open in
            var store = try await open()
            var log = LogWriter()
            for number in 1...5 {
                _ = try await store.append(log.commit("\(number)"), snapshot: nil, to: set)
            }
            let (epoch, heads) = (try await store.epoch(), try await store.heads(of: set).heads)
            await store.close()
            store = try await open()
            #expect(try await store.epoch() == epoch)
            #expect(try await store.heads(of: set).heads == heads)
            #expect(try await DocumentHub(store: store).verify().commits == 5)
            await store.close()
        }
    }
}
