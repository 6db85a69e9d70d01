import Dovetail
import DovetailEngine

/// The history, as every state store keeps it.
struct StateHistoryChecks: StateSuite {
    static let all: [StateStoreCheck] = [
        StateStoreCheck(
            "the history is kept for so many runs"
        ) { try await StateHistoryChecks().byRuns($0) },
        StateStoreCheck(
            "the history is kept for so many days, but never loses a write whose outcome is not known"
        ) { try await StateHistoryChecks().byDays($0) },
        StateStoreCheck(
            "the history keeps no values when the job says none, also of earlier runs"
        ) { try await StateHistoryChecks().noValues($0) },
        StateStoreCheck(
            "the history masks the named fields, and more of them when the job names more"
        ) { try await StateHistoryChecks().masked($0) },
        StateStoreCheck(
            "the history keeps the values of open conflicts and of writes whose outcome is not known"
        ) { try await StateHistoryChecks().needed($0) },
    ]

    func byRuns(_ store: any StateStore) async throws {
        var numbers: [Int64] = []
        for _ in 0..<5 {
            let ending = end(retention: HistoryRetention(runs: 3))
            numbers.append(
                try await store.run(Memory(), journal: [update(1, from: "a", to: "b")], end: ending))
        }
        try same(try await store.runs(limit: 9).map(\.number), numbers.suffix(3).reversed())
        try check(try await store.changes(of: numbers[0], offset: 0, limit: 9).isEmpty)
        try same(try await store.changes(of: numbers[4], offset: 0, limit: 9).count, 1)
        try same(numbers, [1, 2, 3, 4, 5])
    }

    func byDays(_ store: any StateStore) async throws {
        let open = try await store.begin(start(1, at: 0))
        try await store.journal([update(1, from: "a", to: "b")], run: open)
        let second = try await store.begin(start(1, at: day))
        try await store.finish(end(.failed, at: day, stamped: false, marked: false), run: second)
        let third = try await store.begin(start(1, at: 9 * day))
        let retention = HistoryRetention(runs: 1, days: 3)
        try await store.finish(
            end(.failed, at: 9 * day, stamped: false, marked: false, retention: retention), run: third)
        try same(try await store.runs(limit: 9).map(\.number), [third, open])

        let fourth = try await store.begin(start(1, at: 10 * day))
        try await store.finish(end(at: 10 * day, retention: HistoryRetention(days: 3)), run: fourth)
        try same(try await store.runs(limit: 9).map(\.number), [fourth, third])
    }

    func noValues(_ store: any StateStore) async throws {
        let entry = update(1, from: "secret old", to: "secret new")
        var memory = Memory()
        memory.outcomes = [(trees, .right, key(1), .rejected, "“secret new” is too long")]
        let first = try await store.run(memory, journal: [entry])
        try same(try await store.changes(of: first, offset: 0, limit: 9).map(\.entry), [entry])
        let retention = HistoryRetention(values: .none)
        let second = try await store.run(memory, journal: [entry], end: end(retention: retention))
        for run in [first, second] {
            let change = try require(try await store.changes(of: run, offset: 0, limit: 9).first)
            try check(change.valuesRemoved)
            try same(change.entry.base, nil)
            try same(change.entry.after, nil)
            try same(change.entry.seen, Sides(left: nil, right: nil))
            try same(change.entry.key, key(1))
            try same(change.reason, nil)
            try same(change.outcome, .rejected)
        }
    }

    func masked(_ store: any StateStore) async throws {
        var memory = Memory()
        memory.outcomes = [(trees, .right, key(7), .rejected, "“secret new” is too long")]
        let names = HistoryRetention(values: .masked, maskedFields: ["name"])
        let run = try await store.run(
            memory, journal: [update(7, from: "secret old", to: "secret new")], end: end(retention: names)
        )
        let hidden = PackedRecord([.int(7), .null])
        var change = try require(try await store.changes(of: run, offset: 0, limit: 9).first)
        try check(change.valuesRemoved)
        try same(change.entry.base, BaseRecord(key: key(7), left: hidden, right: hidden))
        try same(change.entry.after, hidden)
        try same(change.entry.seen.right, Record(key: key(7), locator: [9], fields: hidden))
        try same(change.reason, "“…” is too long")

        let all = HistoryRetention(values: .masked)
        try await store.run(Memory(), end: end(retention: all))
        change = try require(try await store.changes(of: run, offset: 0, limit: 9).first)
        try same(change.entry.after, PackedRecord([Value.null, .null]))
    }

    func needed(_ store: any StateStore) async throws {
        let none = HistoryRetention(values: .none)
        let run = try await store.begin(start(1))
        let entry = update(1, from: "a", to: "b")
        try await store.journal([entry], run: run)
        var memory = Memory()
        memory.conflicts = [conflict(2, left: "l", right: "r")]
        try await store.remember(memory, run: run)
        try await store.finish(end(.failed, stamped: false, marked: false, retention: none), run: run)
        try same(try await store.openIntents(of: trees), [entry])
        try same(try await store.conflicts(), memory.conflicts)

        try await store.run(Memory(), end: end(retention: none))
        try same(try await store.changes(of: run, offset: 0, limit: 1).first?.entry.after, nil)
    }
}
