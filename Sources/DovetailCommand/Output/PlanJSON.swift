import Dovetail
import DovetailEngine
import DovetailJobs

/// Writes a plan as one JSON object, entry by entry.
enum PlanJSON {
    private struct Head: Encodable {
        var job: String
        var left: String
        var right: String
        var quiet: Bool
        var meetsAnew: String?
        var halts: [HaltJSON]
        var notes: [JobNote]
        var out: String?
        var html: String?
    }

    private struct TableHead: Encodable {
        var table: String
        var match: String
        var counts: PlanCounts
    }

    /// - Parameter limit: entries written per table and decision.
    static func write(
        _ plan: Plan, notes: [JobNote], out: String?, html: String? = nil, limit: Int
    ) throws {
        let head = Head(
            job: plan.job, left: plan.labels.left, right: plan.labels.right, quiet: plan.isQuiet,
            meetsAnew: plan.meetsAnew, halts: plan.halts.map { HaltJSON($0, labels: plan.labels) },
            notes: notes,
            out: out, html: html)
        open(head, then: "tables")
        var isFirst = true
        for name in plan.tableNames {
            guard let schema = plan.schema(of: name), let counts = plan.counts[name] else { continue }
            Console.raw(isFirst ? "" : ",")
            isFirst = false
            open(TableHead(table: name, match: schema.identity.matched, counts: counts), then: "entries")
            let omitted = try writeEntries(of: plan, name, schema, limit)
            Console.raw("],\"omitted\":\(omitted)}")
        }
        Console.raw("]}\n")
    }

    /// An object without its end, and the start of its last list.
    private static func open(_ head: some Encodable, then list: String) {
        Console.raw(String(JSON.text(head).dropLast()) + ",\"\(list)\":[")
    }

    /// - Returns: how many entries were left out.
    private static func writeEntries(
        of plan: Plan, _ name: String, _ schema: TableSchema, _ limit: Int
    ) throws -> Int {
        guard var reader = try plan.entries(of: name) else { return 0 }
        var written: [String: Int] = [:]
        var omitted = 0
        var isFirst = true
        while let entry = try reader.next() {
            guard let kind = kind(of: entry) else { continue }
            guard written[kind, default: 0] < limit else {
                omitted += 1
                continue
            }
            written[kind, default: 0] += 1
            Console.raw(
                (isFirst ? "" : ",") + JSON.text(try PlanLine(entry, schema: schema, labels: plan.labels)))
            isFirst = false
        }
        return omitted
    }

    private static func kind(of entry: PlanEntry) -> String? {
        switch entry.decision {
        case .unchanged, .agree: nil
        case .keep: "keep"
        case .conflict: "conflict"
        case .refuse: "refuse"
        case .write(let writes, _): (writes.left ?? writes.right)?.verb
        }
    }
}
