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
    private let definition = Subject.definition
    let schema = Subject.definition.schema
    var parent: Reference? { definition.parent?.reference }
    private(set) var models: [Subject] = []
    var hooks = ModelHooks<Subject>()
    private var packed: RecordBatch?
    /// Where each key stands in `models`; made when a record is first sought.
    private var places: [RecordKey: Int]?

    func append(_ model: Subject) {
        models.append(model)
        packed = nil
        places = nil
    }

    func removeAll() {
        models = []
        packed = nil
        places = nil
    }

    var batch: RecordBatch {
        if let packed { return packed }
        var builder = BatchBuilder(capacity: max(1 << 12, models.count * 64))
        for model in models { write(model, into: &builder) }
        let batch = builder.seal().sortedByKey()
        packed = batch
        return batch
    }

    private func write(_ model: Subject, into builder: inout BatchBuilder) {
        builder.beginRecord()
        for field in definition.fields.prefix(definition.identifierCount) { field.packKey(model, &builder) }
        builder.endKey()
        builder.endLocator()
        for field in definition.fields { field.pack(model, &builder) }
        builder.endRecord()
    }

    private func record(of model: Subject) -> Record? {
        var builder = BatchBuilder(capacity: 256)
        write(model, into: &builder)
        return builder.seal().records().first
    }

    private func place(_ key: RecordKey) -> Int? {
        if let places { return places[key] }
        var found: [RecordKey: Int] = [:]
        found.reserveCapacity(models.count)
        for (place, model) in models.enumerated() {
            if let record = record(of: model) { found[record.key] = place }
        }
        places = found
        return found[key]
    }

    func record(_ key: RecordKey) throws -> PackedRecord? {
        place(key).flatMap { record(of: models[$0]) }?.fields
    }

    func holds(_ key: RecordKey) -> Bool { place(key) != nil }

    func named(by reference: Reference) -> [RecordKey: RecordKey] {
        let positions = reference.fields.compactMap(schema.index(of:))
        var named: [RecordKey: RecordKey] = [:]
        for model in models {
            guard let record = record(of: model), let key = try? record.fields.key(of: positions) else {
                continue
            }
            named[key] = record.key
        }
        return named
    }

    func step(for write: ReplicaWrite) throws -> ModelStep {
        guard let key = write.key else { return .done(.overtaken) }
        let place = place(key)
        let now = place.flatMap { record(of: models[$0]) }
        if now?.fields == write.write.result, now != nil || write.write == .delete {
            return .done(.already(now))
        }
        guard now?.fields == write.expected else { return .done(.overtaken) }
        let hooks = hooks
        switch write.write {
        case .insert(let record):
            let model = try definition.model(record)
            return .call { try await hooks.create?(model) }
        case .update(let record, let fields):
            guard let place else { return .done(.overtaken) }
            let before = models[place]
            let change = ModelChange(
                before: before, after: try updated(before, with: record),
                fields: fields.map { definition.fields[$0].name })
            return .call { try await hooks.update?(change) }
        case .delete:
            guard let place else { return .done(.overtaken) }
            let model = models[place]
            return .call { try await hooks.delete?(model) }
        }
    }

    /// The model with the fields of a record; what is local stays.
    private func updated(_ model: Subject, with record: PackedRecord) throws -> Subject {
        var model = model
        for (field, value) in zip(definition.fields, try record.values()) {
            guard field.set(&model, value) else {
                throw ModelError("\(schema.name).\(field.name) can't be \(value.words)")
            }
        }
        return model
    }

    func keep(_ write: ReplicaWrite) throws -> Record? {
        guard let key = write.key else { return nil }
        packed = nil
        switch write.write {
        case .insert(let record):
            let model = try definition.model(record)
            places?[key] = models.count
            models.append(model)
            return self.record(of: model)
        case .update(let record, _):
            guard let place = place(key) else { return nil }
            models[place] = try updated(models[place], with: record)
            return self.record(of: models[place])
        case .delete:
            guard let place = place(key) else { return nil }
            // The last one takes its place.
            let last = models.count - 1
            if place != last, let moved = self.record(of: models[last]) {
                models[place] = models[last]
                places?[moved.key] = place
            }
            models.removeLast()
            places?[key] = nil
            return nil
        }
    }
}
