import Dovetail
import Synchronization

/// The hub of shared texts: it takes commits one after the other, keeps every version, and tells who waits.
///
/// ```swift
/// let hub = DocumentHub(store: MemoryCommitStore())
/// let notes = hub.access(to: "notes", as: "anna", mayWrite: true)
/// let listing = try await notes.documents()
/// ```
///
/// A commit is added only where its parent is the head, and only after its delta made the text that it says, proven by both hashes.
/// Several hubs may work on one store: the store decides who is first, and they hear of each other by ``CommitStore/wakes()``.
///
/// What is read from the store is believed only as far as hashes prove it. A document of which that fails can be read as far as it
/// is proven, and is not written until it was repaired.
public final class DocumentHub: Sendable {
    public let store: any CommitStore
    public let settings: HubSettings
    let clock: HubClock
    let happenings: Happenings
    let headTexts: HeadTexts
    let turns = Turns<DocumentKey>()
    /// Of the conflicts of a set.
    let conflictTurns = Turns<String>()
    let patience: Patience
    let pace: Pace
    /// Documents that failed a proof, and how.
    let damages = Mutex<[DocumentKey: String]>([:])
    /// How many documents a set has, as far as it is known.
    let documentCounts = Mutex<[String: Int]>([:])
    private let listener: Task<Void, Never>

    public init(
        store: any CommitStore, settings: HubSettings = HubSettings(), clock: HubClock = .system
    ) {
        self.store = store
        self.settings = settings
        self.clock = clock
        headTexts = HeadTexts(limit: settings.limits.cachedTexts)
        patience = Patience(settings.fairness, clock: clock)
        pace = Pace(perMinute: settings.limits.commitsPerMinute, clock: clock)
        let happenings = Happenings(store: store, limits: settings.limits, clock: clock)
        self.happenings = happenings
        let wakes = store.wakes()
        listener = Task {
            for await set in wakes { await happenings.wake(set) }
        }
    }

    deinit { listener.cancel() }

    /// What a client sees of a set.
    ///
    /// - Parameters:
    ///   - set: as ``SetName`` allows; calls throw ``HubError/Kind/invalid`` for others.
    ///   - client: the author of its commits.
    public func access(to set: String, as client: String, mayWrite: Bool) -> HubAccess {
        HubAccess(hub: self, caller: HubCaller(set: set, client: client, mayWrite: mayWrite))
    }

    /// Ends all streams of events and whoever waits. The store stays open.
    public func close() async {
        listener.cancel()
        happenings.close()
    }

    func key(_ document: DocumentName, _ caller: HubCaller) -> DocumentKey {
        DocumentKey(set: caller.set, document: document)
    }
}

/// A document among those of all sets.
struct DocumentKey: Sendable, Hashable {
    let set: String
    let document: DocumentName
}
