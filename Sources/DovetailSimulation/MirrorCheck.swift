import Dovetail
import DovetailEngine
import DovetailMemory

/// Law 5: the plan of the mirrored world is the mirrored plan.
///
/// Two worlds of one seed live side by side without faults, one of them with its sides exchanged; users do
/// the same
/// in both, and every plan of the one must be the mirrored plan of the other.
public struct MirrorCheck: Sendable {
    public let seed: UInt64

    public init(seed: UInt64) { self.seed = seed }

    public func run() -> Outcome {
        let shape = Shape(seed: seed)
        let steps = Step.scenario(seed: seed).filter {
            switch $0.action {
            case .edits, .sync: true
            default: false
            }
        }
        let outcome = SeededScheduler.run(seed: seed) { await compare(shape, steps) }
        return outcome
            ?? Outcome(
                seed: seed, shape: shape.words, steps: steps,
                violations: [Violation(law: .mirror, what: "the engine waits for ever")], story: [],
                tally: Tally())
    }

    private func compare(_ shape: Shape, _ steps: [Step]) async -> Outcome {
        let world = await World(seed: seed, shape: shape, tellsStory: true)
        let mirror = await World(seed: seed, shape: shape.mirrored, isMirrored: true)
        var tally = Tally()
        for step in steps {
            if case .sync = step.action {
                let plan = await lines(world, mirrored: false)
                let mirrored = await lines(mirror, mirrored: true)
                tally.add("plans mirrored")
                // Ids of unlinked records, by whose order equal ones pair, part ways with the first inserts.
                let isLast = shape.layout == .content
                if plan != mirrored {
                    let one = plan.filter { !mirrored.contains($0) }.first ?? "nothing more"
                    let other = mirrored.filter { !plan.contains($0) }.first ?? "nothing more"
                    world.broke(.mirror, "\(step): \(one); mirrored: \(other)")
                    break
                }
                if isLast { break }
            }
            var quiet = step
            if case .sync(_, let allows) = step.action { quiet.action = .sync(faults: 0, allows: allows) }
            await world.take(quiet)
            await mirror.take(quiet.mirrored)
        }
        return Outcome(
            seed: seed, shape: shape.words, steps: steps, violations: world.violations, story: world.story,
            tally: tally)
    }

    /// The entries of a plan as text. Ids of unlinked records differ between the worlds and are left out.
    private func lines(_ world: World, mirrored: Bool) async -> [String] {
        do {
            let plan = try await world.plainSynchronizer.plan()
            var lines: [String] = []
            for table in plan.tableNames {
                guard var reader = try plan.entries(of: table) else { continue }
                while let entry = try reader.next() {
                    let entry = mirrored ? entry.mirrored : entry
                    let key = world.shape.layout == .content ? "" : entry.key.words
                    let seen = entry.seen.map { $0.map { world.words($0.fields) } ?? "none" }
                    lines.append(
                        "\(table) \(key) \(seen.left) / \(seen.right) → \(words(entry.decision, world))")
                }
            }
            return lines.sorted()
        } catch {
            return ["\(error)"]
        }
    }

    private func words(_ decision: Decision, _ world: World) -> String {
        // A key that several records carry on both sides is refused in the name of the left one, here and
        // there.
        if case .refuse(.duplicateKey) = decision { return "refused, the key is not unique" }
        guard case .write(let writes, let decided) = decision else { return "\(decision)" }
        let words = writes.map { $0.map { "\($0.verb) \($0.result.map { world.words($0) } ?? "")" } ?? "–" }
        return "left \(words.left), right \(words.right), decided \(decided)"
    }
}
