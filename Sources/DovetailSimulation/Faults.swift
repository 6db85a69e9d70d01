import Dovetail
import DovetailEngine

/// The process died here; nothing it does afterwards has an effect.
struct SimulatedCrash: Error {}

/// One process that runs the job, from its start to its end or its death.
///
/// Unchecked because it is plain state. Proof: it is used by the jobs of one ``SeededScheduler`` only, which
/// run
/// on one thread, one at a time.
final class Life: @unchecked Sendable {
    let number: Int
    let isUndo: Bool
    private(set) var isDead = false
    /// Whether any fault struck.
    var wasStruck = false
    /// User edits that may still come in between.
    var edits: Int

    init(number: Int, isUndo: Bool, edits: Int) {
        self.number = number
        self.isUndo = isUndo
        self.edits = edits
    }

    func crash() -> SimulatedCrash {
        isDead = true
        return SimulatedCrash()
    }
}

/// Decides, at each await of one component in one life, what goes wrong there.
///
/// Unchecked because it is plain state. Proof: as for ``Life``.
final class FaultSource: @unchecked Sendable {
    enum Fault: String { case refused, answerLost, timeout, lateTimeout, crash, crashAfter, twice, full }

    let component: String
    let life: Life
    let world: World
    /// How many of 1000 calls go wrong.
    private let rate: Int
    var random: SplitMix64
    /// Calls that a full store still refuses.
    private var fullCalls = 0

    init(_ component: String, life: Life, world: World, rate: Int) {
        self.component = component
        self.life = life
        self.world = world
        self.rate = rate
        random = SplitMix64(seed: world.seed, stream: component, life.number)
    }

    /// What goes wrong with the next call; nil: nothing.
    private func draw(_ call: String, mayRepeat: Bool, mayBeFull: Bool) -> Fault? {
        // The same number of draws at every call.
        let strikes = random.chance(rate)
        let kind = random.below(16)
        if mayBeFull, fullCalls > 0 {
            fullCalls -= 1
            return .full
        }
        guard strikes else { return nil }
        let fault: Fault =
            switch kind {
            case 0, 1: .refused
            case 2, 3: .answerLost
            case 4: .timeout
            case 5: .lateTimeout
            case 6, 7: .crash
            case 8, 9, 10: .crashAfter
            case 11, 12: mayBeFull ? .full : mayRepeat ? .twice : .crashAfter
            default: mayRepeat ? .twice : .answerLost
            }
        if fault == .full { fullCalls = 1 + kind % 3 }
        life.wasStruck = true
        world.tally.add("fault \(fault.rawValue)")
        world.tell("\(component) \(call): \(fault.rawValue)")
        return fault
    }

    /// Carries out one call, or what a fault makes of it.
    func call<Result>(
        _ name: String, mayRepeat: Bool = false, mayBeFull: Bool = false,
        _ work: () async throws -> Result
    ) async throws -> Result {
        await SeededScheduler.pause()
        guard !life.isDead else { throw SimulatedCrash() }
        let fault = draw(name, mayRepeat: mayRepeat, mayBeFull: mayBeFull)
        switch fault {
        case nil: break
        case .refused: throw failure("does not answer")
        case .timeout: throw failure("timed out")
        case .full: throw StateError.full(store: component)
        case .crash: throw life.crash()
        case .answerLost, .lateTimeout, .crashAfter, .twice: break
        }
        var result: Result
        do {
            result = try await work()
            if fault == .twice { result = try await work() }
        } catch {
            if fault == .crashAfter { throw life.crash() }
            throw error
        }
        await SeededScheduler.pause()
        switch fault {
        case .answerLost, .lateTimeout: throw failure("answer lost")
        case .crashAfter: throw life.crash()
        default: break
        }
        if life.isDead { throw SimulatedCrash() }
        return result
    }

    /// Whether a user comes in between now.
    func meddles() -> Bool {
        let comes = random.chance(rate > 0 ? 60 : 0)
        guard comes, life.edits > 0, !life.isDead else { return false }
        life.edits -= 1
        return true
    }

    private func failure(_ what: String) -> any Error {
        component == "state"
            ? StateError.failed(store: component, message: "simulated: \(what)")
            : ReplicaError(.unreachable, replica: component, "simulated: \(what)")
    }
}
