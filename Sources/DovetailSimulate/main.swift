import ArgumentParser
import DovetailSimulation
import Foundation

/// Runs the whole engine over worlds in memory with faults, and checks the laws of the design.
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Simulates whole syncs under faults and checks the laws.")

    @Option(help: "How many seeds to run.")
    var seeds = 1000

    @Option(name: .customLong("from"), help: "The first seed.")
    var first: UInt64 = 1

    @Option(help: "Run only this seed, and tell its story.")
    var seed: UInt64?

    @Option(help: "Stop after this many failures.")
    var failures = 5

    @Flag(help: "Tell every seed's story; with --seed, without leaving out steps.")
    var verbose = false

    @Flag(help: "Simulate shared texts: a hub and five clients.")
    var documents = false

    func run() throws {
        if documents { return try simulateDocuments() }
        if let seed { return try replay(seed) }
        var tally = Tally()
        var failed: [UInt64] = []
        let start = Date()
        for seed in first..<(first + UInt64(max(seeds, 0))) {
            let simulation = Simulation(seed: seed)
            var outcome = simulation.run(tellsStory: verbose)
            if outcome.violations.isEmpty, let mirror = mirrored(seed) {
                outcome.violations += mirror.violations
                tally.add(mirror.tally)
            }
            if verbose { print(outcome.report) }
            tally.add(outcome.tally)
            if let violation = outcome.violations.first {
                failed.append(seed)
                print("seed \(seed): \(violation)")
                if failed.count >= failures { break }
            }
        }
        print(tally.lines.joined(separator: "\n"))
        print(
            "\(seeds) seeds from \(first) in \(Int(Date().timeIntervalSince(start))) s, "
                + "\(failed.count) failed \(failed)"
        )
        if !failed.isEmpty { throw ExitCode.failure }
    }

    private func simulateDocuments() throws {
        var failed: [UInt64] = []
        var (commits, conflicts, crashes) = (0, 0, 0)
        let start = Date()
        let range = seed.map { $0...$0 } ?? first...(first + UInt64(max(seeds, 1)) - 1)
        for seed in range {
            let outcome = DocumentSimulation(seed: seed).run()
            commits += outcome.commits
            conflicts += outcome.conflicts
            crashes += outcome.crashes
            if verbose || self.seed != nil { print(outcome.story.joined(separator: "\n")) }
            guard !outcome.violations.isEmpty else { continue }
            failed.append(seed)
            for violation in outcome.violations { print("seed \(seed): \(violation)") }
            if failed.count >= failures { break }
        }
        print("\(commits) commits, \(conflicts) conflicts, \(crashes) deaths")
        print(
            "\(range.count) seeds from \(range.lowerBound) in \(Int(Date().timeIntervalSince(start))) s, "
                + "\(failed.count) failed \(failed)")
        if !failed.isEmpty { throw ExitCode.failure }
    }

    /// Every fourth seed is also played with its sides exchanged.
    private func mirrored(_ seed: UInt64) -> Outcome? { seed % 4 == 0 ? MirrorCheck(seed: seed).run() : nil }

    private func replay(_ seed: UInt64) throws {
        var simulation = Simulation(seed: seed)
        let outcome = simulation.run(tellsStory: true)
        guard let violation = outcome.violations.first else {
            guard let mirror = mirrored(seed), !mirror.violations.isEmpty else {
                return print(outcome.report)
            }
            print(mirror.report)
            throw ExitCode.failure
        }
        if !verbose { simulation = simulation.shrunk(violation.law) }
        print(simulation.run(tellsStory: true).report)
        throw ExitCode.failure
    }
}

// Sets and dictionaries differ from process to process unless this is set before the process starts.
if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
    execv("/proc/self/exe", &arguments)
}
Simulate.main()
