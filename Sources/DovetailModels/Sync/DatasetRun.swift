import Dovetail
import DovetailEngine
import Foundation

/// One run of the engine over two datasets.
struct DatasetRun {
    let synchronizer: Synchronizer
    private let replicas: Sides<DatasetReplica>

    /// Loads both datasets at once, unless they are loaded.
    /// - Parameters:
    ///   - rules: what may not be done to single records.
    ///   - isOneWay: the right one is made like the left one.
    ///   - policy: the rules of each type, once it is known which of the datasets are incomplete.
    /// - Throws: what the loaders throw; ``ModelError`` when a type differs between the two.
    init(
        _ datasets: Sides<Dataset>, limits: Limits, state: any StateStore, rules: [Rule],
        isOneWay: Bool, policy: (_ incomplete: Sides<Bool>) -> TableRules
    ) async throws {
        async let left: Void = datasets.left.load()
        async let right: Void = datasets.right.load()
        (_, _) = (try await left, try await right)
        let policy = policy(datasets.map { $0.incompleteReason != nil })
        let book = RuleBook(rules, datasets)
        let there = Dictionary(
            datasets.left.schemas.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let tables = try datasets.right.schemas.compactMap { schema -> JobTable? in
            guard let other = there[schema.name] else { return nil }
            guard other == schema else {
                throw ModelError(
                    "“\(schema.name)” is one model in \(datasets.left.name) and another in \(datasets.right.name);"
                        + " use one type, or two names")
            }
            var rules = policy
            rules.guards = book.guards(of: schema.name)
            return JobTable(schema, rules: rules)
        }
        let cascades = isOneWay && datasets.right.deletesBelow
        let cascade = cascades ? Cascade(from: datasets.left, to: datasets.right, book) : nil
        replicas = datasets.map {
            DatasetReplica(dataset: $0, scope: HookScope(cascade: cascade, isLasting: !isOneWay))
        }
        let job = SyncJob(
            name: "\(datasets.left.name) and \(datasets.right.name)",
            labels: datasets.map(\.name),
            replicas: Sides(left: replicas.left, right: replicas.right), tables: tables, limits: limits)
        synchronizer = Synchronizer(
            job: job, state: state,
            owner: LockOwner(
                process: ProcessInfo.processInfo.processIdentifier, host: ProcessInfo.processInfo.hostName,
                user: "", command: "sync", since: Int64(Date().timeIntervalSince1970 * 1_000_000)),
            clock: { Int64(Date().timeIntervalSince1970 * 1_000_000) })
    }

    func sync(allowing: Set<Allowance>) async throws -> SyncResult {
        try await SyncResult(synchronizer.sync(allowing: allowing), synchronizer.state, replicas)
    }

    func apply(planAt url: URL, allowing: Set<Allowance>) async throws -> SyncResult {
        try await SyncResult(
            synchronizer.apply(planAt: url, allowing: allowing), synchronizer.state, replicas)
    }
}
