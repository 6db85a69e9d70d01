import Dovetail
import DovetailEngine

/// The writes of a batch that are to be made, in a temporary table, and the statements that make them.
///
/// Each write has a number; a statement is about the numbers it is given.
final class WriteStage {
    /// Writes that one statement can make.
    enum Form: Hashable {
        case delete
        /// Of these fields.
        case update([Int])
        /// With these fields, and with the id from the key where it is no field.
        case insert([Int], withID: Bool)

        /// Deletes free what updates take, and updates what inserts take.
        var order: Int {
            switch self {
            case .delete: 0
            case .update: 1
            case .insert: 2
            }
        }
    }

    struct Row {
        /// The place of the write in its batch.
        let write: Int
        let form: Form
        let address: RowAddress?
        let record: PackedRecord?
        let key: RecordKey?
    }

    /// What a statement did.
    struct Done {
        var number: Int
        /// Nil after a delete.
        var record: Record?
    }

    let plan: ViewPlan
    let session: Session
    private(set) var rows: [Row] = []

    init(_ plan: ViewPlan, _ session: Session) {
        self.plan = plan
        self.session = session
    }

    /// Brings the writes to the server. Gives back those that can't be stored, with the reason.
    func fill(_ writes: [Row]) throws -> [Int: WriteOutcome.Rejection] {
        rows = (0...2).flatMap { order in writes.filter { $0.form.order == order } }
        guard !rows.isEmpty else { return [:] }
        try session.run(
            """
            CREATE TEMPORARY TABLE dovetail_rows (\(definitions.joined(separator: ", "))) ON COMMIT DROP;
            """)
        var refused: [Int: WriteOutcome.Rejection] = [:]
        try send(Array(rows.indices), &refused)
        return refused
    }

    func clear() throws {
        if !rows.isEmpty { try session.run("DROP TABLE pg_temp.dovetail_rows") }
        rows = []
    }

    /// The numbers by the statements that are about them, in the order in which these run.
    func sets(_ numbers: some Sequence<Int>) -> [WriteSet] {
        var sets: [WriteSet] = []
        var positions: [Form: Int] = [:]
        for number in numbers.sorted() {
            let form = rows[number].form
            if let last = sets.last, last.form == form {
                sets[sets.count - 1].numbers.append(number)
            } else if let position = positions[form] {
                sets[position].numbers.append(number)
            } else {
                positions[form] = sets.count
                sets.append(WriteSet(form: form, numbers: [number]))
            }
        }
        return sets
    }

    // MARK: Filling

    private var definitions: [String] {
        ["n pg_catalog.int8", "place pg_catalog.tid", "number pg_catalog.oid"]
            + plan.columns.indices.map { "f\($0) \(plan.columns[$0].transferType)" }
            + (idColumn.map { ["id \($0.transferType)"] } ?? [])
    }

    /// The column of the id where it is no field.
    private var idColumn: ColumnPlan? { plan.keyFields == [nil] ? plan.keyColumns.first : nil }

    /// Sends these rows; in halves when the server can't take one of them.
    private func send(_ numbers: [Int], _ refused: inout [Int: WriteOutcome.Rejection]) throws {
        var encoder = RowEncoder(plan.columns + (idColumn.map { [$0] } ?? []), table: plan.facts.name)
        var unstorable: [Int: WriteOutcome.Rejection] = [:]
        try session.run("SAVEPOINT dovetail_fill")
        do {
            _ = try session.copyIn("COPY pg_temp.dovetail_rows FROM STDIN (FORMAT binary)") { writer in
                try writer.header()
                for number in numbers {
                    do throws(UnstorableValue) {
                        try encode(number, &encoder)
                    } catch {
                        unstorable[number] = WriteOutcome.Rejection(reason: error.reason)
                        continue
                    }
                    try writer.write(encoder.row)
                }
                try writer.trailer()
            }
            try session.run("RELEASE dovetail_fill")
            refused.merge(unstorable) { first, _ in first }
        } catch let failure as PostgresFailure where failure.isAboutRecords {
            try session.run("ROLLBACK TO dovetail_fill; RELEASE dovetail_fill")
            if numbers.count == 1 {
                refused[numbers[0]] = failure.rejection
            } else {
                try send(Array(numbers[..<(numbers.count / 2)]), &refused)
                try send(Array(numbers[(numbers.count / 2)...]), &refused)
            }
        }
    }

    private func encode(_ number: Int, _ encoder: inout RowEncoder) throws(UnstorableValue) {
        let row = rows[number]
        encoder.begin(3 + plan.columns.count + (idColumn == nil ? 0 : 1))
        encoder.put(int: Int64(number))
        if let address = row.address {
            encoder.put(place: address.block, address.line)
            encoder.put(number: address.table)
        } else {
            encoder.putNull()
            encoder.putNull()
        }
        let fields: [Int]
        var withID = false
        switch row.form {
        case .delete: fields = []
        case .update(let written): fields = written
        case .insert(let written, let id): (fields, withID) = (written, id)
        }
        try encoder.put(row.record ?? PackedRecord(bytes: []), fields, among: Array(plan.columns.indices))
        guard idColumn != nil else { return }
        if withID, let values = try? row.key?.values(), values.count == 1 {
            try encoder.put(values[0], column: plan.columns.count)
        } else {
            encoder.putNull()
        }
    }

    // MARK: Statements

    /// Runs the statement of a set. Fewer may be done than were asked for, where triggers set some aside.
    func execute(_ set: WriteSet) throws -> [Done] {
        switch set.form {
        case .delete:
            let list = ["pg_catalog.int8send(dovetail_rows.n)"]
            let reading = ViewPlan.Reading(
                list: list, codecs: [ColumnCodec(.bytes)], layout: RowLayout(fields: 0, key: [], locator: 0))
            let sql = """
                DELETE FROM \(plan.facts.sql) USING pg_temp.dovetail_rows
                WHERE \(isMeant(set.numbers)) RETURNING \(reading.sql)
                """
            return try run(sql, reading).map { Done(number: $0.number, record: nil) }
        case .update(let fields):
            let reading = plan.reading(locator: "pg_catalog.int8send(dovetail_rows.n)")
            let assignments = fields.map {
                "\(plan.columns[$0].column.name.quotedIdentifier) = \(plan.columns[$0].writing("dovetail_rows.f\($0)"))"
            }
            let sql = """
                UPDATE \(plan.facts.sql) SET \(assignments.joined(separator: ", ")) FROM pg_temp.dovetail_rows
                WHERE \(isMeant(set.numbers)) RETURNING \(reading.sql)
                """
            return try run(sql, reading)
        case .insert(let fields, let withID): return try insert(set, fields, withID: withID)
        }
    }

    private func insert(_ set: WriteSet, _ fields: [Int], withID: Bool) throws -> [Done] {
        let reading = plan.reading()
        var columns = fields.map { (plan.columns[$0], "dovetail_rows.f\($0)") }
        if withID, let idColumn { columns.append((idColumn, "dovetail_rows.id")) }
        let names = columns.map { $0.0.column.name.quotedIdentifier }.joined(separator: ", ")
        let values = columns.map { $0.0.writing($0.1) }.joined(separator: ", ")
        let overriding =
            columns.contains { $0.0.column.identity == .always } ? " OVERRIDING SYSTEM VALUE" : ""
        let sql = """
            INSERT INTO \(plan.facts.sql)\(columns.isEmpty ? "" : " (\(names))\(overriding)")
            SELECT \(values) FROM pg_temp.dovetail_rows
            WHERE \(Self.isOne(of: set.numbers)) ORDER BY dovetail_rows.n
            RETURNING \(reading.sql)
            """
        var records: [Record] = []
        try session.records(of: sql, reading, plan) { records.append($0) }
        // What is returned can't say which row it was made of; the rows are made in their order, one after the other.
        guard records.count == set.numbers.count else {
            throw PostgresFailure(
                sqlState: Self.setAside, message: "a trigger of \(plan.facts.name) set the write aside")
        }
        return zip(set.numbers, records).map { Done(number: $0, record: $1) }
    }

    /// "Triggered action exception", which PostgreSQL itself doesn't use.
    private static let setAside = "09000"

    private func run(_ sql: String, _ reading: ViewPlan.Reading) throws -> [Done] {
        var done: [Done] = []
        try session.records(of: sql, reading, plan) { record in
            let number = record.locator.reduce(0) { $0 << 8 | Int($1) }
            done.append(Done(number: number, record: Record(key: record.key, fields: record.fields)))
        }
        return done
    }

    /// The numbers among these whose rows still stand where they were found.
    func unmoved(_ numbers: [Int]) throws -> Set<Int> {
        guard !numbers.isEmpty else { return [] }
        let rows = try session.execute(
            "SELECT dovetail_rows.n FROM \(plan.facts.sql), pg_temp.dovetail_rows WHERE \(isMeant(numbers))")
        return Set((0..<rows.count).compactMap { rows.int($0, 0) })
    }

    /// The condition that a row of the table is the one that a number is about.
    func isMeant(_ numbers: [Int]) -> String {
        """
        \(plan.alias).ctid = dovetail_rows.place AND \(plan.alias).tableoid = dovetail_rows.number
            AND \(Self.isOne(of: numbers))
        """
    }

    static func isOne(of numbers: [Int], _ table: String = "dovetail_rows") -> String {
        if let first = numbers.first, let last = numbers.last, last - first + 1 == numbers.count {
            return "\(table).n BETWEEN \(first) AND \(last)"
        }
        let list = numbers.map(String.init).joined(separator: ",")
        return "\(table).n = ANY ('{\(list)}'::pg_catalog.int8[])"
    }
}

/// Writes that one statement makes.
struct WriteSet {
    let form: WriteStage.Form
    /// In ascending order.
    var numbers: [Int]

    var halves: [WriteSet] {
        let middle = numbers.count / 2
        return [
            WriteSet(form: form, numbers: Array(numbers[..<middle])),
            WriteSet(form: form, numbers: Array(numbers[middle...])),
        ]
    }
}
