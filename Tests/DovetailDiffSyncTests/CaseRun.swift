import DovetailDiffSync
import Synchronization

/// An error that no hook is expected to throw.
struct UnexpectedError: Error {}

/// The name of DiffSync's exception.
struct CaseError: Error, Equatable {
    let name: String

    init(_ error: any Error) {
        name =
            switch error {
            case let error as DiffSyncStopped: CaseError(error.error).name
            case let error as DiffSyncError: error.diffSyncName
            case let error as DiffSyncCRUDError: error.diffSyncName
            case is UnexpectedError: "RuntimeError"
            default: "\(error)"
            }
    }
}

/// Calls of a progress handler, in the form of the cases.
final class ProgressLog: Sendable {
    private let calls = Mutex<[DiffSyncProgress]>([])

    func note(_ progress: DiffSyncProgress) { calls.withLock { $0.append(progress) } }

    func summary(_ stage: DiffSyncProgress.Stage) -> DiffSyncValue {
        let calls = calls.withLock { $0.filter { $0.stage == stage } }
        guard let first = calls.first, let last = calls.last else { return .null }
        return [
            "calls": .int(calls.count), "first": [.int(first.done), .int(first.total)],
            "last": [.int(last.done), .int(last.total)],
        ]
    }
}

/// One case, played from its load to the diff after its sync.
struct CaseRun {
    let recorded: Case
    let diff: Result<DiffSyncDiff, CaseError>
    let given: DiffSyncDiff?
    let result: DiffSyncResult?
    let syncError: CaseError?
    let before: DiffSyncAdapter
    let after: DiffSyncAdapter
    let source: DiffSyncAdapter
    let completions: Int
    let post: Result<DiffSyncDiff, CaseError>
    let progress: ProgressLog
    let syncProgress: ProgressLog

    /// - Throws: what the load throws.
    init(_ recorded: Case) async throws {
        self.recorded = recorded
        var destination = try recorded.side("a", then: true)
        let source = try recorded.side("b", then: true)
        (before, self.source) = (destination, source)
        let (progress, syncProgress) = (ProgressLog(), ProgressLog())
        (self.progress, self.syncProgress) = (progress, syncProgress)
        let given = Result { try recorded.given() }
        self.given = try? given.get()
        diff = Result {
            _ = try given.get()
            return try destination.diffFrom(
                source, flags: recorded.flags, order: recorded.order, progress: { progress.note($0) })
        }.mapError(CaseError.init)
        let count = Counter()
        Self.setHooks(&destination, failing: recorded.fails)
        destination.onSyncComplete { _ in count.add() }
        do {
            result = try await destination.syncFrom(
                source, flags: recorded.flags, order: recorded.order, diff: given.get(),
                progress: { syncProgress.note($0) })
            syncError = nil
        } catch {
            result = (error as? DiffSyncStopped)?.result
            syncError = CaseError(error)
        }
        after = destination
        self.completions = count.value
        post = Result { [destination] in try destination.diffFrom(source) }.mapError(CaseError.init)
    }

    /// Hooks that fail where the case says so.
    private static func setHooks(_ adapter: inout DiffSyncAdapter, failing: [DiffSyncValue]) {
        let hook: DiffSyncHook = { call in
            let failure = failing.first {
                $0["op"]?.text == call.action.rawValue && $0["type"]?.text == call.type
                    && $0["uid"]?.text == call.identity.uid
            }
            switch failure?["how"]?.text {
            case "exception": throw DiffSyncCRUDError(call.action, "injected")
            case "unexpected": throw UnexpectedError()
            case "none": return .refused
            default: return .done
            }
        }
        adapter.on(create: hook, update: hook, delete: hook)
    }

    var deviations: Set<DiffSyncDeviation> {
        [try? diff.get().deviations, given?.deviations, result?.deviations, try? post.get().deviations]
            .reduce(into: []) { $0.formUnion($1 ?? []) }
    }

    /// Whether any object hides from the diff, or is deleted otherwise.
    var hasObjectFlags: Bool {
        [before, source].contains { adapter in
            adapter.schema.models.contains { model in
                adapter.objects(model.type).contains { !$0.flags.isEmpty }
            }
        }
    }

    // MARK: In the form of the cases

    var operations: DiffSyncValue {
        .list(
            (result?.operations ?? []).map { operation in
                var fields: [(String, DiffSyncValue)] = [
                    ("op", .text(operation.action.rawValue)), ("type", .text(operation.identity.type)),
                    ("uid", .text(operation.identity.uid)),
                ]
                if operation.action != .delete { fields.append(("attrs", .object(operation.attributes))) }
                let result =
                    switch operation.outcome {
                    case .done: "ok"
                    case .refused: "returned None"
                    case .failed(let error): "raised \(CaseError(error).name)"
                    }
                return .object(DiffSyncFields(fields + [("result", .text(result))]))
            })
    }

    /// All objects by type, in the order of the schema that the cases were recorded with.
    func final(_ adapter: DiffSyncAdapter, _ types: [String]) -> DiffSyncValue {
        .list(
            types.flatMap { type in
                adapter.objects(type).map { object in
                    var fields: [(String, DiffSyncValue)] = [
                        ("type", .text(type)), ("uid", .text(object.identity.uid)),
                        ("attrs", .object(object.attributes)),
                    ]
                    let children = (adapter.schema[type]?.children ?? []).compactMap {
                        let listed = object.children(of: $0.type)
                        return listed.isEmpty
                            ? nil : ($0.field, DiffSyncValue.list(listed.map { .text($0.uid) }))
                    }
                    if !children.isEmpty { fields.append(("children", .object(DiffSyncFields(children)))) }
                    let flags = DiffSyncModelFlags.names.filter { object.flags.contains($0.flag) }
                    if !flags.isEmpty { fields.append(("flags", .list(flags.map { .text($0.name) }))) }
                    return .object(DiffSyncFields(fields))
                }
            })
    }

    static func elements(_ diff: DiffSyncDiff) -> DiffSyncValue {
        .list(
            diff.elements.map {
                [
                    .int($0.depth), .text($0.type), .text($0.name),
                    $0.action.map { .text($0.rawValue) } ?? .null,
                ]
            })
    }
}

/// Counts across tasks.
final class Counter: Sendable {
    private let count = Mutex(0)
    func add() { count.withLock { $0 += 1 } }
    var value: Int { count.withLock { $0 } }
}
