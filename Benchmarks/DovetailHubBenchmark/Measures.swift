import Dovetail
import DovetailDocuments
import DovetailHub
import DovetailTestHub
import Foundation
import Synchronization

/// 10 MB in 149,672 lines, and a random source that is the same in every run.
struct Texts {
    private var state: UInt64 = 11
    private(set) var lines: [[UInt8]] = []

    init(lines count: Int = 149_672) {
        lines = (0..<count).map { number in line("\(number)", of: 67) }
    }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 11
    }

    /// Some words that say nothing, with a line end.
    mutating func line(_ beginning: String, of length: Int) -> [UInt8] {
        var bytes = Array(beginning.utf8)
        while bytes.count < length - 1 {
            bytes.append(32)
            for _ in 0...(next() % 8) { bytes.append(UInt8(97 + next() % 26)) }
        }
        return bytes.prefix(length - 1) + [10]
    }

    var text: [UInt8] { Array(lines.joined()) }

    /// The text with so many lines written anew, evenly scattered.
    mutating func edited(_ count: Int) -> [UInt8] {
        var edited = lines
        for edit in 0..<count {
            let place = (edit * lines.count / count + Int(next() % 997)) % lines.count
            edited[place] = line("\(place)", of: 66)
        }
        return Array(edited.joined())
    }
}

func draft(_ name: DocumentName, _ hub: MemoryHub, _ old: [UInt8], _ new: [UInt8], after sequence: Int64)
    -> CommitDraft
{
    var generator = SystemRandomNumberGenerator()
    return CommitDraft(
        document: name, parent: LogPosition(epoch: hub.epoch, sequence: sequence),
        parentHash: TextHash(of: old), result: TextHash(of: new),
        delta: TextDelta(from: old, to: new).encoded(), key: .random(using: &generator))
}

/// Durations in order, as their middle and the end of all but one in a hundred.
func summary(_ durations: [Duration]) -> String {
    let sorted = durations.map { $0 / .milliseconds(1) }.sorted()
    guard let last = sorted.last else { return "nothing" }
    func at(_ part: Double) -> String { String(format: "%.2f", sorted[Int(Double(sorted.count - 1) * part)]) }
    return
        "\(sorted.count) times, median \(at(0.5)) ms, p99 \(at(0.99)) ms, longest \(String(format: "%.2f", last)) ms"
}

/// What passes through a proxy, both ways, headers included.
struct Bytes {
    let server: RunningServer

    func run() async throws {
        let token = String(repeating: "k", count: 43)
        server.tokens.withLock { $0[token] = $0["write"] }
        let proxy = CountingProxy()
        let client = try server.client("bytes", token: token, port: try await proxy.start(to: server.port))
        let hub = server.hub("bytes")
        var texts = Texts()
        let name = try DocumentName("notes.txt")
        let text = texts.text
        let appended = text + texts.line("149673", of: 68)
        let edited = texts.edited(100)
        try await hub.write(text, to: name)
        _ = try await client.documents()
        func count(_ what: String, _ work: () async throws -> Void) async throws {
            _ = proxy.take()
            try await work()
            let (up, down) = proxy.take()
            print("\(what): \(up + down) B (\(up) up, \(down) down)")
        }
        try await count("push of one line of 68 B to \(text.count) B") {
            _ = try await client.push(draft(name, hub, text, appended, after: 1))
        }
        try await hub.write(text, to: name)
        let many = draft(name, hub, text, edited, after: 3)
        try await count("push of 100 edits, a delta of \(many.delta.count) B") {
            _ = try await client.push(many)
        }
        try await hub.write(text, to: name)
        for try await event in client.events(after: 5, epoch: hub.epoch) {
            if event == .alive {
                _ = proxy.take()
                try await hub.write(appended, to: name)
            } else {
                let (up, down) = proxy.take()
                print("notified pull of one line: \(up + down) B (\(up) up, \(down) down)")
                break
            }
        }
        let idle = Task { for try await _ in client.events(after: 6, epoch: hub.epoch) {} }
        try await Task.sleep(for: .seconds(1))
        try await count("a minute of waiting") { try await Task.sleep(for: .seconds(60)) }
        idle.cancel()
        await client.close()
        try await proxy.stop()
    }
}

/// From a push to the event at another client.
struct Latency {
    let server: RunningServer

    func run(times: Int) async throws {
        let (writer, reader) = (try server.client("latency"), try server.client("latency"))
        let hub = server.hub("latency")
        let name = try DocumentName("notes.txt")
        var texts = Texts(lines: 1_000)
        var text = texts.text
        try await hub.write(text, to: name)
        var durations: [Duration] = []
        var began = ContinuousClock.now
        for try await event in reader.events(after: 1, epoch: hub.epoch) {
            if case .commit(let commit) = event {
                durations.append(began.duration(to: .now))
                if commit.sequence > times { break }
            }
            let new = text + texts.line("", of: 68)
            let next = draft(name, hub, text, new, after: Int64(durations.count) + 1)
            text = new
            began = .now
            _ = try await writer.push(next)
        }
        print("from push to the other client: \(summary(durations))")
        await writer.close()
        await reader.close()
    }
}

/// When commits were sent, and how long they took.
private final class Times: Sendable {
    /// By set and sequence.
    let sent = Mutex<[String: [Int64: ContinuousClock.Instant]]>([:])
    let pushed = Mutex<[Duration]>([])
    let arrived = Mutex<[Duration]>([])
    /// Clients that follow.
    let following = Mutex(0)
}

/// Many clients at once, in sets of ten, at a hub that is a process of its own.
struct Load {
    private let hub: ServedHub
    private let count: Int
    private static let perSet = 10
    private var sets: [String] { Self.sets(count) }

    private static func sets(_ count: Int) -> [String] { (0..<max(1, count / perSet)).map { "load\($0)" } }

    init(binary: String, clients count: Int) throws {
        self.count = count
        hub = try ServedHub(binary, sets: Self.sets(count))
    }

    /// Clients that wait for news, and what each costs the hub; then 200 commits a second over the sets' documents, one each.
    func run(seconds: Int) async throws {
        let times = Times()
        let before = hub.residentBytes
        let clients = try (0..<count).map {
            ($0, sets[$0 / Self.perSet], try hub.client(sets[$0 / Self.perSet]))
        }
        let waiting = clients.map { _, set, client in
            Task {
                let epoch = try await client.documents().epoch
                for try await event in client.events(after: 0, epoch: epoch) {
                    guard case .commit(let commit) = event else {
                        times.following.withLock { $0 += 1 }
                        continue
                    }
                    let now = ContinuousClock.now
                    if let began = times.sent.withLock({ $0[set]?[commit.sequence] }) {
                        times.arrived.withLock { $0.append(began.duration(to: now)) }
                    }
                }
                await client.close()
            }
        }
        while times.following.withLock({ $0 }) < count { try await Task.sleep(for: .milliseconds(100)) }
        try await Task.sleep(for: .seconds(2))
        let waited = hub.residentBytes
        print(
            "\(count) clients wait: \(String(format: "%.1f", Double(waited - before) / Double(count) / 1_000)) kB each at the hub"
        )
        if seconds > 0 { try await commit(times, seconds: seconds) }
        print(
            "the hub has \(hub.residentBytes / 1_000_000) MB in use, \(before / 1_000_000) MB before anyone came"
        )
        for task in waiting { task.cancel() }
        for task in waiting { _ = await task.result }
    }

    private func commit(_ times: Times, seconds: Int) async throws {
        let name = try DocumentName("notes.txt")
        let writers = try sets.map { ($0, try hub.client($0)) }
        let pause = Duration.seconds(Double(writers.count) / 200)
        let begin = ContinuousClock.now + .seconds(1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, (set, client)) in writers.enumerated() {
                group.addTask {
                    let epoch = try await client.documents().epoch
                    var texts = Texts(lines: 20)
                    var (text, sequence) = ([UInt8](), Int64(0))
                    let start = begin + pause * Double(number) / Double(writers.count)
                    for round in 0..<Int(Duration.seconds(seconds) / pause) {
                        try await Task.sleep(until: start + pause * Double(round), clock: .continuous)
                        let new = text + texts.line("", of: 68)
                        var generator = SystemRandomNumberGenerator()
                        let draft = CommitDraft(
                            document: name, parent: LogPosition(epoch: epoch, sequence: sequence),
                            parentHash: sequence == 0 ? nil : TextHash(of: text), result: TextHash(of: new),
                            delta: TextDelta(from: text, to: new).encoded(), key: .random(using: &generator))
                        let began = ContinuousClock.now
                        times.sent.withLock { $0[set, default: [:]][sequence + 1] = began }
                        guard case .committed = try await client.push(draft) else { continue }
                        times.pushed.withLock { $0.append(began.duration(to: .now)) }
                        (text, sequence) = (new, sequence + 1)
                    }
                    await client.close()
                }
            }
            try await group.waitForAll()
        }
        try await Task.sleep(for: .seconds(2))
        print("\(count) clients, \(writers.count) documents, \(seconds) s at 200 commits/s")
        print("  from push to its answer: \(summary(times.pushed.withLock { $0 }))")
        print("  from push to each client: \(summary(times.arrived.withLock { $0 }))")
    }
}
