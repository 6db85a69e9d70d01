extension DocumentHub {
    /// Bytes of a conflict's name.
    private static let longestID = 64

    func report(_ conflict: DocumentConflict, by caller: HubCaller) async throws {
        try caller.checkWriting()
        try check(conflict)
        // Its author is who is logged in, whatever it says.
        var kept = conflict
        kept.client = caller.client
        kept.resolution = nil
        try await inTurn(caller) { [kept] in
            let all = try await self.store.conflicts(of: caller.set)
            if let old = all.first(where: { $0.id == kept.id }) {
                guard old.client == caller.client else {
                    throw HubError(
                        .forbidden,
                        "the conflict \(kept.id) is another client's; report it by a name of its own")
                }
                guard old.resolution == nil, old != kept else { return }
            } else if all.count >= self.settings.limits.conflictsPerSet {
                throw HubError(
                    .tooLarge,
                    "\(all.count) conflicts wait in the set \(caller.set), which is as many as this hub keeps; resolve some"
                )
            }
            try await self.keep(kept, id: kept.id, caller)
        }
    }

    func resolve(
        _ id: DocumentConflict.ID, as resolution: DocumentConflict.Resolution, by caller: HubCaller
    ) async throws {
        try caller.checkWriting()
        if case .text(let text) = resolution { try checkSize(text.count) }
        try await inTurn(caller) {
            guard var conflict = try await self.store.conflicts(of: caller.set).first(where: { $0.id == id })
            else {
                throw HubError(
                    .notFound, "there is no conflict \(id.prefix(Self.longestID)) in the set \(caller.set)")
            }
            guard conflict.resolution != resolution else { return }
            guard conflict.resolution == nil else {
                throw HubError(
                    .refused,
                    "the conflict in “\(conflict.document)” is decided already; its client carries that out")
            }
            let texts = DocumentTexts(base: conflict.base, local: conflict.mine, hub: conflict.theirs)
            guard texts.allows(resolution) else {
                throw HubError(.invalid, conflict.document.cannotBeBoth)
            }
            conflict.resolution = resolution
            try await self.keep(conflict, id: id, caller)
        }
    }

    func settle(_ id: DocumentConflict.ID, by caller: HubCaller) async throws {
        try caller.checkWriting()
        try await inTurn(caller) {
            guard try await self.store.conflicts(of: caller.set).contains(where: { $0.id == id }) else {
                return
            }
            try await self.keep(nil, id: id, caller)
        }
    }

    private func keep(
        _ conflict: DocumentConflict?, id: DocumentConflict.ID, _ caller: HubCaller
    ) async throws {
        let place = try await store.keep(conflict, id: id, in: caller.set)
        await happenings.publish(conflict, id: id, at: place, in: caller.set)
    }

    private func check(_ conflict: DocumentConflict) throws(HubError) {
        let isPlain = conflict.id.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        guard isPlain, (1...Self.longestID).contains(conflict.id.utf8.count) else {
            throw HubError(
                .invalid, "the name of a conflict has 1 to \(Self.longestID) visible characters of ASCII")
        }
        for text in [conflict.base, conflict.mine, conflict.theirs] { try checkSize(text?.count ?? 0) }
    }

    private func checkSize(_ size: Int) throws(HubError) {
        guard size <= settings.limits.largestText else {
            throw HubError.tooLarge(
                "a text of the conflict has \(size) bytes", limit: settings.limits.largestText)
        }
    }

    /// One change of a set's conflicts after the other.
    private func inTurn(_ caller: HubCaller, _ body: @Sendable () async throws -> Void) async throws {
        try await conflictTurns.inTurn(caller.set, body)
    }
}
