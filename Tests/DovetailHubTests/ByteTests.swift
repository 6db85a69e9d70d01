import Dovetail
import DovetailDocuments
import DovetailHub
import DovetailTestHub
import Foundation
import Synchronization
import Testing

/// How many bytes pass, both ways, counted by a proxy between client and server.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ByteTests {
    /// 15,000 lines of 1 MB, as a log has them: what travels depends on the edits, not on the text.
    private static let base: [[UInt8]] = {
        var made = NumberSource(state: 11)
        return (0..<15_000).map { line in
            Array(
                "\(line) \(String(made.next(), radix: 36)) \(String(made.next(), radix: 36)) kept and found again, in its place\n"
                    .utf8)
        }
    }()

    private struct NumberSource {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state
        }
    }

    /// Counts what a warm connection carries while `work` is done.
    private static func measured(
        _ work: @Sendable (RunningServer, HTTPHub, CountingProxy) async throws -> Void
    ) async throws {
        try await RunningServer.with { server async throws in
            let proxy = CountingProxy()
            let port = try await proxy.start(to: server.port)
            // Tokens are as long as real ones.
            let token = String(repeating: "k", count: 43)
            server.tokens.withLock { $0[token] = $0["write"] }
            let client = try server.client(token: token, port: port)
            _ = try await client.documents()
            _ = proxy.take()
            try await work(server, client, proxy)
            await client.close()
            try await proxy.stop()
        }
    }

    @Test func aPushOfOneLineTakesFewBytes() async throws {
        try await Self.measured { server, client, proxy in
            let old = Array(Self.base.joined())
            let new =
                old
                + Array(
                    "2026-11-21 18:56:28 a line of some seventy bytes that is appended, as logs\n".utf8
                        .prefix(68))
            try await server.hub().write(old, to: ServerTests.name)
            _ = try await client.push(ServerTests.draft(server.hub(), old, new, after: 1))
            let text = proxy.transcript
            let (up, down) = proxy.take()
            print("push of a line: \(up) + \(down) = \(up + down) B\n\(text.prefix(200))")
            #expect(up + down <= 400)
        }
    }

    @Test func aPushOf100EditsTakesFewBytes() async throws {
        try await Self.measured { server, client, proxy in
            var lines = Self.base
            var made = NumberSource(state: 5)
            for edit in 0..<100 {
                let place = (edit * 1_499 + 701) % lines.count
                lines[place] = Array(
                    "\(place) \(String(made.next(), radix: 36)) \(String(made.next(), radix: 36)) edited here, which is new in this version\n"
                        .utf8)
            }
            let (old, new) = (Array(Self.base.joined()), Array(lines.joined()))
            try await server.hub().write(old, to: ServerTests.name)
            let draft = ServerTests.draft(server.hub(), old, new, after: 1)
            _ = try await client.push(draft)
            let (up, down) = proxy.take()
            print("push of 100 edits: \(up) + \(down) = \(up + down) B; delta \(draft.delta.count) B")
            #expect(up + down <= 4_900)
        }
    }

    @Test func aNotifiedPullTakesFewBytesAndNoRequest() async throws {
        try await Self.measured { server, client, proxy in
            let old = Array(Self.base.joined())
            try await server.hub().write(old, to: ServerTests.name)
            for try await event in client.events(after: 1, epoch: server.hub().epoch) {
                switch event {
                case .alive:
                    _ = proxy.take()
                    let line = "2026-11-21 18:56:28 a line of some seventy bytes that is appended, as logs\n"
                    try await server.hub().write(old + Array(line.utf8.prefix(68)), to: ServerTests.name)
                case .commit(let commit):
                    let (up, down) = proxy.take()
                    print("notified pull: \(up) + \(down) = \(up + down) B")
                    #expect(!commit.delta.isEmpty)
                    #expect(up == 0)
                    #expect(down <= 400)
                    return
                case .conflict, .restart: Issue.record("\(event)")
                }
            }
        }
    }

    @Test func anIdleClientCostsNextToNothing() async throws {
        // Time is shortened: a minute has two heartbeats and a bit.
        #expect(ServerLimits().heartbeat >= .seconds(25))
        var limits = ServerLimits()
        limits.heartbeat = .milliseconds(280)
        try await RunningServer.with(limits: limits) { server async throws in
            let proxy = CountingProxy()
            let client = try server.client(port: try await proxy.start(to: server.port))
            var beats = 0
            for try await _ in client.events(after: 0, epoch: server.hub().epoch) {
                if beats == 0 { _ = proxy.take() }
                beats += 1
                if beats == 4 { break }
            }
            let (up, down) = proxy.take()
            print("three heartbeats: \(up) + \(down) B")
            #expect(up + down <= 100)
            await client.close()
            try await proxy.stop()
        }
    }
}
