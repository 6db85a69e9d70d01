import Dovetail
import DovetailEngine
import DovetailMemory
import Foundation

/// Carries out the scenario of a seed and checks the laws.
public struct Simulation: Sendable {
    public let seed: UInt64
    public var steps: [Step]
    let shape: Shape

    public init(seed: UInt64) {
        self.seed = seed
        shape = Shape(seed: seed)
        steps = Step.scenario(seed: seed)
    }

    /// Runs it on the calling thread. The same seed and steps give the same outcome.
    public func run(tellsStory: Bool = false) -> Outcome {
        let steps = steps
        let outcome = SeededScheduler.run(seed: seed) { await play(steps, tellsStory: tellsStory) }
        return outcome
            ?? Outcome(
                seed: seed, shape: shape.words, steps: steps,
                violations: [Violation(law: .noFailure, what: "the engine waits for ever")], story: [],
                tally: Tally())
    }

    private func play(_ steps: [Step], tellsStory: Bool) async -> Outcome {
        let world = await World(seed: seed, shape: shape, tellsStory: tellsStory)
        for step in steps {
            await world.take(step)
            if !world.violations.isEmpty { break }
        }
        if world.violations.isEmpty { await world.settle() }
        world.removePlan()
        return Outcome(
            seed: seed, shape: shape.words, steps: steps, violations: world.violations, story: world.story,
            tally: world.tally)
    }

    /// The smallest scenario found by leaving out steps in which the same law is still broken.
    public func shrunk(_ law: Violation.Law) -> Simulation {
        var smallest = self
        var changed = true
        while changed {
            changed = false
            for index in smallest.steps.indices.reversed() {
                var candidate = smallest
                candidate.steps.remove(at: index)
                if candidate.run().violations.contains(where: { $0.law == law }) {
                    smallest = candidate
                    changed = true
                }
            }
        }
        return smallest
    }
}

extension World {
    /// Carries out one step.
    func take(_ step: Step) async {
        tell("step \(step)")
        var random = SplitMix64(seed: seed, stream: "step", step.number)
        clock += 60_000_000
        switch step.action {
        case .edits(let side, let count):
            for _ in 0..<count { await userEdit(side, &random) }
        case .sync(let faults, let allows):
            await live(step.number, faults: faults, allows: allows) { try await $0.sync(allowing: $1) }
        case .resolve: await resolve(&random)
        case .undo(let faults):
            let runs = await state.runs(limit: 3)
            guard let run = random.pick(runs)?.number else { return }
            tally.add("undos tried")
            await live(step.number, faults: faults, allows: false, isUndo: true) {
                let result = try await $0.undo(run, allowing: $1)
                self.tally.add("undos done")
                return result
            }
        case .savePlan: await savePlan()
        case .applyPlan(let faults):
            guard let planFile else { return }
            tally.add("saved plans tried")
            await live(step.number, faults: faults, allows: false) {
                let result = try await $0.apply(planAt: planFile, allowing: $1)
                self.tally.add("saved plans applied")
                return result
            }
        case .remap:
            mapping = (mapping + 1 + random.below(2)) % 3
            mappingWasChanged = true
            tally.add("mappings changed")
        default: await misfortune(step.action, &random)
        }
    }

    /// One process: a new synchronizer that does one thing and ends, or dies.
    func live(
        _ number: Int, faults: Int, allows: Bool, isUndo: Bool = false,
        _ work: (Synchronizer, Set<Allowance>) async throws -> RunResult
    ) async {
        lives += 1
        tally.add("lives")
        let life = Life(number: number * 4, isUndo: isUndo, edits: faults > 0 ? 4 : 0)
        do {
            try await attempt(life, faults, [], work)
        } catch let halted as RunHalted {
            tally.add("halts")
            for halt in halted.halts { tally.add("halt \("\(halt)".prefix { $0 != "(" })") }
            tell("halted: \(halted)")
            guard allows else { return }
            let allowances = Set(halted.halts.compactMap(\.allowance))
            accept(halted.halts)
            tell("allowed: \(allowances.map(\.rawValue).sorted())")
            do {
                try await attempt(
                    Life(number: number * 4 + 1, isUndo: isUndo, edits: life.edits), faults, allowances, work)
            } catch {
                failed(error, life, faults)
            }
        } catch {
            failed(error, life, faults)
        }
        await state.releaseAbandonedLock()
        wasUnanswered = wasUnanswered || !ledger.unanswered.isEmpty
        // An undo that was cut short leaves unlinked records to pair as at first meeting.
        if isUndo, life.wasStruck { ledger.meetings += 1 }
    }

    private func attempt(
        _ life: Life, _ faults: Int, _ allowing: Set<Allowance>,
        _ work: (Synchronizer, Set<Allowance>) async throws -> RunResult
    ) async throws {
        let replicas = Sides<any Replica>(
            left: FaultyReplica(side: .left, inner: replicas.left, faults: source("left", life, faults)),
            right: FaultyReplica(side: .right, inner: replicas.right, faults: source("right", life, faults)))
        let store = FaultyStateStore(inner: state, faults: source("state", life, faults))
        let result = try await work(synchronizer(replicas, store), allowing)
        if life.isDead { tally.add("crashes survived unnoticed") }
        tell("run \(result.run.map { "\($0)" } ?? "quiet"): \(result.status.rawValue), \(result.totals)")
    }

    private func source(_ component: String, _ life: Life, _ rate: Int) -> FaultSource {
        FaultSource(component, life: life, world: self, rate: rate)
    }

    private func failed(_ error: any Error, _ life: Life, _ faults: Int) {
        tell("failed: \(error)")
        switch error {
        case is SimulatedCrash: tally.add("crashes")
        case is RunHalted, is UndoError, is PlanFileError: tally.add("refusals \(type(of: error))")
        case let error as ReplicaError where error.message.hasPrefix("simulated"): tally.add("failed runs")
        case let error as ReplicaError where error.kind == .forbidden && (readOnly.left || readOnly.right):
            life.wasStruck = true
            tally.add("runs refused by a read-only side")
        case StateError.failed(_, let message) where message.hasPrefix("simulated"): tally.add("failed runs")
        case StateError.full: tally.add("failed runs")
        default: broke(.noFailure, "\(error)")
        }
    }

    /// A person means it: what an accident took shall be gone.
    private func accept(_ halts: [Halt]) {
        for halt in halts {
            switch halt {
            case .sideEmptied(let table, let side, _): ledger.accept(side, table)
            case .tooManyDeletes(let table, let side, _, _, _): ledger.accept(side.other, table)
            default: break
            }
        }
    }

    // MARK: People

    func resolve(_ random: inout SplitMix64) async {
        var resolutions: [ConflictRecord.ID: Resolution?] = [:]
        for conflict in await state.conflicts() {
            guard random.chance(700) else { continue }
            var choice = Resolution.Choice.side(random.chance(500) ? .left : .right)
            if case .fields(let fields) = conflict.conflict, random.chance(500) {
                var choices: [String: Resolution.FieldChoice] = [:]
                for field in fields {
                    if field.field == "title" || field.field == "note", random.chance(300) {
                        let token = ledger.newToken(original(.left)) + "p"
                        ledger.personWrote(token)
                        choices[field.field] = .value(.text(token))
                    } else if random.chance(900) {
                        choices[field.field] = .side(random.chance(500) ? .left : .right)
                    }
                }
                choice = .fields(choices)
            }
            resolutions[conflict.id] = Resolution(choice, seen: conflict.seen.map { $0?.fields.digest })
            tally.add("conflicts decided")
            tell("person decides \(conflict.table) \(conflict.key.words): \(choice)")
        }
        do {
            if !resolutions.isEmpty { try await state.decide(resolutions) }
        } catch {
            broke(.noFailure, "\(error)")
        }
    }

    private var planURL: URL {
        FileManager.default.temporaryDirectory.appendingPathComponent(
            "dovetail-simulation-\(ProcessInfo.processInfo.processIdentifier)-\(seed).plan")
    }

    /// The saved plan, if there is one.
    private var planFile: URL? { FileManager.default.fileExists(atPath: planURL.path) ? planURL : nil }

    private func savePlan() async {
        do {
            let plan = try await plainSynchronizer.plan()
            let file = Lines()
            try PlanFile.write(plan) { file.data.append($0) }
            try file.data.write(to: planURL)
            tally.add("plans saved")
        } catch {
            broke(.noFailure, "saving a plan: \(error)")
        }
    }

    func removePlan() { if let planFile { try? FileManager.default.removeItem(at: planFile) } }

    private final class Lines { var data = Data() }
}
