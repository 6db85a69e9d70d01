import DovetailDiffSync

/// What must hold where a run does something else than DiffSync, kind by kind.
struct BetterOutcome {
    private let run: CaseRun

    init(_ run: CaseRun) { self.run = run }

    /// What does not hold, in words.
    func shortcomings() async throws -> [String] {
        let post: DiffSyncDiff
        switch run.post {
        case .failure(let error): return ["the diff after it fails: \(error.name)"]
        case .success(let diff): post = diff
        }
        var found = run.deviations.sorted { $0.rawValue < $1.rawValue }.flatMap { deviation in
            shortcomings(of: deviation, post).map { "\(deviation): \($0)" }
        }
        let forgotten = Set(run.after.unattached).subtracting(run.source.unattached)
        if !post.hasDiffs, forgotten.contains(where: { $0.isDeletable(in: run.after) }) {
            found.append("agreement with something forgotten")
        }
        found += try await shortcomingsOfNextSync()
        return found
    }

    /// Whether nothing keeps one sync from being enough.
    private var isUnhindered: Bool {
        run.recorded.flags.isDisjoint(with: .skipUnmatchedBoth) && run.recorded.fails.isEmpty
            && run.given == nil
            && !run.hasObjectFlags && run.before.schema.topLevel == run.source.schema.topLevel
    }

    private func shortcomings(of deviation: DiffSyncDeviation, _ post: DiffSyncDiff) -> [String] {
        let result = run.result
        let operations = result?.operations ?? []
        switch deviation {
        case .deleteOwed:
            let shown = Set(post.elements.filter { $0.action == .delete }.map(\.identity))
            return Set(run.after.unattached).subtracting(shown).subtracting(run.source.unattached)
                .filter { $0.isDeletable(in: run.after) }.map { "\($0) is forgotten" }
        case .deleteHeldBack:
            // Flags may have kept the sync from it: then only the diff after it shows it.
            let isSaid =
                run.recorded.flags.contains(.skipUnmatchedDestination)
                || result?.deviations.contains(.deleteHeldBack) != true
                || result?.owed.contains { $0.action == .delete && !$0.reason.isEmpty } == true
            let isSeen = post.hasDiffs || run.given != nil
            let orphans = run.after.unattached.filter { !run.before.unattached.contains($0) }
            return (isSaid ? [] : ["no reason is given"]) + (isSeen ? [] : ["it is not seen"])
                + (run.recorded.fails.isEmpty ? orphans.map { "\($0) is an orphan" } : [])
        case .emptyDiffUsed: return operations.isEmpty ? [] : ["something was done"]
        case .changedSinceDiff:
            return (result?.owed ?? []).compactMap { owed in
                guard let before = run.before.get(owed.identity), before.attributes.isEmpty == false else {
                    return nil
                }
                return run.after.get(owed.identity)?.attributes == before.attributes
                    ? nil : "\(owed.identity) was overwritten"
            }
        case .flagsAtSync:
            let flags = run.recorded.flags
            return operations.compactMap {
                let isLeftOut =
                    $0.action == .create && flags.contains(.skipUnmatchedSource)
                    || $0.action == .delete && flags.contains(.skipUnmatchedDestination)
                return isLeftOut ? "\($0.action) \($0.identity)" : nil
            }
        case .unattached, .moved, .handledOnce, .uidShared, .shortnameShared, .childTypeLeftOut,
            .orderCompleted:
            guard isUnhindered else { return [] }
            let calls = operations.map { "\($0.action) \($0.identity.type) \($0.identity.values)" }
            return (run.syncError.map { ["it fails: \($0.name)"] } ?? [])
                + (post.hasDiffs ? ["one sync is not enough"] : [])
                + (Set(calls).count == calls.count ? [] : ["something was done twice: \(calls)"])
        }
    }

    /// One more sync in which nothing fails leaves what is held back and nothing else; two, where flags hid what then was moved.
    private func shortcomingsOfNextSync() async throws -> [String] {
        var next = run.after
        let done: DiffSyncHook = { _ in .done }
        next.on(create: done, update: done, delete: done)
        try await next.syncFrom(run.source)
        if run.hasObjectFlags { try await next.syncFrom(run.source) }
        let left = try next.diffFrom(run.source)
        var held = 0
        let open = left.elements.enumerated().filter { place, element in
            if element.heldBack != nil { held = max(held, element.end) }
            // What is below what is held back waits for it.
            return element.action != nil && element.heldBack == nil && place >= held
        }.map(\.element)
        let shown = Set(left.elements.lazy.filter { $0.heldBack != nil }.map(\.identity))
        let orphans = next.unattached.filter {
            run.source.get($0) == nil && !shown.contains($0) && $0.isDeletable(in: next)
        }
        return open.map { "\($0.action?.rawValue ?? "") \($0.identity) is still to be done" }
            + orphans.map { "\($0) is still an orphan" }
    }
}

extension DiffSyncIdentity {
    fileprivate func isDeletable(in adapter: DiffSyncAdapter) -> Bool {
        adapter.get(self)?.flags.isDisjoint(with: [.ignore, .skipUnmatchedDestination]) ?? false
    }
}
