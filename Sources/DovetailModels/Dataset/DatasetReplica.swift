import Dovetail
import DovetailEngine
import Synchronization

/// A dataset as the engine sees it. It is made for each run and carries no mark: what it holds was just loaded.
struct DatasetReplica: Replica {
    let dataset: Dataset
    let scope: HookScope

    var name: String { dataset.name }

    func describe() async throws -> [TableDescription] {
        dataset.schemas.map { schema in
            let key: [String] = if case .match(let fields) = schema.identity { fields } else { [] }
            return TableDescription(
                name: schema.name,
                columns: schema.fields.map { ColumnDescription(name: $0.name, type: $0.type) },
                primaryKey: key,
                foreignKeys: schema.references.map {
                    TableDescription.ForeignKey(
                        columns: $0.fields, table: $0.table, targetColumns: $0.targetFields)
                })
        }
    }

    func observe() async throws -> any Observation {
        DatasetObservation(dataset: dataset, isLasting: scope.isLasting)
    }
    func prepare(_ views: [TableView]) async throws {}

    func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        let run = try HookRun(dataset, view.table, writes, scope)
        return ApplyResult(outcomes: try await run.outcomes(), isProven: true)
    }

    func stamp(_ mark: ReplicaMark) async throws -> Bool { false }
    func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {}
    func close() async {}
}

/// A look at a dataset. Its records are packed once, and again when they have changed.
struct DatasetObservation: Observation {
    let dataset: Dataset
    /// What is seen is remembered beyond this run: places in the dataset, which the next load changes, are left out.
    let isLasting: Bool

    func identity(job: String) async throws -> ReplicaIdentity { ReplicaIdentity(marks: []) }

    func snapshot(of view: TableView) async throws -> any RecordCursor {
        DatasetCursor(isLasting ? try batch(view).withoutLocators() : try batch(view))
    }

    func read(_ references: [RecordReference], of view: TableView) async throws -> [Record] {
        references.compactMap { reference in
            dataset.record(reference.key, of: view.table).map { Record(key: reference.key, fields: $0) }
        }
    }

    func changes(of view: TableView, since cursor: FeedCursor) async throws -> ChangedKeys? { nil }
    func feedPosition(of view: TableView) async throws -> FeedCursor? { nil }
    func isEmpty(_ view: TableView) async throws -> Bool { dataset.count(of: view.table) == 0 }
    func finish() async {}

    private func batch(_ view: TableView) throws -> RecordBatch {
        guard let batch = dataset.batch(of: view.table) else {
            throw ReplicaError(.unsuitable, replica: dataset.name, "there is no model \(view.table)")
        }
        return batch
    }
}

/// Hands out one batch.
actor DatasetCursor: RecordCursor {
    private var batch: RecordBatch?

    init(_ batch: RecordBatch) { self.batch = batch }

    func next() async throws -> RecordBatch? {
        defer { batch = nil }
        return batch
    }
}
