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
/// What a dataset is told to write goes to its hooks first (``on(_:create:update:delete:deletesBelow:policy:)``), and is kept once they
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
        var caller = HookCaller(HookPolicy())

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
    public func add<Models: AsyncSequence & Sendable>(contentsOf models: Models) async throws
    where Models.Element: Model {
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

    /// How often and how fast hooks are called, unless a type has a policy of its own.
    public var hookPolicy: HookPolicy {
        get { state.withLock(\.caller.policy) }
        set { state.withLock { $0.caller = HookCaller(newValue) } }
    }

    func set<Subject: Model>(_ hooks: ModelHooks<Subject>) throws {
        try state.withLock { state in
            guard let table = state.table(of: Subject.self) else {
                throw ModelError("\(name) holds no “\(Subject.definition.name)”")
            }
            table.hooks = hooks
        }
    }

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

    /// How many records of a type there are; of those with one identity, each.
    func count(of table: String) -> Int { state.withLock { $0.table(table)?.count ?? 0 } }

    /// A new record of a type, of which nothing was said yet.
    func blank(of table: String) -> PackedRecord? { state.withLock { $0.table(table)?.blank } }

    /// What hooks of a type are there for.
    func hooked(_ table: String) -> Set<DiffElement.Action> {
        state.withLock { state in
            Set(DiffElement.Action.allCases.filter { state.table(table)?.hasHook(for: $0) ?? false })
        }
    }

    /// The record with a key, as the last batch has it.
    func record(_ key: RecordKey, of table: String) -> PackedRecord? {
        state.withLock { try? $0.table(table)?.record(key) }
    }

    func holds(_ record: RecordName) -> Bool {
        state.withLock { $0.table(record.type)?.holds(record.key) ?? false }
    }

    /// A record as it was added.
    func model(_ record: RecordName) -> (any Model)? {
        state.withLock { $0.table(record.type)?.model(record.key) }
    }

    /// Whether deleting a record of any type takes along what stands under it.
    var deletesBelow: Bool { state.withLock { $0.tables.contains(where: \.deletesBelow) } }

    /// Whether deleting a record of a type takes along what stands under it.
    func deletesBelow(_ type: String) -> Bool {
        state.withLock { $0.table(type)?.deletesBelow ?? false }
    }

    /// The records under which one stands, nearest first; each once, should they stand in a circle.
    func ancestors(of record: RecordName) -> [RecordName] {
        state.withLock { state in
            var ancestors: [RecordName] = []
            var child = record
            while let table = state.table(child.type), let reference = table.parent,
                let fields = try? table.record(child.key),
                let key = try? fields.key(of: reference.fields.compactMap(table.schema.index(of:)))
            {
                child = RecordName(type: reference.table, key: key)
                if child == record || ancestors.contains(child) { break }
                ancestors.append(child)
            }
            return ancestors
        }
    }

    /// The records of all types, under the dataset's lock: nothing in `work` may call a user's code.
    func tables<Result: Sendable>(
        _ work: ([any AnyModelTable], HookCaller) throws -> Result
    ) rethrows -> Result {
        try state.withLock { try work($0.tables, $0.caller) }
    }
}
