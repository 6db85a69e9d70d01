package import Dovetail
package import DovetailEngine

/// The words of the tests of state stores: a table of trees with an id and a name.
package protocol StateSuite {}

package extension StateSuite {
    var trees: String { "trees" }

    func key(_ id: Int64) -> RecordKey { RecordKey([.int(id)]) }

    func packed(_ id: Int64, _ name: String) -> PackedRecord { PackedRecord([.int(id), .text(name)]) }

    func row(_ id: Int64, _ name: String, locator: [UInt8] = []) -> Record {
        Record(key: key(id), locator: locator, fields: packed(id, name))
    }

    func agreed(_ id: Int64, _ name: String, right: String? = nil, rightLocator: [UInt8] = []) -> BaseRecord {
        BaseRecord(
            key: key(id), left: packed(id, name), right: packed(id, right ?? name), rightLocator: rightLocator
        )
    }

    var layout: TableLayout {
        TableLayout(
            TableSchema(trees, fields: [Field("id", .int), Field("name", .text)], identity: .match(["id"])))
    }

    func update(_ id: Int64, from old: String, to new: String, side: Side = .right) -> JournalEntry {
        JournalEntry(
            table: trees, side: side, key: key(id), verb: "update", base: agreed(id, old),
            seen: Sides(left: row(id, new), right: row(id, old, locator: [9])), after: packed(id, new),
            decided: [])
    }

    func conflict(
        _ id: Int64, left: String, right: String, since: Int64 = 1, resolution: Resolution? = nil
    ) -> ConflictRecord {
        let field = FieldConflict(
            field: "name", base: .text("was"), left: .text(left), right: .text(right), cause: .asks)
        return ConflictRecord(
            table: trees, key: key(id), conflict: .fields([field]), base: agreed(id, "was"),
            seen: Sides(left: row(id, left), right: row(id, right)), since: since, resolution: resolution)
    }

    func decision(_ conflict: ConflictRecord, _ side: Side) -> Resolution {
        Resolution(.side(side), seen: conflict.seen.map { $0?.fields.digest })
    }

    func rejection(_ id: Int64, retried: Bool = false, since: Int64 = 1) -> RejectionRecord {
        RejectionRecord(
            table: trees, key: key(id),
            rejection: Unsettled.Rejection(
                side: .right, reason: "too long", seen: Sides(left: packed(id, "x").digest, right: nil)),
            isRetried: retried, since: since)
    }

    var me: LockOwner {
        LockOwner(process: 4711, host: "office", user: "anna", command: "dovetail sync", since: 5)
    }

    var other: LockOwner {
        LockOwner(process: 12, host: "office", user: "bo", command: "dovetail serve", since: 6)
    }

    var day: Int64 { 86_400_000_000 }

    func start(_ generation: Int64, at time: Int64 = 0) -> RunStart {
        RunStart(kind: .sync, time: time, generation: generation)
    }

    func end(
        _ status: RunStatus = .agreed, at time: Int64 = 1, stamped: Bool = true, marked: Bool = true,
        cursors: [String: Sides<FeedCursor?>] = [:], retention: HistoryRetention = HistoryRetention()
    ) -> RunEnd {
        var counts = PlanCounts()
        counts.right.updates = 2
        return RunEnd(
            time: time, status: status, counts: [trees: counts], stamped: stamped,
            marked: Sides(left: marked, right: marked), changeCounters: Sides(left: 7, right: nil),
            cursors: cursors,
            layouts: [trees: layout], retention: retention)
    }
}

private struct Fixtures: StateSuite {}

package extension Memory {
    static func agreeing(_ records: BaseRecord...) -> Memory {
        var memory = Memory()
        memory.agreed = records.map { ("trees", $0) }
        return memory
    }
}

package extension StateStore {
    /// The whole base in the order in which it is handed over, as frames.
    func frames(of table: String, mirrored: Bool = false) async throws -> [Record] {
        let cursor = try await base(of: table, mirrored: mirrored)
        var frames: [Record] = []
        while let batch = try await cursor.next() { frames += batch.records() }
        return frames
    }

    /// The whole base as records.
    func allBase(of table: String = "trees", mirrored: Bool = false) async throws -> [BaseRecord] {
        try await frames(of: table, mirrored: mirrored).map {
            try BaseRecord(key: $0.key, left: $0.locator, rest: $0.fields.bytes)
        }
    }

    /// A run that remembers and ends well.
    @discardableResult
    func run(_ memory: Memory, journal entries: [JournalEntry] = [], end: RunEnd? = nil) async throws
        -> Int64
    {
        let fixtures = Fixtures()
        let run = try await begin(fixtures.start(try await load().generation + 1))
        if !entries.isEmpty { try await journal(entries, run: run) }
        try await remember(memory, run: run)
        try await finish(end ?? fixtures.end(), run: run)
        return run
    }
}
