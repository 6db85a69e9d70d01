import Dovetail
import DovetailEngine

/// Runs, as every state store keeps it.
struct StateRunChecks: StateSuite {
    static let all: [StateStoreCheck] = [
        StateStoreCheck(
            "runs give a new store no past"
        ) { try await StateRunChecks().empty($0) },
        StateStoreCheck(
            "runs are stamped when both sides carry the mark"
        ) { try await StateRunChecks().generations($0) },
        StateStoreCheck(
            "runs keep a generation pending as long as a side may carry it"
        ) { try await StateRunChecks().pendingGeneration($0) },
        StateStoreCheck(
            "runs that failed take nothing back that was known"
        ) { try await StateRunChecks().failure($0) },
        StateStoreCheck(
            "runs that move what cursors rest on forget them as they begin"
        ) { try await StateRunChecks().forgottenCursors($0) },
        StateStoreCheck(
            "runs are listed newest first, the interrupted ones by that word"
        ) { try await StateRunChecks().list($0) },
        StateStoreCheck(
            "runs show what they changed, in order, from what to what"
        ) { try await StateRunChecks().changes($0) },
        StateStoreCheck(
            "runs leave intents when they are interrupted, until a later run ends well"
        ) { try await StateRunChecks().intents($0) },
        StateStoreCheck(
            "runs refuse a journal without a run"
        ) { try await StateRunChecks().unknownRun($0) },
        StateStoreCheck(
            "runs that found nothing leave a time and the cursors"
        ) { try await StateRunChecks().quiet($0) },
    ]

    func empty(_ store: any StateStore) async throws {
        let state = try await store.load()
        try check(!state.identity.isEmpty)
        try same(state.generation, 0)
        try same(state.pendingGeneration, nil)
        try same(state.resetReason, nil)
        try check(state.layouts.isEmpty)
        try check(try await store.runs(limit: 10).isEmpty)
    }

    func generations(_ store: any StateStore) async throws {
        let run = try await store.begin(start(1))
        try same(try await store.load().pendingGeneration, 1)
        let cursors = [trees: Sides<FeedCursor?>(left: FeedCursor("12"), right: nil)]
        try await store.finish(end(cursors: cursors), run: run)
        let state = try await store.load()
        try same(state.generation, 1)
        try same(state.pendingGeneration, nil)
        try same(state.marked, Sides(left: true, right: true))
        try same(state.changeCounters, Sides(left: 7, right: nil))
        try same(state.layouts, [trees: layout])
        try same(state.cursors, cursors)
    }

    func pendingGeneration(_ store: any StateStore) async throws {
        _ = try await store.begin(start(1))
        let second = try await store.begin(start(2))
        try same(try await store.load().pendingGeneration, 2)
        // Of a first run that failed nobody knows how far it came.
        try await store.finish(end(.failed, stamped: false, marked: false), run: second)
        try same(try await store.load().pendingGeneration, 2)

        let third = try await store.begin(start(3))
        try await store.finish(end(.waiting, stamped: false), run: third)
        try same(try await store.load().generation, 0)
        try same(try await store.load().pendingGeneration, 3)

        let fourth = try await store.begin(start(4))
        try await store.finish(end(), run: fourth)
        let fifth = try await store.begin(start(5))
        try same(try await store.load().pendingGeneration, 5)
        try await store.finish(end(.failed, stamped: false, marked: false), run: fifth)
        try same(try await store.load().pendingGeneration, nil)
    }

    func failure(_ store: any StateStore) async throws {
        let cursors = [trees: Sides<FeedCursor?>(left: FeedCursor("1"), right: nil)]
        try await store.run(.agreeing(agreed(1, "a")), end: end(cursors: cursors))
        let run = try await store.begin(start(2))
        let other = TableLayout(TableSchema(trees, fields: [Field("name", .text)], identity: .id))
        try await store.relayout(trees, to: other, moving: [1])
        try await store.finish(end(.failed, stamped: false, marked: false, cursors: cursors), run: run)
        let state = try await store.load()
        try same(state.generation, 1)
        try same(state.marked, Sides(left: true, right: true))
        try same(state.layouts, [trees: other])
        try check(state.cursors.isEmpty)
    }

    func forgottenCursors(_ store: any StateStore) async throws {
        let cursors = [trees: Sides<FeedCursor?>(left: FeedCursor("1"), right: nil)]
        try await store.run(.agreeing(agreed(1, "a")), end: end(cursors: cursors))
        _ = try await store.begin(
            RunStart(kind: .sync, time: 2, generation: 2, forgetsCursors: [trees, "unknown"]))
        try check(try await store.load().cursors.isEmpty)
    }

    func list(_ store: any StateStore) async throws {
        let first = try await store.begin(start(1, at: 10))
        let second = try await store.begin(RunStart(kind: .undo, time: 20, generation: 1))
        var ending = end(.waiting, at: 30)
        ending.message = "one waits"
        try await store.finish(ending, run: second)
        try same(
            try await store.runs(limit: 5),
            [
                RunRecord(
                    number: second, kind: .undo, started: 20, ended: 30, status: .waiting,
                    counts: ending.counts, message: "one waits"),
                RunRecord(
                    number: first, kind: .sync, started: 10, ended: nil, status: .interrupted,
                    counts: [:],
                    message: nil),
            ])
        try same(try await store.runs(limit: 1).map(\.number), [second])
    }

    func changes(_ store: any StateStore) async throws {
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
        try same(changes.map(\.entry), entries)
        try same(changes.map(\.sequence), [0, 1, 2, 3])
        try same(changes.map(\.outcome), [.applied, .rejected, .already, .overtaken])
        try same(changes.map(\.reason), [nil, "no room", nil, "interrupted"])
        try check(changes.allSatisfy { $0.layout == layout && !$0.valuesRemoved })
        try same(try await store.changes(of: run, offset: 1, limit: 2).map(\.entry), [insert, delete])
        try check(try await store.changes(of: run + 1, offset: 0, limit: 2).isEmpty)
    }

    func intents(_ store: any StateStore) async throws {
        let first = try await store.begin(start(1))
        let entries = (1...4).map { update($0, from: "a", to: "b") }
        try await store.journal(Array(entries[0..<3]), run: first)
        try await store.journal([entries[3]], run: first)
        try same(try await store.openIntents(of: trees), entries)
        try check(try await store.openIntents(of: "benches").isEmpty)

        // The next run learns what became of some of them, and fails.
        let second = try await store.begin(start(1))
        var memory = Memory.agreeing(agreed(2, "b"))
        memory.outcomes = [(trees, .right, key(1), .applied, nil)]
        try await store.remember(memory, run: second)
        try await store.finish(end(.failed, stamped: false, marked: false), run: second)
        try same(try await store.openIntents(of: trees), Array(entries[2...]))
        try same(try await store.pendingKeys(of: trees), [key(3), key(4)])

        let third = try await store.begin(start(1))
        try await store.finish(end(.waiting), run: third)
        try check(try await store.openIntents(of: trees).isEmpty)
        try check(try await store.pendingKeys(of: trees).isEmpty)
        let changes = try await store.changes(of: first, offset: 0, limit: 10)
        try same(changes.map(\.outcome), [.applied, .already, .overtaken, .overtaken])
        try same(changes.map(\.reason), [nil, "interrupted", "interrupted", "interrupted"])
    }

    func unknownRun(_ store: any StateStore) async throws {
        try await refused {
            try await store.journal([update(1, from: "a", to: "b")], run: 42)
        }
        try await refused { try await store.finish(end(), run: 42) }
    }

    func quiet(_ store: any StateStore) async throws {
        try await store.run(.agreeing(agreed(1, "a")))
        let cursors = [trees: Sides<FeedCursor?>(left: nil, right: FeedCursor("9"))]
        try await store.noteQuiet(at: 99, cursors: cursors)
        let state = try await store.load()
        try same(state.lastQuiet, 99)
        try same(state.cursors, cursors)
        try same(try await store.runs(limit: 9).count, 1)
    }
}
