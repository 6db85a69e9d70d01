import Dovetail
import DovetailDocuments
import DovetailHub
import DovetailTestHub
import Foundation
import Synchronization
import Testing

/// A server and clients that reach it over the network of this machine.
@Suite(.timeLimit(.minutes(2))) struct ServerTests {
    static let name = DocumentName.known("notes/today.txt")

    static func draft(
        _ hub: MemoryHub, _ old: [UInt8]?, _ new: [UInt8]?, after sequence: Int64, epoch: UInt64? = nil
    ) -> CommitDraft {
        var generator = SystemRandomNumberGenerator()
        return CommitDraft(
            document: name, parent: LogPosition(epoch: epoch ?? hub.epoch, sequence: sequence),
            parentHash: old.map { TextHash(of: $0) }, result: new.map { TextHash(of: $0) },
            delta: new.map { TextDelta(from: old ?? [], to: $0).encoded() } ?? [],
            key: .random(using: &generator))
    }

    private func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func kind(of work: () async throws -> some Any) async -> HubError.Kind? {
        do {
            _ = try await work()
            return nil
        } catch { return (error as? HubError)?.kind }
    }

    // MARK: The hub, from afar

    @Test func aHubAnswersTheSameOverHTTP() async throws {
        try await RunningServer.with { server async throws in
            let (near, far) = (server.hub().access(), try server.client())
            let name = Self.name
            #expect(
                try await far.documents() == SetListing(epoch: server.hub().epoch, place: 0, documents: []))
            let first = Self.draft(server.hub(), nil, text("a\n"), after: 0)
            guard case .committed(1, 1, let time) = try await far.push(first) else {
                Issue.record("not committed")
                return
            }
            // The same again is answered as it was the first time.
            #expect(try await far.push(first) == .committed(sequence: 1, place: 1, time: time))
            // Someone else's text in between comes back with the answer.
            let late = Self.draft(server.hub(), nil, text("b\n"), after: 0)
            #expect(try await far.push(late) == .stale(try await log(near, after: 0)))
            let foreign = Self.draft(server.hub(), nil, text("b\n"), after: 0, epoch: 1)
            #expect(try await far.push(foreign) == .gone(try await near.text(of: name, at: nil)))
            try await server.hub().write(text("a\nb\n"), to: name)
            try await server.hub().write(nil, to: name)
            for sequence in [1, 2, 3, nil] as [Int64?] {
                #expect(try await far.text(of: name, at: sequence) == near.text(of: name, at: sequence))
            }
            let epoch = server.hub().epoch
            for place in [0, 1, 3] as [Int64] {
                let position = LogPosition(epoch: epoch, sequence: place)
                #expect(
                    try await far.commits(of: name, after: position, limit: 2)
                        == near.commits(of: name, after: position, limit: 2))
            }
            let elsewhere = LogPosition(epoch: 5, sequence: 1)
            #expect(
                try await far.commits(of: name, after: elsewhere, limit: 2)
                    == near.commits(of: name, after: elsewhere, limit: 2))
            #expect(
                try await far.log(of: name, before: 3, limit: 5) == near.log(of: name, before: 3, limit: 5))
            #expect(try await far.documents() == near.documents())
            await far.close()
        }
    }

    private func log(_ hub: any Hub, after sequence: Int64) async throws -> [Commit] {
        let position = LogPosition(epoch: MemoryHub().epoch, sequence: sequence)
        guard case .commits(let commits) = try await hub.commits(of: Self.name, after: position, limit: 10)
        else { return [] }
        return commits
    }

    @Test func textsOfAnyBytesAndLargeOnesArrive() async throws {
        try await RunningServer.with { server async throws in
            let far = try server.client()
            var random = SystemRandomNumberGenerator()
            let noise = (0..<300_000).map { _ in UInt8.random(in: 0...255, using: &random) }
            var old: [UInt8]?
            for (sequence, new) in [
                [], [0, 255, 13, 10, 0x80], noise, [UInt8](repeating: 10, count: 5 << 20),
            ]
            .enumerated() {
                let draft = Self.draft(server.hub(), old, new, after: Int64(sequence))
                guard case .committed = try await far.push(draft) else {
                    Issue.record("\(sequence) was not committed")
                    return
                }
                #expect(try await far.text(of: Self.name, at: nil).text == new)
                old = new
            }
            await far.close()
        }
    }

    @Test func conflictsAreShownDecidedAndForgotten() async throws {
        try await RunningServer.with { server async throws in
            let far = try server.client()
            let conflict = DocumentConflict(
                id: "c/1 ü", document: Self.name, client: "anna", base: nil, mine: [0xff, 0],
                theirs: text("x"),
                position: LogPosition(epoch: .max, sequence: 3), time: 1_700_000_000_000_000)
            try await far.report(conflict)
            #expect(try await far.conflicts() == [conflict])
            for resolution in [.mine, .theirs, .both, .text([0xfe, 10])] as [DocumentConflict.Resolution] {
                try await far.resolve(conflict.id, as: resolution)
                #expect(try await far.conflicts().map(\.resolution) == [resolution])
            }
            try await far.settle(conflict.id)
            #expect(try await far.conflicts() == [])
            #expect(await kind { try await far.resolve("nothing", as: .mine) } == .notFound)
            await far.close()
        }
    }

    // MARK: News

    @Test func newsComeAtOnceAndGoOnWhereTheyBrokeOff() async throws {
        try await RunningServer.with { server async throws in
            let (hub, far) = (server.hub(), try server.client())
            var seen: [Int64] = []
            try await hub.write(text("0\n"), to: Self.name)
            for round in 0..<3 {
                // Each stream is dropped after two commits, and the next one begins at the last place.
                for try await event in far.events(after: seen.last ?? 0, epoch: hub.epoch) {
                    guard case .commit(let commit) = event else {
                        #expect(event == .alive)
                        if seen.count % 2 == round % 2 {
                            try await hub.write(text("\(seen)\n"), to: Self.name)
                        }
                        continue
                    }
                    #expect(!commit.delta.isEmpty)
                    seen.append(commit.place)
                    if seen.count == 2 * (round + 1) { break }
                    try await hub.write(text("\(seen)\n"), to: Self.name)
                }
            }
            #expect(seen == Array(1...6))
            await far.close()
        }
    }

    @Test func whoKnowsAnotherEpochIsToldToBeginAnew() async throws {
        try await RunningServer.with { server async throws in
            let far = try server.client()
            let events = far.events(after: 9, epoch: 1)
            let first = try await events.first { $0 != .alive }
            #expect(first == .restart(epoch: server.hub().epoch, place: 0))
            #expect(
                try await far.changes(after: 9, epoch: 1, waiting: .seconds(5))
                    == [.restart(epoch: server.hub().epoch, place: 0)])
            await far.close()
        }
    }

    @Test func aPollWaitsUntilSomethingHappens() async throws {
        try await RunningServer.with { server async throws in
            let (hub, far) = (server.hub(), try server.client())
            #expect(try await far.changes(after: 0, epoch: hub.epoch, waiting: .zero) == [])
            async let news = far.changes(after: 0, epoch: hub.epoch, waiting: .seconds(30))
            try await until { hub.listeners > 0 }
            try await hub.write(text("x"), to: Self.name)
            #expect(try await news.count == 1)
            await far.close()
        }
    }

    @Test func aClientThatGoesAwayIsForgotten() async throws {
        try await RunningServer.with { server async throws in
            let (hub, far) = (server.hub(), try server.client())
            let task = Task {
                for try await _ in far.events(after: 0, epoch: hub.epoch) {}
            }
            try await until { hub.listeners == 1 }
            task.cancel()
            try await until { hub.listeners == 0 }
            let poll = Task { try await far.changes(after: 0, epoch: hub.epoch, waiting: .seconds(50)) }
            try await until { hub.listeners == 1 }
            poll.cancel()
            try await until { hub.listeners == 0 }
            await far.close()
        }
    }

    @Test func anIdleClientGetsSignsOfLife() async throws {
        var limits = ServerLimits()
        limits.heartbeat = .milliseconds(50)
        try await RunningServer.with(limits: limits) { server async throws in
            let far = try server.client()
            var beats = 0
            for try await event in far.events(after: 0, epoch: server.hub().epoch) {
                #expect(event == .alive)
                beats += 1
                if beats == 4 { break }
            }
            #expect(beats == 4)
            await far.close()
        }
    }

    @Test func aServerThatStopsEndsTheStreamsAndLetsGoOfItsPort() async throws {
        let port = try await RunningServer.with { server async throws in
            let (hub, far) = (server.hub(), try server.client())
            async let events: Int = far.events(after: 0, epoch: hub.epoch).reduce(0) { count, _ in count + 1 }
            try await until { hub.listeners == 1 }
            await server.stop()
            _ = try? await events
            await far.close()
            return server.port
        }
        let far = try HTTPHub(HubAddress("http://127.0.0.1:\(port)/notes"), token: "write")
        #expect(await kind { try await far.documents() } == .unavailable)
        await far.close()
    }

    // MARK: Who may

    @Test func onlyWhoHasATokenForItMay() async throws {
        try await RunningServer.with { server async throws in
            func kind(_ token: String, _ set: String = "notes", writes: Bool = false) async throws
                -> HubError.Kind?
            {
                let client = try server.client(set, token: token)
                let kind = await self.kind {
                    if writes { try await client.settle("x") } else { _ = try await client.documents() }
                }
                await client.close()
                return kind
            }
            #expect(try await kind("wrong") == .unauthorized)
            #expect(try await kind("gone") == .unauthorized)
            #expect(try await kind("other") == .forbidden)
            #expect(try await kind("other", "other") == nil)
            #expect(try await kind("read") == nil)
            #expect(try await kind("read", writes: true) == .forbidden)
            #expect(try await kind("write", writes: true) == nil)
            server.tokens.withLock { $0["write"]?.revoked = 1 }
            #expect(try await kind("write") == .unauthorized)
        }
    }

    @Test func aRevokedTokenEndsAStreamBeforeItSaysMore() async throws {
        var limits = ServerLimits()
        // It is not the look now and then that ends it.
        limits.trust = .seconds(3600)
        try await RunningServer.with(limits: limits) { server async throws in
            let (hub, far) = (server.hub(), try server.client())
            let error = await #expect(throws: HubError.self) {
                for try await event in far.events(after: 0, epoch: hub.epoch) {
                    #expect(event == .alive)
                    server.tokens.withLock { $0["write"]?.revoked = 1 }
                    try await hub.write(text("secret\n"), to: Self.name)
                }
            }
            #expect(error?.kind == .unauthorized)
            await far.close()
        }
    }

    @Test func aRevokedTokenEndsAPollWithoutAWordOfWhatHappened() async throws {
        var limits = ServerLimits()
        limits.trust = .seconds(3600)
        try await RunningServer.with(limits: limits) { server async throws in
            let (hub, far) = (server.hub(), try server.client())
            let answer = Task { try await far.changes(after: 0, epoch: hub.epoch, waiting: .seconds(30)) }
            try await until { hub.listeners == 1 }
            server.tokens.withLock { $0["write"]?.revoked = 1 }
            try await hub.write(text("secret\n"), to: Self.name)
            let error = await #expect(throws: HubError.self) { _ = try await answer.value }
            #expect(error?.kind == .unauthorized)
            await far.close()
        }
    }

    @Test func whoWaitsInSilenceIsSentAwaySoonAfterTheTokenIsRevoked() async throws {
        try await RunningServer.with { server async throws in
            let (hub, far) = (server.hub(), try server.client())
            let (bert, carl) = (try server.client(token: "read"), try server.client("other", token: "other"))
            let answer = Task { try await far.changes(after: 0, epoch: hub.epoch, waiting: .seconds(50)) }
            async let others = carl.changes(
                after: 0, epoch: server.hub("other").epoch, waiting: .seconds(4))
            let events = bert.events(after: 0, epoch: hub.epoch)
            let stream = Task { for try await event in events { #expect(event == .alive) } }
            try await until { hub.listeners == 2 }
            let start = ContinuousClock.now
            server.tokens.withLock { tokens in
                for name in ["write", "read"] { tokens[name]?.revoked = 1 }
            }
            let first = await #expect(throws: HubError.self) { _ = try await answer.value }
            let second = await #expect(throws: HubError.self) { try await stream.value }
            #expect(first?.kind == .unauthorized && second?.kind == .unauthorized)
            #expect(start.duration(to: .now) < .seconds(20))
            // Who has another token goes on waiting.
            #expect(try await others.isEmpty)
            for client in [far, bert, carl] { await client.close() }
        }
    }

    @Test func aTokenStandsInNoMessage() async throws {
        let far = try HTTPHub(HubAddress("http://127.0.0.1:1/notes"), token: "hush-hush")
        do { _ = try await far.documents() } catch { #expect(!"\(error)".contains("hush")) }
        #expect(!far.name.contains("hush"))
        await far.close()
    }

    // MARK: Limits

    @Test func whoAsksTooOftenHasToWait() async throws {
        var limits = ServerLimits()
        limits.rate = .init(perSecond: 0.001, burst: 3)
        limits.strangers = .init(perSecond: 0.001, burst: 2)
        try await RunningServer.with(limits: limits) { server async throws in
            let far = try server.client()
            for _ in 0..<3 { _ = try await far.documents() }
            let error = await #expect(throws: HubError.self) { _ = try await far.documents() }
            #expect(error?.kind == .busy)
            #expect(try #require(error?.retryAfter) > .seconds(900))
            let stranger = try server.client(token: "wrong")
            for _ in 0..<2 { #expect(await kind { try await stranger.documents() } == .unauthorized) }
            #expect(await kind { try await stranger.documents() } == .busy)
            await far.close()
            await stranger.close()
        }
    }

    @Test func whatIsTooLargeIsRefusedBeforeItIsRead() async throws {
        var limits = ServerLimits()
        limits.largestText = 1 << 16
        try await RunningServer.with(limits: limits) { server async throws in
            let far = try server.client()
            var random = SystemRandomNumberGenerator()
            let noise = (0..<200_000).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(
                await kind { try await far.push(Self.draft(server.hub(), nil, noise, after: 0)) } == .tooLarge
            )
            // Small on the way, and large when unpacked.
            let bomb = [UInt8](repeating: 7, count: 8 << 20)
            #expect(
                await kind { try await far.push(Self.draft(server.hub(), nil, bomb, after: 0)) } == .tooLarge)
            for (text, size) in [(noise, 200_000), (bomb, 8 << 20)] {
                let refused = await #expect(throws: HubError.self) {
                    _ = try await far.push(Self.draft(server.hub(), nil, text, after: 0))
                }
                let message = try #require(refused?.message)
                #expect(
                    message.contains("this hub takes texts of 65536 bytes; divide it"), "\(size): \(message)")
            }
            let raw = try await RawConnection.open(port: server.port)
            let head =
                "POST /v1/notes HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer write\r\nContent-Length: 99999999999\r\n\r\n"
            let answer = try await raw.exchange(text(head)) { !$0.isEmpty }
            #expect(String(decoding: answer.answer, as: UTF8.self).hasPrefix("HTTP/1.1 413 "))
            #expect(try await far.documents().documents.isEmpty)
            await far.close()
        }
    }

    @Test func aTextOfTheLargestSizeFitsAndSoDoesAConflictOfThree() async throws {
        var limits = ServerLimits()
        limits.largestText = 1 << 16
        limits.bytesInFlight = 1
        try await RunningServer.with(limits: limits) { server async throws in
            let far = try server.client()
            var random = SystemRandomNumberGenerator()
            let noise = (0..<1 << 16).map { _ in UInt8.random(in: 0...255, using: &random) }
            guard case .committed = try await far.push(Self.draft(server.hub(), nil, noise, after: 0)) else {
                Issue.record("not committed")
                return
            }
            let conflict = DocumentConflict(
                id: "c", document: Self.name, client: "anna", base: noise, mine: noise, theirs: noise,
                position: LogPosition(epoch: 1, sequence: 1), time: 1)
            try await far.report(conflict)
            #expect(try await far.conflicts() == [conflict])
            await far.close()
        }
    }

    @Test func whatAHubRefusesArrivesAsItWasSaid() async throws {
        try await RunningServer.with { server async throws in
            let far = try server.client()
            for kind in [
                .unauthorized, .forbidden, .notFound, .pruned, .invalid, .refused, .tooLarge, .busy,
                .unavailable, .damaged,
            ] as [HubError.Kind] {
                let error = HubError(
                    kind, "“\(kind)”, says the hub", retryAfter: kind == .busy ? .seconds(7) : nil)
                server.hub().fail(error)
                let whole = await #expect(throws: HubError.self) { _ = try await far.documents() }
                #expect(whole == error)
                let streamed = await #expect(throws: HubError.self) {
                    for try await event in far.events(after: 0, epoch: 1) { #expect(event == .alive) }
                }
                #expect(streamed?.kind == kind)
            }
            await far.close()
        }
    }

    @Test func aClientThatTakesNothingIsDropped() async throws {
        var limits = ServerLimits()
        limits.slowness = .milliseconds(300)
        try await RunningServer.with(limits: limits) { server async throws in
            let noise = (0..<(1 << 16)).map { _ in UInt8.random(in: 0...255) }
            try await server.hub().write(
                Array([[UInt8]](repeating: noise, count: 256).joined()), to: Self.name)
            let raw = try await RawConnection.open(port: server.port)
            let request =
                "GET /v1/notes/text?d=notes%2Ftoday.txt HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer write\r\n\r\n"
            #expect(try await raw.isDropped(afterSending: text(request), seconds: 40))
            // Others are served meanwhile and afterwards.
            let far = try server.client()
            #expect(try await far.documents().documents.count == 1)
            await far.close()
        }
    }

    @Test(arguments: [
        "", "GET /v1/no", "GET /v1/notes HTTP/1.1\r\nHost: h\r\n",
        "POST /v1/notes HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer write\r\nContent-Length: 100\r\n\r\nabc",
    ]) func aRequestThatNeverEndsIsDropped(_ beginning: String) async throws {
        var limits = ServerLimits()
        limits.arrival = .milliseconds(400)
        limits.idleness = .milliseconds(400)
        try await RunningServer.with(limits: limits) { server async throws in
            let raw = try await RawConnection.open(port: server.port)
            let answer = try await raw.exchange(text(beginning))
            #expect(answer.isClosed)
        }
    }

    @Test func aPortInUseIsSaidSo() async throws {
        try await RunningServer.with { server async throws in
            let error = await #expect(throws: HubError.self) {
                try await RunningServer.with(settings: ServerSettings(port: server.port)) { _ in }
            }
            #expect(error?.message.contains("\(server.port)") == true)
        }
    }

    @Test func answersSayNothingOfTheServer() async throws {
        try await RunningServer.with { server async throws in
            let raw = try await RawConnection.open(port: server.port)
            let answer = try await raw.exchange(
                text("GET /v1/notes HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer write\r\n\r\n")
            ) { $0.last == UInt8(ascii: "}") }
            let head = String(decoding: answer.answer, as: UTF8.self).prefix { $0 != "{" }
            #expect(head == "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 53\r\n\r\n")
        }
    }
}

/// Waits for something that has to come.
func until(_ isTrue: () throws -> Bool) async throws {
    for _ in 0..<3000 {
        if try isTrue() { return }
        try await Task.sleep(for: .milliseconds(25))
    }
    Issue.record("waited in vain")
}
