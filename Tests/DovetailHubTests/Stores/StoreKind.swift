import Dovetail
import DovetailDocuments
import DovetailHub
import DovetailTestPostgres
import Foundation
import Testing

/// The stores that have to behave alike.
enum StoreKind: String, CaseIterable, CustomTestStringConvertible {
    case memory
    case sqlite
    case postgres

    var testDescription: String { rawValue }

    /// Those that outlive a process.
    static let durable: [StoreKind] = [.sqlite, .postgres]

    /// - Parameter body: is given a way to open the store, which may be used again once what it opened is closed.
    func withStore<R>(_ body: (@escaping @Sendable () async throws -> any CommitStore) async throws -> R)
        async throws -> R
    {
        switch self {
        case .memory:
            let store = MemoryCommitStore()
            return try await body { store }
        case .sqlite:
            return try await withFolder { folder in
                try await body { try await SQLiteCommitStore.open(folder + "/hub.db") }
            }
        case .postgres:
            return try await TestServer.shared().withDatabase { database in
                let conninfo = database.conninfo
                return try await body { try await PostgresCommitStore.open(conninfo) }
            }
        }
    }
}

func withFolder<R>(_ body: (String) async throws -> R) async throws -> R {
    let folder = NSTemporaryDirectory() + "dovetail-hub-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
}

let page = storedName("page.txt")

func storedName(_ text: String) -> DocumentName {
    do { return try DocumentName(text) } catch { preconditionFailure("\(error)") }
}

/// A log as it would come from clients: texts after each other.
struct LogWriter {
    var document = page
    var sequence: Int64 = 0
    var text: [UInt8]?

    /// The commit that makes the text the next one.
    mutating func commit(_ next: String?, key: CommitKey = .fresh()) -> Commit {
        let bytes = next.map { Array($0.utf8) }
        sequence += 1
        defer { text = bytes }
        return Commit(
            document: document, sequence: sequence, place: 0, parent: text.map { TextHash(of: $0) },
            result: bytes.map { TextHash(of: $0) }, size: bytes?.count ?? 0, author: "anna",
            time: 1000 + sequence,
            key: key, delta: bytes.map { TextDelta(from: text ?? [], to: $0).encoded() } ?? [])
    }
}

extension CommitKey {
    static func fresh() -> CommitKey {
        var generator = SystemRandomNumberGenerator()
        return .random(using: &generator)
    }
}

extension AppendOutcome {
    var appended: Commit? { if case .appended(let commit) = self { commit } else { nil } }
    var isStale: Bool { if case .stale = self { true } else { false } }
}

extension Hub {
    func head(_ document: DocumentName = page) async throws -> Snapshot {
        do {
            return try await text(of: document, at: nil)
        } catch let error as HubError where error.kind == .notFound {
            return Snapshot(
                document: document, position: LogPosition(epoch: try await documents().epoch, sequence: 0),
                text: nil)
        }
    }

    /// Saves a text after a head; nil: others were faster.
    @discardableResult
    func save(
        _ text: String, after parent: Snapshot? = nil, to document: DocumentName = page
    ) async throws -> Int64? {
        let known: Snapshot
        if let parent { known = parent } else { known = try await head(document) }
        let bytes = Array(text.utf8)
        let draft = CommitDraft(
            document: document, parent: known.position, parentHash: known.hash, result: TextHash(of: bytes),
            delta: TextDelta(from: known.text ?? [], to: bytes).encoded(), key: .fresh())
        guard case .committed(let sequence, _, _) = try await push(draft) else { return nil }
        return sequence
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
