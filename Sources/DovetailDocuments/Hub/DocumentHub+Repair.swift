import Synchronization

/// What a repair did.
public struct HubRepair: Sendable, Hashable {
    /// What was found; nil: every text was proven, and nothing was done.
    public var damage: HubVerification.Damage?
    /// The commits whose texts are lost, in order.
    public var lost: [Int64]
    /// The commit whose text is the newest that is proven; nil: there is none.
    public var newest: Int64?
    /// Whether clients may have a newer text than the hub has now. They compare theirs with it then, as after a backup was restored.
    public var isNewestLost: Bool

    public init(
        damage: HubVerification.Damage? = nil, lost: [Int64] = [], newest: Int64? = nil,
        isNewestLost: Bool = false
    ) {
        self.damage = damage
        self.lost = lost
        self.newest = newest
        self.isNewestLost = isNewestLost
    }
}

extension DocumentHub {
    /// Puts the log of a damaged document in order, so that it can be written again. What is proven stays.
    ///
    /// A commit whose text can't be proven stays in the log as one that changes nothing, its author being marked; before the first
    /// proven text the log is cut off. A document of which that is true of the newest text goes on from the newest proven one, and the
    /// store becomes another one: for clients, who may have that text, must not take an older one for an edit.
    ///
    /// A document that is sound stays as it is.
    /// - Throws: ``HubError``, when the store can't be read or written.
    public func repair(_ document: DocumentName, in set: String) async throws -> HubRepair {
        let key = DocumentKey(set: set, document: document)
        return try await turns.inTurn(key) {
            guard let head = try await self.store.head(of: document, in: set) else {
                throw HubError(.notFound, "there is no document “\(document)” in the set \(set)")
            }
            self.headTexts.forget(key)
            guard let damage = try await self.verify(key).damage else {
                self.damages.withLock { $0[key] = nil }
                return HubRepair()
            }
            let plan = try await LogRepair(store: self.store, key: key).plan(for: head)
            // Before, so that nobody takes the older text as one that follows.
            if plan.isNewestLost { try await self.renewEpoch() }
            try await self.store.mend(document, in: set, by: plan.mend)
            self.headTexts.forget(key)
            if let damage = try await self.verify(key).damage { throw self.note(damage, of: key) }
            self.damages.withLock { $0[key] = nil }
            return HubRepair(
                damage: .init(set: set, document: document, sequence: damage.sequence, reason: damage.reason),
                lost: plan.lost, newest: plan.newest, isNewestLost: plan.isNewestLost)
        }
    }
}
