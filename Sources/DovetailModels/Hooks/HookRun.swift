import Dovetail
import DovetailEngine

/// What the hooks of one dataset share in one run.
struct HookScope: Sendable {
    let failures = HookFailures()
    /// Nil in a sync both ways: there, what one side lacks may be new.
    var cascade: Cascade?
    /// Whether a memory outlasts the run.
    var isLasting = false
}

/// Carries out writes on the records of one type: in their order, in batches as the hooks take them, several at once.
final class HookRun: Sendable {
    private let dataset: Dataset
    private let type: String
    private let writes: [ReplicaWrite]
    private let scope: HookScope
    private let named: NamedKeys
    private let caller: HookCaller
    private let batchSizes: [DiffElement.Action: Int]

    private typealias Outcome = (place: Int, outcome: WriteOutcome)
    /// What became of calls. `refused`: why the write at a place was not done; nil: the system behind the dataset has done it.
    private struct Answers: Sendable {
        var given: [(place: Int, refused: String?)] = []
        /// What ended the calls before all were made.
        var failure: (any Error)?
    }

    /// - Throws: `ReplicaError` when the dataset holds no such records.
    init(_ dataset: Dataset, _ type: String, _ writes: [ReplicaWrite], _ scope: HookScope) throws {
        self.dataset = dataset
        self.type = type
        self.writes = writes
        self.scope = scope
        (named, caller, batchSizes) = try dataset.tables { tables, caller in
            guard let own = tables.first(where: { $0.schema.name == type }) else {
                throw ReplicaError(.unsuitable, replica: dataset.name, "there is no model \(type)")
            }
            let sizes = DiffElement.Action.allCases.map { ($0, own.batchSize(for: $0)) }
            return (
                NamedKeys(writes, to: own, among: tables), own.caller ?? caller,
                Dictionary(uniqueKeysWithValues: sizes)
            )
        }
    }

    /// - Throws: `CancellationError`, `PackingError`, ``ModelError``.
    func outcomes() async throws -> [WriteOutcome] {
        var outcomes: [WriteOutcome?] = Array(repeating: nil, count: writes.count)
        var failure: (any Error)?
        await withTaskGroup(of: Answers.self) { group in
            func fail(_ error: any Error) {
                failure = failure ?? error
                group.cancelAll()
            }
            // Only this task touches the dataset: calls that end together would wait for each other.
            func take(_ answers: Answers) {
                do {
                    for (place, refused) in answers.given {
                        outcomes[place] = try refused.map(rejected) ?? keep(place)
                    }
                    if let failure = answers.failure { fail(failure) }
                } catch {
                    fail(error)
                }
            }
            var running = 0
            for batch in batches {
                if running >= max(1, caller.policy.concurrency), let answers = await group.next() {
                    take(answers)
                    running -= 1
                }
                // What was not begun counts as overtaken, and is planned again.
                if Task.isCancelled || failure != nil { break }
                do {
                    // Decided when its turn comes: a hook before it may have changed what is here.
                    let decided = try decide(batch)
                    for (place, outcome) in decided.done { outcomes[place] = outcome }
                    guard let call = decided.call else { continue }
                    running += 1
                    group.addTask(operation: call)
                } catch {
                    fail(error)
                }
            }
            // What systems have done is kept, whatever went wrong elsewhere.
            while let answers = await group.next() { take(answers) }
        }
        if let failure { throw failure }
        return outcomes.map { $0 ?? .overtaken }
    }

    /// Places in a row whose writes are of one kind, as many as a hook takes.
    private var batches: [Range<Int>] {
        var batches: [Range<Int>] = []
        var start = 0
        while start < writes.count {
            let action = DiffElement.Action(writes[start].write)
            var end = start + 1
            while end < writes.count, end - start < batchSizes[action] ?? 1,
                DiffElement.Action(writes[end].write) == action
            {
                end += 1
            }
            batches.append(start..<end)
            start = end
        }
        return batches
    }

    /// What needs no hook is done at once; the rest is one call.
    private func decide(
        _ batch: Range<Int>
    ) throws -> (done: [Outcome], call: (@Sendable () async -> Answers)?) {
        let action = DiffElement.Action(writes[batch.lowerBound].write)
        let roots = action == .delete ? cascadeRoots(batch) : [:]
        return try dataset.tables { tables, _ in
            guard let own = tables.first(where: { $0.schema.name == type }) else { return ([], nil) }
            let references = ReferenceCheck(own.schema, among: tables, named)
            var done: [Outcome] = []
            var due: [Int] = []
            for place in batch {
                let refused = name(place).flatMap { scope.failures.reason(of: $0) }
                if let reason = try refused ?? references.reason(against: writes[place]) {
                    done.append((place, rejected(reason)))
                } else if let outcome = try own.outcome(of: writes[place]) {
                    done.append((place, outcome))
                } else if !own.hasHook(for: action), roots[place] == nil {
                    done.append((place, .applied(try own.keep(writes[place]))))
                } else {
                    due.append(place)
                }
            }
            let single = due.filter { roots[$0] == nil }
            let hook = try own.hook(for: single.map { writes[$0] })
            let cascades = try due.compactMap { place in
                try roots[place].map { root in
                    let table = tables.first { $0.schema.name == root.type }
                    return CascadeCall(place: place, root: root, hook: try table?.deleteHook(of: root.key))
                }
            }
            guard !due.isEmpty else { return (done, nil) }
            return (done, { await self.answers(of: hook, for: single, and: cascades) })
        }
    }

    // MARK: Calls

    private func answers(
        of hook: HookCall?, for places: [Int], and cascades: [CascadeCall]
    ) async -> Answers {
        var answers = Answers()
        do {
            answers.given = try await call(hook, for: places)
            for cascade in cascades { answers.given.append((cascade.place, try await call(cascade))) }
        } catch {
            answers.failure = error
        }
        return answers
    }

    private func call(_ hook: HookCall?, for places: [Int]) async throws -> [(place: Int, refused: String?)] {
        guard let hook, !places.isEmpty else { return [] }
        var refused: [Int: String] = [:]
        do {
            for refusal in try await caller.call(hook) where places.indices.contains(refusal.place) {
                refused[places[refusal.place]] = refusal.reason
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            for place in places { refused[place] = "\(error)" }
        }
        return places.map { place in
            if let reason = refused[place], let name = name(place) { scope.failures.note(name, reason) }
            return (place, refused[place])
        }
    }

    private func keep(_ place: Int) throws -> WriteOutcome {
        try dataset.tables { tables, _ in
            guard let own = tables.first(where: { $0.schema.name == type }) else { return .overtaken }
            return .applied(try own.keep(writes[place]))
        }
    }

    /// Owed: it is tried again in every run.
    private func rejected(_ reason: String) -> WriteOutcome {
        .rejected(WriteOutcome.Rejection(reason: reason, dependsOnOthers: true))
    }

    private func name(_ place: Int) -> RecordName? {
        writes[place].key.map { RecordName(type: type, key: $0) }
    }

    // MARK: Deletes that go with what they stand under

    private struct CascadeCall: Sendable {
        let place: Int
        let root: RecordName
        let hook: HookCall?
    }

    /// The record with which each delete goes, or itself where it takes others along.
    private func cascadeRoots(_ batch: Range<Int>) -> [Int: RecordName] {
        guard let cascade = scope.cascade else { return [:] }
        var roots: [Int: RecordName] = [:]
        for place in batch {
            roots[place] = name(place).flatMap(cascade.root(of:))
        }
        return roots
    }

    /// Why the delete of a record that goes with another one was refused; nil: both are gone.
    private func call(_ cascaded: CascadeCall) async throws -> String? {
        let reason = try await scope.cascade?.delete(cascaded.root) {
            guard let hook = cascaded.hook else { return [] }
            return try await self.caller.call(hook)
        }
        guard let reason else { return nil }
        scope.failures.note(cascaded.root, reason)
        return "it goes with \(cascaded.root.words), which was refused"
    }
}
