import ArgumentParser
import Dovetail
import DovetailEngine
import DovetailJobs

/// `dovetail check JOB`
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Can it connect, does the mapping fit, what would be lost in conversion?",
        discussion: """
            Reads both sides completely and writes nothing. Exits with 0 when every record can be carried \
            over, with 2 when the job file does not fit, with 3 when some records can't be carried over as they are.
            """)

    @OptionGroup var argument: JobArgument
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let status: ExitStatus = try await OpenJob.with(argument.job, writing: false, output) { job in
            let labels = job.loaded.job.labels
            let gone = job.loaded.job.vanished
            guard gone.isEmpty else {
                throw RunHalted(
                    halts: gone.map { .tableVanished(table: $0.table, side: $0.side) }, labels: labels)
            }
            let found = try await JobInspection(of: job.loaded)
            if output.json {
                Console.json(CheckJSON(job.file, labels, found, job.loaded.notes))
            } else {
                show(found, job)
            }
            return found.isClean ? .agreed : .waiting
        }
        try status.end()
    }

    private func show(_ found: JobInspection, _ job: OpenJob) {
        let labels = job.loaded.job.labels.safe
        let paint = Paint.stdout
        Console.line("\(job.file.job): \(Words.heading(labels, job.direction))")
        for side in Side.allCases {
            let mark = found.marked[side] ? "carries this job's mark" : "carries no mark of this job yet"
            Console.line("  \(labels[side])  \(Safe.line("\(job.file.source(of: side))")), \(mark)")
        }
        Notes.print(job.loaded.notes)
        for table in found.tables {
            Console.line(
                paint.bold(Safe.line(table.name)) + paint.dim("  matched by \(table.identity.matched)"))
            let fields = table.fields.map { "\(Safe.line($0.name)) (\($0.type.name))" }
            Console.line("  fields: \(fields.joined(separator: ", "))")
            for side in Side.allCases { Console.line("  \(labels[side]): \(line(table, side))") }
            for side in Side.allCases {
                for column in table.types[side] {
                    Console.line(
                        paint.dim(
                            "    \(labels[side]): \(Safe.line(column.name)) is \(column.type.name): "
                                + Safe.line(column.typeReason ?? "")))
                }
            }
            for loss in table.losses {
                let example = loss.example.map { $0.quoted } ?? "text that is not valid UTF-8"
                Console.line(
                    paint.yellow("  ! ") + "\(Safe.line(loss.field)): \(Words.count(loss.count, "value")) on "
                        + "\(labels[loss.side]) \(loss.count == 1 ? "is" : "are") no \(loss.type), "
                        + "such as \(example) at \(loss.key.words)")
            }
        }
        Console.line(found.isClean ? "Everything fits." : "Some records can't be carried over as they are.")
    }

    private func line(_ table: JobInspection.Table, _ side: Side) -> String {
        var parts = ["\(Safe.line(table.tables[side])), \(Words.count(table.counts[side], "record"))"]
        if table.duplicated[side] > 0 {
            parts.append("\(table.duplicated[side]) with a key that is there already")
        }
        if table.withoutKey[side] > 0 { parts.append("\(table.withoutKey[side]) with a null in the key") }
        if let feed = table.feeds[side] {
            parts.append(feed ? "change feed in place" : "change feed comes with the next sync")
        }
        return parts.joined(separator: ", ")
    }
}

extension JobFile {
    /// The source of a side; its description masks secrets.
    func source(of side: Dovetail.Side) -> SourceReference {
        (side == .left ? left : right).source
    }
}

/// What `check` found, for scripts.
private struct CheckJSON: Encodable {
    struct SideJSON: Encodable {
        var label: String
        var source: String
        var marked: Bool
    }
    struct Count: Encodable {
        var table: String
        var records: Int
        var duplicated: Int
        var withoutKey: Int
        var feed: Bool?
        var types: [TypeJSON]
    }
    struct TypeJSON: Encodable {
        var column: String
        var type: String
        var reason: String
    }
    struct FieldJSON: Encodable {
        var field: String
        var type: String
    }
    struct LossJSON: Encodable {
        var field: String
        var side: Side
        var count: Int
        var type: String
        var key: [Value]
        var example: Value?
    }
    struct Table: Encodable {
        var table: String
        var match: String
        var fields: [FieldJSON]
        var left: Count
        var right: Count
        var losses: [LossJSON]
    }
    var job: String
    var fits: Bool
    var left: SideJSON
    var right: SideJSON
    var tables: [Table]
    var notes: [JobNote]

    init(_ file: JobFile, _ labels: Sides<String>, _ found: JobInspection, _ notes: [JobNote]) {
        job = file.job
        fits = found.isClean
        func side(_ side: Side) -> SideJSON {
            SideJSON(label: labels[side], source: "\(file.source(of: side))", marked: found.marked[side])
        }
        left = side(.left)
        right = side(.right)
        self.notes = notes
        tables = found.tables.map { table in
            func count(_ side: Side) -> Count {
                Count(
                    table: table.tables[side], records: table.counts[side],
                    duplicated: table.duplicated[side],
                    withoutKey: table.withoutKey[side], feed: table.feeds[side],
                    types: table.types[side].map {
                        TypeJSON(column: $0.name, type: $0.type.name, reason: $0.typeReason ?? "")
                    })
            }
            return Table(
                table: table.name, match: table.identity.matched,
                fields: table.fields.map { FieldJSON(field: $0.name, type: $0.type.name) },
                left: count(.left), right: count(.right),
                losses: table.losses.map {
                    LossJSON(
                        field: $0.field, side: $0.side, count: $0.count, type: $0.type,
                        key: (try? $0.key.values()) ?? [], example: $0.example)
                })
        }
    }
}
