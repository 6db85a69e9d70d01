import Dovetail
import DovetailDocuments
import DovetailSimulation
import Foundation
import Testing

@Suite("A client that watches", .serialized)
struct WatchTests {
    private static var options: DocumentClient.Options {
        var options = DocumentClient.Options()
        options.quiet = .milliseconds(100)
        options.grace = .milliseconds(600)
        options.poll = .milliseconds(200)
        options.longestRetry = .milliseconds(300)
        return options
    }

    /// A place whose document is agreed and watched.
    private func watched<Result: Sendable>(
        on text: String = base, options: DocumentClient.Options = Self.options,
        _ work: (TestHub, Place) async throws -> Result
    ) async throws -> Result {
        let (hub, place) = try await agreed(on: text, options: options)
        return try await watching(place) { try await work(hub, place) }
    }

    private func watching<Result: Sendable>(
        _ place: Place, by watcher: (any FileWatcher)? = nil, file: String? = nil,
        _ work: () async throws -> Result
    ) async throws -> Result {
        let client = place.client(watcher: watcher, clock: SystemClock(), file: file)
        let task = Task { try await client.run() }
        // Time for the first look at the files.
        try await Task.sleep(for: .milliseconds(300))
        do {
            let result = try await work()
            task.cancel()
            try await task.value
            return result
        } catch {
            task.cancel()
            try await task.value
            throw error
        }
    }

    /// Waits until something holds.
    private func until(
        _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ holds: () async throws -> Bool
    ) async throws {
        for _ in 0..<1500 {
            if try await holds() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("never: \(what)", sourceLocation: sourceLocation)
    }

    private func shell(_ command: String, in place: Place) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", command]
        process.currentDirectoryURL = URL(filePath: place.folder)
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(command)")
    }

    static let saves: [(String, String, String)] = [
        ("in place", "echo x >> doc.txt", base + "x\n"),
        ("whole", "printf 'a\\nb\\n' > doc.txt", "a\nb\n"),
        ("D01 by sed -i", "sed -i s/l3/L3/ doc.txt", "l1\nl2\nL3\nl4\nl5\n"),
        ("D01 by rename", "printf 'new\\n' > .new.tmp; mv .new.tmp doc.txt", "new\n"),
        ("D02 emptied first", ": > doc.txt; sleep 0.4; printf 'late\\n' > doc.txt", "late\n"),
        (
            "D02 emptied and held open",
            "exec 3> doc.txt; sleep 0.4; printf 'half\\n' >&3; sleep 0.4; printf 'whole\\n' >&3",
            "half\nwhole\n"
        ),
        (
            "D03 slowly", "exec 3>> doc.txt; printf x >&3; sleep 0.4; printf 'y\\n' >&3; exec 3>&-",
            base + "xy\n"
        ),
        ("D04 removed and made again", "rm doc.txt; sleep 0.2; printf 'again\\n' > doc.txt", "again\n"),
        ("D05 by a backup", "mv doc.txt doc.txt~; printf 'new\\n' > doc.txt", "new\n"),
        (
            "D06 beside swap files", "touch .doc.txt.swp 4913 .#doc.txt '~$doc'; echo x >> doc.txt",
            base + "x\n"
        ),
    ]

    @Test("D01–D06: makes one commit of a save of any kind, and sees the next one", arguments: saves)
    func save(kind: String, command: String, text: String) async throws {
        try await watched { hub, place in
            try shell(command, in: place)
            try await until("\(kind) is pushed") { await hub.string() == text }
            #expect(await hub.log(of: doc).count == 2, "\(kind)")
            try shell("echo next >> doc.txt", in: place)
            try await until("the next save is pushed") { await hub.string() == text + "next\n" }
            #expect(await hub.log(of: doc).count == 3, "\(kind)")
            #expect(await hub.documentNames == [doc])
        }
    }

    @Test(
        "D01: sees saves where the system does not tell",
        arguments: ["echo x >> doc.txt", "sed -i '$ a x' doc.txt"])
    func polled(command: String) async throws {
        var options = Self.options
        options.polls = true
        try await watched(options: options) { hub, place in
            try shell(command, in: place)
            try await until("it is pushed") { await hub.string() == base + "x\n" }
        }
    }

    @Test("A01, D12: brings others' commits into idle files, and does not send them back")
    func delivered() async throws {
        try await watched { hub, place in
            let other = try Place(hub, options: Self.options)
            try await watching(other) {
                try place.put(base + "x\n")
                try await until("it is delivered") { other.text() == base + "x\n" }
                try other.put(base + "x\ny\n")
                try await until("the answer is delivered") { place.text() == base + "x\ny\n" }
                try await Task.sleep(for: .milliseconds(500))
                #expect(await hub.log(of: doc).count == 3)
            }
        }
    }

    @Test("D08: finds a change that nobody told of by reading every file now and then")
    func unseen() async throws {
        var options = Self.options
        options.polls = true
        options.scan = .milliseconds(500)
        try await watched(on: "aaaa\n", options: options) { hub, place in
            try shell(
                "touch -r doc.txt ../t-$$; printf 'bbbb\\n' > doc.txt; touch -r ../t-$$ doc.txt; rm ../t-$$",
                in: place)
            try await until("it is found") { await hub.string() == "bbbb\n" }
        }
    }

    @Test("D09: looks through everything when the system's queue has run over")
    func overflow() async throws {
        let (hub, place) = try await agreed(options: Self.options)
        let watcher = ToldWatcher()
        try await watching(place, by: watcher) {
            // Once it takes in what comes from the hub, it has looked through everything that was there.
            let first = base + "first\n"
            try await hub.edit(first)
            try await until("it is at work") { place.text() == first }
            try shell("echo x >> doc.txt; echo y > new.txt", in: place)
            try await Task.sleep(for: .milliseconds(500))
            #expect(await hub.string() == first)
            watcher.tell(.overflow)
            try await until("the change is found") { await hub.string() == first + "x\n" }
            try await until("the new file is found") { await hub.string(name("new.txt")) == "y\n" }
        }
    }

    @Test("a single file is watched, and nothing else")
    func single() async throws {
        let hub = TestHub()
        let place = try Place(hub, options: Self.options)
        try place.put(base)
        try place.put("x\n", "sub/beside.txt")
        try await watching(place, file: "doc.txt") {
            try await until("it is there") { await hub.string() == base }
            try shell("echo x >> doc.txt; echo y >> sub/beside.txt; echo z > other.txt", in: place)
            try await until("it is pushed") { await hub.string() == base + "x\n" }
            try await hub.edit(base + "y\n")
            try await until("it is taken") { place.text() == base + "y\n" }
            #expect(await hub.documentNames == [doc])
        }
    }

    @Test("a folder that disappears deletes nothing at the hub")
    func folderGone() async throws {
        let (hub, outer) = try await agreed(options: Self.options)
        try FileManager.default.createDirectory(
            atPath: "\(outer.folder)/inner", withIntermediateDirectories: true)
        let client = DocumentClient(
            .folder("\(outer.folder)/inner"), hub: hub, state: "\(outer.folder)/.dovetail/inner",
            options: Self.options)
        let task = Task { try await client.run() }
        try await until("it is taken") { outer.text("inner/doc.txt") == base }
        try shell("mv inner away", in: outer)
        try await Task.sleep(for: .milliseconds(1500))
        #expect(await hub.string() == base)
        try shell("echo x >> away/doc.txt; mv away inner", in: outer)
        try await until("it goes on") { await hub.string() == base + "x\n" }
        task.cancel()
        try await task.value
    }

    @Test("D09: finds many new files")
    func many() async throws {
        try await watched { hub, place in
            try shell("i=0; while [ $i -lt 300 ]; do echo $i > f$i.txt; i=$((i+1)); done", in: place)
            try await until("all are there") { await hub.documentNames.count == 301 }
        }
    }

    @Test("deletes a document only when its file stays away, and follows folders that come and go")
    func folders() async throws {
        try await watched { hub, place in
            try shell("mkdir -p a/b && echo x > a/b/c.txt", in: place)
            try await until("it is pushed") { await hub.string(name("a/b/c.txt")) == "x\n" }
            try shell("echo y >> a/b/c.txt", in: place)
            try await until("the folder is watched") { await hub.string(name("a/b/c.txt")) == "x\ny\n" }
            try shell("mv a/b/c.txt moved.txt", in: place)
            try await until("it is moved") {
                let (old, new) = (await hub.string(name("a/b/c.txt")), await hub.string(name("moved.txt")))
                return old == nil && new == "x\ny\n"
            }
        }
    }

    @Test("goes on after the hub was away, with what both sides did meanwhile; F13: from where it was")
    func away() async throws {
        try await watched { hub, place in
            place.network.set(isAway: true)
            await hub.disconnect()
            try shell("sed -i s/l5/C5/ doc.txt", in: place)
            try await until("it is told") {
                place.notices.all.contains { if case .hubAway = $0 { true } else { false } }
            }
            try await hub.edit("S1\nl2\nl3\nl4\nl5\n")
            place.network.set(isAway: false)
            try await until("both are merged") { await hub.string() == "S1\nl2\nl3\nl4\nC5\n" }
            try await until("also here") { place.text() == "S1\nl2\nl3\nl4\nC5\n" }
            #expect(place.notices.all.contains(.hubBack))
        }
    }

    @Test("F13: misses nothing when events are lost between a push and a new connection")
    func lostEvents() async throws {
        let (hub, place) = try await agreed(options: Self.options)
        try await hub.edit("b\n", name("b.txt"))
        try await place.synchronize()
        place.network.set(isSilent: true)
        try await watching(place) {
            try await hub.edit("b\nnew\n", name("b.txt"))
            try await hub.edit("S1\nl2\nl3\nl4\nl5\n")
            try shell("sed -i s/l5/C5/ doc.txt", in: place)
            // Its answer tells of a later place than the other document's.
            try await until("it is merged") { await hub.string() == "S1\nl2\nl3\nl4\nC5\n" }
            #expect(place.text("b.txt") == "b\n")
            place.network.set(isSilent: false)
            try await until("the other one comes") { place.text("b.txt") == "b\nnew\n" }
        }
    }

    @Test("F11: three clients on a network that comes and goes lose and repeat nothing")
    func flapping() async throws {
        let (hub, first) = try await agreed(merge: .append, options: Self.options)
        let places = [first, try Place(hub, options: Self.options), try Place(hub, options: Self.options)]
        for place in places { try await place.synchronize() }
        try await watching(places[0]) {
            try await watching(places[1]) {
                try await watching(places[2]) {
                    for edit in 0..<12 {
                        for place in places { place.network.set(isAway: edit % 4 == 3) }
                        if edit % 4 == 3 { await hub.disconnect() }
                        try shell("echo edit \(edit) >> doc.txt", in: places[edit % 3])
                        try await Task.sleep(for: .milliseconds(120))
                    }
                    for place in places { place.network.set(isAway: false) }
                    let all = (0..<12).map { "edit \($0)" }.sorted()
                    try await until("all have all of it") {
                        let text = await hub.string()
                        let lines = text?.split(separator: "\n").filter { $0.hasPrefix("edit") }.map(
                            String.init)
                        return lines?.sorted() == all && places.allSatisfy { $0.text() == text }
                    }
                }
            }
        }
    }

    @Test(
        "carries out what another process decides, and what is decided on the hub's page",
        arguments: [false, true])
    func decided(onPage: Bool) async throws {
        try await watched { hub, place in
            place.network.set(isAway: true)
            await hub.disconnect()
            try await hub.edit(base + "s\n")
            try shell("echo c >> doc.txt", in: place)
            try await Task.sleep(for: .milliseconds(300))
            place.network.set(isAway: false)
            try await until("it is a conflict") { try await !hub.conflicts().isEmpty }
            #expect(place.text() == base + "c\n")
            if onPage {
                let id = try await hub.conflicts().first?.id ?? ""
                try await hub.resolve(id, as: .both)
            } else {
                try await place.client().resolve(doc, as: .both)
            }
            try await until("it is over") { await hub.string() == base + "s\nc\n" }
            try await until("also here") { place.text() == base + "s\nc\n" }
        }
    }

    @Test("an idle client asks nothing")
    func idle() async throws {
        try await watched { hub, place in
            try await Task.sleep(for: .milliseconds(400))
            let before = await hub.requests
            try await Task.sleep(for: .seconds(2))
            #expect(await hub.requests == before)
        }
    }

    @Test("a save reaches the other's file within the quiet time and a little")
    func fast() async throws {
        try await watched { hub, place in
            let other = try Place(hub, options: Self.options)
            try await watching(other) {
                var best = Duration.seconds(60)
                for round in 0..<5 {
                    let start = ContinuousClock.now
                    try place.put(base + "round \(round)\n")
                    while other.text() != base + "round \(round)\n",
                        ContinuousClock.now - start < .seconds(10)
                    {
                        try await Task.sleep(for: .milliseconds(1))
                    }
                    best = min(best, ContinuousClock.now - start)
                }
                print("from save to the other's file, quiet 100 ms: \(best)")
                #expect(best < .milliseconds(300))
            }
        }
    }
}

/// Tells only what it is told.
private final class ToldWatcher: FileWatcher {
    private let (stream, continuation) = AsyncThrowingStream<FileHint, any Error>.makeStream()
    func tell(_ hint: FileHint) { continuation.yield(hint) }
    func hints(of folder: String, deep: Bool, besides other: String) -> AsyncThrowingStream<
        FileHint, any Error
    > {
        stream
    }
}
