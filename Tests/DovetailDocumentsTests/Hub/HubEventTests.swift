import Dovetail
import DovetailDocuments
import Testing

@Suite("What the hub tells of")
struct HubEventTests {
    private func collect(_ count: Int, _ stream: AsyncThrowingStream<HubEvent, any Error>) async throws
        -> [HubEvent]
    {
        var events: [HubEvent] = []
        for try await event in stream {
            if event == .alive { continue }
            events.append(event)
            if events.count == count { break }
        }
        return events
    }

    @Test("a commit, to clients that do nothing (A01)")
    func idleClient() async throws {
        let world = HubWorld()
        let listing = try await world.client().documents()
        let waiting = Task {
            try await world.client("ben").changes(
                after: listing.place, epoch: listing.epoch, waiting: .seconds(30))
        }
        let stream = world.client("cleo").events(after: listing.place, epoch: listing.epoch)
        let streaming = Task { try await collect(1, stream) }
        try await Task.sleep(for: .milliseconds(20))
        try await world.client("anna").save(fiveLines)
        for events in [try await waiting.value, try await streaming.value] {
            guard case .commit(let commit)? = events.first else {
                Issue.record("a commit was made: \(events)")
                return
            }
            #expect(commit.author == "anna")
            #expect(!commit.delta.isEmpty)
        }
    }

    @Test("nothing, when nothing happens")
    func silence() async throws {
        let world = HubWorld(HubSettings(heartbeatSeconds: 0.02))
        try await world.client().save("x")
        let listing = try await world.client().documents()
        #expect(
            try await world.client().changes(
                after: listing.place, epoch: listing.epoch, waiting: .milliseconds(10))
                == [])
        var stream = world.client().events(after: listing.place, epoch: listing.epoch).makeAsyncIterator()
        #expect(try await stream.next() == .alive)
    }

    @Test("what a client missed, without gap and without repetition (F13)")
    func resume() async throws {
        let world = HubWorld()
        let start = try await world.client().documents()
        for number in 1...45 { try await world.client().save("\(number)") }
        let places = await world.store.commits(of: HubWorld.set, after: 0, limit: 100).map(\.place)
        let stream = world.client().events(after: places[40], epoch: start.epoch)
        #expect(try await collect(4, stream).map(\.sequence) == [42, 43, 44, 45])
        // A hub that was started meanwhile remembers nothing itself.
        let hub = DocumentHub(store: world.store).access(to: HubWorld.set, as: "b", mayWrite: false)
        let again = hub.events(after: places[40], epoch: start.epoch)
        #expect(try await collect(4, again).map(\.sequence) == [42, 43, 44, 45])
    }

    @Test("the last of many commits of a document")
    func many() async throws {
        let world = HubWorld()
        let start = try await world.client().documents()
        _ = try await world.client().changes(after: 0, epoch: start.epoch, waiting: .zero)
        for number in 1...50 { try await world.client().save("\(number)") }
        let events = try await world.client().changes(after: 0, epoch: start.epoch, waiting: .zero)
        #expect(events.map(\.sequence) == [50])
    }

    @Test("all of it to everyone else, where one is too slow; that one begins anew (F12)")
    func slowReader() async throws {
        var settings = HubSettings()
        settings.limits.rememberedEvents = 20
        let world = HubWorld(settings)
        let start = try await world.client().documents()
        var slow = world.client("slow").events(after: 0, epoch: start.epoch).makeAsyncIterator()
        try await world.client().save("0")
        #expect(try await slow.next()?.sequence == 1)
        let reader = Task {
            try await collect(100, world.client("quick").events(after: 1, epoch: start.epoch))
        }
        for number in 1...100 {
            try await world.client().save("\(number)")
            await Task.yield()
            try await Task.sleep(for: .milliseconds(1))
        }
        let quick = try await reader.value
        #expect(quick.map(\.sequence) == Array(2...101))
        let place = try await world.client().documents().place
        #expect(try await slow.next() == .restart(epoch: start.epoch, place: place))
        try await world.client().save("on")
        #expect(try await slow.next()?.sequence == 102)
    }

    @Test("that it is another one, to a client that knew another one")
    func restart() async throws {
        let world = HubWorld()
        try await world.client().save("x")
        let listing = try await world.client().documents()
        #expect(
            try await world.client().changes(after: 1, epoch: listing.epoch &+ 1, waiting: .seconds(9))
                == [.restart(epoch: listing.epoch, place: listing.place)])
        // A place that the store does not have yet: an older store in its place.
        #expect(
            try await world.client().changes(after: 99, epoch: listing.epoch, waiting: .seconds(9))
                == [.restart(epoch: listing.epoch, place: listing.place)])
        var stream = world.client().events(after: listing.place, epoch: listing.epoch).makeAsyncIterator()
        let waiting = Task {
            let event = try await stream.next()
            return event
        }
        try await Task.sleep(for: .milliseconds(20))
        try await world.hub.renewEpoch()
        let renewed = try await world.client().documents()
        #expect(try await waiting.value == .restart(epoch: renewed.epoch, place: renewed.place))
    }

    @Test("that another hub on the store was told of a backup, to those who wait here")
    func restartElsewhere() async throws {
        let world = HubWorld(HubSettings(heartbeatSeconds: 0.05))
        try await world.client().save("x")
        let listing = try await world.client().documents()
        var stream = world.client().events(after: listing.place, epoch: listing.epoch).makeAsyncIterator()
        #expect(try await stream.next() == .alive)
        try await DocumentHub(store: world.store).renewEpoch()
        let renewed = try await world.client().documents()
        #expect(renewed.epoch != listing.epoch)
        #expect(try await stream.next() == .restart(epoch: renewed.epoch, place: renewed.place))
    }

    @Test("of large commits only that they are there")
    func largeDelta() async throws {
        let world = HubWorld()
        let start = try await world.client().documents()
        _ = try await world.client().changes(after: 0, epoch: start.epoch, waiting: .zero)
        try await world.client().save(String(repeating: "x", count: 100_000))
        let events = try await world.client().changes(after: 0, epoch: start.epoch, waiting: .seconds(9))
        guard case .commit(let commit)? = events.first else {
            Issue.record("a commit was made")
            return
        }
        #expect(commit.delta.isEmpty)
        #expect(commit.size == 100_000)
    }

    @Test("ends for those who leave, and for all when the hub closes")
    func ends() async throws {
        let world = HubWorld()
        let listing = try await world.client().documents()
        let left = Task {
            try await world.client().changes(after: 0, epoch: listing.epoch, waiting: .seconds(60))
        }
        let stays = Task {
            try await world.client().changes(after: 0, epoch: listing.epoch, waiting: .seconds(60))
        }
        try await Task.sleep(for: .milliseconds(20))
        left.cancel()
        await #expect(throws: CancellationError.self) { try await left.value }
        await world.hub.close()
        #expect(await kind { _ = try await stays.value } == .unavailable)
    }
}

extension HubEvent {
    /// Of a commit; else 0.
    var sequence: Int64 { if case .commit(let commit) = self { commit.sequence } else { 0 } }
}
