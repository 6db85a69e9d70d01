import Dovetail
import DovetailEngine

/// Puts values that nothing else has into unique columns, so that others can take the old ones.
struct Parking {
    private let batch: ApplyWrites
    /// One column for each unique key among the updated fields, with the expression for its value.
    private let assignments: [(column: String, value: String)]

    init(_ batch: ApplyWrites, _ fields: [Int]) {
        self.batch = batch
        let updated = fields.map { batch.plan.columns[$0].column }
        var parked: [String: String] = [:]
        for unique in batch.traits.uniqueColumns {
            let candidates = updated.filter { unique.contains($0.name) }
            guard !candidates.isEmpty, !candidates.contains(where: { parked[$0.name] != nil }) else {
                continue
            }
            let values = candidates.compactMap { column in Self.value(for: column).map { (column.name, $0) } }
            if let (name, value) = values.first { parked[name] = value }
        }
        assignments = parked.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The statement that parks these rows and notes where they are then; nil when there is nothing to park.
    func statement(_ numbers: [Int]) -> String? {
        guard !assignments.isEmpty else { return nil }
        let plan = batch.plan
        let list = assignments.map { "\($0.column.quotedIdentifier) = \($0.value)" }.joined(separator: ", ")
        return """
            WITH parked AS (
                UPDATE \(plan.facts.sql) SET \(list) FROM pg_temp.dovetail_rows
                WHERE \(batch.stage.isMeant(numbers))
                RETURNING dovetail_rows.n, \(plan.alias).ctid AS place, \(plan.alias).tableoid AS number
            )
            UPDATE pg_temp.dovetail_rows SET place = parked.place, number = parked.number
            FROM parked WHERE dovetail_rows.n = parked.n
            """
    }

    /// An expression over `dovetail_rows.n` whose values are unlikely to be anywhere; nil when the type has none.
    ///
    /// Null would be simplest, but there are unique keys in which null is a value, and in others a type has no value
    /// to spare: then null is all there is.
    private static func value(for column: ColumnFacts) -> String? {
        let salt = Int.random(in: 0..<1 << 20)
        let n = "dovetail_rows.n"
        let form = column.form
        switch form.rule {
        case .int2: return "(-32768 + (\(n) + \(salt)) % 10000)::pg_catalog.int2"
        case .int4: return "(-2147483648 + (\(n) + \(salt)) % 1000000000)::pg_catalog.int4"
        case .int8: return "(-4611686018427387904 + \(n) + \(salt << 20))"
        case .float4, .float8: return "(-1e9 - \(n) - \(salt))"
        case .text where !form.isTextForm && form.type.kind == .base, .blankPadded:
            let text = "pg_catalog.md5('\(salt) ' || \(n))"
            let length = Int(form.modifier) - 4
            return form.modifier >= 4 && length < 32 ? "pg_catalog.substr(\(text), 1, \(length))" : text
        case .uuid: return "pg_catalog.gen_random_uuid()"
        case .bytes: return "pg_catalog.decode(pg_catalog.md5('\(salt) ' || \(n)), 'hex')"
        case .date: return "('0001-01-01'::pg_catalog.date + ((\(n) + \(salt)) % 300000)::pg_catalog.int4)"
        case .timestamp, .timestampWithZone:
            return
                "('0001-01-01 00:00:00+00'::\(form.type.sql) + (\(n) + \(salt)) * '1 second'::pg_catalog.interval)"
        default: return column.isNotNull ? nil : "NULL"
        }
    }
}
