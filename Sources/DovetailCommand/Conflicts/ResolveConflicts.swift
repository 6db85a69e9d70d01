import ArgumentParser
import Dovetail
import DovetailEngine
import DovetailJobs

/// `dovetail conflicts resolve JOB …`
struct ResolveConflicts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Decide conflicts; the next sync carries the decisions out.",
        discussion: """
            dovetail conflicts resolve JOB 3fa9c01b --take left
            dovetail conflicts resolve JOB --all --take right
            dovetail conflicts resolve JOB --field status --take left
            dovetail conflicts resolve JOB 3fa9c01b --set name=Bench --take right
            dovetail conflicts resolve JOB --interactive
            """)

    @OptionGroup var argument: JobArgument
    @Argument(help: "Ids of conflicts, or their first letters.")
    var ids: [String] = []
    @Flag(name: .long, help: "Every conflict.")
    var all = false
    @Option(name: .long, help: "The conflicts of one table.")
    var table: String?
    @Option(name: .long, help: "The conflicts about one field; only this field is decided.")
    var field: String?
    @Option(name: .long, help: "Whose value stands: left or right (or the side's label).")
    var take: String?
    @Option(name: .long, help: "A new value for a field: FIELD=VALUE. May be repeated.")
    var set: [String] = []
    @Flag(name: .long, help: "Take decisions back that no sync has carried out yet.")
    var forget = false
    @Flag(name: .shortAndLong, help: "Walk through the conflicts one by one.")
    var interactive = false
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        struct Decided: Encodable {
            var id: String
            var table: String
            var key: [Value]
            /// Absent when a decision was taken back.
            var decision: DecisionJSON?
            /// Fields still undecided.
            var open: [String]
        }
        var job: String
        var decided: [Decided]
        /// Conflicts without a decision.
        var undecided: Int
    }

    func run() async throws {
        try await RememberedJob.with(argument.job, writing: true) { job in
            let conflicts = try await job.state.conflicts()
            let types = try await FieldTypes(job.state.load())
            let decisions: [(ConflictRecord, Resolution?)]
            if interactive {
                let walk = ConflictWalk(labels: job.labels, types: types, json: output.json)
                let isNarrowed = all || !ids.isEmpty || table != nil || field != nil
                let meant = try isNarrowed ? selection.select(conflicts, job.name) : conflicts
                decisions = try await walk.run(meant) { record, resolution in
                    try await job.state.decide([record.id: resolution])
                }
            } else {
                decisions = try decide(conflicts, job, types)
                if !decisions.isEmpty {
                    try await job.state.decide(
                        Dictionary(decisions.map { ($0.0.id, $0.1) }, uniquingKeysWith: { $1 }))
                }
            }
            let left = try await job.state.conflicts().count { $0.resolution == nil }
            report(decisions, left, job)
        }
    }

    private var selection: ConflictSelection {
        ConflictSelection(ids: ids, all: all, table: table, field: field)
    }

    // MARK: Deciding

    private func decide(
        _ conflicts: [ConflictRecord], _ job: RememberedJob, _ types: FieldTypes
    ) throws -> [(ConflictRecord, Resolution?)] {
        let meant = try selection.select(conflicts, job.name)
        if forget { return meant.map { ($0, nil) } }
        let side = try take.map { try Self.side($0, job.labels) }
        let values = try set.map(Self.assignment)
        guard side != nil || !values.isEmpty else {
            throw UsageFailure("say how: --take left, --take right or --set FIELD=VALUE")
        }
        return try meant.map { ($0, $0.resolution(try choice(for: $0, side, values, types))) }
    }

    private func choice(
        for record: ConflictRecord, _ side: Side?, _ values: [(field: String, text: String)],
        _ types: FieldTypes
    ) throws -> Resolution.Choice {
        guard !record.fieldsAtStake.isEmpty else {
            guard let side, values.isEmpty else {
                throw UsageFailure(
                    "\(record.id.text) is about a deleted record: "
                        + "take the side whose record, or whose delete, shall stand"
                )
            }
            return .side(side)
        }
        if values.isEmpty, field == nil, let side { return .side(side) }
        var choices: [String: Resolution.FieldChoice] = [:]
        if let side {
            for name in record.fieldsAtStake.map(\.field) where field == nil || name == field {
                choices[name] = .side(side)
            }
        }
        for (name, text) in values {
            guard record.isAbout(name) else {
                let names = record.fieldsAtStake.map(\.field).joined(separator: ", ")
                throw UsageFailure("\(record.id.text) is not about “\(name)”; at stake: \(names)")
            }
            choices[name] = .value(try types.value(text, of: name, in: record.table))
        }
        return record.adding(choices)
    }

    static func side(_ word: String, _ labels: Sides<String>) throws -> Side {
        if let side = Side(rawValue: word) { return side }
        if word == labels.left { return .left }
        if word == labels.right { return .right }
        throw UsageFailure("--take \(word): take left (\(labels.left)) or right (\(labels.right))")
    }

    private static func assignment(_ text: String) throws -> (field: String, text: String) {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw UsageFailure("--set \(text): write FIELD=VALUE")
        }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }

    // MARK: Telling

    private func report(_ decisions: [(ConflictRecord, Resolution?)], _ left: Int, _ job: RememberedJob) {
        if output.json {
            let decided = decisions.map { record, resolution in
                Report.Decided(
                    id: record.id.text, table: record.table, key: (try? record.key.values()) ?? [],
                    decision: resolution.map { DecisionJSON($0.choice) },
                    open: resolution.map { record.open(after: $0.choice) } ?? [])
            }
            Console.json(Report(job: job.file.job, decided: decided, undecided: left))
            return
        }
        let printer = ConflictPrinter(labels: job.labels.safe)
        for (record, resolution) in decisions where !interactive {
            let words = resolution.map { printer.words($0.choice) } ?? "decision taken back"
            let open = resolution.map { record.open(after: $0.choice) } ?? []
            let rest = open.isEmpty ? "" : "; still open: \(Safe.line(open.joined(separator: ", ")))"
            Console.line(
                "  \(record.id.text)  \(Safe.line(record.table)) \(record.key.words)  \(words)\(rest)")
        }
        // A conflict with an open field, or whose decision was taken back, is not decided.
        let decided = decisions.filter { record, resolution in
            resolution.map { record.open(after: $0.choice).isEmpty } ?? false
        }
        let undecided = left + decisions.count { $1 != nil } - decided.count
        Console.line(
            "\(Words.count(decided.count, "conflict")) decided, \(undecided) undecided"
                + (decided.isEmpty ? "" : "; carry out with: dovetail sync \(job.name)"))
    }
}

/// The types of fields as the job's memory knows them.
struct FieldTypes {
    private let layouts: [String: TableLayout]

    init(_ state: JobState) { layouts = state.layouts }

    /// - Throws: ``UsageFailure`` when the text is no value of the field.
    func value(_ text: String, of field: String, in table: String) throws -> Value {
        let name = layouts[table]?.fields.first { $0.name == field }?.type ?? FieldType.text.name
        do {
            return try ValueParser.value(text, as: FieldType(layoutName: name))
        } catch {
            throw UsageFailure("\(field): \(error.description)")
        }
    }
}
