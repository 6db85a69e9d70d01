import Dovetail
import DovetailDocuments
import Synchronization

/// A hub with its store, and what a test wants to do with it in few words.
struct HubWorld {
    let store: MemoryCommitStore
    let hub: DocumentHub
    static let set = "notes"

    init(
        _ settings: HubSettings = HubSettings(), store: MemoryCommitStore = MemoryCommitStore(),
        clock: HubClock = .system
    ) {
        self.store = store
        hub = DocumentHub(store: store, settings: settings, clock: clock)
    }

    func client(_ name: String = "anna", mayWrite: Bool = true) -> HubAccess {
        hub.access(to: Self.set, as: name, mayWrite: mayWrite)
    }
}

let page = DocumentName(known: "page.txt")
let fiveLines = "l1\nl2\nl3\nl4\nl5\n"

extension DocumentName {
    /// A name that is known to be one.
    init(known text: String) {
        do { self = try DocumentName(text) } catch { preconditionFailure("\(error)") }
    }
}

extension CommitKey {
    static func random() -> CommitKey {
        var generator = SystemRandomNumberGenerator()
        return .random(using: &generator)
    }
}

extension CommitDraft {
    /// What a client sends that has a text and knows where it came from.
    init(_ text: [UInt8]?, after parent: Snapshot, key: CommitKey = .random()) {
        self.init(
            document: parent.document, parent: parent.position, parentHash: parent.hash,
            result: text.map { TextHash(of: $0) },
            delta: text.map { TextDelta(from: parent.text ?? [], to: $0).encoded() } ?? [], key: key)
    }

    init(_ text: String?, after parent: Snapshot, key: CommitKey = .random()) {
        self.init(text.map { Array($0.utf8) }, after: parent, key: key)
    }
}

extension Hub {
    /// The head, or that there is no such document.
    func head(_ document: DocumentName = page) async throws -> Snapshot {
        do {
            return try await text(of: document, at: nil)
        } catch let error as HubError where error.kind == .notFound {
            return Snapshot(
                document: document, position: LogPosition(epoch: try await documents().epoch, sequence: 0),
                text: nil)
        }
    }

    /// Saves a text as the next one.
    @discardableResult
    func save(_ text: String?, to document: DocumentName = page) async throws -> Int64 {
        guard case .committed(let sequence, _, _) = try await push(CommitDraft(text, after: head(document)))
        else { throw HubError(.busy, "someone else was faster") }
        return sequence
    }

    func content(_ document: DocumentName = page, at sequence: Int64? = nil) async throws -> String? {
        try await text(of: document, at: sequence).text.map { String(decoding: $0, as: UTF8.self) }
    }
}

/// What kind of error comes of something.
func kind(_ body: () async throws -> Void) async -> HubError.Kind? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? HubError)?.kind
    }
}

/// Time that only goes on when a test says so. Who sleeps is woken by nobody.
final class StillClock: Sendable {
    private let now = Mutex(Duration.seconds(1000))

    func advance(_ duration: Duration) { now.withLock { $0 += duration } }

    var clock: HubClock {
        HubClock(
            time: { Int64(self.now.withLock { $0 } / .microseconds(1)) },
            uptime: { self.now.withLock { $0 } },
            sleep: { _ in try await Task.sleep(for: .seconds(3600)) })
    }
}
