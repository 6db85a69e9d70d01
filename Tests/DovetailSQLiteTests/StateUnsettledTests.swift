import Dovetail
import DovetailEngine
import DovetailSQLite
import Testing

@Suite("What did not agree")
struct StateUnsettledTests: StateSuite {
    @Test("waits, with every value, until it is settled", arguments: StateStoreKind.allCases)
    func kept(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            var memory = Memory()
            memory.conflicts = [conflict(2, left: "l", right: "r"), conflict(1, left: "x", right: "y")]
            memory.rejections = [rejection(4), rejection(3, retried: true)]
            memory.pending = [(trees, key(5)), (trees, key(1))]
            try await store.run(memory)
            #expect(
                try await store.conflicts() == [
                    conflict(1, left: "x", right: "y"), conflict(2, left: "l", right: "r"),
                ])
            #expect(try await store.rejections() == [rejection(3, retried: true), rejection(4)])
            #expect(try await store.pendingKeys(of: trees) == (1...5).map { key($0) })
            let unsettled = try await store.unsettled(of: trees)
            #expect(unsettled.rejections == [key(4): rejection(4).rejection])
            #expect(unsettled.resolutions.isEmpty)
            #expect(try await store.unsettled(of: "benches").rejections.isEmpty)

            var settling = Memory.agreeing(agreed(1, "y"))
            settling.gone = [(trees, key(4))]
            settling.settled = [(trees, key(3)), (trees, key(5))]
            try await store.run(settling)
            #expect(try await store.conflicts().map(\.key) == [key(2)])
            #expect(try await store.rejections().isEmpty)
            #expect(try await store.pendingKeys(of: trees) == [key(2)])
        }
    }

    @Test(
        "is pending again when one memory both moves its base and marks it",
        arguments: StateStoreKind.allCases)
    func agreedAndPending(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            var memory = Memory.agreeing(agreed(1, "a"))
            memory.pending = [(trees, key(1))]
            try await store.run(memory)
            #expect(try await store.pendingKeys(of: trees) == [key(1)])
        }
    }

    @Test(
        "keeps a person's decision as long as both records are as they were",
        arguments: StateStoreKind.allCases)
    func decisions(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            var memory = Memory()
            let found = conflict(1, left: "l", right: "r", since: 1)
            memory.conflicts = [found]
            try await store.run(memory)
            let resolution = Resolution(
                .fields(["name": .value(.text("both")), "age": .side(.right)]),
                seen: found.seen.map { $0?.fields.digest })
            try await store.decide([found.id: resolution])
            #expect(try await store.unsettled(of: trees).resolutions == [key(1): resolution])

            var again = Memory()
            again.conflicts = [conflict(1, left: "l", right: "r", since: 2)]
            try await store.run(again)
            #expect(try await store.conflicts().first?.since == 1)
            #expect(try await store.conflicts().first?.resolution == resolution)

            again.conflicts = [conflict(1, left: "l", right: "r2", since: 3)]
            try await store.run(again)
            #expect(try await store.conflicts() == again.conflicts)
        }
    }

    @Test("lets a decision be taken back, and refuses one about nothing", arguments: StateStoreKind.allCases)
    func takenBack(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            var memory = Memory()
            let a = conflict(1, left: "l", right: "r")
            let b = conflict(2, left: "l", right: "r")
            memory.conflicts = [a, b]
            try await store.run(memory)
            try await store.decide([a.id: decision(a, .left), b.id: decision(b, .right)])
            try await store.decide([a.id: nil])
            #expect(try await store.unsettled(of: trees).resolutions == [key(2): decision(b, .right)])

            let unknown = ConflictRecord.ID(text: "00000000")
            await #expect(throws: StateError.self) {
                try await store.decide([b.id: nil, unknown: decision(a, .left)])
            }
            // It happened whole or not at all.
            #expect(try await store.unsettled(of: trees).resolutions == [key(2): decision(b, .right)])
        }
    }

    @Test("remembers since when a record is refused", arguments: StateStoreKind.allCases)
    func refusedSince(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            var memory = Memory()
            memory.rejections = [rejection(1, since: 1)]
            try await store.run(memory)
            memory.rejections = [rejection(1, since: 5)]
            try await store.run(memory)
            #expect(try await store.rejections() == [rejection(1, since: 1)])
            memory.rejections[0].rejection.reason = "too short"
            try await store.run(memory)
            #expect(try await store.rejections().first?.since == 5)
        }
    }

    @Test("holds every kind of conflict", arguments: StateStoreKind.allCases)
    func kinds(_ kind: StateStoreKind) async throws {
        try await kind.withStore { store in
            var deleted = conflict(1, left: "l", right: "r")
            deleted.conflict = .deletedAgainstChanged(deleted: .left)
            deleted.seen.left = nil
            var asks = conflict(2, left: "l", right: "r")
            asks.conflict = .deleteAsks(deleted: .right)
            asks.seen.right = nil
            asks.base = nil
            asks.resolution = Resolution(
                .side(.right), seen: Sides(left: asks.seen.left?.fields.digest, right: nil))
            var memory = Memory()
            memory.conflicts = [deleted, asks]
            try await store.run(memory)
            #expect(try await store.conflicts() == [deleted, asks])
        }
    }
}
