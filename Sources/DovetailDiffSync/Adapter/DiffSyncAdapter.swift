/// One side of a sync: objects of the models of a schema, below each other. A value: a copy goes its own way.
///
/// ```swift
/// var inventory = DiffSyncAdapter("inventory", schema)
/// let site = try inventory.add("site", ["name": "nyc"], ["region": "east"])
/// let device = try inventory.add("device", ["name": "sw1"], ["role": "leaf"], below: site)
/// ```
///
/// Memory: O(objects). An object knows those that list it, so that one that nothing lists is never lost sight of.
public struct DiffSyncAdapter: Sendable {
    /// What diffs call this side.
    public let name: String
    public let schema: DiffSyncSchema
    /// What is done in the system behind this adapter when it is the destination.
    var hooks = DiffSyncHooks()
    private var stores: [String: Store] = [:]
    /// Who lists objects that are not here.
    private var dangling: [DiffSyncIdentity: [DiffSyncIdentity]] = [:]
    /// Whether two objects that are here have one uid, of which DiffSync refuses the second.
    private(set) var hasSharedUIDs = false

    private struct Store: Sendable {
        var objects = OrderedTable<DiffSyncIdentity, DiffSyncObject>()
        /// The first object of each uid, which is told apart by its bytes.
        var uids: [DiffSyncValue: DiffSyncIdentity] = [:]
    }

    public init(_ name: String, _ schema: DiffSyncSchema) {
        self.name = name
        self.schema = schema
    }

    // MARK: Looking

    /// How many objects there are.
    public var count: Int { stores.values.reduce(0) { $0 + $1.objects.count } }

    /// How many objects of a type there are.
    public func count(_ type: String) -> Int { stores[type]?.objects.count ?? 0 }

    /// An object that is here. Complexity: O(1).
    public func get(_ identity: DiffSyncIdentity) -> DiffSyncObject? {
        stores[identity.type]?.objects[identity]
    }

    /// An object that is here, by the values of its identifiers in the order of its model.
    public func get(_ type: String, _ values: DiffSyncValue...) -> DiffSyncObject? {
        get(DiffSyncIdentity(type, values))
    }

    /// The objects of a type, in the order in which they were added.
    public func objects(_ type: String) -> [DiffSyncObject] {
        stores[type].map { Array($0.objects.values) } ?? []
    }

    /// The object of a uid that is not the given one, though joined its identifiers read the same.
    func otherOfSameUID(_ identity: DiffSyncIdentity) -> DiffSyncIdentity? {
        stores[identity.type]?.uids[.text(identity.uid)].flatMap { $0 == identity ? nil : $0 }
    }

    // MARK: Filling

    /// Adds an object, and lists it with its parent.
    /// - Returns: its identity.
    /// - Throws: ``DiffSyncError`` when it is there already, its model or an identifier is missing, or the parent takes none such.
    @discardableResult
    public mutating func add(
        _ type: String, _ identifiers: DiffSyncFields, _ attributes: DiffSyncFields = [:],
        flags: DiffSyncModelFlags? = nil, below parent: DiffSyncIdentity? = nil
    ) throws(DiffSyncError) -> DiffSyncIdentity {
        let object = try make(type, identifiers, attributes, flags: flags)
        try insert(object)
        if let parent { try addChild(object.identity, to: parent) }
        return object.identity
    }

    /// Lists an object with a parent. The object itself may come later. Complexity: O(1) on average.
    /// - Throws: ``DiffSyncError`` when the parent is not there, takes no children of the type, or lists it already.
    public mutating func addChild(_ child: DiffSyncIdentity, to parent: DiffSyncIdentity)
        throws(DiffSyncError)
    {
        guard get(parent) != nil else { throw .notFound(parent, adapter: name) }
        guard schema[parent.type]?.field(of: child.type) != nil else {
            throw .wrongType(child: child.type, parent: parent)
        }
        var isNew = false
        change(parent) {
            isNew = $0.children[child.type, default: OrderedTable()].append((), for: child)
        }
        guard isNew else { throw .alreadyExists(child, parent: parent) }
        if get(child) != nil {
            change(child) { $0.parents.append(parent) }
        } else {
            dangling[child, default: []].append(parent)
        }
    }

    /// Sets the flags of an object that is here.
    public mutating func setFlags(_ flags: DiffSyncModelFlags, of identity: DiffSyncIdentity) {
        change(identity) { $0.flags = flags }
    }

    /// Says what is done when this adapter is the destination: of one type, or of all that have no hooks of their own.
    public mutating func on(
        _ type: String? = nil, create: DiffSyncHook? = nil, update: DiffSyncHook? = nil,
        delete: DiffSyncHook? = nil
    ) {
        hooks.set(type, [.create: create, .update: update, .delete: delete].compactMapValues { $0 })
    }

    /// Called once at the end of a sync in which something was attempted and that was not stopped.
    public mutating func onSyncComplete(_ hook: @escaping DiffSyncCompletion) { hooks.completion = hook }

    // MARK: What a sync does

    func make(
        _ type: String, _ identifiers: DiffSyncFields, _ attributes: DiffSyncFields,
        flags: DiffSyncModelFlags? = nil
    ) throws(DiffSyncError) -> DiffSyncObject {
        guard let model = schema[type] else { throw .unknownModel(type, adapter: name) }
        return try DiffSyncObject(model, identifiers: identifiers, attributes: attributes, flags: flags)
    }

    mutating func insert(_ object: DiffSyncObject) throws(DiffSyncError) {
        var object = object
        let identity = object.identity
        object.parents = dangling.removeValue(forKey: identity) ?? []
        guard stores[identity.type, default: Store()].objects.append(object, for: identity) else {
            dangling[identity] = object.parents.isEmpty ? nil : object.parents
            throw .alreadyExists(identity)
        }
        let uid = DiffSyncValue.text(identity.uid)
        if stores[identity.type]?.uids[uid] == nil {
            stores[identity.type]?.uids[uid] = identity
        } else {
            hasSharedUIDs = true
        }
    }

    mutating func setAttributes(_ attributes: DiffSyncFields, of identity: DiffSyncIdentity) {
        change(identity) { object in
            for field in attributes { object.attributes[field.name] = field.value }
        }
    }

    mutating func removeChild(_ child: DiffSyncIdentity, from parent: DiffSyncIdentity) {
        change(parent) { $0.children[child.type]?.remove(child) }
        change(child) { object in object.parents.removeAll { $0 == parent } }
        dangling[child]?.removeAll { $0 == parent }
    }

    /// Takes an object away. Its children stay, though it lists them no more.
    mutating func remove(_ identity: DiffSyncIdentity) {
        guard let object = stores[identity.type]?.objects.remove(identity) else { return }
        let uid = DiffSyncValue.text(identity.uid)
        if stores[identity.type]?.uids[uid] == identity { stores[identity.type]?.uids[uid] = nil }
        if !object.parents.isEmpty { dangling[identity] = object.parents }
        for child in object.allChildren {
            change(child) { child in child.parents.removeAll { $0 == identity } }
        }
    }

    /// Takes an object away with all that is only below it.
    mutating func removeSubtree(_ identity: DiffSyncIdentity) {
        var open = [identity]
        while let next = open.popLast() {
            guard let object = get(next) else { continue }
            remove(next)
            for child in object.allChildren where get(child)?.parents.isEmpty == true {
                open.append(child)
            }
        }
    }

    private mutating func change(_ identity: DiffSyncIdentity, _ change: (inout DiffSyncObject) -> Void) {
        stores[identity.type]?.objects.change(identity, change)
    }
}

extension DiffSyncAdapter {
    /// Objects that nothing lists though their type stands below others, by the order of their models.
    ///
    /// Each is the root of what is below it. Complexity: O(objects).
    public var unattached: [DiffSyncIdentity] {
        schema.models.filter { schema.needsParent($0.type) }.flatMap { model in
            (stores[model.type]?.objects.values).map { values in
                values.filter(\.parents.isEmpty).map(\.identity)
            } ?? []
        }
    }

    /// Whether an object is here and nothing lists it though its type stands below others.
    func isUnattached(_ identity: DiffSyncIdentity) -> Bool {
        schema.needsParent(identity.type) && get(identity)?.parents.isEmpty == true
    }

    /// An object that is to be ignored, and is this one or above it.
    func ignored(above identity: DiffSyncIdentity) -> DiffSyncIdentity? {
        var open = [identity]
        var seen: Set<DiffSyncIdentity> = []
        while let next = open.popLast() {
            guard seen.insert(next).inserted, let object = get(next) else { continue }
            if object.flags.contains(.ignore) { return next }
            open += object.parents
        }
        return nil
    }
}
