/// What is to be done with an object of the destination.
public enum DiffSyncAction: String, Sendable, Hashable, Codable { case create, update, delete }

/// What would have to be done to a destination so that it holds what a source holds: a tree of everything that was compared.
///
/// The tree is one list, parents before what is below them, so that its depth costs no stack. Memory: O(objects compared).
public struct DiffSyncDiff: Sendable {
    /// The name of the side that is followed, which is “+”.
    public let source: String
    /// The name of the side that would change, which is “-”.
    public let destination: String
    /// The name of the order in which the elements stand.
    public let order: String
    /// All elements, each followed by those below it.
    public let elements: [DiffSyncElement]
    public let summary: DiffSyncSummary
    /// What is otherwise than in DiffSync.
    public let deviations: Set<DiffSyncDeviation>
    /// Objects that nothing lists, of either side.
    public let unattached: [DiffSyncUnattached]

    /// How many elements there are, unchanged ones too: DiffSync's `len`.
    public var count: Int { elements.count }
    /// Whether anything is to be done: DiffSync's `has_diffs`.
    public var hasDiffs: Bool { children(of: nil).contains { elements[$0].hasDiffs } }

    /// The places of the elements right below one, or of the top level.
    public func children(of place: Int?) -> some Sequence<Int> {
        let end = place.map { elements[$0].end } ?? elements.count
        return sequence(state: place.map { $0 + 1 } ?? 0) { next in
            guard next < end else { return nil }
            defer { next = elements[next].end }
            return next
        }
    }
}

/// How many elements there are of each kind.
public struct DiffSyncSummary: Sendable, Hashable {
    public internal(set) var create = 0
    public internal(set) var update = 0
    public internal(set) var delete = 0
    public internal(set) var noChange = 0
    /// Objects that were not looked at, each with all that is below it.
    public internal(set) var skip = 0

    /// DiffSync's names and numbers.
    public func dict() -> DiffSyncValue {
        [
            "create": .int(create), "update": .int(update), "delete": .int(delete),
            "no-change": .int(noChange),
            "skip": .int(skip),
        ]
    }
}

/// An object that nothing lists and that is not of the top level.
public struct DiffSyncUnattached: Sendable, Hashable {
    public let identity: DiffSyncIdentity
    public let adapter: String
}

/// An object in a diff, at one place of the tree.
public struct DiffSyncElement: Sendable {
    public let identity: DiffSyncIdentity
    public let identifiers: DiffSyncFields
    /// The short name, or a longer one where an element beside it has the same.
    public internal(set) var name: String
    /// What the source holds here; nil: nothing.
    public let sourceAttributes: DiffSyncFields?
    /// What the destination holds here; nil: nothing.
    public let destinationAttributes: DiffSyncFields?
    /// Of an object to be created: what the destination holds of it elsewhere, so that it is to be moved.
    public let elsewhere: DiffSyncFields?
    public let action: DiffSyncAction?
    /// The object that this stands below.
    public let parent: DiffSyncIdentity?
    public internal(set) var depth = 0
    /// The place of the first element that is not below this one.
    public internal(set) var end = 0
    /// Where it stands among its neighbours when no order is asked for.
    var position = 0
    /// Whether something is to be done here or below.
    public internal(set) var hasDiffs: Bool
    /// Why the object will not be deleted, or not be moved, though it should.
    public internal(set) var heldBack: String?
    /// Whether what is below stands where the object comes first.
    let isRepeated: Bool
    /// Whether nothing lists it, and the source has it where it is not looked at.
    let isHidden: Bool

    public var type: String { identity.type }

    init(
        source: DiffSyncObject?, destination: DiffSyncObject?, object: DiffSyncObject, name: String,
        parent: DiffSyncIdentity?, elsewhere: DiffSyncFields?, isRepeated: Bool, isHidden: Bool
    ) {
        identity = object.identity
        identifiers = object.identifiers
        self.name = name
        self.parent = parent
        self.elsewhere = elsewhere
        self.isRepeated = isRepeated
        self.isHidden = isHidden
        sourceAttributes = source?.attributes
        destinationAttributes = destination?.attributes
        if let source, let destination {
            let isUpdate = !Self.changed(from: destination.attributes, to: source.attributes).isEmpty
            action = isUpdate ? .update : nil
        } else {
            action = source == nil ? .delete : .create
        }
        hasDiffs = action != nil
    }

    /// What the destination has to take over: of an update what differs, of a create all that the source has.
    public var new: DiffSyncFields? {
        guard let source = sourceAttributes, let destination = destinationAttributes else {
            return sourceAttributes
        }
        return Self.changed(from: destination, to: source)
    }

    /// What the destination holds of ``new``; of a delete all that it has.
    public var old: DiffSyncFields? {
        guard let source = sourceAttributes, let destination = destinationAttributes else {
            return destinationAttributes
        }
        let changed = Self.changed(from: destination, to: source)
        return destination.keeping { changed[$0.name] != nil }
    }

    /// The attributes that both know and that differ, in the order of the first, as the second has them.
    static func changed(from old: DiffSyncFields, to new: DiffSyncFields) -> DiffSyncFields {
        DiffSyncFields(
            old.lazy.compactMap { field in
                guard let value = new[field.name], !value.equals(field.value) else { return nil }
                return (field.name, value)
            })
    }
}
