import Dovetail
import DovetailEngine

/// What did not agree, as every state store keeps it.
struct StateUnsettledChecks: StateSuite {
    static let all: [StateStoreCheck] = [
        StateStoreCheck(
            "what did not agree waits, with every value, until it is settled"
        ) { try await StateUnsettledChecks().kept($0) },
        StateStoreCheck(
            "what did not agree is pending again when one memory both moves its base and marks it"
        ) { try await StateUnsettledChecks().agreedAndPending($0) },
        StateStoreCheck(
            "what did not agree keeps a person's decision as long as both records are as they were"
        ) { try await StateUnsettledChecks().decisions($0) },
        StateStoreCheck(
            "what did not agree lets a decision be taken back, and refuses one about nothing"
        ) { try await StateUnsettledChecks().takenBack($0) },
        StateStoreCheck(
            "what did not agree remembers since when a record is refused"
        ) { try await StateUnsettledChecks().refusedSince($0) },
        StateStoreCheck(
            "what did not agree holds every kind of conflict"
        ) { try await StateUnsettledChecks().kinds($0) },
    ]

    func kept(_ store: any StateStore) async throws {
        var memory = Memory()
        memory.conflicts = [conflict(2, left: "l", right: "r"), conflict(1, left: "x", right: "y")]
        memory.rejections = [rejection(4), rejection(3, retried: true)]
        memory.pending = [(trees, key(5)), (trees, key(1))]
        try await store.run(memory)
        try same(
            try await store.conflicts(),
            [
                conflict(1, left: "x", right: "y"), conflict(2, left: "l", right: "r"),
            ])
        try same(try await store.rejections(), [rejection(3, retried: true), rejection(4)])
        try same(try await store.pendingKeys(of: trees), (1...5).map { key($0) })
        let unsettled = try await store.unsettled(of: trees)
        try same(unsettled.rejections, [key(4): rejection(4).rejection])
        try check(unsettled.resolutions.isEmpty)
        try check(try await store.unsettled(of: "benches").rejections.isEmpty)

        var settling = Memory.agreeing(agreed(1, "y"))
        settling.gone = [(trees, key(4))]
        settling.settled = [(trees, key(3)), (trees, key(5))]
        try await store.run(settling)
        try same(try await store.conflicts().map(\.key), [key(2)])
        try check(try await store.rejections().isEmpty)
        try same(try await store.pendingKeys(of: trees), [key(2)])
    }

    func agreedAndPending(_ store: any StateStore) async throws {
        var memory = Memory.agreeing(agreed(1, "a"))
        memory.pending = [(trees, key(1))]
        try await store.run(memory)
        try same(try await store.pendingKeys(of: trees), [key(1)])
    }

    func decisions(_ store: any StateStore) async throws {
        var memory = Memory()
        let found = conflict(1, left: "l", right: "r", since: 1)
        memory.conflicts = [found]
        try await store.run(memory)
        let resolution = Resolution(
            .fields(["name": .value(.text("both")), "age": .side(.right)]),
            seen: found.seen.map { $0?.fields.digest })
        try await store.decide([found.id: resolution])
        try same(try await store.unsettled(of: trees).resolutions, [key(1): resolution])

        var again = Memory()
        again.conflicts = [conflict(1, left: "l", right: "r", since: 2)]
        try await store.run(again)
        try same(try await store.conflicts().first?.since, 1)
        try same(try await store.conflicts().first?.resolution, resolution)

        again.conflicts = [conflict(1, left: "l", right: "r2", since: 3)]
        try await store.run(again)
        try same(try await store.conflicts(), again.conflicts)
    }

    func takenBack(_ store: any StateStore) async throws {
        var memory = Memory()
        let a = conflict(1, left: "l", right: "r")
        let b = conflict(2, left: "l", right: "r")
        memory.conflicts = [a, b]
        try await store.run(memory)
        try await store.decide([a.id: decision(a, .left), b.id: decision(b, .right)])
        try await store.decide([a.id: nil])
        try same(try await store.unsettled(of: trees).resolutions, [key(2): decision(b, .right)])

        let unknown = ConflictRecord.ID(text: "00000000")
        try await refused {
            try await store.decide([b.id: nil, unknown: decision(a, .left)])
        }
        // It happened whole or not at all.
        try same(try await store.unsettled(of: trees).resolutions, [key(2): decision(b, .right)])
    }

    func refusedSince(_ store: any StateStore) async throws {
        var memory = Memory()
        memory.rejections = [rejection(1, since: 1)]
        try await store.run(memory)
        memory.rejections = [rejection(1, since: 5)]
        try await store.run(memory)
        try same(try await store.rejections(), [rejection(1, since: 1)])
        memory.rejections[0].rejection.reason = "too short"
        try await store.run(memory)
        try same(try await store.rejections().first?.since, 5)
    }

    func kinds(_ store: any StateStore) async throws {
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
        try same(try await store.conflicts(), [deleted, asks])
    }
}
