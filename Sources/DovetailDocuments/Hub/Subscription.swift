/// One client's reading of what happens in a set.
actor Subscription {
    private let happenings: Happenings
    private let caller: HubCaller
    private var place: Int64
    private var epoch: UInt64
    /// The number of the next event; nil: not looked for yet.
    private var number: Int?
    private var pending: ArraySlice<HubEvent> = []

    /// Commits that are fetched from the store for a client that was away; who missed more starts anew.
    private static let backlog = 1000
    /// So many events at once are told one by one; of more, only the last commit of each document.
    private static let oneByOne = 32

    init(_ happenings: Happenings, caller: HubCaller, place: Int64, epoch: UInt64) {
        (self.happenings, self.caller, self.place, self.epoch) = (happenings, caller, place, epoch)
    }

    /// The next event; ``HubEvent/alive`` after a silence. Nil when the task was cancelled.
    /// - Throws: ``HubError``.
    func next(silence: Duration) async throws -> HubEvent? {
        do {
            if pending.isEmpty { pending = try await batch(waiting: silence)[...] }
            return pending.popFirst() ?? .alive
        } catch is CancellationError {
            return nil
        }
    }

    /// What happened; waits for it, at most so long.
    /// - Throws: ``HubError``, `CancellationError`.
    func batch(waiting: Duration) async throws -> [HubEvent] {
        try caller.check()
        let deadline = happenings.clock.uptime() + waiting
        while true {
            if let events = try await take(), !events.isEmpty { return events }
            guard let number else { continue }
            guard happenings.clock.uptime() < deadline,
                case .something = try await happenings.wait(from: number, in: caller.set, until: deadline)
            else {
                await happenings.lookAgain(caller.set)
                // Another hub may have been told of a restored backup.
                if try await happenings.store.epoch() != epoch { self.number = nil }
                return try await take() ?? []
            }
        }
    }

    /// What is there now; nil: it has to be looked for again.
    private func take() async throws -> [HubEvent]? {
        guard let number else { return try await begin() }
        switch happenings.read(from: number, in: caller.set) {
        case nil:
            // The hub began anew, or forgot the set.
            self.number = nil
            return nil
        case .forgotten(let place, let next)?:
            (self.number, self.place) = (next, place)
            return [.restart(epoch: epoch, place: place)]
        case .events(let events, let next)?:
            self.number = next
            place = events.last.map { max(place, $0.place ?? 0) } ?? place
            return Self.thinned(events)
        }
    }

    private func begin() async throws -> [HubEvent]? {
        let now = try await happenings.store.epoch()
        try await happenings.open(caller.set)
        guard let beginning = happenings.beginning(after: place, in: caller.set) else { return nil }
        switch beginning {
        case .at(let next) where now == epoch:
            number = next
            return []
        case .at(let next):
            return restart(now, try await happenings.store.heads(of: caller.set).place, next)
        case .unknown(let next, let place):
            // Perhaps another hub added it just now.
            await happenings.lookAgain(caller.set)
            if now == epoch, case .at(let next)? = happenings.beginning(after: self.place, in: caller.set) {
                number = next
                return []
            }
            return restart(now, place, next)
        case .earlier(let next, let place):
            guard now == epoch, self.place >= 0 else { return restart(now, place, next) }
            return try await backlog(upTo: place, next)
        }
    }

    private func restart(_ epoch: UInt64, _ place: Int64, _ next: Int) -> [HubEvent] {
        (self.epoch, self.place, number) = (epoch, place, next)
        return [.restart(epoch: epoch, place: place)]
    }

    /// What happened before the hub began to listen, from the store. Which conflicts changed is not known, so all are told.
    private func backlog(upTo place: Int64, _ next: Int) async throws -> [HubEvent] {
        let store = happenings.store
        let commits = try await store.commits(of: caller.set, after: self.place, limit: Self.backlog)
        guard commits.count < Self.backlog else { return restart(epoch, place, next) }
        let conflicts = try await store.conflicts(of: caller.set)
        let missed = commits.prefix { $0.place <= place }.map { commit in
            var commit = commit
            commit.delta = []
            return HubEvent.commit(commit)
        }
        (self.place, number) = (place, next)
        return Self.thinned(missed) + conflicts.map { .conflict(id: $0.id, place: place) }
    }

    /// The last commit of each document, where there are many; its delta is of no use to one who lacks those before.
    private static func thinned(_ events: [HubEvent]) -> [HubEvent] {
        guard events.count > oneByOne else { return events }
        var count: [DocumentName: Int] = [:]
        for case .commit(let commit) in events { count[commit.document, default: 0] += 1 }
        var left = count
        return events.compactMap { event in
            guard case .commit(var commit) = event else { return event }
            left[commit.document, default: 1] -= 1
            guard left[commit.document] == 0 else { return nil }
            if count[commit.document] != 1 { commit.delta = [] }
            return .commit(commit)
        }
    }
}
