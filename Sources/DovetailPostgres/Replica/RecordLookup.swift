import Dovetail
import DovetailEngine

/// Reads the records with given keys by one statement for all of them.
///
/// The keys travel as arrays, because a transaction that reads may not make a temporary table. The rows come through a
/// cursor, so that memory holds some of them.
struct RecordLookup {
    private let plan: ViewPlan
    private let session: Session

    init(_ plan: ViewPlan, _ session: Session) {
        self.plan = plan
        self.session = session
    }

    func read(_ keys: Set<RecordKey>) throws -> [Record] {
        var whole: [RecordKey: [Value]] = [:]
        var withNull: [RecordKey: [Value]] = [:]
        for key in keys {
            guard let values = try? key.values(), values.count == plan.keyColumns.count else { continue }
            if values.contains(where: \.isNull) { withNull[key] = values } else { whole[key] = values }
        }
        // No index serves where null is equal to null.
        return try records(whole, isNullable: false) + records(withNull, isNullable: true)
    }

    private func records(_ keys: [RecordKey: [Value]], isNullable: Bool) throws -> [Record] {
        let arrays = arrays(keys.values)
        guard let arrays else { return [] }
        let places = plan.keyColumns.indices
        let names = places.map { "k\($0)" }.joined(separator: ", ")
        let unnested = places.map { "pg_catalog.unnest($\($0 + 1)::\(plan.keyColumns[$0].transferType)[])" }
        let tests = places.map {
            plan.keyColumns[$0].test("dovetail_keys.k\($0)", in: plan.alias, isNullable: isNullable)
        }
        let filter = plan.condition.map { " AND \($0)" } ?? ""
        let reading = plan.reading()
        // Not a join: a record that two keys are equal to comes once.
        let sql = """
            SELECT \(reading.sql) FROM \(plan.facts.sql)
            WHERE EXISTS (SELECT 1
                FROM ROWS FROM (\(unnested.joined(separator: ", "))) AS dovetail_keys (\(names))
                WHERE \(tests.joined(separator: " AND ")))\(filter)
            """
        var found: [Record] = []
        try fetch(sql, arrays, reading) { record in
            // What is equal to PostgreSQL may have other bytes: a collation, a number of blanks.
            if keys[record.key] != nil { found.append(record) }
        }
        return found
    }

    /// One array for each column of the key; nil when the columns can hold none of the keys.
    private func arrays(_ keys: some Sequence<[Value]>) -> [Parameter]? {
        let encoders = plan.keyColumns.map { ValueEncoder(plan: $0, table: plan.facts.name) }
        var arrays = plan.keyColumns.map { _ in [UInt8]() }
        var count = 0
        for values in keys {
            let ends = arrays.map(\.count)
            do {
                for (index, value) in values.enumerated() {
                    try encoders[index].append(value, to: &arrays[index])
                }
                count += 1
            } catch {
                // What the column can't hold isn't there.
                for (index, end) in ends.enumerated() { arrays[index].removeSubrange(end...) }
            }
        }
        guard count > 0 else { return nil }
        return zip(plan.keyColumns, arrays).map { column, items in
            var bytes: [UInt8] = []
            // Dimensions, whether there may be nulls, the elements' type, length, lower bound.
            for word in [1, 1, Int32(bitPattern: column.transferNumber), Int32(count), 1] {
                bytes.append(bigEndian: word)
            }
            return .binary(bytes + items, 0)
        }
    }

    private func fetch(
        _ sql: String, _ parameters: [Parameter], _ reading: ViewPlan.Reading, _ visit: (Record) -> Void
    ) throws {
        // All rows are wanted, not the first of them soon.
        try session.run("SET LOCAL cursor_tuple_fraction = 1")
        try session.execute("DECLARE dovetail_found NO SCROLL CURSOR FOR \(sql)", parameters)
        var reader = reading.reader
        var builder = BatchBuilder()
        var block = 500
        var header = CopyRows.header
        while true {
            let rows = try session.execute("FETCH \(block) FROM dovetail_found")
            guard rows.count > 0 else { break }
            for row in 0..<rows.count {
                let bytes = header + CopyRows.row(rows, row)
                header = []
                try bytes.withUnsafeBytes { bytes in
                    do throws(CopyFormatError) {
                        try reader.read(bytes, into: &builder)
                    } catch {
                        throw plan.place.error(.unsuitable, "table \(plan.facts.name): \(error.description)")
                    }
                }
            }
            let batch = builder.seal()
            // Rows of megabytes come a few at a time.
            let size = max(1, batch.byteCount / rows.count)
            block = min(4000, max(1, (8 << 20) / size))
            for record in batch.records() { visit(record) }
        }
        try session.run("CLOSE dovetail_found")
    }
}

/// Rows of a result in the form in which COPY sends them.
enum CopyRows {
    static let header: [UInt8] =
        Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0] + [0, 0, 0, 0] + [0, 0, 0, 0]

    static func row(_ rows: ResultRows, _ row: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: Int16(rows.columnCount))
        for column in 0..<rows.columnCount {
            if let content = rows.bytes(row, column) {
                bytes.append(bigEndian: Int32(content.count))
                bytes.append(contentsOf: content)
            } else {
                bytes.append(bigEndian: Int32(-1))
            }
        }
        return bytes
    }
}
