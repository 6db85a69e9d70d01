import Dovetail
import DovetailEngine

/// A dataset as a job looks at it from outside: through views, which may leave attributes out, order them otherwise, and call
/// them otherwise. ``DatasetReplica`` itself always shows whole models.
///
/// What no hook carries out is refused: kept in the dataset alone, it would be gone with this process, and look deleted to the
/// next run. Records have no locators here: where a record lies in a dataset changes from run to run, and jobs remember locators.
struct ExportedReplica: Replica {
    private let whole: DatasetReplica
    private var dataset: Dataset { whole.dataset }

    init(_ dataset: Dataset) { whole = DatasetReplica(dataset: dataset, scope: HookScope(isLasting: true)) }

    var name: String { whole.name }

    func describe() async throws -> [TableDescription] {
        try await whole.describe().map { table in
            var table = table
            table.contentReason = "records of “\(table.name)” are known by their identifiers"
            if dataset.hooked(table.name).isEmpty {
                table.readOnlyReason = "“\(table.name)” has no hooks in \(name)"
            }
            return table
        }
    }

    func observe() async throws -> any Observation {
        do {
            try await dataset.load()
        } catch let error as CancellationError {
            throw error
        } catch {
            throw ReplicaError(.failed, replica: name, "the dataset could not be loaded: \(error)")
        }
        if let reason = dataset.incompleteReason {
            throw ReplicaError(
                .unreachable, replica: name,
                "the dataset could not be loaded whole: \(reason); what is missing would look deleted, so nothing is"
                    + " compared")
        }
        return ExportedObservation(whole: try await whole.observe(), replica: self)
    }

    func prepare(_ views: [TableView]) async throws {}

    func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        let projection = try projection(view)
        let all = try wholeView(view)
        let hooked = dataset.hooked(view.table)
        var settled: [Int: WriteOutcome] = [:]
        var open: [ReplicaWrite] = []
        for (index, write) in writes.enumerated() {
            let now = write.key.flatMap { dataset.record($0, of: view.table) }
            let seen = try now.map { try projection.narrow($0) }
            let target = seen.flatMap { fields in write.key.map { Record(key: $0, fields: fields) } }
            if let outcome = try write.outcome(on: target.map(WriteTarget.record) ?? .nothing) {
                settled[index] = outcome
            } else if case let action = DiffElement.Action(write.write), !hooked.contains(action) {
                settled[index] = .rejected(
                    WriteOutcome.Rejection(
                        reason: "“\(view.table)” has no \(action.rawValue) hook in \(name)"))
            } else {
                open.append(try projection.widen(write, now: now))
            }
        }
        var done = try await whole.apply(open, to: all).outcomes[...]
        let outcomes = try writes.indices.map { index in
            try settled[index] ?? projection.narrow(done.popFirst() ?? .overtaken)
        }
        return ApplyResult(outcomes: outcomes, isProven: true)
    }

    func stamp(_ mark: ReplicaMark) async throws -> Bool { false }
    func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {}
    func close() async {}

    private func schema(_ table: String) throws -> TableSchema {
        guard let schema = dataset.schemas.first(where: { $0.name == table }) else {
            throw ReplicaError(.unsuitable, replica: name, "there is no model “\(table)”")
        }
        return schema
    }

    fileprivate func wholeView(_ view: TableView) throws -> TableView {
        let schema = try schema(view.table)
        return TableView(
            schema: schema, table: view.table, columns: schema.fields.map { ColumnBinding($0.name) })
    }

    /// - Throws: ``ReplicaError`` when a dataset can't be looked at so.
    fileprivate func projection(_ view: TableView) throws -> Projection {
        let schema = try schema(view.table)
        func refusal(_ words: String) -> ReplicaError { ReplicaError(.unsuitable, replica: name, words) }
        if view.filter != nil { throw refusal("a dataset has no language for conditions; leave “where” out") }
        if let column = view.columns.first(where: { $0.conversion != nil }) {
            throw refusal(
                "\(view.table).\(column.column) is not converted here; declare “convert” on the other side")
        }
        let places = try view.columns.map { binding in
            guard let place = schema.index(of: binding.column) else {
                throw refusal("“\(view.table)” has no \(binding.column)")
            }
            return place
        }
        let own = if case .match(let names) = schema.identity { names } else { [String]() }
        // Without a key everything is just looked at; the description says that no job can go by it.
        guard view.keyFields.isEmpty || view.keyFields.map({ view.columns[$0].column }) == own else {
            throw refusal(
                "records of “\(view.table)” are known by their identifiers; write match: [\(own.joined(separator: ", "))]"
            )
        }
        return Projection(places: places, width: schema.fields.count, blank: dataset.blank(of: view.table))
    }
}

/// Which fields of a model a view shows, in its order.
private struct Projection {
    /// For each field of the view, its place in the model.
    let places: [Int]
    let width: Int
    /// A record of which nothing was said.
    let blank: PackedRecord?

    var isWhole: Bool { places == Array(0..<width) }

    func narrow(_ record: PackedRecord) throws -> PackedRecord {
        if isWhole { return record }
        let slices = try record.slices()
        return PackedRecord(bytes: places.flatMap { slices[$0] })
    }

    func narrow(_ outcome: WriteOutcome) throws -> WriteOutcome {
        func narrow(_ record: Record?) throws -> Record? {
            try record.map { Record(key: $0.key, fields: try self.narrow($0.fields)) }
        }
        switch outcome {
        case .applied(let record): return .applied(try narrow(record))
        case .already(let record): return .already(try narrow(record))
        case .overtaken, .rejected: return outcome
        }
    }

    func narrow(_ batch: RecordBatch) throws -> RecordBatch {
        if isWhole { return batch }
        var builder = BatchBuilder(capacity: max(1 << 12, batch.byteCount))
        for record in batch.records() {
            builder.append(Record(key: record.key, fields: try narrow(record.fields)))
        }
        return builder.seal()
    }

    /// The write on the whole record: what the view does not show stays as it is.
    func widen(_ write: ReplicaWrite, now: PackedRecord?) throws -> ReplicaWrite {
        var write = write
        write.expected = now
        func whole(_ part: PackedRecord) throws -> PackedRecord {
            let slices = try part.slices()
            let replacements = Dictionary(zip(places, slices), uniquingKeysWith: { first, _ in first })
            return try (now ?? blank ?? PackedRecord(repeatElement(Value.null, count: width)))
                .replacing(replacements)
        }
        switch write.write {
        case .insert(let part): write.write = .insert(try whole(part))
        case .update(let part, let fields):
            write.write = .update(try whole(part), fields: fields.map { places[$0] }.sorted())
        case .delete: break
        }
        return write
    }
}

private struct ExportedObservation: Observation {
    let whole: any Observation
    let replica: ExportedReplica

    func identity(job: String) async throws -> ReplicaIdentity { try await whole.identity(job: job) }

    func snapshot(of view: TableView) async throws -> any RecordCursor {
        let projection = try replica.projection(view)
        let cursor = try await whole.snapshot(of: try replica.wholeView(view))
        return ExportedCursor(cursor, projection)
    }

    func read(_ references: [RecordReference], of view: TableView) async throws -> [Record] {
        let projection = try replica.projection(view)
        return try await whole.read(references, of: view).map {
            Record(key: $0.key, fields: try projection.narrow($0.fields))
        }
    }

    func changes(of view: TableView, since cursor: FeedCursor) async throws -> ChangedKeys? { nil }
    func feedPosition(of view: TableView) async throws -> FeedCursor? { nil }

    func isEmpty(_ view: TableView) async throws -> Bool {
        // A condition is refused here, where a job's are tried.
        _ = try replica.projection(view)
        return try await whole.isEmpty(view)
    }

    func finish() async { await whole.finish() }
}

private actor ExportedCursor: RecordCursor {
    private let source: any RecordCursor
    private let projection: Projection

    init(_ source: any RecordCursor, _ projection: Projection) {
        self.source = source
        self.projection = projection
    }

    func next() async throws -> RecordBatch? { try await source.next().map { try projection.narrow($0) } }
}
