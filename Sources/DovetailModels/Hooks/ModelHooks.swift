import Dovetail

/// An update, as a hook gets it.
public struct ModelChange<Subject: Model>: Sendable {
    public let before: Subject
    public let after: Subject
    /// The names of the attributes that changed.
    public let fields: [String]
}

/// One record of a batch that its hook could not write; the others were written.
public struct HookRefusal: Sendable, Hashable {
    /// The place in the batch, from 0.
    public var place: Int
    public var reason: String

    public init(at place: Int, _ reason: String) {
        self.place = place
        self.reason = reason
    }
}

/// What happens in the system behind a dataset, for one type. Hooks for single records are batches of one.
struct ModelHooks<Subject: Model>: Sendable {
    var create: (@Sendable ([Subject]) async throws -> [HookRefusal])?
    var update: (@Sendable ([ModelChange<Subject>]) async throws -> [HookRefusal])?
    var delete: (@Sendable ([Subject]) async throws -> [HookRefusal])?
    /// How many records a hook takes at most.
    var batchSize = 1
    /// Deleting a record there deletes what stands under it.
    var deletesBelow = false
    /// Nil: as the dataset has it.
    var caller: HookCaller?

    func isSet(for action: DiffElement.Action) -> Bool {
        switch action {
        case .create: create != nil
        case .update: update != nil
        case .delete: delete != nil
        }
    }
}

extension Dataset {
    /// What to do in the system behind this dataset when a record is created, changed or deleted here. A hook that throws
    /// refuses the write: it is reported, and owed again in the next run.
    /// - Parameters:
    ///   - update: gets the record before and after, and the names of the attributes that changed.
    ///   - deletesBelow: deleting a record there deletes what stands under it, as a database that cascades does. In a sync one
    ///     way, the hooks of those records are then not called.
    ///   - policy: how often and how fast the hooks are called; nil: as ``hookPolicy`` says.
    /// - Throws: ``ModelError`` when the dataset does not hold such records.
    public func on<Subject: Model>(
        _ type: Subject.Type,
        create: (@Sendable (Subject) async throws -> Void)? = nil,
        update: (@Sendable (ModelChange<Subject>) async throws -> Void)? = nil,
        delete: (@Sendable (Subject) async throws -> Void)? = nil,
        deletesBelow: Bool = false, policy: HookPolicy? = nil
    ) throws {
        try set(
            ModelHooks<Subject>(
                create: Self.batches(create), update: Self.batches(update), delete: Self.batches(delete),
                deletesBelow: deletesBelow, caller: policy.map { HookCaller($0) }))
    }

    private static func batches<Content: Sendable>(
        _ hook: (@Sendable (Content) async throws -> Void)?
    ) -> (@Sendable ([Content]) async throws -> [HookRefusal])? {
        guard let hook else { return nil }
        return { contents in
            for content in contents { try await hook(content) }
            return []
        }
    }

    /// As ``on(_:create:update:delete:deletesBelow:policy:)``, for systems that take many records at once.
    ///
    /// A hook gives back which of its records could not be written, and why; when it throws, none was.
    /// - Parameter size: how many records a hook gets at most. It gets fewer when others have to be written first.
    /// - Throws: ``ModelError`` when the dataset does not hold such records, or the size is none.
    public func onBatches<Subject: Model>(
        of size: Int, _ type: Subject.Type,
        create: (@Sendable ([Subject]) async throws -> [HookRefusal])? = nil,
        update: (@Sendable ([ModelChange<Subject>]) async throws -> [HookRefusal])? = nil,
        delete: (@Sendable ([Subject]) async throws -> [HookRefusal])? = nil,
        deletesBelow: Bool = false, policy: HookPolicy? = nil
    ) throws {
        guard size > 0 else { throw ModelError("a batch holds at least one record, not \(size)") }
        try set(
            ModelHooks<Subject>(
                create: create, update: update, delete: delete, batchSize: size, deletesBelow: deletesBelow,
                caller: policy.map { HookCaller($0) }))
    }
}
