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
    /// - Parameter examples: how many differences to keep per table.
    /// - Throws: ``ReplicaError``, ``StateError``.
    public func verify(examples: Int = 20) async throws -> Verification {
        events(.started(kind: "verify"))
        let observations = try await openObservations()
        do {
            var tables: [TableVerification] = []
            for table in job.tables {
                events(.observing(table: table.schema.name, byFeed: false))
                let verified =
                    table.schema.identity == .content
                    ? try await verifyLinked(table, observations, examples)
                    : try await verify(table, observations, examples)
                events(.observed(table: table.schema.name, records: verified.counts.equal + verified.counts.differences))
                tables.append(verified)
            }
            await observations.left.finish()
            await observations.right.finish()
            return Verification(tables: tables)
        } catch {
            await observations.left.finish()
            await observations.right.finish()
            throw described(error)
        }
    }

    private func verify(
        _ table: JobTable, _ observations: Sides<any Observation>, _ examples: Int
    ) async throws -> TableVerification {
        let found = Found()
        var comparison = Comparison(schema: table.schema, digesting: true) { found.differences.append($0) }
        _ = try await join(
            base: nil, left: try await observations.left.snapshot(of: table.views.left),
            right: try await observations.right.snapshot(of: table.views.right), into: &comparison)
        // A store's habit is no difference: both sides are as they were when they were proven equal.
        let base = try await state.base(of: table.schema.name, keys: found.differences.map(\.key))
        let known = Dictionary(base.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let reconciler = Reconciler(schema: table.schema, rules: table.rules)
        var normalised = 0
        var kept = 0
        let standing = try found.differences.filter { difference in
            if difference.isDuplicated { return true }
            let decision = try reconciler.reconcile(
                base: known[difference.key], left: difference.left?.fields, right: difference.right?.fields)
            switch decision {
            case .unchanged: normalised += 1
            case .keep: kept += 1
            case .agree, .write, .conflict, .refuse: return true
            }
            return false
        }
        return TableVerification(
            table: table.schema.name, schema: table.schema, counts: comparison.counts,
            normalised: normalised, kept: kept, digests: comparison.digests,
            examples: Array(standing.prefix(examples)))
    }

    /// Records that share no key are compared by their links: what a plan would still do is a difference.
    private func verifyLinked(
        _ table: JobTable, _ observations: Sides<any Observation>, _ examples: Int
    ) async throws -> TableVerification {
        let observer = Observer(
            job: job, state: state, stored: try await state.load(), observations: observations, meetsAnew: false,
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
                    table: entry.table, key: entry.key, left: entry.seen.left, right: entry.seen.right, fields: fields))
        }
        return TableVerification(
            table: table.schema.name, schema: table.schema, counts: counts, normalised: 0, kept: kept, digests: nil,
            examples: differences)
    }

    /// Collects differences. Used by one task.
    private final class Found {
        var differences: [Difference] = []
    }
}

/// Compares two tables of two replicas, without a job.
/// - Parameter receive: called for each difference, in key order.
/// - Throws: ``ReplicaError``.
public func compare(
    _ table: JobTable, _ replicas: Sides<any Replica>, receive: @escaping (Difference) throws -> Void
) async throws -> ComparisonCounts {
    let left = try await replicas.left.observe()
    let right: any Observation
    do {
        right = try await replicas.right.observe()
    } catch {
        await left.finish()
        throw error
    }
    do {
        var comparison = Comparison(schema: table.schema, digesting: false, receive: receive)
        let joined = try await join(
            base: nil, left: try await left.snapshot(of: table.views.left),
            right: try await right.snapshot(of: table.views.right), visitsEqual: false, into: &comparison)
        comparison.finish(joined)
        await left.finish()
        await right.finish()
        return comparison.counts
    } catch {
        await left.finish()
        await right.finish()
        throw error
    }
}
