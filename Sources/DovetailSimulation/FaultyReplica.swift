import Dovetail
import DovetailEngine
import DovetailMemory

/// A replica in memory over a bad line, with other users at work on it.
struct FaultyReplica: Replica {
    let side: Side
    let inner: MemoryReplica
    let faults: FaultSource

    var name: String { inner.name }

    func describe() async throws -> [TableDescription] {
        try await faults.call("describe") { try await inner.describe() }
    }

    func observe() async throws -> any Observation {
        await meddle()
        let observation = try await faults.call("observe") { try await inner.observe() }
        return FaultyObservation(inner: observation, replica: self)
    }

    func prepare(_ views: [TableView]) async throws {
        try await faults.call("prepare") { try await inner.prepare(views) }
    }

    func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        await meddle()
        // A repeated insert without a key is a second record; no line repeats what it can't recognise.
        let mayRepeat = writes.allSatisfy { $0.key != nil }
        let world = faults.world
        let entries = world.ledger.journalled(writes, side)
        let result = try await faults.call(
            "apply \(writes.count) to \(view.table)", mayRepeat: mayRepeat
        ) {
            let before = await inner.table(view.table)
            let result = try await inner.apply(writes, to: view)
            let after = await inner.table(view.table)
            if let before, let after {
                world.check(
                    writes, entries, result, side, view, before: before, after: after, life: faults.life)
            }
            return result
        }
        await meddle()
        return result
    }

    func stamp(_ mark: ReplicaMark) async throws -> Bool {
        await meddle()
        return try await faults.call("stamp") { try await inner.stamp(mark) }
    }

    func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {
        try await faults.call("acknowledge") {
            try await inner.acknowledge(job: job, view: view, cursor: cursor)
        }
    }

    func close() async {}

    /// Another user writes, now and then.
    func meddle() async {
        guard faults.meddles() else { return }
        faults.world.tally.add("edits in between")
        // An id that is freed while a run is under way is not given anew: docs/architecture.md, known limits.
        let world = faults.world
        let names =
            world.shape.layout == .content && world.shape.reusingSides.contains(side)
            ? world.shape.tableNames : []
        for name in names { _ = await world.replicas[side].edit(name) { $0.reusesIDs = false } }
        await world.userEdit(side, &faults.random)
        for name in names { _ = await world.replicas[side].edit(name) { $0.reusesIDs = true } }
    }
}

struct FaultyObservation: Observation {
    let inner: any Observation
    let replica: FaultyReplica
    private var faults: FaultSource { replica.faults }

    init(inner: any Observation, replica: FaultyReplica) {
        self.inner = inner
        self.replica = replica
    }

    func identity(job: String) async throws -> ReplicaIdentity {
        try await faults.call("identity") { try await inner.identity(job: job) }
    }

    func snapshot(of view: TableView) async throws -> any RecordCursor {
        await replica.meddle()
        return FaultyCursor(
            inner: try await faults.call("snapshot") { try await inner.snapshot(of: view) }, faults: faults)
    }

    func read(_ references: [RecordReference], of view: TableView) async throws -> [Record] {
        try await faults.call("read") { try await inner.read(references, of: view) }
    }

    func changes(of view: TableView, since cursor: FeedCursor) async throws -> ChangedKeys? {
        faults.world.tally.add("feeds read")
        return try await faults.call("changes") { try await inner.changes(of: view, since: cursor) }
    }

    func feedPosition(of view: TableView) async throws -> FeedCursor? {
        try await faults.call("feedPosition") { try await inner.feedPosition(of: view) }
    }

    func isEmpty(_ view: TableView) async throws -> Bool {
        try await faults.call("isEmpty") { try await inner.isEmpty(view) }
    }

    func finish() async { await inner.finish() }
}

extension FaultyObservation: DigestingObservation {
    private var adding: any DigestingObservation {
        get throws {
            guard let adding = inner as? any DigestingObservation else {
                throw ReplicaError(.failed, replica: replica.name, "there are no digests")
            }
            return adding
        }
    }

    func digestDialect(of view: TableView) async throws -> String? {
        try await (inner as? any DigestingObservation)?.digestDialect(of: view)
    }

    func sampleKeys(of view: TableView, count: Int) async throws -> [RecordKey] {
        try await faults.call("sampleKeys") { try await adding.sampleKeys(of: view, count: count) }
    }

    func digests(of view: TableView, parts: KeyParts) async throws -> [PartDigest] {
        faults.world.tally.add("digests added up")
        return try await faults.call("digests") { try await adding.digests(of: view, parts: parts) }
    }

    func keyDigests(of view: TableView, parts: KeyParts) async throws -> [KeyDigest] {
        try await faults.call("keyDigests") { try await adding.keyDigests(of: view, parts: parts) }
    }
}

struct FaultyCursor: RecordCursor {
    let inner: any RecordCursor
    let faults: FaultSource

    func next() async throws -> RecordBatch? {
        try await faults.call("next") { try await inner.next() }
    }
}
