import Dovetail
import DovetailEngine

/// Where a row is as long as nobody writes to it: its place (`ctid`) and the table, which may be a partition.
struct RowAddress: Hashable {
    let block: UInt32
    let line: UInt16
    let table: UInt32

    /// From the binary forms of `tid` and `oid`, one after the other.
    init(_ bytes: ArraySlice<UInt8>) {
        block = bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        line = bytes.dropFirst(4).prefix(2).reduce(0) { $0 << 8 | UInt16($1) }
        table = bytes.dropFirst(6).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// As a literal.
    var placeText: String { "(\(block),\(line))" }
}

/// A row that was looked for.
struct FoundRow {
    var address: RowAddress
    var record: Record
    /// Whether it meets the view's condition.
    var takesPart: Bool
}

/// Rows by the bytes of their keys.
struct FoundRows {
    private var first: [RecordKey: FoundRow] = [:]
    /// Keys that several rows have.
    private(set) var repeated: Set<RecordKey> = []

    subscript(_ key: RecordKey) -> FoundRow? { first[key] }

    mutating func add(_ row: FoundRow) {
        if first.updateValue(row, forKey: row.record.key) != nil { repeated.insert(row.record.key) }
    }
}

/// Finds rows by key in a transaction that writes, and locks them in the order of their keys, so that two such
/// transactions wait for each other instead of standing in each other's way.
///
/// A row that is locked stays as it was read; so the comparison with what a write expects happens here, byte by byte,
/// whatever PostgreSQL's own idea of equal values is.
struct RecordFinder {
    let plan: ViewPlan
    let session: Session

    func find(_ keys: Set<RecordKey>, locking: Bool) throws -> FoundRows {
        guard !keys.isEmpty else { return FoundRows() }
        guard plan.keyIsSearchable else { return try pick(keys, locking: locking) }
        var found = FoundRows()
        let withNull = keys.filter(\.hasNull)
        try lookUp(
            withNull.isEmpty ? keys : keys.subtracting(withNull), isNullable: false, locking, into: &found)
        try lookUp(withNull, isNullable: true, locking, into: &found)
        return found
    }

    private func lookUp(
        _ keys: Set<RecordKey>, isNullable: Bool, _ locking: Bool, into found: inout FoundRows
    ) throws {
        guard !keys.isEmpty else { return }
        let places = plan.keyColumns.indices
        let definitions = places.map { "k\($0) \(plan.keyColumns[$0].transferType)" }
        try session.run(
            "CREATE TEMPORARY TABLE dovetail_keys (\(definitions.joined(separator: ", "))) ON COMMIT DROP")
        var encoder = RowEncoder(plan.keyColumns, table: plan.facts.name)
        let copy = "COPY pg_temp.dovetail_keys FROM STDIN (FORMAT binary)"
        _ = try session.copyIn(copy) { writer in
            try writer.header()
            // In their order, which is often that of the rows.
            for key in keys.sorted() {
                guard let values = try? key.values(), values.count == places.count else { continue }
                encoder.begin(places.count)
                do throws(UnstorableValue) {
                    for (index, value) in values.enumerated() { try encoder.put(value, column: index) }
                } catch {
                    // What the column can't hold isn't there.
                    continue
                }
                try writer.write(encoder.row)
            }
            try writer.trailer()
        }
        // Of a table it knows nothing about, the planner thinks that an index serves for any number of keys.
        if keys.count > 200 { try session.run("ANALYZE pg_temp.dovetail_keys") }
        let tests = places.map {
            plan.keyColumns[$0].test("dovetail_keys.k\($0)", in: plan.alias, isNullable: isNullable)
        }
        let condition =
            "EXISTS (SELECT 1 FROM pg_temp.dovetail_keys WHERE \(tests.joined(separator: " AND ")))"
        try visitRows(where: condition, locking: locking) { row in
            if keys.contains(row.record.key) { found.add(row) }
        }
        try session.run("DROP TABLE pg_temp.dovetail_keys")
    }

    /// Looks at all rows for those with the given keys, where no condition leads to them.
    private func pick(_ keys: Set<RecordKey>, locking: Bool) throws -> FoundRows {
        var found = FoundRows()
        var places: [String] = []
        var tables: [String] = []
        try visitRows(where: nil, locking: false) { row in
            guard keys.contains(row.record.key) else { return }
            found.add(row)
            places.append("\"\(row.address.placeText)\"")
            tables.append("\(row.address.table)")
        }
        guard locking, !places.isEmpty else { return found }
        // Once more under lock: they may have changed meanwhile.
        found = FoundRows()
        let condition = """
            EXISTS (SELECT 1
                FROM ROWS FROM (pg_catalog.unnest('{\(places.joined(separator: ","))}'::pg_catalog.tid[]),
                    pg_catalog.unnest('{\(tables.joined(separator: ","))}'::pg_catalog.oid[]))
                    AS dovetail_places (place, number)
                WHERE \(plan.alias).ctid = dovetail_places.place AND \(plan.alias).tableoid = dovetail_places.number)
            """
        try visitRows(where: condition, locking: true) { row in
            if keys.contains(row.record.key) { found.add(row) }
        }
        return found
    }

    private func visitRows(where condition: String?, locking: Bool, _ visit: (FoundRow) -> Void) throws {
        let takesPart = plan.condition.map { "(\($0)) IS TRUE" } ?? "true"
        let reading = plan.reading(
            locator: """
                pg_catalog.tidsend(\(plan.alias).ctid) || pg_catalog.oidsend(\(plan.alias).tableoid)
                || pg_catalog.boolsend(\(takesPart))
                """)
        var sql = "SELECT \(reading.sql) FROM \(plan.facts.sql)"
        if let condition { sql += " WHERE \(condition)" }
        if locking {
            if case .server(let order) = KeyOrder(plan.keyColumns, table: plan.alias) {
                sql += " ORDER BY \(order)"
            }
            // Enough to keep everyone from changing the row, and lets others refer to it.
            sql += " FOR NO KEY UPDATE OF \(plan.alias)"
        }
        try session.records(of: sql, reading, plan) { record in
            let locator = record.locator
            guard locator.count == 11 else { return }
            visit(
                FoundRow(
                    address: RowAddress(locator[..<10]),
                    record: Record(key: record.key, fields: record.fields), takesPart: locator[10] != 0))
        }
    }
}

extension Session {
    /// Runs a query, or a statement that writes and returns, by COPY, and hands over its rows.
    func records(
        of sql: String, _ reading: ViewPlan.Reading, _ plan: ViewPlan, _ visit: (Record) throws -> Void
    ) throws {
        var reader = reading.reader
        var builder = BatchBuilder(capacity: 64 << 10)
        do {
            try copyOut("COPY (\(sql)) TO STDOUT (FORMAT binary)") { piece in
                try reader.read(piece, into: &builder)
                if builder.byteCount >= 64 << 10 {
                    for record in builder.seal().records() { try visit(record) }
                }
                return true
            }
            try reader.finish()
        } catch let error as CopyFormatError {
            throw plan.place.error(.unsuitable, "table \(plan.facts.name): \(error.description)")
        }
        for record in builder.seal().records() { try visit(record) }
    }
}
