import DovetailDocuments
import DovetailHub
import DovetailTestHub
import Foundation
import Testing

/// Requests that no client of ours sends.
@Suite(.timeLimit(.minutes(3))) struct EndpointFuzzTests {
    private static let statuses = [
        200, 201, 204, 400, 401, 403, 404, 405, 409, 410, 413, 414, 422, 429, 431, 503,
    ]

    /// The status of an answer's first line.
    private static func status(_ answer: [UInt8]) -> Int? {
        let words = String(decoding: answer.prefix(40), as: UTF8.self).split(separator: " ")
        return words.first == "HTTP/1.1" && words.count > 2 ? Int(words[1]) : nil
    }

    private static func ask(
        _ server: RunningServer, _ method: String, _ target: String,
        headers: String = "Authorization: Bearer write\r\n",
        body: [UInt8] = []
    ) async throws -> Int? {
        let head =
            "\(method) \(target) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\(headers)"
            + (body.isEmpty ? "" : "Content-Length: \(body.count)\r\n") + "\r\n"
        let raw = try await RawConnection.open(port: server.port)
        return Self.status(
            try await raw.exchange(Array(head.utf8) + body) { Self.status($0) != nil }.answer)
    }

    @Test(arguments: [
        ("GET", "/v1", 404), ("GET", "/v1/", 404), ("GET", "/v1/..", 404), ("GET", "/v1/%2e%2e", 404),
        ("GET", "/v1/a%2fb", 404), ("GET", "/v1/a%00", 404), ("GET", "/v2/notes", 404),
        ("GET", "/etc/passwd", 404),
        ("GET", "/../../etc/passwd", 404), ("GET", "/hub.js/..", 404), ("POST", "/", 405),
        ("PUT", "/v1/notes", 405),
        ("HEAD", "/v1/notes", 405), ("DELETE", "/v1/notes/text?d=a", 405), ("GET", "/v1/notes/nothing", 404),
        ("GET", "/v1/notes/text", 400), ("GET", "/v1/notes/text?d=a&d=b", 400),
        ("GET", "/v1/notes/text?d=%ff", 400),
        ("GET", "/v1/notes/text?d=a&at=-1", 400), ("GET", "/v1/notes/text?d=a&at=99999999999999999999", 400),
        ("GET", "/v1/notes/text?d=a&at=9223372036854775807", 404),
        ("GET", "/v1/notes/commits?d=a&after=1", 400), ("GET", "/v1/notes/commits?d=a&after=zz.1", 400),
        ("GET", "/v1/notes/commits?d=a&after=1.9223372036854775807", 410),
        ("GET", "/v1/notes/changes?after=0", 400), ("GET", "/v1/notes/events?e=1", 400),
        ("POST", "/v1/notes", 400), ("POST", "/v1/notes/conflicts", 400),
        ("DELETE", "/v1/notes/conflicts/", 404),
        ("POST", "/v1/notes/restore?d=a&at=1&head=1.1", 400), ("GET", "/v1/notes/diff?d=a", 400),
        ("GET", "/v1/notes/log?d=a&before=x", 400), ("GET", "/hub.css", 200), ("GET", "/", 200),
    ]) func odd(_ method: String, _ target: String, _ status: Int) async throws {
        try await RunningServer.with { server async throws in
            #expect(try await Self.ask(server, method, target) == status)
        }
    }

    @Test(arguments: ["../../etc/x", "/etc/x", "a/../b", "..", ".", "a//b", "a\\b", "a\u{0}b", "", "a/."])
    func namesThatLeadElsewhereAreRefusedEverywhere(_ name: String) async throws {
        try await RunningServer.with { server async throws in
            let coded = name.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            for path in ["text?", "log?", "commits?after=1.1&", "diff?at=1&"] {
                #expect(try await Self.ask(server, "GET", "/v1/notes/\(path)d=\(coded)") == 400)
            }
            var body: [UInt8] = [3, UInt8(name.utf8.count)]
            body += Array(name.utf8) + [UInt8](repeating: 0, count: 8 + 1 + 64 + 16 + 1)
            #expect(try await Self.ask(server, "POST", "/v1/notes", body: body) == 400)
            #expect(try await server.hub().access().documents().documents.isEmpty)
        }
    }

    @Test func withoutATokenNothingIsSaid() async throws {
        try await RunningServer.with { server async throws in
            for target in [
                "/v1/notes", "/v1/notes/text?d=a", "/v1/notes/events?after=0&e=1", "/v1/notes/conflicts",
            ] {
                for headers in [
                    "", "Authorization: Bearer\r\n", "Authorization: Basic write\r\n",
                    "Authorization: Bearer  \r\n",
                ] {
                    #expect(try await Self.ask(server, "GET", target, headers: headers) == 401)
                }
            }
        }
    }

    @Test func whateverComesIsAnsweredAndTheServerGoesOn() async throws {
        var limits = ServerLimits()
        limits.largestText = 1 << 16
        limits.arrival = .milliseconds(500)
        limits.idleness = .milliseconds(500)
        limits.rate = .init(perSecond: 10_000, burst: 10_000)
        try await RunningServer.with(limits: limits) { server async throws in
            try await server.hub().write(Array("a\n".utf8), to: ServerTests.name)
            let before = try await server.hub().access().documents()
            var random = FuzzSource(state: 20_261_121)
            var answered = 0
            for _ in 0..<600 {
                let raw = try await RawConnection.open(port: server.port)
                let request = random.request()
                let answer = try await raw.exchange(request, isHalfClosed: true) { Self.status($0) != nil }
                if let status = Self.status(answer.answer) {
                    answered += 1
                    #expect(
                        Self.statuses.contains(status),
                        "\(status) for \(String(decoding: request.prefix(300), as: UTF8.self))")
                } else {
                    // Not a word, but an end.
                    #expect(answer.isClosed, "\(String(decoding: request.prefix(300), as: UTF8.self))")
                }
            }
            #expect(answered > 300)
            let after = try await server.hub().access().documents()
            #expect(after.documents == before.documents)
            let client = try server.client()
            #expect(try await client.documents() == after)
            await client.close()
        }
    }
}

/// Requests, half of them nearly right.
private struct FuzzSource {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func one<Element>(of list: [Element]) -> Element { list[Int(next() % UInt64(list.count))] }

    mutating func noise(_ most: UInt64) -> [UInt8] {
        (0..<(next() % most)).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    mutating func request() -> [UInt8] {
        let method = one(of: ["GET", "GET", "POST", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "BREW", ""])
        let path = one(of: [
            "/", "/v1/notes", "/v1/notes", "/v1/notes/text", "/v1/notes/commits", "/v1/notes/log",
            "/v1/notes/changes",
            "/v1/notes/conflicts", "/v1/notes/conflicts/a", "/v1/notes/diff", "/v1/notes/restore", "/v1/%ff",
            "//v1", "/v1/notes/../..", "*", "http://x/v1/notes",
        ])
        var query: [String] = []
        for _ in 0..<(next() % 5) {
            let name = one(of: ["d", "after", "e", "at", "before", "limit", "wait", "head", "key", ""])
            let value = one(of: [
                "notes%2Ftoday.txt", "0", "1", "-1", "9223372036854775807", "18446744073709551616", "1.1",
                "feedbeef01234567.1", "feedbeef01234567", "%00", "%", "..",
                "00000000000000000000000000000000",
            ])
            query.append("\(name)=\(value)")
        }
        // A poll that waits is no fault.
        query.removeAll { $0.hasPrefix("wait=") && $0 != "wait=0" }
        var headers = ["Host: h", "Connection: close"]
        if next() % 6 > 0 { headers.append("Authorization: Bearer write") }
        if next() % 4 == 0 {
            headers.append("Accept-Encoding: " + one(of: ["deflate", "gzip, deflate", "*", ","]))
        }
        if next() % 10 == 0 { headers.append("X: " + String(repeating: "x", count: Int(next() % 20_000))) }
        if next() % 10 == 0 { headers.append("Last-Event-ID: " + one(of: ["1", "-9", "x"])) }
        if next() % 12 == 0 { headers += (0..<100).map { "Y\($0): y" } }
        let body =
            next() % 2 == 0
            ? noise(600) : Array(one(of: ["{}", "[]", "{\"kind\":\"text\"}", "{\"kind\":1}"]).utf8)
        switch next() % 6 {
        case 0:
            headers.append(
                "Content-Length: " + one(of: ["-1", "99999999999999999999", "70000000", "abc", "5, 6"]))
        case 1: headers.append("Transfer-Encoding: chunked")
        case 2: headers += ["Content-Length: \(body.count)", "Transfer-Encoding: chunked"]
        default: headers.append("Content-Length: \(body.count)")
        }
        let target = path + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
        var bytes =
            Array("\(method) \(target) HTTP/1.1\r\n\(headers.joined(separator: "\r\n"))\r\n\r\n".utf8) + body
        switch next() % 8 {
        case 0: bytes = noise(2_000)
        case 1: bytes.removeSubrange(Int(next() % UInt64(bytes.count))...)
        case 2: bytes[Int(next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: next())
        default: break
        }
        return bytes
    }
}
