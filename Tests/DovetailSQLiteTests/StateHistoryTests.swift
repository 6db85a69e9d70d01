import Dovetail
import DovetailEngine
import DovetailSQLite
import Foundation
import Testing

@Suite("The history of a state store")
struct StateHistoryTests: StateSuite {
    @Test("is kept for so many runs", arguments: StateStoreKind.allCases)
    func byRuns(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            var numbers: [Int64] = []
            for _ in 0..<5 {
                let ending = end(retention: HistoryRetention(runs: 3))
                numbers.append(
                    try await store.run(Memory(), journal: [update(1, from: "a", to: "b")], end: ending))
            }
            #expect(try await store.runs(limit: 9).map(\.number) == numbers.suffix(3).reversed())
            #expect(try await store.changes(of: numbers[0], offset: 0, limit: 9).isEmpty)
            #expect(try await store.changes(of: numbers[4], offset: 0, limit: 9).count == 1)
            #expect(numbers == [1, 2, 3, 4, 5])
        }
    }

    @Test(
        "is kept for so many days, but never loses a write whose outcome is not known",
        arguments: StateStoreKind.allCases)
    func byDays(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            let open = try await store.begin(start(1, at: 0))
            try await store.journal([update(1, from: "a", to: "b")], run: open)
            let second = try await store.begin(start(1, at: day))
            try await store.finish(end(.failed, at: day, stamped: false, marked: false), run: second)
            let third = try await store.begin(start(1, at: 9 * day))
            let retention = HistoryRetention(runs: 1, days: 3)
            try await store.finish(
                end(.failed, at: 9 * day, stamped: false, marked: false, retention: retention), run: third)
            #expect(try await store.runs(limit: 9).map(\.number) == [third, open])

            let fourth = try await store.begin(start(1, at: 10 * day))
            try await store.finish(end(at: 10 * day, retention: HistoryRetention(days: 3)), run: fourth)
            #expect(try await store.runs(limit: 9).map(\.number) == [fourth, third])
        }
    }

    @Test("keeps no values when the job says none, also of earlier runs", arguments: StateStoreKind.allCases)
    func noValues(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            let entry = update(1, from: "secret old", to: "secret new")
            var memory = Memory()
            memory.outcomes = [(trees, .right, key(1), .rejected, "“secret new” is too long")]
            let first = try await store.run(memory, journal: [entry])
            #expect(try await store.changes(of: first, offset: 0, limit: 9).map(\.entry) == [entry])
            let retention = HistoryRetention(values: .none)
            let second = try await store.run(memory, journal: [entry], end: end(retention: retention))
            for run in [first, second] {
                let change = try #require(try await store.changes(of: run, offset: 0, limit: 9).first)
                #expect(change.valuesRemoved)
                #expect(change.entry.base == nil)
                #expect(change.entry.after == nil)
                #expect(change.entry.seen == Sides(left: nil, right: nil))
                #expect(change.entry.key == key(1))
                #expect(change.reason == nil)
                #expect(change.outcome == .rejected)
            }
        }
    }

    @Test(
        "masks the named fields, and more of them when the job names more", arguments: StateStoreKind.allCases
    )
    func masked(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            var memory = Memory()
            memory.outcomes = [(trees, .right, key(7), .rejected, "“secret new” is too long")]
            let names = HistoryRetention(values: .masked, maskedFields: ["name"])
            let run = try await store.run(
                memory, journal: [update(7, from: "secret old", to: "secret new")], end: end(retention: names)
            )
            let hidden = PackedRecord([.int(7), .null])
            var change = try #require(try await store.changes(of: run, offset: 0, limit: 9).first)
            #expect(change.valuesRemoved)
            #expect(change.entry.base == BaseRecord(key: key(7), left: hidden, right: hidden))
            #expect(change.entry.after == hidden)
            #expect(change.entry.seen.right == Record(key: key(7), locator: [9], fields: hidden))
            #expect(change.reason == "“…” is too long")

            let all = HistoryRetention(values: .masked)
            try await store.run(Memory(), end: end(retention: all))
            change = try #require(try await store.changes(of: run, offset: 0, limit: 9).first)
            #expect(change.entry.after == PackedRecord([Value.null, .null]))
        }
    }

    @Test(
        "keeps the values of open conflicts and of writes whose outcome is not known",
        arguments: StateStoreKind.allCases)
    func needed(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            let none = HistoryRetention(values: .none)
            let run = try await store.begin(start(1))
            let entry = update(1, from: "a", to: "b")
            try await store.journal([entry], run: run)
            var memory = Memory()
            memory.conflicts = [conflict(2, left: "l", right: "r")]
            try await store.remember(memory, run: run)
            try await store.finish(end(.failed, stamped: false, marked: false, retention: none), run: run)
            #expect(try await store.openIntents(of: trees) == [entry])
            #expect(try await store.conflicts() == memory.conflicts)

            try await store.run(Memory(), end: end(retention: none))
            #expect(try await store.changes(of: run, offset: 0, limit: 1).first?.entry.after == nil)
        }
    }

    @Test("leaves no removed value in the bytes of the file")
    func fileBytes() async throws {
        try await withStateFolder { folder in
            let path = folder + "/job.state"
            let store = try SQLiteStateStore.open(path: path, job: "job")
            let secret = "Ellen-Margrethe-4711"
            func holds() throws -> Bool {
                let names = try FileManager.default.contentsOfDirectory(atPath: folder)
                return try names.contains { name in
                    try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)).range(
                        of: Data(secret.utf8)) != nil
                }
            }
            var memory = Memory()
            memory.conflicts = [conflict(2, left: secret, right: "r")]
            memory.outcomes = (1...300).map {
                (trees, .right, key(Int64($0)), .rejected, "\(secret) is too long")
            }
            let entries = (1...300).map { update(Int64($0), from: "\(secret)", to: "x") }
            try await store.run(memory, journal: entries)
            #expect(try holds())
            let masked = HistoryRetention(values: .masked, maskedFields: ["name"])
            try await store.run(Memory(), end: end(retention: masked))
            #expect(try holds(), "an open conflict keeps its values")
            var settled = Memory()
            settled.settled = [(trees, key(2))]
            try await store.run(settled, end: end(retention: masked))
            #expect(try !holds())
            await store.close()
            #expect(try !holds())
        }
    }
}
