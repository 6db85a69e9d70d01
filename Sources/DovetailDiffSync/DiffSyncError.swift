/// What makes a load, a diff or a sync impossible.
public enum DiffSyncError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The adapter holds an object of this identity, or the parent lists it.
    case alreadyExists(DiffSyncIdentity, parent: DiffSyncIdentity? = nil)
    /// Something refers to an object that the adapter does not hold.
    case notFound(DiffSyncIdentity, parent: DiffSyncIdentity? = nil, adapter: String)
    /// A parent of this type takes no children of that type.
    case wrongType(child: String, parent: DiffSyncIdentity)
    /// The adapter's schema has no such model.
    case unknownModel(String, adapter: String)
    /// An object lacks an identifier that its model names.
    case missingIdentifier(String, type: String)
    /// The schema or the objects to load are not of the form they should have.
    case malformed(String)
    /// The two sides keep children of one type under different names.
    case childFieldsDiffer(type: String, child: String, source: String, destination: String)
    /// One object has two short names.
    case shortnamesDiffer(DiffSyncIdentity, source: String, destination: String)
    /// An object is below itself.
    case cycle(DiffSyncIdentity, adapter: String)
    /// The diff that was given was made in another order than the one asked for.
    case orderMismatch(diff: String, wanted: String)

    /// The exception that DiffSync raises in its place.
    public var diffSyncName: String {
        switch self {
        case .alreadyExists: "ObjectAlreadyExists"
        case .notFound: "ObjectNotFound"
        case .wrongType: "ObjectStoreWrongType"
        case .unknownModel, .childFieldsDiffer: "AttributeError"
        case .missingIdentifier, .malformed: "ValidationError"
        case .shortnamesDiffer: "ValueError"
        case .cycle: "RecursionError"
        case .orderMismatch: "DiffClassMismatch"
        }
    }

    public var description: String {
        switch self {
        case .alreadyExists(let identity, let parent?):
            "\(parent) lists \(identity) already: add it once"
        case .alreadyExists(let identity, nil):
            "\(identity) is there already: add it once, or change it there"
        case .notFound(let identity, let parent, let adapter):
            "\(identity) is not in “\(adapter)”"
                + (parent.map { ", though \($0) lists it: add it, or take it off that list" } ?? "")
        case .wrongType(let child, let parent):
            "\(parent) takes no children of the type “\(child)”: name it among the children of its model"
        case .unknownModel(let type, let adapter):
            "“\(adapter)” has no model “\(type)”: add it to the schema"
        case .missingIdentifier(let name, let type):
            "an object of the type “\(type)” has no “\(name)”, which identifies it"
        case .malformed(let reason): reason
        case .childFieldsDiffer(let type, let child, let source, let destination):
            "“\(type)” keeps its “\(child)” as “\(source)” in the source and as “\(destination)” in the destination: "
                + "give both schemas one name"
        case .shortnamesDiffer(let identity, let source, let destination):
            "\(identity) is called “\(source)” in the source and “\(destination)” in the destination: "
                + "give both schemas one short name"
        case .cycle(let identity, let adapter):
            "\(identity) is below itself in “\(adapter)”: take it off the list of one of those below it"
        case .orderMismatch(let diff, let wanted):
            "the diff is in the order “\(diff)”, and “\(wanted)” was asked for: make it anew in that order"
        }
    }
}

/// What a hook throws when the system behind it refused, or what the sync says when an entry no longer fits: with
/// ``DiffSyncFlags/continueOnFailure`` the sync goes on.
public struct DiffSyncCRUDError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was attempted.
    public let action: DiffSyncAction
    /// What went wrong, for a person.
    public let message: String

    public init(_ action: DiffSyncAction, _ message: String) {
        self.action = action
        self.message = message
    }

    /// The exception that DiffSync raises in its place.
    public var diffSyncName: String {
        switch action {
        case .create: "ObjectNotCreated"
        case .update: "ObjectNotUpdated"
        case .delete: "ObjectNotDeleted"
        }
    }

    public var description: String { message }
}
