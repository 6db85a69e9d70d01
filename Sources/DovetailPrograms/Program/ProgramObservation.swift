import Dovetail
import DovetailEngine

/// A look through a program.
struct ProgramObservation: Observation {
    let connection: ProgramConnection
    /// Nil where the program knows no looks: then it shows what there is when it is asked.
    let look: Int?
    let can: Set<WireAbility>

    private func request(_ ask: Ask, _ view: TableView? = nil) -> WireRequest {
        var request = WireRequest(ask)
        request.look = look
        request.view = view.map { WireView($0) }
        return request
    }

    func identity(job: String) async throws -> ReplicaIdentity {
        var request = request(.identity)
        request.job = job
        let answer = try await connection.supported(request)
        return ReplicaIdentity(marks: answer?.marks ?? [], changeCounter: answer?.changeCounter)
    }

    func snapshot(of view: TableView) async throws -> any RecordCursor {
        try await connection.check(view)
        let cursor = ProgramCursor(
            connection, view, first: request(.snapshot, view), hasKeys: can.contains(.keys))
        return can.contains(.order) ? cursor : SortedCursor(cursor)
    }

    func read(_ references: [RecordReference], of view: TableView) async throws -> [Record] {
        try await connection.check(view)
        var request = request(.read, view)
        request.references = try references.map { try WireReference($0) }
        if let answer = try await connection.supported(request) {
            return try connection.batch(answer, view, .read).records()
        }
        let wanted = Set(references.map(\.key))
        let cursor = ProgramCursor(
            connection, view, first: self.request(.snapshot, view), hasKeys: can.contains(.keys))
        var found: [Record] = []
        while let batch = try await cursor.next() {
            found += batch.records().filter { wanted.contains($0.key) }
        }
        return found
    }

    func changes(of view: TableView, since cursor: FeedCursor) async throws -> ChangedKeys? {
        var request = request(.changes, view)
        request.cursor = cursor.text
        return try await connection.supported(request)?.changes?.changes
    }

    func feedPosition(of view: TableView) async throws -> FeedCursor? {
        try await connection.supported(request(.feedPosition, view))?.cursor.map { FeedCursor($0) }
    }

    func isEmpty(_ view: TableView) async throws -> Bool {
        try await connection.check(view)
        if let isEmpty = try await connection.supported(request(.isEmpty, view))?.isEmpty { return isEmpty }
        let cursor = ProgramCursor(
            connection, view, first: request(.snapshot, view), hasKeys: can.contains(.keys))
        while let batch = try await cursor.next() { if batch.count > 0 { return false } }
        return true
    }

    func finish() async {
        // Whoever looked has what it wanted; a program that is gone will say so where it is next needed.
        if look != nil { _ = try? await connection.supported(request(.finish)) }
    }
}

/// Asks for one batch after the other: there is never more under way than was asked for.
actor ProgramCursor: RecordCursor {
    private let connection: ProgramConnection
    private let view: TableView
    private var request: WireRequest?
    private let hasKeys: Bool
    private var count = 0

    init(_ connection: ProgramConnection, _ view: TableView, first: WireRequest, hasKeys: Bool) {
        self.connection = connection
        self.hasKeys = hasKeys
        self.view = view
        request = first
    }

    func next() async throws -> RecordBatch? {
        guard let asked = request else { return nil }
        request = nil
        let answer = try await connection.needed(asked)
        if let more = answer.more {
            var next = WireRequest(.more)
            next.look = asked.look
            next.more = more
            request = next
        }
        let batch = try connection.batch(answer, view, .snapshot, from: hasKeys ? nil : count)
        count += batch.count
        return batch
    }
}

/// All records in the order of their keys, of a program that gives them in another: they are all held in memory.
actor SortedCursor: RecordCursor {
    private var source: ProgramCursor?

    init(_ source: ProgramCursor) { self.source = source }

    func next() async throws -> RecordBatch? {
        guard let source else { return nil }
        self.source = nil
        var builder = BatchBuilder()
        while let batch = try await source.next() {
            for record in batch.records() { builder.append(record) }
        }
        return builder.seal().sortedByKey()
    }
}

extension ProgramConnection {
    /// The records of an answer.
    /// - Throws: ``ReplicaError`` when it has none, or they can't be read.
    /// - Parameter number: where records have no keys of their own: how many came before.
    func batch(_ answer: WireAnswer, _ view: TableView, _ ask: Ask, from number: Int? = nil) throws
        -> RecordBatch
    {
        if let frames = answer.frames { return try readable { try RecordBatch(frames: Array(frames)) } }
        guard let records = answer.records else { throw lacks("records", ask) }
        return try readable {
            RecordBatch(
                try records.enumerated().map { index, record in
                    try record.record(view, number: number.map { $0 + index })
                })
        }
    }
}
