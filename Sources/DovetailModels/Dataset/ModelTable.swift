import Dovetail
import DovetailEngine

/// Writes in the system behind a dataset; gives back which of them it could not do.
typealias HookCall = @Sendable () async throws -> [HookRefusal]

/// The records of one model in a dataset, whatever their type. Guarded by the dataset's lock.
protocol AnyModelTable: AnyObject {
    var schema: TableSchema { get }
    var parent: Reference? { get }
    /// Packed, in key order.
    var batch: RecordBatch { get }
    /// How many there are; of those with one key, each.
    var count: Int { get }
    func record(_ key: RecordKey) throws -> PackedRecord?
    /// What becomes of a write that need not, or can't, be carried out; nil: it is due.
    func outcome(of write: ReplicaWrite) throws -> WriteOutcome?
    func hasHook(for action: DiffElement.Action) -> Bool
    /// What carries out writes of one kind in the system behind the dataset; nil where nothing has to be done there.
    func hook(for writes: [ReplicaWrite]) throws -> HookCall?
    func deleteHook(of key: RecordKey) throws -> HookCall?
    /// How its hooks are called; nil: as the dataset's.
    var caller: HookCaller? { get }
    /// How many writes a hook takes; as many as there are where there is no hook.
    func batchSize(for action: DiffElement.Action) -> Int
    /// Whether deleting a record takes along what stands under it.
    var deletesBelow: Bool { get }
    func model(_ key: RecordKey) -> (any Model)?
    /// A new record of which nothing was said.
    var blank: PackedRecord? { get }
    func holds(_ key: RecordKey) -> Bool
    /// The keys that records name by a reference, and one record that does.
    func named(by reference: Reference) -> [RecordKey: RecordKey]
    func keep(_ write: ReplicaWrite) throws -> Record?
    func removeAll()
}

final class ModelTable<Subject: Model>: AnyModelTable {
    private let definition: ModelDefinition<Subject>
    /// Of the identifiers, and of all fields: by themselves, since this is where the time of a diff goes.
    private let packKey: FieldPacking
    private let packFields: FieldPacking
    let schema: TableSchema
    var parent: Reference? { definition.parent?.reference }
    private(set) var models: [Subject] = []
    var hooks = ModelHooks<Subject>()
    /// Every record with its place in `models` as its locator, in key order, as it was when someone last looked.
    private var packed: RecordBatch?
    /// Made when a record is first sought.
    private var index: BatchIndex?
    /// Where records stand that came or moved since then; nil: gone.
    private var moved: [RecordKey: Int?] = [:]
    private var isChanged = false

    init() {
        definition = Subject.definition
        schema = definition.schema
        packKey = FieldPacking(definition.fields.prefix(definition.identifierCount).map(\.packKey))
        packFields = FieldPacking(definition.fields.map(\.pack))
    }

    func append(_ model: Subject) {
        models.append(model)
        forgetPacked()
    }

    func removeAll() {
        models = []
        forgetPacked()
    }

    /// What was packed, and with it where records are sought.
    private func forgetPacked() {
        packed = nil
        index = nil
        if !moved.isEmpty { moved = [:] }
    }

    var count: Int { models.count }

    var batch: RecordBatch {
        if let packed, !isChanged { return packed }
        let batch = models.withUnsafeBufferPointer(pack)
        packed = batch
        index = nil
        moved = [:]
        isChanged = false
        return batch
    }

    /// In key order. The keys come first, so that records are written where they stay.
    private func pack(_ models: UnsafeBufferPointer<Subject>) -> RecordBatch {
        // An array that was emptied has an address.
        guard !models.isEmpty, let first = models.baseAddress else { return RecordBatch([]) }
        var keys = Self.builder(for: models.count) { writeKey(first + $0, into: &$1) }
        for place in models.indices { writeKey(first + place, into: &keys) }
        var records = Self.builder(for: models.count) { write(first + $0, $0, into: &$1) }
        keys.seal().forEachInKeyOrder { place, key in
            records.beginRecord()
            records.put(raw: key)
            finish(first + place, place, into: &records)
        }
        return records.seal()
    }

    /// Has room for all, going by the first: to grow is to copy.
    private static func builder(for count: Int, write: (Int, inout BatchBuilder) -> Void) -> BatchBuilder {
        let few = min(count, 100)
        var sample = BatchBuilder(capacity: few * 128)
        for place in 0..<few { write(place, &sample) }
        return BatchBuilder(capacity: sample.byteCount * (count * 9 / 8) / few + 64)
    }

    private func writeKey(_ model: UnsafePointer<Subject>, into builder: inout BatchBuilder) {
        builder.beginRecord()
        packKey.write(model, &builder)
        builder.endKey()
        builder.endLocator()
        builder.endRecord()
    }

    private func write(_ model: UnsafePointer<Subject>, _ place: Int, into builder: inout BatchBuilder) {
        builder.beginRecord()
        packKey.write(model, &builder)
        finish(model, place, into: &builder)
    }

    /// What follows the key.
    private func finish(_ model: UnsafePointer<Subject>, _ place: Int, into builder: inout BatchBuilder) {
        builder.endKey()
        withUnsafeBytes(of: UInt64(place)) { builder.put(raw: $0) }
        builder.endLocator()
        packFields.write(model, &builder)
        builder.endRecord()
    }

    /// The record at a place.
    private func record(at place: Int) -> Record? { record(of: models[place], place) }

    private func record(of model: Subject, _ place: Int) -> Record? {
        var builder = BatchBuilder(capacity: 256)
        withUnsafePointer(to: model) { write($0, place, into: &builder) }
        // Its place is for finding it again, and nothing to remember.
        return builder.seal().records().first.map { Record(key: $0.key, fields: $0.fields) }
    }

    var blank: PackedRecord? { record(of: Subject(), 0)?.fields }

    private func place(_ key: RecordKey) -> Int? {
        if let place = moved[key] { return place }
        // What changed since it was packed is in `moved`.
        let index = index ?? BatchIndex(packed ?? batch)
        self.index = index
        return index.record(key).map { record in
            record.locator.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
        }
    }

    func record(_ key: RecordKey) throws -> PackedRecord? {
        place(key).flatMap(record(at:))?.fields
    }

    func holds(_ key: RecordKey) -> Bool { place(key) != nil }

    func named(by reference: Reference) -> [RecordKey: RecordKey] {
        let positions = reference.fields.compactMap(schema.index(of:))
        var named: [RecordKey: RecordKey] = [:]
        for record in batch.records() {
            if let key = try? record.fields.key(of: positions) { named[key] = record.key }
        }
        return named
    }

    func model(_ key: RecordKey) -> (any Model)? { place(key).map { models[$0] } }

    var caller: HookCaller? { hooks.caller }
    var deletesBelow: Bool { hooks.deletesBelow }
    func hasHook(for action: DiffElement.Action) -> Bool { hooks.isSet(for: action) }
    func batchSize(for action: DiffElement.Action) -> Int {
        hooks.isSet(for: action) ? hooks.batchSize : .max
    }

    func outcome(of write: ReplicaWrite) throws -> WriteOutcome? {
        guard let key = write.key else { return .overtaken }
        let now = place(key).flatMap(record(at:))
        return try write.outcome(on: now.map(WriteTarget.record) ?? .nothing)
    }

    func hook(for writes: [ReplicaWrite]) throws -> HookCall? {
        switch writes.first?.write {
        case nil: return nil
        case .insert:
            guard let create = hooks.create else { return nil }
            let models = try writes.compactMap(\.write.result).map {
                try definition.model($0, from: Subject())
            }
            return { try await create(models) }
        case .update:
            guard let update = hooks.update else { return nil }
            let changes = try writes.compactMap(change)
            return { try await update(changes) }
        case .delete:
            return deleteHook(writes.compactMap(\.key))
        }
    }

    func deleteHook(of key: RecordKey) throws -> HookCall? { deleteHook([key]) }

    private func deleteHook(_ keys: [RecordKey]) -> HookCall? {
        guard let delete = hooks.delete else { return nil }
        let deleted = keys.compactMap { place($0).map { models[$0] } }
        return { deleted.isEmpty ? [] : try await delete(deleted) }
    }

    private func change(_ write: ReplicaWrite) throws -> ModelChange<Subject>? {
        guard case .update(let record, let fields) = write.write, let place = write.key.flatMap(place) else {
            return nil
        }
        return ModelChange(
            before: models[place], after: try definition.model(record, from: models[place]),
            fields: fields.map { definition.fields[$0].name })
    }

    func keep(_ write: ReplicaWrite) throws -> Record? {
        guard let key = write.key else { return nil }
        // Afterwards: to find a record's place may pack the records anew.
        defer { isChanged = true }
        switch write.write {
        case .insert(let record):
            // Another one may have come while its hook ran.
            if let place = place(key) {
                models[place] = try definition.model(record, from: models[place])
                return self.record(at: place)
            }
            models.append(try definition.model(record, from: Subject()))
            moved[key] = models.count - 1
            return self.record(at: models.count - 1)
        case .update(let record, _):
            guard let place = place(key) else { return nil }
            models[place] = try definition.model(record, from: models[place])
            return self.record(at: place)
        case .delete:
            guard let place = place(key) else { return nil }
            // The last one takes its place.
            let last = models.count - 1
            if place != last, let record = self.record(at: last) {
                models[place] = models[last]
                moved[record.key] = place
            }
            models.removeLast()
            moved[key] = .some(nil)
            return nil
        }
    }
}
