import Synchronization

/// What happened lately in each set, in the order of places, and who waits for more.
///
/// Events are remembered once for all who read them. Each reader only knows how far it is; one that is too slow finds what it has
/// not read forgotten, and is told to start anew, while nobody else waits for it.
final class Happenings: Sendable {
    private struct Channel {
        var events: [HubEvent] = []
        /// The number of the first event; they are counted from the start of the hub.
        var first = 0
        /// Events up to this place are forgotten, or never were here.
        var base: Int64
        /// Commits up to this place are here.
        var last: Int64
        var bytes = 0
        var isReading = false
        var readAgain = false
        /// As they were when they were last looked at, for what other hubs change.
        var conflicts: [DocumentConflict.ID: Int]?

        var end: Int { first + events.count }
    }

    private struct Waiter {
        var set: String
        var continuation: CheckedContinuation<Waking, any Error>
        var deadline: Duration
    }

    private struct State {
        var channels: [String: Channel] = [:]
        var waiters: [Int: Waiter] = [:]
        var waitersOfSets: [String: Set<Int>] = [:]
        var lastWaiter = 0
        var alarm: (at: Duration, task: Task<Void, Never>)?
        var isClosed = false
    }

    enum Waking: Sendable {
        case something
        case timeout
    }

    let store: any CommitStore
    let clock: HubClock
    private let limits: HubLimits
    private let state = Mutex(State())
    /// Commits that are read from the store at once.
    private static let portion = 512
    /// Sets that nobody waits for are forgotten when there are more.
    private static let mostChannels = 1000

    init(store: any CommitStore, limits: HubLimits, clock: HubClock) {
        (self.store, self.limits, self.clock) = (store, limits, clock)
    }

    // MARK: What happens

    /// A commit was added by this hub.
    func publish(_ commit: Commit, in set: String) async {
        let isNext: Bool? = state.withLock { state in
            guard let channel = state.channels[set] else { return nil }
            return channel.last + 1 == commit.place
        }
        switch isNext {
        case nil: return
        case true?: absorb([commit], in: set)
        // Others were faster, and are told first.
        case false?: await refresh(set)
        }
    }

    /// A conflict was changed by this hub.
    func publish(_ conflict: DocumentConflict?, id: DocumentConflict.ID, at place: Int64, in set: String)
        async
    {
        let isNext: Bool? = state.withLock { state in state.channels[set].map { $0.last + 1 >= place } }
        guard let isNext else { return }
        if !isNext { await refresh(set) }
        change(set) { channel in
            append(.conflict(id: id, place: place), to: &channel)
            channel.last = max(channel.last, place)
            channel.conflicts?[id] = conflict?.hashValue
        }
    }

    /// Another hub on the same store has written.
    func wake(_ set: String) async {
        guard state.withLock({ $0.channels[set] != nil }) else { return }
        await refresh(set, isForeign: true)
    }

    /// The store became another one: everyone starts anew.
    func restart() {
        let waiting = state.withLock { state in
            state.channels = [:]
            defer { (state.waiters, state.waitersOfSets) = ([:], [:]) }
            return state.waiters.values.map(\.continuation)
        }
        for continuation in waiting { continuation.resume(returning: .something) }
    }

    func close() {
        let waiting = state.withLock { state in
            state.isClosed = true
            state.alarm?.task.cancel()
            defer { (state.waiters, state.waitersOfSets) = ([:], [:]) }
            return state.waiters.values.map(\.continuation)
        }
        for continuation in waiting { continuation.resume(throwing: Self.closed) }
    }

    private static let closed = HubError(
        .unavailable, "the hub is closing; come again", retryAfter: .seconds(1))

    /// Reads what the store has and this channel has not. One at a time; who comes meanwhile has it read once more.
    private func refresh(_ set: String, isForeign: Bool = false) async {
        let mayRead = state.withLock { state in
            guard let channel = state.channels[set] else { return false }
            state.channels[set]?.readAgain = true
            state.channels[set]?.isReading = true
            return !channel.isReading
        }
        guard mayRead else { return }
        // Others rely on it, so that a cancellation of this task must not end it.
        await Task.detached { await self.readAll(set, isForeign: isForeign) }.value
    }

    private func readAll(_ set: String, isForeign: Bool) async {
        var hasGaps = isForeign
        while let last = beginReading(set) {
            // Who waits asks again after a while, so that an error of the store only takes time.
            guard let commits = try? await store.commits(of: set, after: last, limit: Self.portion) else {
                state.withLock { $0.channels[set]?.isReading = false }
                return
            }
            if isForeign, let newest = commits.last?.place {
                hasGaps = newest - last != Int64(commits.count)
            }
            absorb(commits, in: set)
            if commits.count == Self.portion { state.withLock { $0.channels[set]?.readAgain = true } }
        }
        if hasGaps { await refreshConflicts(set) }
    }

    /// The place to read on from; nil: there is nothing more to read.
    private func beginReading(_ set: String) -> Int64? {
        state.withLock { state in
            guard let channel = state.channels[set], channel.readAgain else {
                state.channels[set]?.isReading = false
                return nil
            }
            state.channels[set]?.readAgain = false
            return channel.last
        }
    }

    /// Places without a commit are those of conflicts, which other hubs don't tell.
    private func refreshConflicts(_ set: String) async {
        guard let found = try? await store.conflicts(of: set) else { return }
        let known = Dictionary(found.map { ($0.id, $0.hashValue) }) { first, _ in first }
        change(set) { channel in
            let before = channel.conflicts ?? [:]
            for id in Set(known.keys).union(before.keys).sorted() where known[id] != before[id] {
                append(.conflict(id: id, place: channel.last), to: &channel)
            }
            channel.conflicts = known
        }
    }

    private func absorb(_ commits: [Commit], in set: String) {
        guard !commits.isEmpty else { return }
        change(set) { channel in
            for var commit in commits where commit.place > channel.last {
                channel.last = commit.place
                if commit.delta.count > limits.largestEventDelta { commit.delta = [] }
                append(.commit(commit), to: &channel)
            }
        }
    }

    private func append(_ event: HubEvent, to channel: inout Channel) {
        channel.events.append(event)
        channel.bytes += event.bytes
        guard channel.events.count > limits.rememberedEvents || channel.bytes > limits.rememberedEventBytes
        else {
            return
        }
        // A quarter goes at once, so that moving the rest costs little per event.
        let gone = max(1, channel.events.count / 4)
        for event in channel.events.prefix(gone) {
            channel.bytes -= event.bytes
            channel.base = max(channel.base, event.place ?? 0)
        }
        channel.events.removeFirst(gone)
        channel.first += gone
    }

    private func change(_ set: String, _ body: (inout Channel) -> Void) {
        let woken: [CheckedContinuation<Waking, any Error>] = state.withLock { state in
            guard var channel = state.channels.removeValue(forKey: set) else { return [] }
            let end = channel.end
            body(&channel)
            let isChanged = channel.end != end
            state.channels[set] = channel
            guard isChanged, let waiters = state.waitersOfSets.removeValue(forKey: set) else { return [] }
            return waiters.compactMap { state.waiters.removeValue(forKey: $0)?.continuation }
        }
        for continuation in woken { continuation.resume(returning: .something) }
    }

    // MARK: Who reads

    enum Reading: Sendable {
        /// The events after a number, and the number after them.
        case events([HubEvent], next: Int)
        /// What came after it is forgotten; the newest place, and the number after it.
        case forgotten(place: Int64, next: Int)
    }

    /// Begins to follow a set.
    func open(_ set: String) async throws {
        guard state.withLock({ $0.channels[set] == nil }) else { return }
        let (place, _) = try await store.heads(of: set)
        state.withLock { state in
            guard state.channels[set] == nil else { return }
            if state.channels.count >= Self.mostChannels {
                state.channels = state.channels.filter { state.waitersOfSets[$0.key] != nil }
            }
            state.channels[set] = Channel(base: place, last: place)
        }
        // What was added since its place was read, and told before there was anyone to hear.
        await refresh(set)
    }

    /// Reads what was missed, for whoever waited long.
    func lookAgain(_ set: String) async { await refresh(set, isForeign: true) }

    /// Where to read on from a place.
    enum Beginning: Sendable {
        case at(Int)
        /// The channel begins later; the number at which it does, and its place there.
        case earlier(next: Int, place: Int64)
        /// There is no such place.
        case unknown(next: Int, place: Int64)
    }

    func beginning(after place: Int64, in set: String) -> Beginning? {
        state.withLock { state in
            guard let channel = state.channels[set] else { return nil }
            if place > channel.last { return .unknown(next: channel.end, place: channel.last) }
            if place < channel.base { return .earlier(next: channel.first, place: channel.base) }
            let index = channel.events.firstIndex { $0.place ?? 0 > place } ?? channel.events.count
            return .at(channel.first + index)
        }
    }

    /// Nil: the set is not followed any more, as after a restart.
    func read(from number: Int, in set: String) -> Reading? {
        state.withLock { state in
            guard let channel = state.channels[set], number <= channel.end else { return nil }
            guard number >= channel.first else { return .forgotten(place: channel.last, next: channel.end) }
            return .events(Array(channel.events[(number - channel.first)...]), next: channel.end)
        }
    }

    func wait(from number: Int, in set: String, until deadline: Duration) async throws -> Waking {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let now: Result<Waking, any Error>? = state.withLock { state in
                    if state.isClosed { return .failure(Self.closed) }
                    // The handler below comes before this or finds the waiter.
                    if Task.isCancelled { return .failure(CancellationError()) }
                    guard let channel = state.channels[set], channel.end == number else {
                        return .success(.something)
                    }
                    state.waiters[id] = Waiter(set: set, continuation: continuation, deadline: deadline)
                    state.waitersOfSets[set, default: []].insert(id)
                    setAlarm(deadline, in: &state)
                    return nil
                }
                if let now { continuation.resume(with: now) }
            }
        } onCancel: {
            let waiter = state.withLock { Self.remove(id, from: &$0) }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }

    private static func remove(_ id: Int, from state: inout State) -> Waiter? {
        guard let waiter = state.waiters.removeValue(forKey: id) else { return nil }
        state.waitersOfSets[waiter.set]?.remove(id)
        if state.waitersOfSets[waiter.set]?.isEmpty == true { state.waitersOfSets[waiter.set] = nil }
        return waiter
    }

    var waiting: Int { state.withLock(\.waiters.count) }

    // MARK: Deadlines

    /// One task for all deadlines: a thousand waiting clients are a thousand entries and no more.
    private func setAlarm(_ deadline: Duration, in state: inout State) {
        if let alarm = state.alarm {
            guard deadline < alarm.at else { return }
            alarm.task.cancel()
        }
        let wait = max(.zero, deadline - clock.uptime())
        let sleep = clock.sleep
        state.alarm = (
            deadline,
            Task { [weak self] in
                do { try await sleep(wait) } catch { return }
                self?.ring(deadline)
            }
        )
    }

    private func ring(_ deadline: Duration) {
        let late: [Waiter] = state.withLock { state in
            guard state.alarm?.at == deadline else { return [] }
            state.alarm = nil
            // Those whose time comes at about the same time go together.
            let now = max(clock.uptime(), deadline)
            let late = state.waiters.filter { $0.value.deadline <= now }.keys
                .compactMap { Self.remove($0, from: &state) }
            if let next = state.waiters.values.map(\.deadline).min() { setAlarm(next, in: &state) }
            return late
        }
        for waiter in late { waiter.continuation.resume(returning: .timeout) }
    }
}

extension HubEvent {
    /// What it takes in memory, about.
    var bytes: Int {
        if case .commit(let commit) = self { commit.delta.count + 256 } else { 64 }
    }
}
