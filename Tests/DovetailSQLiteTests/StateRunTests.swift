import Dovetail
import DovetailEngine
import DovetailSQLite
import Testing

@Suite("The runs of a state store")
struct StateRunTests: StateSuite {
    @Test("give a new store no past", arguments: StateStoreKind.allCases)
    func empty(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            let state = try await store.load()
            #expect(!state.identity.isEmpty)
            #expect(state.generation == 0)
            #expect(state.pendingGeneration == nil)
            #expect(state.resetReason == nil)
            #expect(state.layouts.isEmpty)
            #expect(try await store.runs(limit: 10).isEmpty)
        }
    }

    @Test("are stamped when both sides carry the mark", arguments: StateStoreKind.allCases)
    func generations(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            let run = try await store.begin(start(1))
            #expect(try await store.load().pendingGeneration == 1)
            let cursors = [trees: Sides<FeedCursor?>(left: FeedCursor("12"), right: nil)]
            try await store.finish(end(cursors: cursors), run: run)
            let state = try await store.load()
            #expect(state.generation == 1)
            #expect(state.pendingGeneration == nil)
            #expect(state.marked == Sides(left: true, right: true))
            #expect(state.changeCounters == Sides(left: 7, right: nil))
            #expect(state.layouts == [trees: layout])
            #expect(state.cursors == cursors)
        }
    }

    @Test("keep a generation pending as long as a side may carry it", arguments: StateStoreKind.allCases)
    func pendingGeneration(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            _ = try await store.begin(start(1))
            let second = try await store.begin(start(2))
            #expect(try await store.load().pendingGeneration == 2)
            // Of a first run that failed nobody knows how far it came.
            try await store.finish(end(.failed, stamped: false, marked: false), run: second)
            #expect(try await store.load().pendingGeneration == 2)

            let third = try await store.begin(start(3))
            try await store.finish(end(.waiting, stamped: false), run: third)
            #expect(try await store.load().generation == 0)
            #expect(try await store.load().pendingGeneration == 3)

            let fourth = try await store.begin(start(4))
            try await store.finish(end(), run: fourth)
            let fifth = try await store.begin(start(5))
            #expect(try await store.load().pendingGeneration == 5)
            try await store.finish(end(.failed, stamped: false, marked: false), run: fifth)
            #expect(try await store.load().pendingGeneration == nil)
        }
    }

    @Test("that failed take nothing back that was known", arguments: StateStoreKind.allCases)
    func failure(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            let cursors = [trees: Sides<FeedCursor?>(left: FeedCursor("1"), right: nil)]
            try await store.run(.agreeing(agreed(1, "a")), end: end(cursors: cursors))
            let run = try await store.begin(start(2))
            let other = TableLayout(TableSchema(trees, fields: [Field("name", .text)], identity: .id))
            try await store.relayout(trees, to: other, moving: [1])
            try await store.finish(end(.failed, stamped: false, marked: false, cursors: cursors), run: run)
            let state = try await store.load()
            #expect(state.generation == 1)
            #expect(state.marked == Sides(left: true, right: true))
            #expect(state.layouts == [trees: other])
            #expect(state.cursors.isEmpty)
        }
    }

    @Test("that move what cursors rest on forget them as they begin", arguments: StateStoreKind.allCases)
    func forgottenCursors(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            let cursors = [trees: Sides<FeedCursor?>(left: FeedCursor("1"), right: nil)]
            try await store.run(.agreeing(agreed(1, "a")), end: end(cursors: cursors))
            _ = try await store.begin(
                RunStart(kind: .sync, time: 2, generation: 2, forgetsCursors: [trees, "unknown"]))
            #expect(try await store.load().cursors.isEmpty)
        }
    }

    @Test("are listed newest first, the interrupted ones by that word", arguments: StateStoreKind.allCases)
    func list(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            let first = try await store.begin(start(1, at: 10))
            let second = try await store.begin(RunStart(kind: .undo, time: 20, generation: 1))
            var ending = end(.waiting, at: 30)
            ending.message = "one waits"
            try await store.finish(ending, run: second)
            #expect(
                try await store.runs(limit: 5) == [
                    RunRecord(
                        number: second, kind: .undo, started: 20, ended: 30, status: .waiting,
                        counts: ending.counts, message: "one waits"),
                    RunRecord(
                        number: first, kind: .sync, started: 10, ended: nil, status: .interrupted,
                        counts: [:],
                        message: nil),
                ])
            #expect(try await store.runs(limit: 1).map(\.number) == [second])
        }
    }

    @Test("show what they changed, in order, from what to what", arguments: StateStoreKind.allCases)
    func changes(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            var insert = update(3, from: "x", to: "new", side: .left)
            insert.verb = "insert"
            insert.base = nil
            insert.seen = Sides(left: nil, right: row(3, "new"))
            insert.decided = [
                Decided(field: "name", winner: .right, by: .policy),
                Decided(field: nil, winner: nil, by: .person),
            ]
            var delete = update(4, from: "d", to: "d")
            delete.verb = "delete"
            delete.after = nil
            let entries = [update(9, from: "a", to: "b"), insert, delete, update(5, from: "e", to: "f")]
            var memory = Memory.agreeing(agreed(9, "b"))
            memory.outcomes = [
                (trees, .right, key(9), .applied, nil), (trees, .left, key(3), .rejected, "no room"),
                (trees, .right, key(4), .already, nil), (trees, .left, key(5), .applied, "not this side"),
            ]
            let run = try await store.run(memory, journal: entries)
            let changes = try await store.changes(of: run, offset: 0, limit: 10)
            #expect(changes.map(\.entry) == entries)
            #expect(changes.map(\.sequence) == [0, 1, 2, 3])
            #expect(changes.map(\.outcome) == [.applied, .rejected, .already, .overtaken])
            #expect(changes.map(\.reason) == [nil, "no room", nil, "interrupted"])
            #expect(changes.allSatisfy { $0.layout == layout && !$0.valuesRemoved })
            #expect(try await store.changes(of: run, offset: 1, limit: 2).map(\.entry) == [insert, delete])
            #expect(try await store.changes(of: run + 1, offset: 0, limit: 2).isEmpty)
        }
    }

    @Test(
        "leave intents when they are interrupted, until a later run ends well",
        arguments: StateStoreKind.allCases)
    func intents(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            let first = try await store.begin(start(1))
            let entries = (1...4).map { update($0, from: "a", to: "b") }
            try await store.journal(Array(entries[0..<3]), run: first)
            try await store.journal([entries[3]], run: first)
            #expect(try await store.openIntents(of: trees) == entries)
            #expect(try await store.openIntents(of: "benches").isEmpty)

            // The next run learns what became of some of them, and fails.
            let second = try await store.begin(start(1))
            var memory = Memory.agreeing(agreed(2, "b"))
            memory.outcomes = [(trees, .right, key(1), .applied, nil)]
            try await store.remember(memory, run: second)
            try await store.finish(end(.failed, stamped: false, marked: false), run: second)
            #expect(try await store.openIntents(of: trees) == Array(entries[2...]))
            #expect(try await store.pendingKeys(of: trees) == [key(3), key(4)])

            let third = try await store.begin(start(1))
            try await store.finish(end(.waiting), run: third)
            #expect(try await store.openIntents(of: trees).isEmpty)
            #expect(try await store.pendingKeys(of: trees).isEmpty)
            let changes = try await store.changes(of: first, offset: 0, limit: 10)
            #expect(changes.map(\.outcome) == [.applied, .already, .overtaken, .overtaken])
            #expect(changes.map(\.reason) == [nil, "interrupted", "interrupted", "interrupted"])
        }
    }

    @Test("refuse a journal without a run", arguments: StateStoreKind.allCases)
    func unknownRun(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            await #expect(throws: StateError.self) {
                try await store.journal([update(1, from: "a", to: "b")], run: 42)
            }
            await #expect(throws: StateError.self) { try await store.finish(end(), run: 42) }
        }
    }

    @Test("that found nothing leave a time and the cursors", arguments: StateStoreKind.allCases)
    func quiet(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            try await store.run(.agreeing(agreed(1, "a")))
            let cursors = [trees: Sides<FeedCursor?>(left: nil, right: FeedCursor("9"))]
            try await store.noteQuiet(at: 99, cursors: cursors)
            let state = try await store.load()
            #expect(state.lastQuiet == 99)
            #expect(state.cursors == cursors)
            #expect(try await store.runs(limit: 9).count == 1)
        }
    }
}
