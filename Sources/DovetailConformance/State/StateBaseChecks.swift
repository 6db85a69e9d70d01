import Dovetail
import DovetailEngine

/// The base, as every state store keeps it.
struct StateBaseChecks: StateSuite {
    static let all: [StateStoreCheck] = [
        StateStoreCheck(
            "the base comes back in the order of its keys, each side in its own form"
        ) { try await StateBaseChecks().order($0) },
        StateStoreCheck(
            "the base is moved forward and forgotten record by record"
        ) { try await StateBaseChecks().moves($0) },
        StateStoreCheck(
            "the base is read by keys in key order, each once"
        ) { try await StateBaseChecks().byKeys($0) },
        StateStoreCheck(
            "the base tells its keys in half-open ranges"
        ) { try await StateBaseChecks().ranges($0) },
        StateStoreCheck(
            "the base comes in many batches without losing or repeating a record"
        ) { try await StateBaseChecks().batches($0) },
        StateStoreCheck(
            "the base is seen from the right by right locators, sides exchanged"
        ) { try await StateBaseChecks().mirrored($0) },
        StateStoreCheck(
            "the base is read as of one moment while it is written"
        ) { try await StateBaseChecks().consistent($0) },
        StateStoreCheck(
            "the base is brought into another layout, with what waits on the table forgotten"
        ) { try await StateBaseChecks().relayout($0) },
        StateStoreCheck(
            "the base can be forgotten table by table"
        ) { try await StateBaseChecks().forget($0) },
    ]

    func order(_ store: any StateStore) async throws {
        try await store.run(
            .agreeing(
                agreed(300, "c"), agreed(-2, "a", right: "A "), agreed(5, "b", rightLocator: [1, 2])))
        try same(
            try await store.allBase(),
            [
                agreed(-2, "a", right: "A "), agreed(5, "b", rightLocator: [1, 2]), agreed(300, "c"),
            ])
        try same(try await store.baseCount(of: trees), 3)
        try same(try await store.baseCount(of: "unknown"), 0)
        try check(try await store.allBase(of: "unknown").isEmpty)
    }

    func moves(_ store: any StateStore) async throws {
        try await store.run(.agreeing(agreed(1, "a"), agreed(2, "b"), agreed(3, "c")))
        var memory = Memory.agreeing(agreed(2, "B"))
        memory.gone = [(trees, key(3)), ("unknown", key(1))]
        try await store.run(memory)
        try same(try await store.allBase(), [agreed(1, "a"), agreed(2, "B")])
    }

    func byKeys(_ store: any StateStore) async throws {
        try await store.run(.agreeing(agreed(1, "a"), agreed(2, "b"), agreed(3, "c")))
        let found = try await store.base(of: trees, keys: [key(3), key(1), key(99), key(3)])
        try same(found, [agreed(1, "a"), agreed(3, "c")])
    }

    func ranges(_ store: any StateStore) async throws {
        var memory = Memory()
        memory.agreed = (1...9).map { (trees, agreed(Int64($0), "\($0)")) }
        try await store.run(memory)
        let ranges = [
            KeyRange(from: nil, to: key(2)), KeyRange(from: key(4), to: key(6)),
            KeyRange(from: key(9), to: nil),
        ]
        try same(try await store.baseKeys(of: trees, in: ranges), [key(1), key(4), key(5), key(9)])
        try same(try await store.baseKeys(of: trees, in: [KeyRange(from: nil, to: nil)]).count, 9)
        try check(try await store.baseKeys(of: trees, in: []).isEmpty)
        try check(try await store.baseKeys(of: "unknown", in: ranges).isEmpty)
    }

    func batches(_ store: any StateStore) async throws {
        var memory = Memory()
        let text = String(repeating: "x", count: 500)
        let records = (0..<3000).map {
            agreed(Int64($0), text + "\($0)", rightLocator: key(Int64(-$0)).bytes)
        }
        memory.agreed = records.reversed().map { (trees, $0) }
        try await store.run(memory)
        try same(try await store.allBase(), records)
        let mirrored = try await store.allBase(mirrored: true)
        try same(mirrored, records.reversed().compactMap(\.seenFromRight))
    }

    func mirrored(_ store: any StateStore) async throws {
        let a = agreed(1, "a", rightLocator: key(30).bytes)
        let b = agreed(2, "b", right: "B", rightLocator: key(20).bytes)
        let unlinked = agreed(3, "c")
        try await store.run(.agreeing(a, b, unlinked))
        let expected = [
            BaseRecord(
                key: key(20), left: packed(2, "B"), right: packed(2, "b"), rightLocator: key(2).bytes),
            BaseRecord(
                key: key(30), left: packed(1, "a"), right: packed(1, "a"), rightLocator: key(1).bytes),
        ]
        try same(try await store.allBase(mirrored: true), expected)
        let frames = try await store.frames(of: trees, mirrored: true)
        try same(frames.map(\.fields.bytes), expected.map(\.rest))

        // The order follows the records, also once it has been asked for.
        try await store.run(.agreeing(agreed(4, "d", rightLocator: key(25).bytes)))
        try same(try await store.allBase(mirrored: true).map(\.key), [key(20), key(25), key(30)])
    }

    func consistent(_ store: any StateStore) async throws {
        try await store.run(.agreeing(agreed(1, "a")))
        let cursor = try await store.base(of: trees, mirrored: false)
        try await store.run(.agreeing(agreed(2, "b")))
        try same(try await cursor.next()?.count, 1)
        try check(try await cursor.next() == nil)
    }

    func relayout(_ store: any StateStore) async throws {
        var memory = Memory.agreeing(agreed(1, "a", right: "A", rightLocator: [7]), agreed(2, "b"))
        memory.conflicts = [conflict(8, left: "l", right: "r")]
        memory.rejections = [rejection(9)]
        memory.pending = [(trees, key(10))]
        let cursors = [trees: Sides<FeedCursor?>(left: FeedCursor("1"), right: nil)]
        try await store.run(memory, end: end(cursors: cursors))
        let run = try await store.begin(start(2))
        try await store.journal([update(2, from: "b", to: "c")], run: run)

        let wider = TableLayout(
            TableSchema(
                trees, fields: [Field("name", .text), Field("height", .double), Field("id", .int)],
                identity: .match(["id"])))
        try await store.relayout(trees, to: wider, moving: [1, nil, 0])
        func moved(_ id: Int64, _ name: String) -> PackedRecord {
            PackedRecord([.text(name), .null, .int(id)])
        }
        try same(
            try await store.allBase(),
            [
                BaseRecord(key: key(1), left: moved(1, "a"), right: moved(1, "A"), rightLocator: [7]),
                BaseRecord(key: key(2), left: moved(2, "b"), right: moved(2, "b")),
            ])
        try same(try await store.load().layouts, [trees: wider])
        try check(try await store.load().cursors.isEmpty)
        try check(try await store.conflicts().isEmpty)
        try check(try await store.rejections().isEmpty)
        // The open write is recognised by its content, so that follows the layout.
        try same(try await store.pendingKeys(of: trees), [key(2)])
        try same(try await store.openIntents(of: trees).first?.after, moved(2, "c"))
    }

    func forget(_ store: any StateStore) async throws {
        var memory = Memory.agreeing(agreed(1, "a"))
        memory.agreed.append(("benches", agreed(1, "bench")))
        let cursor = Sides<FeedCursor?>(left: FeedCursor("1"), right: FeedCursor("2"))
        try await store.run(memory, end: end(cursors: [trees: cursor, "benches": cursor]))
        try await store.forgetBase(of: [trees, "unknown"])
        try same(try await store.baseCount(of: trees), 0)
        try same(try await store.baseCount(of: "benches"), 1)
        try same(try await store.load().cursors, ["benches": cursor])
    }
}
