import Dovetail
import DovetailEngine
import Synchronization

/// Records of several models, as one system holds them: one side of a diff or a sync.
///
/// ```swift
/// let inventory = Dataset("inventory", Site.self, Device.self) { dataset in
///     for try await device in api.devices() { try dataset.add(device) }
/// }
/// let diff = try await inventory.diff(from: network)
/// ```
///
/// What a dataset is told to write goes to its hooks first (``on(_:create:update:delete:)``), and is kept once they
/// have done it; a dataset without hooks just keeps it.
public final class Dataset: Sendable {
    public let name: String
    private let loader: (@Sendable (Dataset) async throws -> Void)?
    private let state: Mutex<State>

    private struct State {
        /// In the order of the types.
        var tables: [any AnyModelTable]
        var loading: Task<Void, any Error>?
        var incomplete: String?
        var concurrency = 8

        func table(_ name: String) -> (any AnyModelTable)? { tables.first { $0.schema.name == name } }

        func table<Subject: Model>(of type: Subject.Type) -> ModelTable<Subject>? {
            for table in tables { if let table = table as? ModelTable<Subject> { return table } }
            return nil
        }
    }

    /// - Parameters:
    ///   - name: what output calls it.
    ///   - models: the types of its records, in the order in which a diff shows them.
    ///   - load: fills it. Called once, before the first diff or sync, for both sides at once; what it throws ends that.
    /// - Throws: ``ModelError`` when two types have one name, or a reference does not fit the type it names.
    public init(
        _ name: String, _ models: any Model.Type..., load: (@Sendable (Dataset) async throws -> Void)? = nil
    ) throws {
        self.name = name
        loader = load
        let tables = models.map { Self.table(of: $0) }
        try Self.check(tables.map(\.schema))
        state = Mutex(State(tables: tables))
    }

    private static func table<Subject: Model>(of type: Subject.Type) -> any AnyModelTable {
        ModelTable<Subject>()
    }

    private static func check(_ schemas: [TableSchema]) throws {
        var byName: [String: TableSchema] = [:]
        for schema in schemas {
            guard byName.updateValue(schema, forKey: schema.name) == nil else {
                throw ModelError("two models are called “\(schema.name)”; a name says which type a record is")
            }
            var fields: Set<String> = []
            for field in schema.fields where !fields.insert(field.name).inserted {
                throw ModelError(
                    "\(schema.name).\(field.name) is named twice; a field is an identifier or an attribute")
            }
        }
        for schema in schemas {
            for reference in schema.references {
                guard reference.fields.count == reference.targetFields.count else {
                    throw ModelError(
                        "\(schema.name) refers to \(reference.table) by \(reference.fields.joined(separator: ", ")),"
                            + " which is known by \(reference.targetFields.joined(separator: ", "))")
                }
                guard let target = byName[reference.table] else { continue }
                for (own, there) in zip(reference.fields, reference.targetFields) {
                    let ownType = schema.fields.first { $0.name == own }?.type
                    guard let ownType else {
                        throw ModelError(
                            "\(schema.name) refers to \(reference.table) by \(own), which is neither an identifier"
                                + " nor an attribute of it")
                    }
                    guard ownType == target.fields.first(where: { $0.name == there })?.type else {
                        throw ModelError(
                            "\(schema.name).\(own) is of another type than \(reference.table).\(there), which it names"
                        )
                    }
                }
            }
        }
    }

    // MARK: Filling

    /// Adds a record.
    /// - Throws: ``ModelError`` when the dataset does not hold such records.
    public func add<Subject: Model>(_ model: Subject) throws { try add(contentsOf: CollectionOfOne(model)) }

    /// Adds records. Those that have an identity in common are all named in the diff, and none of them is synced.
    /// - Throws: ``ModelError`` when the dataset does not hold such records.
    public func add<Subject: Model>(contentsOf models: some Sequence<Subject>) throws {
        try state.withLock { state in
            guard let table = state.table(of: Subject.self) else {
                throw ModelError(
                    "\(name) holds no “\(Subject.definition.name)”; name the type where the dataset is made")
            }
            for model in models { table.append(model) }
        }
    }

    /// Adds records as they come.
    /// - Throws: ``ModelError``, or what the sequence throws.
    public func add<Subject: Model, Models: AsyncSequence<Subject, any Error> & Sendable>(
        contentsOf models: Models
    ) async throws {
        for try await model in models { try add(model) }
    }

    /// Says that records may be missing: whatever the other side has more is then not taken for deleted here.
    public func markIncomplete(_ reason: String) { state.withLock { $0.incomplete = reason } }

    /// Why records may be missing; nil when it is complete.
    public var incompleteReason: String? { state.withLock(\.incomplete) }

    /// All records of a type, in no order.
    public func all<Subject: Model>(_ type: Subject.Type) -> [Subject] {
        state.withLock { $0.table(of: type)?.models ?? [] }
    }

    /// Calls the loader, unless it was called before.
    /// - Throws: what the loader throws. All records are dropped then, and it is called again the next time.
    public func load() async throws {
        guard let loader else { return }
        let task = state.withLock { state in
            let task = state.loading ?? Task { try await loader(self) }
            state.loading = task
            return task
        }
        do {
            try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
        } catch {
            state.withLock { state in
                state.loading = nil
                for table in state.tables { table.removeAll() }
            }
            throw error
        }
    }

    // MARK: Hooks

    /// What to do in the system behind this dataset when a record is created, changed or deleted here. A hook that throws
    /// refuses the write: it is reported, and owed again in the next run.
    /// - Parameters:
    ///   - update: gets the record before and after, and the names of the attributes that changed.
    /// - Throws: ``ModelError`` when the dataset does not hold such records.
    public func on<Subject: Model>(
        _ type: Subject.Type,
        create: (@Sendable (Subject) async throws -> Void)? = nil,
        update: (@Sendable (ModelChange<Subject>) async throws -> Void)? = nil,
        delete: (@Sendable (Subject) async throws -> Void)? = nil
    ) throws {
        try state.withLock { state in
            guard let table = state.table(of: type) else {
                throw ModelError("\(name) holds no “\(Subject.definition.name)”")
            }
            table.hooks = ModelHooks(create: create, update: update, delete: delete)
        }
    }

    /// How many hooks may run at once, of records of one type; 8 unless told. One: in the order of the keys.
    public func limitConcurrency(_ hooks: Int) { state.withLock { $0.concurrency = max(1, hooks) } }

    // MARK: For the engine

    var schemas: [TableSchema] { state.withLock { $0.tables.map(\.schema) } }

    /// The reference by which the records of each type stand in a tree.
    var parents: [String: Reference] {
        state.withLock { state in
            var parents: [String: Reference] = [:]
            for table in state.tables { parents[table.schema.name] = table.parent }
            return parents
        }
    }

    /// The records of a type, packed, in key order.
    func batch(of table: String) -> RecordBatch? { state.withLock { $0.table(table)?.batch } }

    /// The record with a key, as the last batch has it.
    func record(_ key: RecordKey, of table: String) -> PackedRecord? {
        state.withLock { try? $0.table(table)?.record(key) }
    }

    func apply(_ writes: [ReplicaWrite], to table: String, _ failures: HookFailures) async throws
        -> [WriteOutcome]
    {
        var outcomes: [WriteOutcome?] = Array(repeating: nil, count: writes.count)
        let (references, width) = try state.withLock { state in
            guard let own = state.table(table) else {
                throw ReplicaError(.unsuitable, replica: name, "there is no model \(table)")
            }
            return (NamedKeys(writes, to: own, among: state.tables), state.concurrency)
        }
        try await withThrowingTaskGroup(of: (Int, WriteOutcome).self) { group in
            var running = 0
            for (index, write) in writes.enumerated() {
                // Decided when its turn comes: a hook before it may have changed what is here.
                switch try step(for: write, in: table, references, failures) {
                case .done(let outcome): outcomes[index] = outcome
                case .call(let hook):
                    if running == width, let (done, outcome) = try await group.next() {
                        outcomes[done] = outcome
                        running -= 1
                    }
                    running += 1
                    group.addTask {
                        do {
                            try await hook()
                        } catch let error as CancellationError {
                            throw error
                        } catch {
                            if let key = write.key { failures.note(key, in: table, "\(error)") }
                            // Owed: it is tried again in every run.
                            return (
                                index,
                                .rejected(WriteOutcome.Rejection(reason: "\(error)", dependsOnOthers: true))
                            )
                        }
                        return (index, try self.keep(write, in: table))
                    }
                }
            }
            for try await (done, outcome) in group { outcomes[done] = outcome }
        }
        return outcomes.map { $0 ?? .overtaken }
    }

    private func step(
        for write: ReplicaWrite, in table: String, _ named: NamedKeys, _ failures: HookFailures
    ) throws -> ModelStep {
        try state.withLock { state in
            guard let own = state.table(table) else { return .done(.overtaken) }
            let reason =
                try write.key.flatMap { failures.reason(of: $0, in: table) }
                ?? ReferenceCheck(own.schema, among: state.tables, named).reason(against: write)
            if let reason {
                return .done(.rejected(WriteOutcome.Rejection(reason: reason, dependsOnOthers: true)))
            }
            return try own.step(for: write)
        }
    }

    private func keep(_ write: ReplicaWrite, in table: String) throws -> WriteOutcome {
        try state.withLock { state in
            guard let table = state.table(table) else { return .overtaken }
            return .applied(try table.keep(write))
        }
    }
}
