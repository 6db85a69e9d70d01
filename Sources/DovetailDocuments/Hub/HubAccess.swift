/// What one client sees of one set of documents at a hub of this process.
public struct HubAccess: Hub {
    let hub: DocumentHub
    let caller: HubCaller

    public var name: String { "\(hub.store.name), set \(caller.set)" }
    public var set: String { caller.set }

    public func documents() async throws -> SetListing { try await hub.documents(for: caller) }

    public func push(_ draft: CommitDraft) async throws -> PushAnswer {
        try await hub.push(draft, by: caller)
    }

    public func commits(
        of document: DocumentName, after position: LogPosition, limit: Int
    ) async throws -> LogPart {
        try await hub.commits(of: document, after: position, limit: limit, for: caller)
    }

    public func text(of document: DocumentName, at sequence: Int64?) async throws -> Snapshot {
        try await hub.text(of: document, at: sequence, for: caller)
    }

    public func log(of document: DocumentName, before sequence: Int64?, limit: Int) async throws -> [Commit] {
        try await hub.log(of: document, before: sequence, limit: limit, for: caller)
    }

    /// The stream is pulled: what nobody takes is not kept for them, and one who falls too far behind is told to start anew.
    public func events(after place: Int64, epoch: UInt64) -> AsyncThrowingStream<HubEvent, any Error> {
        let subscription = Subscription(hub.happenings, caller: caller, place: place, epoch: epoch)
        let silence = Duration.seconds(hub.settings.heartbeatSeconds)
        return AsyncThrowingStream { try await subscription.next(silence: silence) }
    }

    public func changes(after place: Int64, epoch: UInt64, waiting: Duration) async throws -> [HubEvent] {
        let subscription = Subscription(hub.happenings, caller: caller, place: place, epoch: epoch)
        return try await subscription.batch(waiting: waiting)
    }

    public func report(_ conflict: DocumentConflict) async throws {
        try await hub.report(conflict, by: caller)
    }

    public func conflicts() async throws -> [DocumentConflict] {
        try caller.check()
        return try await hub.store.conflicts(of: caller.set)
    }

    public func resolve(
        _ id: DocumentConflict.ID, as resolution: DocumentConflict.Resolution
    ) async throws {
        try await hub.resolve(id, as: resolution, by: caller)
    }

    public func settle(_ id: DocumentConflict.ID) async throws { try await hub.settle(id, by: caller) }

    /// There is nothing to let go of.
    public func close() async {}
}

/// Who asks, and for what.
struct HubCaller: Sendable, Hashable {
    let set: String
    let client: String
    let mayWrite: Bool

    /// - Throws: ``HubError`` when there can't be such a set.
    func check() throws(HubError) {
        guard SetName.isValid(set) else {
            throw HubError(.invalid, "“\(set.prefix(80))” can't be the name of a set: \(SetName.rule)")
        }
    }

    func checkWriting() throws(HubError) {
        try check()
        guard mayWrite else {
            throw HubError(
                .forbidden, "\(client) may read the set \(set) and not write to it; ask for another token")
        }
    }
}

/// Names of sets of documents: they stand in addresses, so they are short and plain.
public enum SetName {
    /// In words.
    public static let rule =
        "it has 1 to 64 letters of a to z, digits, “-”, “_” and “.”, and begins with none of these marks"

    public static func isValid(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard (1...64).contains(bytes.count), let first = bytes.first else { return false }
        func isPlain(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        return isPlain(first)
            && bytes.allSatisfy {
                isPlain($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
            }
    }
}
