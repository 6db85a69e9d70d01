public import Dovetail

/// What a complete comparison of two replicas found.
public struct Verification: Sendable {
    public var tables: [TableVerification]

    /// Whether both sides hold the same records, under the fields' options and known normalisations.
    public var agrees: Bool { tables.allSatisfy { $0.standing == 0 } }
}

/// What was found in one table.
public struct TableVerification: Sendable {
    public var table: String
    public var schema: TableSchema
    public var counts: ComparisonCounts
    /// Differences that a side's store makes of what it is given, and that the base knows.
    public var normalised: Int
    /// Records that a rule leaves as they are: deletes that are kept, what only the follower has.
    public var kept: Int
    /// Differences that neither a store nor a rule explains.
    public var standing: Int { counts.differences - normalised - kept }
    /// Set digests of both sides; equal when every byte is. Nil for linked tables, whose keys differ.
    public var digests: Sides<SetDigest>?
    /// The first differences.
    public var examples: [Difference]
}

extension Synchronizer {
    /// Compares both sides completely, without trusting the base. Writes nothing.
    /// - Parameters:
    ///   - examples: how many differences to keep per table.
    ///   - proving: whether to add up the digests of everything both sides hold.
    /// - Throws: ``ReplicaError``, ``StateError``.
    public func verify(examples: Int = 20, proving: Bool = true) async throws -> Verification {
        events(.started(kind: "verify"))
        return try await looking { observations in
            var tables: [TableVerification] = []
            for table in job.tables {
                events(.observing(table: table.schema.name, byFeed: false))
                let verified =
                    table.schema.identity == .content
                    ? try await verifyLinked(table, observations, examples)
                    : try await verify(table, observations, examples, proving)
                events(
                    .observed(
                        table: table.schema.name, records: verified.counts.equal + verified.counts.differences
                    ))
                tables.append(verified)
            }
            return Verification(tables: tables)
        }
    }

    private func verify(
        _ table: JobTable, _ observations: Sides<any Observation>, _ examples: Int, _ proving: Bool
    ) async throws -> TableVerification {
        if let search = try await DigestSearch.between(observations, views: table.views),
            let different = try await search.run()
        {
            return try await verify(table, different, observations, examples)
        }
        let found = Found(table, state, examples: examples)
        var comparison = Comparison(schema: table.schema, digesting: proving) { found.pending.append($0) }
        let joined = try await join(
            base: nil, left: try await observations.left.snapshot(of: table.views.left),
            right: try await observations.right.snapshot(of: table.views.right), visitsEqual: proving,
            betweenBatches: { if found.pending.count >= 2000 { try await found.explain() } },
            into: &comparison)
        comparison.finish(joined)
        try await found.explain()
        return TableVerification(
            table: table.schema.name, schema: table.schema, counts: comparison.counts,
            normalised: found.normalised, kept: found.kept, digests: proving ? comparison.digests : nil,
            examples: found.examples)
    }

    /// Where both sides add up digests themselves, only the records at which these differ are read.
    private func verify(
        _ table: JobTable, _ different: DigestSearch.Found, _ observations: Sides<any Observation>,
        _ examples: Int
    ) async throws -> TableVerification {
        let found = Found(table, state, examples: examples)
        var comparison = Comparison(schema: table.schema, digesting: false) { found.pending.append($0) }
        for start in stride(from: 0, to: different.keys.count, by: 2000) {
            let end = min(start + 2000, different.keys.count)
            let references = different.keys[start..<end].map { RecordReference(key: $0) }
            let sides = try await observations.read(
                Sides(left: references, right: references), of: table.views)
            let joined = try await join(base: nil, left: sides.left, right: sides.right, into: &comparison)
            comparison.finish(joined)
            try await found.explain()
        }
        var counts = comparison.counts
        counts.equal =
            Int(different.digests.left.count) - counts.onlyLeft - counts.differing - counts.duplicated
        return TableVerification(
            table: table.schema.name, schema: table.schema, counts: counts, normalised: found.normalised,
            kept: found.kept, digests: different.digests, examples: found.examples)
    }

    /// Records that share no key are compared by their links: what a plan would still do is a difference.
    private func verifyLinked(
        _ table: JobTable, _ observations: Sides<any Observation>, _ examples: Int
    ) async throws -> TableVerification {
        let observer = Observer(
            job: job, state: state, stored: try await state.load(), observations: observations,
            meetsAnew: false,
            events: events)
        let planned = try await observer.plan(table, mappingChanged: false)
        var counts = ComparisonCounts()
        var differences: [Difference] = []
        var kept = 0
        counts.equal = planned.counts.unchanged + planned.counts.agreements
        var reader = try planned.spool.reader()
        while let entry = try reader.next() {
            if entry.decision == .agree { continue }
            switch (entry.seen.left, entry.seen.right) {
            case (.some, nil): counts.onlyLeft += 1
            case (nil, .some): counts.onlyRight += 1
            default: counts.differing += 1
            }
            if case .keep = entry.decision {
                kept += 1
                continue
            }
            guard differences.count < examples else { continue }
            var fields: [Int] = []
            if let left = entry.seen.left, let right = entry.seen.right {
                fields = try table.schema.differingFields(left.fields, right.fields)
            }
            differences.append(
                Difference(
                    table: entry.table, key: entry.key, left: entry.seen.left, right: entry.seen.right,
                    fields: fields))
        }
        return TableVerification(
            table: table.schema.name, schema: table.schema, counts: counts, normalised: 0, kept: kept,
            digests: nil,
            examples: differences)
    }
}

/// Differences, and what explains them. Only the first that nothing explains are kept, so that two tables that have
/// nothing in common do not fill memory. A class because comparison and verification share it; used by one task.
private final class Found {
    var pending: [Difference] = []
    private(set) var examples: [Difference] = []
    private(set) var normalised = 0
    private(set) var kept = 0
    private let table: JobTable
    private let state: any StateStore
    private let reconciler: Reconciler
    private let limit: Int

    init(_ table: JobTable, _ state: any StateStore, examples: Int) {
        self.table = table
        self.state = state
        reconciler = Reconciler(schema: table.schema, rules: table.rules)
        limit = examples
    }

    /// A store's habit is no difference: both sides are as they were when they were proven equal. Nor is what a rule
    /// leaves as it is.
    func explain() async throws {
        let base = try await state.base(of: table.schema.name, keys: pending.map(\.key))
        let known = Dictionary(base.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        for difference in pending {
            if !difference.isDuplicated {
                let decision = try reconciler.reconcile(
                    base: known[difference.key], left: difference.left?.fields,
                    right: difference.right?.fields)
                if decision == .unchanged {
                    normalised += 1
                    continue
                }
                if case .keep = decision {
                    kept += 1
                    continue
                }
            }
            if examples.count < limit { examples.append(difference) }
        }
        pending.removeAll(keepingCapacity: true)
    }
}
