/// What tells an object from all others of an adapter: its type and the values of its identifiers, which are never joined.
public struct DiffSyncIdentity: Sendable, Hashable, CustomStringConvertible {
    public let type: String
    /// In the order of the model.
    public let values: [DiffSyncValue]

    public init(_ type: String, _ values: [DiffSyncValue]) {
        self.type = type
        self.values = values
    }

    /// DiffSync's key: the values joined by `__`. Two identities may have one uid; it is only for showing.
    public var uid: String { values.map(\.pythonText).joined(separator: "__") }

    public var description: String { "\(type) \(values.map(\.pythonText).joined(separator: ", "))" }
}

/// One object of an adapter.
public struct DiffSyncObject: Sendable {
    public let identity: DiffSyncIdentity
    /// The names and values that identify it.
    public let identifiers: DiffSyncFields
    /// What is compared.
    public internal(set) var attributes: DiffSyncFields
    public var flags: DiffSyncModelFlags
    /// By type; those of a type in the order in which they came.
    var children: [String: OrderedTable<DiffSyncIdentity, Void>] = [:]
    /// Objects that list this one: one, unless it is shared or unattached.
    var parents: [DiffSyncIdentity] = []

    public var type: String { identity.type }

    /// Children of a type, in the order in which they were added. Complexity: O(n).
    public func children(of type: String) -> [DiffSyncIdentity] {
        children[type].map { Array($0.keys) } ?? []
    }

    /// All children, by type and then in the order in which they were added.
    var allChildren: [DiffSyncIdentity] {
        children.keys.sorted().flatMap { children(of: $0) }
    }

    /// Fields that the model does not name are left out, attributes that are missing are null.
    /// - Throws: ``DiffSyncError/missingIdentifier(_:type:)``.
    init(
        _ model: DiffSyncSchema.Model, identifiers: DiffSyncFields, attributes: DiffSyncFields,
        flags: DiffSyncModelFlags? = nil
    ) throws(DiffSyncError) {
        var named: [(String, DiffSyncValue)] = []
        for name in model.identifiers {
            guard let value = identifiers[name] else {
                throw .missingIdentifier(name, type: model.type)
            }
            named.append((name, value))
        }
        identity = DiffSyncIdentity(model.type, named.map(\.1))
        self.identifiers = DiffSyncFields(named)
        self.attributes = DiffSyncFields(model.attributes.lazy.map { ($0, attributes[$0] ?? .null) })
        self.flags = flags ?? model.flags
    }

    /// What a diff calls the object.
    func shortname(_ model: DiffSyncSchema.Model?) -> String {
        guard let parts = model?.shortname, !parts.isEmpty else { return identity.uid }
        return parts.map { (identifiers[$0] ?? attributes[$0] ?? .null).pythonText }.joined(separator: "__")
    }
}
