import Dovetail
import DovetailDocuments

/// An old version of a document, written once more as the newest.
struct Restore: Sendable {
    let document: DocumentName
    let sequence: Int64
    /// What the person who wants it saw as the newest.
    let head: LogPosition
    let key: CommitKey

    /// - Throws: ``HubError``.
    func push(to hub: any Hub) async throws -> PushAnswer {
        let wanted = try await hub.text(of: document, at: sequence)
        let seen = try await hub.text(of: document, at: head.sequence)
        let delta = wanted.text.map { TextDelta(from: seen.text ?? [], to: $0).encoded() } ?? []
        return try await hub.push(
            CommitDraft(
                document: document, parent: head, parentHash: seen.hash, result: wanted.hash, delta: delta,
                key: key))
    }
}
