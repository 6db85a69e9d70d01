/// What a hook is asked to do in the system behind the destination.
public struct DiffSyncCall: Sendable {
    public let action: DiffSyncAction
    public let identity: DiffSyncIdentity
    /// The names and values that identify the object: DiffSync's `ids`.
    public let identifiers: DiffSyncFields
    /// Of a create all that the source has, also what the destination's model doesn't know; of an update what changes; of a
    /// delete nothing: DiffSync's `attrs`.
    public let attributes: DiffSyncFields
    /// The object as it is in the destination; nil: it is to be created.
    public let object: DiffSyncObject?

    public var type: String { identity.type }
}

/// What a hook says.
public enum DiffSyncAnswer: Sendable, Hashable {
    /// It is done.
    case done
    /// It is not done, and what is below is not to be attempted: DiffSync's `None`.
    case refused
}

/// Does one thing in the system behind the destination.
/// - Throws: ``DiffSyncCRUDError``, with which the sync may go on, or any other error, which stops it.
public typealias DiffSyncHook = @Sendable (DiffSyncCall) async throws -> DiffSyncAnswer

/// DiffSync's `sync_complete`.
public typealias DiffSyncCompletion = @Sendable (DiffSyncResult) async throws -> Void

/// The hooks of an adapter. What has none is done.
struct DiffSyncHooks: Sendable {
    private var byType: [String: [DiffSyncAction: DiffSyncHook]] = [:]
    private var others: [DiffSyncAction: DiffSyncHook] = [:]
    var completion: DiffSyncCompletion?

    mutating func set(_ type: String?, _ hooks: [DiffSyncAction: DiffSyncHook]) {
        if let type {
            byType[type, default: [:]].merge(hooks) { _, new in new }
        } else {
            others.merge(hooks) { _, new in new }
        }
    }

    func answer(_ call: DiffSyncCall) async throws -> DiffSyncAnswer {
        guard let hook = byType[call.type]?[call.action] ?? others[call.action] else { return .done }
        return try await hook(call)
    }
}
