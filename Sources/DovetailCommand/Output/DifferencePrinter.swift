import Dovetail
import DovetailEngine

/// Prints what a comparison found.
struct DifferencePrinter {
    let labels: Sides<String>
    private let paint = Paint.stdout

    init(labels: Sides<String>) { self.labels = labels.safe }

    func printTable(_ table: TableVerification) throws {
        printHead(table.schema)
        for difference in table.examples { try printDifference(difference, table.schema) }
        let more = table.standing - table.examples.count
        if more > 0 {
            Console.line("  " + paint.dim("… and \(Words.count(more, "more difference")) (--limit)"))
        }
        printCounts(table.counts, normalised: table.normalised, kept: table.kept)
        if let digests = table.digests, digests.left == digests.right {
            Console.line("  " + paint.dim("every byte is equal: \(digests.left.words)"))
        }
    }

    func printHead(_ schema: TableSchema) {
        Console.line(
            paint.bold(Safe.line(schema.name)) + paint.dim("  matched by \(schema.identity.matched)"))
    }

    func printCounts(_ counts: ComparisonCounts, normalised: Int = 0, kept: Int = 0) {
        var parts = ["\(counts.equal) equal"]
        if counts.differing > 0 { parts.append("\(counts.differing) different") }
        if counts.onlyLeft > 0 { parts.append("\(counts.onlyLeft) only on \(labels.left)") }
        if counts.onlyRight > 0 { parts.append("\(counts.onlyRight) only on \(labels.right)") }
        if counts.duplicated > 0 { parts.append("\(Words.count(counts.duplicated, "key")) more than once") }
        if normalised > 0 { parts.append("\(normalised) of the different as the stores normalise them") }
        if kept > 0 { parts.append("\(kept) of these left as they are by a rule") }
        Console.line("  " + parts.joined(separator: ", "))
    }

    func printDifference(_ difference: Difference, _ schema: TableSchema) throws {
        let key = difference.key.words
        if difference.isDuplicated {
            Console.line("  " + paint.red("✗ ") + "\(key)  several records have this key")
            return
        }
        if let refusal = difference.refusal(schema) {
            Console.line("  " + paint.red("✗ ") + "\(key)  \(Safe.line(refusal.reason(labels: labels)))")
            return
        }
        switch (difference.left, difference.right) {
        case (let left?, let right?):
            let old = try left.fields.values()
            let new = try right.fields.values()
            let changes = difference.fields.filter { $0 < old.count && $0 < new.count }.map { index in
                "\(Safe.line(schema.fields[index].name)): \(labels.left) \(old[index].quoted), "
                    + "\(labels.right) \(new[index].quoted)"
            }
            Console.line("  " + paint.yellow("≠ ") + "\(key)  \(changes.joined(separator: "; "))")
        case (let left?, nil):
            Console.line(
                "  " + paint.red("< ") + "\(key)  only on \(labels.left): "
                    + PlanPrinter.values(try left.fields.values(), schema))
        case (nil, let right?):
            Console.line(
                "  " + paint.green("> ") + "\(key)  only on \(labels.right): "
                    + PlanPrinter.values(try right.fields.values(), schema))
        case (nil, nil): break
        }
    }
}

extension SetDigest {
    /// The digest for a person to compare.
    var words: String { hex }
}

/// What `verify` and `diff` found, for scripts.
struct ComparisonJSON: Encodable {
    struct Table: Encodable {
        var table: String
        var match: String
        var counts: ComparisonCounts
        var normalised: Int
        var kept: Int
        var bytesEqual: Bool?
        var differences: [DifferenceJSON]
        var omitted: Int
    }
    var job: String?
    var left: String
    var right: String
    var agrees: Bool
    var tables: [Table]

    init(job: String?, labels: Sides<String>, agrees: Bool, tables: [TableVerification]) {
        self.job = job
        left = labels.left
        right = labels.right
        self.agrees = agrees
        self.tables = tables.map { table in
            Table(
                table: table.table, match: table.schema.identity.matched, counts: table.counts,
                normalised: table.normalised, kept: table.kept,
                bytesEqual: table.digests.map { $0.left == $0.right },
                differences: table.examples.map { DifferenceJSON($0, table.schema, labels) },
                omitted: max(0, table.standing - table.examples.count))
        }
    }
}

/// One difference.
struct DifferenceJSON: Encodable {
    struct FieldJSON: Encodable {
        var field: String
        var left: Value?
        var right: Value?
    }
    var key: [Value]
    /// `different`, `only-left`, `only-right` or `duplicated`.
    var kind: String
    var fields: [FieldJSON]
    /// Why values are missing; nil: they are not.
    var reason: String?

    init(_ difference: Difference, _ schema: TableSchema, _ labels: Sides<String>) {
        reason = difference.refusal(schema)?.reason(labels: labels)
        key = (try? difference.key.values()) ?? []
        let left = try? difference.left?.fields.values()
        let right = try? difference.right?.fields.values()
        let positions: [Int]
        switch (difference.isDuplicated, difference.left, difference.right) {
        case (true, _, _): (kind, positions) = ("duplicated", [])
        case (_, .some, nil): (kind, positions) = ("only-left", Array(schema.fields.indices))
        case (_, nil, .some): (kind, positions) = ("only-right", Array(schema.fields.indices))
        default: (kind, positions) = ("different", difference.fields)
        }
        func value(_ values: [Value]?, _ index: Int) -> Value? {
            guard let values, values.indices.contains(index) else { return nil }
            return values[index]
        }
        fields = positions.filter { schema.fields.indices.contains($0) }.map { index in
            FieldJSON(field: schema.fields[index].name, left: value(left, index), right: value(right, index))
        }
    }
}
