public import DovetailEngine

import Dovetail
import DovetailFlatFiles
import Foundation

/// Turns a job file into a job that runs: replicas are opened and described, tables, fields and types fitted.
///
/// ```swift
/// let file = try JobFile.load(path: "benches.yaml")
/// let state = try file.openStateForReading()
/// let loaded = try await JobLoader(file).load(state: state.load())
/// let synchronizer = Synchronizer(job: loaded.job, …)
/// ```
///
/// Everything that is wrong is found at once and named with its place in the file.
public struct JobLoader: Sendable {
    private let file: JobFile
    private let factory: ReplicaFactory
    private let onlyLooks: Bool

    /// - Parameters:
    ///   - factory: what makes replicas of sources.
    ///   - onlyLooks: whether the job is for one comparison and never for a run: records then need nothing by which a
    ///     later run knows them.
    public init(_ file: JobFile, factory: ReplicaFactory = .standard, onlyLooks: Bool = false) {
        self.file = file
        self.factory = factory
        self.onlyLooks = onlyLooks
    }

    /// Opens both sides and maps them onto each other. Writes nothing.
    ///
    /// - Parameter state: the job's memory, to tell what vanished from what never was there.
    /// - Throws: ``JobFileError`` with every problem; `RunHalted` when a side that an earlier run saw is
    ///   gone; `ReplicaError` when a side can't be read.
    public func load(state: JobState? = nil) async throws -> LoadedJob {
        let replicas = try replicas(state)
        do {
            let descriptions = try await describe(replicas, state: state)
            try checkTypes(descriptions)
            var mapper = JobMapper(
                file, descriptions, known: Set((state?.layouts ?? [:]).keys), onlyLooks: onlyLooks)
            let tables = mapper.map()
            guard mapper.problems.isEmpty else { throw JobFileError(problems: mapper.problems) }
            try await checkFilters(of: tables, replicas)
            let job = SyncJob(
                name: file.job, labels: Sides(left: file.left.label, right: file.right.label),
                replicas: replicas, tables: tables, limits: limits, retention: file.history.retention,
                lockPatience: file.lockWait ?? 0, vanished: mapper.vanished)
            return LoadedJob(file: file, job: job, descriptions: descriptions, notes: mapper.notes)
        } catch {
            await replicas.left.close()
            await replicas.right.close()
            throw error
        }
    }

    private func replicas(_ state: JobState?) throws -> Sides<any Replica> {
        var problems: [JobFileError.Problem] = []
        func make(_ side: JobFile.Side) throws -> (any Replica)? {
            let replica = file.replica(side)
            do {
                return try factory.replica(
                    for: replica.source, named: "\(replica.label) (\(replica.source))",
                    options: ReplicaFactory.Options(
                        busyTimeout: file.busyTimeout,
                        types: FlatFileTypes(replica, side.engineSide, state), delimiter: replica.delimiter))
            } catch let error as ReplicaFactory.Unusable {
                problems.append(
                    file.problem(at: "\(side.rawValue).source", error.message, hint: error.hint))
                return nil
            }
        }
        let left = try make(.left)
        let right = try make(.right)
        guard let left, let right else { throw JobFileError(problems: problems) }
        return Sides(left: left, right: right)
    }

    // MARK: Looking at both sides

    private func describe(
        _ replicas: Sides<any Replica>, state: JobState?
    ) async throws -> Sides<[TableDescription]> {
        async let left = Self.attempt { try await replicas.left.describe() }
        async let right = Self.attempt { try await replicas.right.describe() }
        let described = Sides(left: await left, right: await right)
        var gone: [(side: Dovetail.Side, reason: String)] = []
        for side in Dovetail.Side.allCases {
            guard case .failure(let error) = described[side] else { continue }
            guard let error = error as? ReplicaError, error.kind == .missing else { throw error }
            gone.append((side, error.message))
        }
        if !gone.isEmpty { throw missing(gone, state: state) }
        return Sides(left: try described.left.get(), right: try described.right.get())
    }

    /// A type for a column that isn't there is a slip in its name.
    private func checkTypes(_ descriptions: Sides<[TableDescription]>) throws {
        var problems: [JobFileError.Problem] = []
        for side in Dovetail.Side.allCases {
            let columns = descriptions[side].flatMap { $0.columns.map(\.name) }
            for name in file.replica(side.fileSide).types.keys.sorted() where !columns.contains(name) {
                let path = NodePath().key(side.rawValue).key("types").key(name)
                problems.append(
                    file.problem(
                        at: path.text, "the file has no column “\(name)”",
                        hint: Spelling.hint(for: name, in: columns, otherwise: "its columns are")))
            }
        }
        if !problems.isEmpty { throw JobFileError(problems: problems) }
    }

    /// A side that isn't there is a mistake in the file at first, and a halt once a run has seen it.
    private func missing(_ gone: [(side: Dovetail.Side, reason: String)], state: JobState?) -> any Error {
        if let state, state.generation > 0 {
            return RunHalted(
                halts: gone.map { .replicaVanished(side: $0.side, reason: $0.reason) },
                labels: Sides(left: file.left.label, right: file.right.label))
        }
        return JobFileError(
            problems: gone.map { side, reason in
                file.problem(
                    at: "\(side.rawValue).source", reason,
                    hint: "a relative path starts at the job file's folder")
            })
    }

    private static func attempt<Success: Sendable>(
        _ work: @Sendable () async throws -> Success
    ) async -> Result<Success, any Error> {
        do { return .success(try await work()) } catch { return .failure(error) }
    }

    /// Only the replica can tell whether a condition in its own language is one.
    private func checkFilters(of tables: [JobTable], _ replicas: Sides<any Replica>) async throws {
        var problems: [JobFileError.Problem] = []
        for side in Dovetail.Side.allCases {
            let filtered = tables.filter { $0.views[side].filter != nil }
            guard !filtered.isEmpty else { continue }
            let observation = try await replicas[side].observe()
            for table in filtered {
                do {
                    _ = try await observation.isEmpty(table.views[side])
                } catch let error as ReplicaError where error.kind == .unsuitable {
                    let path = ["tables", table.schema.name, "where", side.rawValue]
                        .reduce(NodePath()) { $0.key($1) }
                    problems.append(file.problem(at: path.text, error.message))
                } catch {
                    await observation.finish()
                    throw error
                }
            }
            await observation.finish()
        }
        if !problems.isEmpty { throw JobFileError(problems: problems) }
    }

    // MARK: Rules of the whole job

    private var limits: Limits {
        let deletes = file.limits.deletes
        // A number alone is the limit; the default share holds only where nothing is said.
        let share = deletes?.share ?? (deletes?.number == nil ? 0.2 : 1)
        return Limits(
            deleteShare: share, deleteNumber: deletes?.number, changes: file.limits.changes,
            stopsOnEmptySide: file.limits.onEmptySide == .stop)
    }
}

extension JobFile.History {
    /// What the job's history keeps.
    public var retention: HistoryRetention {
        let values: HistoryRetention.Values =
            switch values {
            case .full: masked.isEmpty ? .full : .masked
            case .masked: .masked
            case .none: .none
            }
        return HistoryRetention(runs: runs, days: days, values: values, maskedFields: Set(masked))
    }
}
