import Dovetail
import DovetailDocuments
import Synchronization

/// A hub and five clients, their users, and everything that can go wrong between them, in an order that a seed decides.
package struct DocumentSimulation {
    package let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    /// What was found.
    package struct Outcome: Sendable {
        package var violations: [String]
        package var story: [String]
        package var commits: Int
        package var conflicts: Int
        package var crashes: Int
    }

    package func run() -> Outcome {
        let seed = seed
        return SeededScheduler.run(seed: seed) { await DocumentWorld(seed: seed).play() }
            ?? Outcome(
                violations: ["something waits for ever"], story: [], commits: 0, conflicts: 0, crashes: 0)
    }
}

/// Everything in one simulation.
private final class DocumentWorld: Sendable {
    private let seed: UInt64
    private let hub: MortalHub
    private let hubClock = SimulatedClock()
    private let users: [DocumentUser]
    private let story = Story()
    private let names: [DocumentName]

    init(seed: UInt64) {
        self.seed = seed
        names = ["a.txt", "notes/b.txt"].compactMap { try? DocumentName($0) }
        var random = SplitMix64(seed: seed, stream: "rules")
        var entries: [RuleBook.Entry] = []
        for name in names {
            let merge: DocumentRules.Merge = random.pick(of: .lines, .lines, .words, .append)
            entries.append(RuleBook.Entry(pattern: name.text, rules: DocumentRules(merge: merge)))
            story.add("\(name) is merged by \(merge)")
        }
        let clock = hubClock
        let hub = MortalHub(rules: RuleBook(entries)) { clock.date }
        self.hub = hub
        let (story, names) = (story, names)
        users = (0..<5).map { DocumentUser(number: $0, seed: seed, hub: hub, story: story, names: names) }
    }

    func play() async -> DocumentSimulation.Outcome {
        await withTaskGroup(of: Void.self) { group in
            for user in users {
                group.addTask { await user.edit() }
                group.addTask { await user.keepInAgreement() }
            }
            group.addTask { await self.tormentHub() }
        }
        if hub.isDead { hub.restart() }
        story.add("— quiet —")
        for user in users { await user.calmDown() }
        var violations: [String] = []
        for round in 0..<30 {
            var isQuiet = true
            for user in users {
                do {
                    if try await user.settle() { isQuiet = false }
                } catch {
                    violations.append("client \(user.number) fails when all is well: \(error)")
                }
            }
            if isQuiet, round > 2 { break }
        }
        do {
            violations += try await check()
        } catch {
            violations.append("the hub can't be looked at: \(error)")
        }
        return DocumentSimulation.Outcome(
            violations: violations, story: story.lines, commits: await countCommits(),
            conflicts: story.conflicts,
            crashes: story.crashes)
    }

    private func countCommits() async -> Int {
        var count = 0
        for name in names { count += (try? await hub.log(of: name).count) ?? 0 }
        return count
    }

    /// The hub dies at writes, and starts again after a while; its clock jumps.
    private func tormentHub() async {
        var random = SplitMix64(seed: seed, stream: "hub")
        while users.contains(where: \.isEditing) {
            await SeededScheduler.pause()
            if hub.isDead {
                guard random.chance(200) else { continue }
                story.crash()
                story.add("the hub starts again")
                hub.restart()
            } else if random.chance(12) {
                hub.die(after: random.below(6), isDone: random.chance(500))
            }
            if random.chance(20) {
                hubClock.jump(by: Int64(random.below(2_000_000_000)) * 1000 - 1_000_000_000_000)
            }
        }
        // It would die of the next write otherwise.
        hub.restart()
    }

    private func check() async throws -> [String] {
        var violations = try await hub.damages()
        // Every acknowledged commit is in the log exactly once, and the log is one chain.
        var counts: [CommitKey: Int] = [:]
        for name in names {
            var parent: TextHash?
            for (index, commit) in try await hub.log(of: name).enumerated() {
                counts[commit.key, default: 0] += 1
                if commit.sequence != Int64(index + 1) || commit.parent != parent {
                    violations.append("commit \(index + 1) of \(name) does not follow the one before it")
                }
                parent = commit.result
            }
        }
        for (key, count) in counts where count > 1 {
            violations.append("commit \(key) is there \(count) times")
        }
        for user in users {
            for (key, name) in user.network.acknowledged where counts[key] != 1 {
                violations.append(
                    "a commit of \(name) that client \(user.number) was told of is not in the log")
            }
        }
        // All clients converge.
        for name in names {
            let text = try await hub.text(of: name)
            for user in users where user.text(name) != text {
                violations.append(
                    "client \(user.number) has another \(name): \(show(user.text(name))) instead of \(show(text))"
                )
            }
        }
        // No user's line is lost.
        var kept: Set<[UInt8]> = story.deletedLines
        for name in names { kept.formUnion(lines(try await hub.text(of: name))) }
        for user in users { for text in user.keptTexts { kept.formUnion(lines(text)) } }
        for line in story.writtenLines.subtracting(kept).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            violations.append("the line \(show(line)) is lost")
        }
        return violations
    }

    private func show(_ text: [UInt8]?) -> String {
        text.map { String(decoding: $0, as: UTF8.self).replacing("\n", with: "|") } ?? "nothing"
    }
}

/// What lines are recognised by: the words that only one user wrote once. Two of them may stand in one line, where changes were brought
/// together by word.
private func lines(_ text: [UInt8]?) -> Set<[UInt8]> {
    Set(
        (text ?? []).split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: " ") }
            .filter { $0.contains(UInt8(ascii: "x")) }.map(Array.init))
}

/// What happened, and what users did with their lines.
private final class Story: Sendable {
    private struct State {
        var lines: [String] = []
        var written: Set<[UInt8]> = []
        var deleted: Set<[UInt8]> = []
        var conflicts = 0
        var crashes = 0
    }
    private let state = Mutex(State())

    var lines: [String] { state.withLock { $0.lines } }
    var writtenLines: Set<[UInt8]> { state.withLock { $0.written } }
    var deletedLines: Set<[UInt8]> { state.withLock { $0.deleted } }
    var conflicts: Int { state.withLock { $0.conflicts } }
    var crashes: Int { state.withLock { $0.crashes } }

    func add(_ line: String) { state.withLock { $0.lines.append(line) } }
    func wrote(_ lines: Set<[UInt8]>) { state.withLock { $0.written.formUnion(lines) } }
    func deleted(_ lines: Set<[UInt8]>) { state.withLock { $0.deleted.formUnion(lines) } }
    func conflict() { state.withLock { $0.conflicts += 1 } }
    func crash() { state.withLock { $0.crashes += 1 } }
}

/// A user, his disk, his client, and his way to the hub.
private final class DocumentUser: Sendable {
    private struct State {
        var files: MemoryFiles
        var client: DocumentClient
        var starts = 1
        var isEditing = true
    }

    let number: Int
    let network: FlakyHub
    private let seed: UInt64
    private let disk = MemoryDisk()
    private let clock = SimulatedClock()
    private let story: Story
    private let names: [DocumentName]
    private let state: Mutex<State>

    init(number: Int, seed: UInt64, hub: MortalHub, story: Story, names: [DocumentName]) {
        self.number = number
        self.seed = seed
        self.story = story
        self.names = names
        network = FlakyHub(
            hub.access(as: "client \(number)"),
            faults: FlakyHub.Faults(lostRequest: 60, lostAnswer: 60, repeated: 40),
            seed: seed &+ UInt64(number))
        disk.put([], "/home/.keep~")
        let files = disk.handle()
        state = Mutex(
            State(files: files, client: Self.client(number, seed, 0, files, network, clock, story)))
    }

    private static func client(
        _ number: Int, _ seed: UInt64, _ start: Int, _ files: MemoryFiles, _ network: FlakyHub,
        _ clock: SimulatedClock, _ story: Story
    ) -> DocumentClient {
        var options = DocumentClient.Options()
        if number == 4 { options.conflicts = .marks }
        return DocumentClient(
            .folder("/home"), hub: network, options: options, files: files, clock: clock,
            random: SplitMix64(seed: seed, stream: "client \(number)", start)
        ) { notice in
            if case .conflict = notice { story.conflict() }
            story.add("client \(number): \(notice)")
        }
    }

    var isEditing: Bool { state.withLock { $0.isEditing } }
    private var client: DocumentClient { state.withLock { $0.client } }

    func text(_ name: DocumentName) -> [UInt8]? { disk.text("/home/\(name)") }

    /// All that the client keeps: texts, conflicts, trash.
    var keptTexts: [[UInt8]] { Array(disk.texts(below: "/home").values) }

    // MARK: The user

    func edit() async {
        var random = SplitMix64(seed: seed, stream: "user", number)
        for step in 0..<12 {
            for _ in 0..<random.below(80) { await SeededScheduler.pause() }
            guard let name = random.pick(names) else { continue }
            let path = "/home/\(name)"
            var parts = (disk.text(path) ?? []).split(separator: UInt8(ascii: "\n")).map(Array.init)
            let line = Array("u\(number)x\(step) is a line".utf8)
            switch random.below(20) {
            case 0 where disk.text(path) != nil:
                story.deleted(lines(disk.text(path)))
                story.add(
                    "user \(number) deletes \(name): \(parts.map { String(decoding: $0, as: UTF8.self).prefix(5) })"
                )
                disk.put(nil, path)
                continue
            case 1...3 where !parts.isEmpty:
                story.deleted(lines(parts.remove(at: random.below(parts.count))))
            case 4...7 where !parts.isEmpty:
                let index = random.below(parts.count)
                story.deleted(lines(parts[index]))
                parts[index] = line
            case 8...12: parts.append(line)
            default: parts.insert(line, at: random.below(parts.count + 1))
            }
            let text = Array(parts.map { $0 + [UInt8(ascii: "\n")] }.joined())
            story.add(
                "user \(number) writes \(name): \(parts.map { String(decoding: $0, as: UTF8.self).prefix(5) })"
            )
            story.wrote(lines(text))
            disk.put(text, path)
        }
        state.withLock { $0.isEditing = false }
    }

    // MARK: The client

    func keepInAgreement() async {
        var random = SplitMix64(seed: seed, stream: "fate", number)
        while state.withLock({ $0.isEditing }) {
            await SeededScheduler.pause()
            switch random.below(12) {
            case 0: disk.crash(after: random.below(30))
            case 1: network.set(isAway: random.chance(500))
            case 2: clock.jump(by: Int64(random.below(2_000_000_000)) * 1000 - 1_000_000_000_000)
            case 3: try? await decide(random.pick(of: .mine, .theirs, .both), onPage: random.chance(400))
            case 4: disk.fill(random.chance(200))
            default: try? await client.synchronize()
            }
            if state.withLock({ $0.files.isDead }) { restart() }
        }
    }

    private func restart() {
        story.crash()
        story.add("client \(number) died, and starts again")
        let files = disk.handle()
        state.withLock { state in
            state.files = files
            // The dead one lets go of the lock with its last reference.
            state.client = Self.client(number, seed, state.starts, files, network, clock, story)
            state.starts += 1
        }
    }

    private func decide(_ resolution: DocumentConflict.Resolution, onPage: Bool = false) async throws {
        let all = try await onPage ? network.conflicts() : client.conflicts()
        guard let conflict = all.first(where: { $0.resolution == nil }) else { return }
        story.add("user \(number) decides \(conflict.document)\(onPage ? " on the page" : ""): \(resolution)")
        // Who decides for one side gives up the lines of the other.
        if resolution == .mine { story.deleted(lines(conflict.theirs).subtracting(lines(conflict.mine))) }
        if onPage {
            try await network.resolve(conflict.id, as: resolution)
        } else {
            try await client.resolve(conflict.document, as: resolution)
        }
    }

    func calmDown() async {
        disk.crash(after: nil)
        disk.fill(false)
        network.set(FlakyHub.Faults())
        network.set(isAway: false)
        if state.withLock({ $0.files.isDead }) { restart() }
    }

    /// - Returns: whether there was anything to do.
    func settle() async throws -> Bool {
        let before = (names.map(text), try await client.conflicts().count)
        try await client.synchronize()
        let problems = await client.problemsByDocument()
        for (name, problem) in problems { story.add("client \(number): \(name): \(problem)") }
        if try await !client.conflicts().isEmpty { try await decide(.both) }
        try await client.synchronize()
        let after = (names.map(text), try await client.conflicts().count)
        return before != after || !problems.isEmpty
    }
}
