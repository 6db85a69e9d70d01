import Dovetail
public import DovetailEngine
public import Foundation

extension Dataset {
    /// What would have to be done to this dataset so that it holds what `source` holds. Loads both at once, unless they
    /// are loaded.
    /// - Parameter rules: what may not be done to some records.
    /// - Throws: what the loaders throw; ``ModelError`` when a type differs between the two.
    public func diff(from source: Dataset, rules: [Rule] = []) async throws -> Diff {
        try await Mirroring(source, self, rules: rules).diff()
    }

    /// What would have to be done to `destination` so that it holds what this dataset holds.
    /// - Throws: as ``diff(from:rules:)``.
    public func diff(to destination: Dataset, rules: [Rule] = []) async throws -> Diff {
        try await destination.diff(from: self, rules: rules)
    }

    /// Makes this dataset hold what `source` holds: parents are created before what stands under them and deleted after it,
    /// and each write goes to its hook.
    /// - Parameters:
    ///   - rules: what may not be done to some records.
    ///   - allowing: limits that are lifted for this run: deletes of more than a fifth of a type's records (and more than ten),
    ///     and a source that holds nothing of a type.
    /// - Throws: ``RunHalted`` before anything was written; what the loaders throw; ``ModelError``.
    @discardableResult
    public func sync(
        from source: Dataset, rules: [Rule] = [], limits: Limits = Limits(), allowing: Set<Allowance> = []
    ) async throws -> SyncResult {
        try await Mirroring(source, self, rules: rules, limits: limits).run().sync(allowing: allowing)
    }

    /// Makes `destination` hold what this dataset holds.
    /// - Throws: as ``sync(from:rules:limits:allowing:)``.
    @discardableResult
    public func sync(
        to destination: Dataset, rules: [Rule] = [], limits: Limits = Limits(), allowing: Set<Allowance> = []
    ) async throws -> SyncResult {
        try await destination.sync(from: self, rules: rules, limits: limits, allowing: allowing)
    }

    /// What ``sync(from:rules:limits:allowing:)`` would do, to be saved (`Plan.save(to:)`), read by someone, and applied later.
    /// - Throws: as ``diff(from:rules:)``.
    public func plan(from source: Dataset, rules: [Rule] = [], limits: Limits = Limits()) async throws -> Plan
    {
        try await Mirroring(source, self, rules: rules, limits: limits).run().synchronizer.plan()
    }

    /// Does what a saved plan says, and nothing else. A record that changed in either dataset since the plan was made is not
    /// written: the result has it among what was skipped.
    /// - Throws: `PlanFileError` when it is no such plan, or was changed; ``RunHalted``; what the loaders throw.
    @discardableResult
    public func apply(
        planAt url: URL, from source: Dataset, limits: Limits = Limits(), allowing: Set<Allowance> = []
    ) async throws -> SyncResult {
        try await Mirroring(source, self, rules: [], limits: limits).run()
            .apply(planAt: url, allowing: allowing)
    }
}

/// One dataset that is made like another, on the engine's ordinary run: the source is the left side.
struct Mirroring {
    private let source: Dataset
    private let destination: Dataset
    private let rules: [Rule]
    private let limits: Limits

    init(_ source: Dataset, _ destination: Dataset, rules: [Rule], limits: Limits = Limits()) {
        self.source = source
        self.destination = destination
        self.rules = rules
        self.limits = limits
    }

    func diff() async throws -> Diff {
        let synchronizer = try await run().synchronizer
        return try diff(try await synchronizer.plan(), synchronizer.job)
    }

    func run() async throws -> DatasetRun {
        try await DatasetRun(
            Sides(left: source, right: destination), limits: limits,
            state: MirrorState(follower: destination),
            rules: rules, isOneWay: true
        ) { incomplete in
            TableRules(direction: .leftToRight, deletes: incomplete.left ? .keep : .propagate)
        }
    }

    private func diff(_ plan: Plan, _ job: SyncJob) throws -> Diff {
        let parents = destination.parents
        var types: [String: DiffTree.Shape] = [:]
        for (order, table) in job.tables.enumerated() {
            types[table.schema.name] = DiffTree.Shape(
                order: order, schema: table.schema, identifierCount: table.keyFields.count,
                parent: parents[table.schema.name])
        }
        var tree = DiffTree(types) { key, type in
            source.record(key, of: type) ?? destination.record(key, of: type)
        }
        var summary = DiffSummary()
        for table in job.tables {
            let name = table.schema.name
            guard var entries = try plan.entries(of: name) else { continue }
            while let entry = try entries.next() {
                var protection: String?
                switch entry.decision {
                case .write: break
                case .unchanged, .agree: continue
                case .keep(.protected(let rule)): protection = rule
                case .conflict, .keep, .refuse:
                    summary.skipped += 1
                    continue
                }
                try tree.add(
                    entry.key, of: name, new: entry.seen.left?.fields, old: entry.seen.right?.fields,
                    protectedBy: protection)
            }
            summary.unchanged += plan.counts[name]?.unchanged ?? 0
        }
        let elements = try tree.elements()
        for element in elements { element.count(into: &summary) }
        let here = Set(destination.schemas.map(\.name))
        let there = Set(source.schemas.map(\.name))
        return Diff(
            source: source.name, destination: destination.name, elements: elements, summary: summary,
            uncompared: here.symmetricDifference(there).sorted(), incomplete: source.incompleteReason)
    }
}
