import Dovetail
import DovetailEngine

/// Runs scenarios over a pair of stores, with a job's memory of its own for each.
///
/// ```swift
/// @Test(arguments: try Scenario.files(in: folder))
/// func holds(file: URL) async throws {
///     try await ScenarioRunner(left: MyHarness(), right: MyHarness()).run(Scenario(file))
/// }
/// ```
public struct ScenarioRunner: Sendable {
    private let harnesses: Sides<any ConformanceHarness>
    private let usesFeeds: Bool
    private let chunkSize: Int

    /// - Parameters:
    ///   - usesFeeds: whether the tables are observed by change feeds; what comes of it is the same.
    ///   - chunkSize: records written in one transaction.
    public init(
        left: any ConformanceHarness, right: any ConformanceHarness, usesFeeds: Bool = false,
        chunkSize: Int = 4096
    ) {
        harnesses = Sides(left: left, right: right)
        self.usesFeeds = usesFeeds
        self.chunkSize = chunkSize
    }

    /// Runs a scenario. One that the stores can't hold is passed over.
    /// - Throws: ``ScenarioFailure`` at the first step that goes otherwise than the file says.
    public func run(_ scenario: Scenario) async throws {
        guard scenario.fits(harnesses.map(\.abilities)) else { return }
        let left = try await harnesses.left.make(scenario.tables.map { $0.description(of: .left) })
        let right = try await harnesses.right.make(scenario.tables.map { $0.description(of: .right) })
        let replicas = Sides(left: left, right: right)
        let run = ScenarioRun(
            scenario: scenario, harnesses: harnesses, replicas: replicas, usesFeeds: usesFeeds,
            chunkSize: chunkSize)
        var failure: (any Error)?
        do {
            try await run.steps()
        } catch {
            failure = error
        }
        for side in Side.allCases {
            await replicas[side].close()
            await harnesses[side].destroy(replicas[side])
        }
        if let failure { throw failure }
    }
}

/// A step that went otherwise than the file says.
public struct ScenarioFailure: Error, Sendable, CustomStringConvertible {
    public let file: String
    /// The step, counted from one.
    public let step: Int
    public let verb: String
    public let expected: String
    public let came: String

    public var description: String {
        "\(file), step \(step) (\(verb)):\n  expected \(expected)\n  came     \(came)"
    }
}

/// One run of one scenario over one pair of replicas.
private struct ScenarioRun {
    let scenario: Scenario
    let harnesses: Sides<any ConformanceHarness>
    let replicas: Sides<any Replica>
    let state: MemoryStateStore
    let synchronizer: Synchronizer
    let usesFeeds: Bool

    /// A step's expectation that did not come true.
    private struct Otherwise: Error {
        var expected: String
        var came: String
    }

    init(
        scenario: Scenario, harnesses: Sides<any ConformanceHarness>, replicas: Sides<any Replica>,
        usesFeeds: Bool,
        chunkSize: Int
    ) {
        self.scenario = scenario
        self.harnesses = harnesses
        self.replicas = replicas
        self.usesFeeds = usesFeeds
        state = MemoryStateStore()
        let job = SyncJob(
            name: "scenario", replicas: replicas,
            tables: scenario.tables.map { JobTable($0.schema, rules: $0.rules, wantsChangeFeed: usesFeeds) },
            limits: scenario.limits)
        synchronizer = Synchronizer(
            job: job, state: state,
            owner: LockOwner(process: 1, host: "here", user: "scenario", command: "test", since: 0),
            clock: { 0 },
            chunkSize: chunkSize)
    }

    func steps() async throws {
        var allowed: Set<Allowance> = []
        for (index, step) in scenario.steps.enumerated() {
            func failure(_ expected: String, _ came: String) -> ScenarioFailure {
                ScenarioFailure(
                    file: scenario.file, step: index + 1, verb: step.verb, expected: expected, came: came)
            }
            do {
                try await carryOut(step, &allowed)
            } catch let otherwise as Otherwise {
                throw failure(otherwise.expected, otherwise.came)
            } catch {
                throw failure("no error", "\(error)")
            }
        }
    }

    private func carryOut(_ step: ScenarioStep, _ allowed: inout Set<Allowance>) async throws {
        switch step {
        case .edit(let side, let edits): for edits in edits { try await edit(side, edits) }
        case .plan(let lines):
            let came = try PlanNotation.lines(try await synchronizer.plan(), scenario.tables)
            // A feed does not mention again what stays different on purpose.
            let due = usesFeeds ? lines.filter { !Self.isKept($0) || came.contains($0) } : lines
            try expect(due.sorted(), came.sorted())
        case .allow(let allowances): allowed = allowances
        case .sync(let expected):
            let allowing = allowed
            try await check(expected) { try await synchronizer.sync(allowing: allowing) }
            allowed = []
        case .undo(let run, let expected):
            let allowing = allowed
            try await check(expected) { try await synchronizer.undo(Int64(run), allowing: allowing) }
            allowed = []
        case .resolve(let decision): try await resolve(decision)
        case .waiting(let conflicts, let rejected):
            let came = (await state.conflicts().count, await state.rejections().count)
            try expect(
                "\(conflicts) conflicts, \(rejected) rejected", "\(came.0) conflicts, \(came.1) rejected")
        case .expect(let expected): for rows in expected { try await compare(rows) }
        case .quiet: try await checkQuiet()
        case .verify(let differences):
            let verification = try await synchronizer.verify()
            let came = verification.tables.reduce(0) { $0 + $1.standing }
            try expect("\(differences) differences", "\(came) differences")
        }
    }

    private static func isKept(_ line: String) -> Bool {
        line.split(separator: " ").prefix(2).contains("kept")
    }

    private func expect(_ expected: String, _ came: String) throws {
        if expected != came { throw Otherwise(expected: expected, came: came) }
    }

    /// Compares two sorted lists of lines, and says which are missing and which came besides.
    private func expect(_ expected: [String], _ came: [String], _ what: String = "") throws {
        let lines = came.difference(from: expected)
        guard !lines.isEmpty else { return }
        var missing: [String] = []
        var besides: [String] = []
        for change in lines {
            switch change {
            case .remove(_, let line, _): missing.append(line)
            case .insert(_, let line, _): besides.append(line)
            }
        }
        func text(_ lines: [String]) -> String {
            what + (lines.isEmpty ? "nothing else" : lines.joined(separator: " | "))
        }
        throw Otherwise(expected: text(missing), came: text(besides))
    }

    // MARK: Steps

    private func edit(_ side: Side, _ edits: ScenarioStep.Edits) async throws {
        let table = edits.table.schema.name
        let address = edits.table.schema.fields[edits.table.address].name
        for row in edits.inserts { try await harnesses[side].insert(row, into: table, of: replicas[side]) }
        for update in edits.updates {
            try await harnesses[side].update(
                update.columns, where: address, is: update.key, in: table, of: replicas[side])
        }
        for key in edits.deletes {
            try await harnesses[side].delete(where: address, is: key, from: table, of: replicas[side])
        }
    }

    private func check(_ expected: ScenarioStep.ExpectedRun, _ run: () async throws -> RunResult) async throws
    {
        let before = try await moment()
        do {
            let result = try await run()
            try expect(
                Self.words(
                    expected.writes, expected.conflicts, expected.rejected,
                    expected.status ?? (expected.conflicts + expected.rejected == 0 ? "agreed" : "waiting"),
                    expected.halts),
                Self.words(
                    result.totals.writes.map(\.words), result.conflicts, result.rejected,
                    result.status.rawValue, []))
        } catch let halted as RunHalted {
            let came = halted.halts.map { $0.allowance?.rawValue ?? "for good" }
            try expect(expected.halts.sorted().joined(separator: ", "), came.sorted().joined(separator: ", "))
            try expect(
                "nothing written by a halted run",
                try await moment() == before ? "nothing written by a halted run" : "writes")
        }
    }

    private static func words(
        _ writes: Sides<String>, _ conflicts: Int, _ rejected: Int, _ status: String, _ halts: [String]
    ) -> String {
        let halts = halts.isEmpty ? "" : "; halts at \(halts.joined(separator: ", "))"
        return
            "left: \(writes.left); right: \(writes.right); \(conflicts) conflicts, \(rejected) rejected; \(status)\(halts)"
    }

    private func resolve(_ decision: ScenarioStep.Decision) async throws {
        let found = await state.conflicts().first { conflict in
            conflict.table == decision.table.schema.name
                && decision.table.name(
                    of: conflict.key, conflict.base?.left, conflict.seen.left?.fields,
                    conflict.seen.right?.fields)
                    == decision.key
        }
        guard let found else { throw Otherwise(expected: "a conflict about \(decision.key)", came: "none") }
        let resolution = Resolution(decision.choice, seen: found.seen.map { $0?.fields.digest })
        try await state.decide([found.id: resolution])
    }

    private func compare(_ expected: ScenarioStep.ExpectedRows) async throws {
        let view = synchronizer.job.table(expected.table.schema.name)?.views[expected.side]
        guard let view else { return }
        let observation = try await replicas[expected.side].observe()
        var rows: [[Value]] = []
        do {
            let cursor = try await observation.snapshot(of: view)
            while let batch = try await cursor.next() {
                for record in batch.records() { rows.append(try record.fields.values()) }
            }
        } catch {
            await observation.finish()
            throw error
        }
        await observation.finish()
        let bytes = { (row: [Value]) in PackedRecord(row).bytes }
        let wanted = expected.rows.sorted { bytes($0).lexicographicallyPrecedes(bytes($1)) }
        let came = rows.sorted { bytes($0).lexicographicallyPrecedes(bytes($1)) }
        if wanted != came {
            throw Otherwise(
                expected: "\(expected.side) \(Self.words(wanted))",
                came: "\(expected.side) \(Self.words(came))")
        }
    }

    private static func words(_ rows: [[Value]]) -> String {
        "["
            + rows.map { "[" + $0.map { $0 == .text("") ? "“”" : $0.words }.joined(separator: ", ") + "]" }
            .joined(separator: ", ") + "]"
    }

    /// One more run writes nothing: not a row, not a run in the history.
    private func checkQuiet() async throws {
        let before = try await moment()
        let result = try await synchronizer.sync()
        let silence = "no run, no write"
        let writes = result.totals.writes.map(\.words)
        let came =
            result.run == nil && writes == Sides(left: "nothing", right: "nothing")
            ? silence : "run \(result.run ?? 0); left: \(writes.left); right: \(writes.right)"
        try expect(silence, came)
        try expect(silence, try await moment() == before ? silence : "a store changed")
    }

    private struct Moment: Equatable {
        var stores: Sides<String>
        var runs: Int
    }

    private func moment() async throws -> Moment {
        Moment(
            stores: Sides(
                left: try await harnesses.left.fingerprint(of: replicas.left),
                right: try await harnesses.right.fingerprint(of: replicas.right)),
            runs: await state.runs(limit: .max).count)
    }
}
