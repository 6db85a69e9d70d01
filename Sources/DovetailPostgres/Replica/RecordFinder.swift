import Dovetail
import DovetailEngine

/// Where a row is as long as nobody writes to it: its place (`ctid`) and the table, which may be a partition.
struct RowAddress: Hashable {
    /// The binary forms of `tid` and `oid`, one after the other.
    let bytes: [UInt8]

    var place: ArraySlice<UInt8> { bytes[..<6] }
    var table: ArraySlice<UInt8> { bytes[6...] }

    /// As literals.
    var placeText: String {
        let block = place.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        let line = place.suffix(2).reduce(0) { $0 << 8 | Int($1) }
        return "(\(block),\(line))"
    }
    var tableText: String { String(table.reduce(0) { $0 << 8 | Int($1) }) }
}

/// A row that was looked for.
struct FoundRow {
    var address: RowAddress
    var record: Record
    /// Whether it meets the view's condition.
    var takesPart: Bool
}

/// Finds rows by key in a transaction that writes, and locks them in the order of their keys, so that two such
/// transactions wait for each other instead of standing in each other's way.
///
/// A row that is locked stays as it was read; so the comparison with what a write expects happens here, byte by byte,
/// whatever PostgreSQL's own idea of equal values is.
struct RecordFinder {
    let plan: ViewPlan
    let session: Session

    /// Rows by the bytes of their keys.
    func find(_ keys: Set<RecordKey>, locking: Bool) throws -> [RecordKey: [FoundRow]] {
        guard !keys.isEmpty else { return [:] }
        guard plan.keyIsSearchable else { return try pick(keys, locking: locking) }
        var withNull: Set<RecordKey> = []
        var whole: Set<RecordKey> = []
        for key in keys { if key.hasNull { withNull.insert(key) } else { whole.insert(key) } }
        var found = try lookUp(whole, isNullable: false, locking: locking)
        if !withNull.isEmpty {
            found.merge(try lookUp(withNull, isNullable: true, locking: locking)) { $0 + $1 }
        }
        return found
    }

    private func lookUp(
        _ keys: Set<RecordKey>, isNullable: Bool, locking: Bool
    ) throws -> [RecordKey: [FoundRow]] {
        guard !keys.isEmpty else { return [:] }
        let places = plan.keyColumns.indices
        let definitions = places.map { "k\($0) \(plan.keyColumns[$0].transferType)" }
        try session.run(
            "CREATE TEMPORARY TABLE dovetail_keys (\(definitions.joined(separator: ", "))) ON COMMIT DROP")
        var encoder = RowEncoder(plan.keyColumns, table: plan.facts.name)
        let copy = "COPY pg_temp.dovetail_keys FROM STDIN (FORMAT binary)"
        _ = try session.copyIn(copy) { writer in
            try writer.header()
            for key in keys {
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
        let tests = places.map {
            plan.keyColumns[$0].test("dovetail_keys.k\($0)", in: plan.alias, isNullable: isNullable)
        }
        let condition =
            "EXISTS (SELECT 1 FROM pg_temp.dovetail_keys WHERE \(tests.joined(separator: " AND ")))"
        let rows = try rows(where: condition, locking: locking)
        try session.run("DROP TABLE pg_temp.dovetail_keys")
        return Self.byKey(rows.filter { keys.contains($0.record.key) })
    }

    /// Looks at all rows for those with the given keys, where no condition leads to them.
    private func pick(_ keys: Set<RecordKey>, locking: Bool) throws -> [RecordKey: [FoundRow]] {
        let rows = try rows(where: nil, locking: false) { keys.contains($0.key) }
        guard locking, !rows.isEmpty else { return Self.byKey(rows) }
        // Once more under lock: they may have changed meanwhile.
        let places = rows.map { "\"\($0.address.placeText)\"" }.joined(separator: ",")
        let tables = rows.map(\.address.tableText).joined(separator: ",")
        let locked = try self.rows(
            where: """
                EXISTS (SELECT 1 FROM ROWS FROM (pg_catalog.unnest('{\(places)}'::pg_catalog.tid[]),
                    pg_catalog.unnest('{\(tables)}'::pg_catalog.oid[])) AS dovetail_places (place, number)
                    WHERE \(plan.alias).ctid = dovetail_places.place AND \(plan.alias).tableoid = dovetail_places.number)
                """, locking: true)
        return Self.byKey(locked.filter { keys.contains($0.record.key) })
    }

    private func rows(
        where condition: String?, locking: Bool, _ isWanted: (Record) -> Bool = { _ in true }
    ) throws -> [FoundRow] {
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
        var rows: [FoundRow] = []
        try session.records(of: sql, reading, plan) { record in
            guard record.locator.count == 11, isWanted(record) else { return }
            rows.append(
                FoundRow(
                    address: RowAddress(bytes: Array(record.locator[..<10])),
                    record: Record(key: record.key, fields: record.fields), takesPart: record.locator[10] != 0
                ))
        }
        return rows
    }

    private static func byKey(_ rows: [FoundRow]) -> [RecordKey: [FoundRow]] {
        Dictionary(grouping: rows, by: \.record.key)
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
