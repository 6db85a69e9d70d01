import Dovetail
public import DovetailEngine

/// A replica that is a program: a child process that is asked through its stdin and answers on its stdout, by the protocol of
/// `docs/programs.md`. What it does not know is done without it where that can be.
///
/// ```swift
/// let network = ProgramReplica(path: "/usr/local/bin/inventories", arguments: ["network"], directory: "/srv/jobs")
/// ```
///
/// The program is started when it is first asked something, ends with ``close()``, and is stopped when it doesn't. In Swift,
/// such a program is a ``ReplicaServer``.
public final class ProgramReplica: Replica {
    public let name: String
    private let connection: ProgramConnection

    /// - Parameters:
    ///   - path: the program. It is started as it is, without a shell.
    ///   - directory: the folder in which it runs.
    ///   - name: what output calls it; without one, its path.
    ///   - patience: how long it may say nothing at all before it is stopped.
    public init(
        path: String, arguments: [String] = [], directory: String, name: String? = nil,
        patience: Duration = .seconds(600)
    ) {
        self.name = name ?? path
        connection = ProgramConnection(
            name: self.name, origin: .program(path: path, arguments: arguments, directory: directory),
            patience: patience)
    }

    /// A program that runs already, at the other end of two streams, such as the descriptors of pipes or of a socket. They are
    /// closed with the replica.
    public convenience init(reading: Int32, writing: Int32, name: String, patience: Duration = .seconds(600))
    {
        self.init(reading: reading, writing: writing, name: name, patience: patience, takesFrames: true)
    }

    /// - Parameter takesFrames: whether records may come as they lie in memory, which is faster, or only as JSON.
    package init(reading: Int32, writing: Int32, name: String, patience: Duration, takesFrames: Bool) {
        self.name = name
        connection = ProgramConnection(
            name: name, origin: .streams(reading: StreamEnd(reading), writing: StreamEnd(writing)),
            patience: patience, takesFrames: takesFrames)
    }

    deinit { connection.abandon() }

    public func describe() async throws -> [TableDescription] {
        let hasKeys = try await connection.needed(WireRequest(.hello)).can?.contains(.keys) ?? false
        let answer = try await connection.needed(WireRequest(.describe))
        guard let tables = answer.tables else { throw connection.lacks("tables", .describe) }
        let described = try connection.readable {
            try tables.map { table in
                var table = try table.description()
                if !hasKeys {
                    table.contentReason =
                        table.contentReason ?? "the program gives its records no keys of their own"
                    table.idColumn = nil
                }
                return table
            }
        }
        var names: Set<String> = []
        for table in described where !names.insert(table.name).inserted {
            throw ReplicaError(.damaged, replica: name, "the program describes two tables “\(table.name)”")
        }
        return described
    }

    public func observe() async throws -> any Observation {
        let greeting = try await connection.needed(WireRequest(.hello))
        let look = try await connection.supported(WireRequest(.observe))
        return ProgramObservation(connection: connection, look: look?.look, can: Set(greeting.can ?? []))
    }

    public func prepare(_ views: [TableView]) async throws {
        var request = WireRequest(.prepare)
        request.views = views.map { WireView($0) }
        _ = try await connection.supported(request)
    }

    public func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        try await connection.check(view)
        var request = WireRequest(.apply)
        request.view = WireView(view)
        request.writes = try writes.map { try WireWrite($0) }
        guard let answer = try await connection.supported(request) else {
            throw ReplicaError(
                .forbidden, replica: name,
                "the program does not know “apply”, so \(view.table) can't be written to; a job may only read it, with"
                    + " a direction away from it")
        }
        guard let outcomes = answer.outcomes else { throw connection.lacks("outcomes", .apply) }
        guard outcomes.count == writes.count else {
            throw ReplicaError(
                .damaged, replica: name,
                "the program gave \(outcomes.count) outcomes for \(writes.count) writes; each has one, in their order"
            )
        }
        return try connection.readable {
            var result = ApplyResult(
                outcomes: try zip(outcomes, writes).map { try $0.outcome(of: $1, view) },
                isProven: answer.isProven ?? false)
            if let before = answer.feedBefore, let after = answer.feedAfter {
                result.feed = ApplyResult.FeedRange(before: FeedCursor(before), after: FeedCursor(after))
            }
            return result
        }
    }

    public func stamp(_ mark: ReplicaMark) async throws -> Bool {
        var request = WireRequest(.stamp)
        request.mark = mark
        return try await connection.supported(request)?.isStamped ?? false
    }

    public func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {
        var request = WireRequest(.acknowledge)
        request.job = job
        request.view = WireView(view)
        request.cursor = cursor.text
        _ = try await connection.supported(request)
    }

    public func close() async { await connection.close() }
}

extension ProgramConnection {
    /// The answer; nil when the program does not know the request.
    func supported(_ request: WireRequest) async throws -> WireAnswer? {
        switch try await ask(request) {
        case .answer(let answer): answer
        case .unsupported: nil
        }
    }

    /// The answer to a request that every program has to know.
    func needed(_ request: WireRequest) async throws -> WireAnswer {
        guard let answer = try await supported(request) else {
            throw ReplicaError(
                .unsuitable, replica: name,
                "the program does not know “\(request.ask?.rawValue ?? "")”, which each has to; see docs/programs.md"
            )
        }
        return answer
    }

    /// - Throws: ``ReplicaError`` when the program would not heed what the view says.
    func check(_ view: TableView) async throws {
        let can = try await needed(WireRequest(.hello)).can ?? []
        if view.filter != nil, !can.contains(.conditions) {
            throw ReplicaError(
                .unsuitable, replica: name, "the program has no language for conditions; leave “where” out")
        }
        if let column = view.columns.first(where: { $0.conversion != nil }), !can.contains(.conversions) {
            throw ReplicaError(
                .unsuitable, replica: name,
                "the program does not convert columns; convert “\(column.column)” on the other side, or in the program"
            )
        }
    }

    func lacks(_ field: String, _ ask: Ask) -> ReplicaError {
        ReplicaError(.damaged, replica: name, "the program answered “\(ask.rawValue)” without “\(field)”")
    }

    /// - Throws: ``ReplicaError`` for what `body` finds wrong in a message.
    func readable<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let problem as WireProblem {
            throw ReplicaError(.damaged, replica: name, "the program \(problem.words)")
        } catch let error as PackingError {
            throw ReplicaError(
                .damaged, replica: name, "the program gave records that can't be read: \(error)")
        }
    }
}
