import Dovetail

/// One step of a scenario. What exactly it does depends on the world it meets, and on its own random number.
public struct Step: Sendable, CustomStringConvertible {
    enum Action: Sendable {
        /// Users of a side work.
        case edits(Side, Int)
        /// A process runs the job; with faults or without; a person may allow what it halts at.
        case sync(faults: Int, allows: Bool)
        /// A person decides open conflicts.
        case resolve
        case undo(faults: Int)
        case savePlan
        case applyPlan(faults: Int)
        case backup(Side)
        case restore(Side)
        case emptyTable(Side)
        case emptySide(Side)
        case replace(Side)
        case readOnly(Side, Bool)
        case backupState, restoreState, loseState
        case remap
    }

    var action: Action
    /// Seed of what the step draws, and its name in the scenario it came from.
    var number: Int

    public var description: String { "\(number): \(action)" }

    /// The step with its sides exchanged.
    var mirrored: Step {
        var step = self
        switch action {
        case .edits(let side, let count): step.action = .edits(side.other, count)
        case .backup(let side): step.action = .backup(side.other)
        case .restore(let side): step.action = .restore(side.other)
        case .emptyTable(let side): step.action = .emptyTable(side.other)
        case .emptySide(let side): step.action = .emptySide(side.other)
        case .replace(let side): step.action = .replace(side.other)
        case .readOnly(let side, let on): step.action = .readOnly(side.other, on)
        default: break
        }
        return step
    }

    /// The scenario of a seed.
    static func scenario(seed: UInt64) -> [Step] {
        var random = SplitMix64(seed: seed, stream: "scenario")
        var actions: [Action] = []
        // Half of all scenarios leave out what makes the sides strangers, so that the everyday is well
        // covered.
        let isWild = random.chance(500)
        let faultiness = random.pick(of: 0, 10, 30, 80)
        for _ in 0..<(2 + random.below(7)) {
            for side in Side.allCases where random.chance(700) {
                actions.append(.edits(side, 1 + random.below(4)))
            }
            if random.chance(250) { actions.append(.resolve) }
            if isWild, random.chance(300) { actions.append(wild(&random)) }
            if random.chance(120) { actions.append(.undo(faults: faultiness)) }
            if random.chance(120) { actions.append(.savePlan) }
            if random.chance(120) { actions.append(.applyPlan(faults: faultiness)) }
            actions.append(.sync(faults: random.chance(700) ? faultiness : 0, allows: random.chance(400)))
        }
        return actions.enumerated().map { Step(action: $1, number: $0) }
    }

    private static func wild(_ random: inout SplitMix64) -> Action {
        let side: Side = random.pick(of: .left, .right)
        return switch random.below(14) {
        case 0, 1: .backup(side)
        case 2, 3, 4: .restore(side)
        case 5: .emptyTable(side)
        case 6: .emptySide(side)
        case 7: .replace(side)
        case 8: .readOnly(side, true)
        case 9: .backupState
        case 10: .restoreState
        case 11: .loseState
        case 12: .readOnly(side, false)
        default: .remap
        }
    }
}
