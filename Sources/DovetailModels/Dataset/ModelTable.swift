import Dovetail
import DovetailEngine

/// An update, as a hook gets it.
public struct ModelChange<Subject: Model>: Sendable {
    public let before: Subject
    public let after: Subject
    /// The names of the attributes that changed.
    public let fields: [String]
}

/// What happens in the system behind a dataset.
struct ModelHooks<Subject: Model>: Sendable {
    var create: (@Sendable (Subject) async throws -> Void)?
    var update: (@Sendable (ModelChange<Subject>) async throws -> Void)?
    var delete: (@Sendable (Subject) async throws -> Void)?
}

/// What a write comes down to, before it is carried out.
enum ModelStep: Sendable {
    case done(WriteOutcome)
    case call(@Sendable () async throws -> Void)
}

/// The records of one model in a dataset, whatever their type. Guarded by the dataset's lock.
protocol AnyModelTable: AnyObject {
    var schema: TableSchema { get }
    var parent: Reference? { get }
    /// Packed, in key order.
    var batch: RecordBatch { get }
    func record(_ key: RecordKey) throws -> PackedRecord?
    func step(for write: ReplicaWrite) throws -> ModelStep
    func holds(_ key: RecordKey) -> Bool
    /// The keys that records name by a reference, and one record that does.
    func named(by reference: Reference) -> [RecordKey: RecordKey]
    func keep(_ write: ReplicaWrite) throws -> Record?
    func removeAll()
}

final class ModelTable<Subject: Model>: AnyModelTable {
    private let definition: ModelDefinition<Subject>
    /// Of the identifiers, and of all fields: by themselves, since this is where the time of a diff goes.
    private let packKeys: [ModelField<Subject>.Pack]
    private let packs: [ModelField<Subject>.Pack]
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
        packKeys = definition.fields.prefix(definition.identifierCount).map(\.packKey)
        packs = definition.fields.map(\.pack)
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

    var batch: RecordBatch {
        if let packed, !isChanged { return packed }
        var builder = BatchBuilder(capacity: max(1 << 12, models.count * 64))
        models.withUnsafeBufferPointer { models in
            guard let first = models.baseAddress else { return }
            for place in models.indices { write(first + place, place, into: &builder) }
        }
        let batch = builder.seal().sortedByKey()
        packed = batch
        index = nil
        moved = [:]
        isChanged = false
        return batch
    }

    private func write(_ model: UnsafePointer<Subject>, _ place: Int, into builder: inout BatchBuilder) {
        builder.beginRecord()
        for packKey in packKeys { packKey(model, &builder) }
        builder.endKey()
        withUnsafeBytes(of: UInt64(place)) { builder.put(raw: $0) }
        builder.endLocator()
        for pack in packs { pack(model, &builder) }
        builder.endRecord()
    }

    /// The record at a place.
    private func record(at place: Int) -> Record? {
        var builder = BatchBuilder(capacity: 256)
        withUnsafePointer(to: models[place]) { write($0, place, into: &builder) }
        return builder.seal().records().first
    }

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

    func step(for write: ReplicaWrite) throws -> ModelStep {
        guard let key = write.key else { return .done(.overtaken) }
        let place = place(key)
        let now = place.flatMap(record(at:))
        if let outcome = try write.outcome(on: now.map(WriteTarget.record) ?? .nothing) {
            return .done(outcome)
        }
        let hooks = hooks
        switch write.write {
        case .insert(let record):
            let model = try definition.model(record, from: Subject())
            return .call { try await hooks.create?(model) }
        case .update(let record, let fields):
            guard let place else { return .done(.overtaken) }
            let before = models[place]
            let change = ModelChange(
                before: before, after: try definition.model(record, from: before),
                fields: fields.map { definition.fields[$0].name })
            return .call { try await hooks.update?(change) }
        case .delete:
            guard let place else { return .done(.overtaken) }
            let model = models[place]
            return .call { try await hooks.delete?(model) }
        }
    }

    func keep(_ write: ReplicaWrite) throws -> Record? {
        guard let key = write.key else { return nil }
        isChanged = true
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
