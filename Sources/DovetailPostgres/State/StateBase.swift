import Dovetail
import DovetailEngine

/// The base of one table: rows of the one table `base`, in the order of their keys.
///
/// `rest` is ``BaseRecord/rest``; `link` repeats the right locator, by which the right side of a linked table reads
/// the base. That order is sorted by the server when it is asked for: an index on it would cost every write more.
struct StateBase {
    let rows: StateRows
    let table: Int64

    private static let headLength = 1000
    private static let incoming = "pg_temp.dovetail_base_incoming"

    /// As much of a key as an index is sure to take; the order of heads is the order of keys, as far as it goes.
    static func head(_ key: String) -> String { "substring(\(key), 1, \(headLength))" }

    /// What tells keys with the same head apart, in an index.
    static func tail(_ key: String) -> String {
        "(CASE WHEN octet_length(\(key)) > \(headLength) THEN sha256(\(key)) ELSE ''::bytea END)"
    }

    /// The rows of `keys`, found one by one in the index: the limit keeps the server from other ideas.
    private func found(_ columns: String) -> String {
        """
        unnest($2::bytea[]) AS k(key) CROSS JOIN LATERAL (
            SELECT \(columns) FROM \(rows.schema).base AS b
            WHERE b.tbl = $1 AND \(Self.head("b.key")) = \(Self.head("k.key"))
                AND \(Self.tail("b.key")) = \(Self.tail("k.key")) AND b.key = k.key LIMIT 1) AS f
        """
    }

    /// Number of records: kept with the table's name, because counting them would read them all.
    func count() throws -> Int {
        let rows = try rows.execute("SELECT records FROM \(rows.schema).tables WHERE id = $1", [.int(table)])
        return Int(try rows.required(0, 0))
    }

    func clear() throws {
        try rows.execute("DELETE FROM \(rows.schema).base WHERE tbl = $1", [.int(table)])
        try rows.execute("UPDATE \(rows.schema).tables SET records = 0 WHERE id = $1", [.int(table)])
    }

    // MARK: Writing

    /// Takes records over, each key once: the last one counts.
    func upsert(_ records: some Sequence<BaseRecord>) throws {
        var latest: [RecordKey: BaseRecord] = [:]
        for record in records { latest[record.key] = record }
        guard !latest.isEmpty else { return }
        // In key order, so that the index grows at one place and the rows lie as they will be read.
        let sorted = latest.values.sorted { $0.key < $1.key }
        try rows.session.run(
            """
            CREATE TEMP TABLE IF NOT EXISTS dovetail_base_incoming (
                key bytea, "left" bytea, rest bytea, link bytea) ON COMMIT DELETE ROWS
            """)
        // It is emptied by the commit, which costs less than a TRUNCATE in each transaction.
        if rows.incoming.isUsed { try rows.session.run("TRUNCATE \(Self.incoming)") }
        rows.incoming.isUsed = true
        _ = try rows.session.copyIn(
            #"COPY \#(Self.incoming) (key, "left", rest, link) FROM STDIN (FORMAT binary)"#
        ) {
            copy in
            try copy.header()
            for record in sorted {
                try copy.row(4)
                try copy.field(record.key.bytes)
                try copy.field(record.left.bytes)
                try copy.field(record.rest)
                if record.rightLocator.isEmpty {
                    try copy.null()
                } else {
                    try copy.field(record.rightLocator)
                }
            }
            try copy.trailer()
        }
        try rows.execute(
            """
            WITH written AS (
                INSERT INTO \(rows.schema).base AS b (tbl, key, "left", rest, link)
                SELECT $1, key, "left", rest, link FROM \(Self.incoming)
                ON CONFLICT (tbl, (\(Self.head("key"))), (\(Self.tail("key")))) DO UPDATE
                SET "left" = excluded."left", rest = excluded.rest, link = excluded.link
                WHERE (b."left", b.rest, b.link) IS DISTINCT FROM (excluded."left", excluded.rest, excluded.link)
                RETURNING xmax = 0 AS is_new)
            UPDATE \(rows.schema).tables SET records = records + (SELECT count(*) FROM written WHERE is_new)
            WHERE id = $1
            """, [.int(table)])
    }

    func delete(_ keys: some Sequence<RecordKey>) throws {
        let keys = Set(keys)
        guard !keys.isEmpty else { return }
        try rows.execute(
            """
            WITH removed AS (
                DELETE FROM \(rows.schema).base WHERE ctid = ANY (ARRAY(SELECT f.ctid FROM \(found("b.ctid"))))
                RETURNING 1)
            UPDATE \(rows.schema).tables SET records = records - (SELECT count(*) FROM removed) WHERE id = $1
            """, [.int(table), .keys(keys)])
    }

    /// Rewrites every record into another layout, a few thousand at a time.
    func relayout(_ moving: [Int?]) throws {
        var last: RecordKey?
        while true {
            let records = try records(after: last, limit: 4096)
            guard let end = records.last?.key else { return }
            try upsert(try records.map { try $0.moved(moving) })
            last = end
        }
    }

    // MARK: Reading

    func records(_ keys: [RecordKey]) throws -> [BaseRecord] {
        let found = try rows.execute(
            """
            SELECT f.key, f."left", f.rest FROM \(found("b.key, b.\"left\", b.rest"))
            """, [.int(table), .keys(Set(keys))])
        return try Self.records(found).sorted { $0.key < $1.key }
    }

    func keys(in ranges: [KeyRange]) throws -> [RecordKey] {
        // Keys begin with a tag: the empty key comes before them all, and 0xff after.
        let found = try rows.execute(
            """
            SELECT b.key FROM unnest($2::bytea[], $3::bytea[]) AS r(low, high)
            JOIN \(rows.schema).base AS b ON b.tbl = $1 AND b.key >= r.low AND b.key < r.high
                AND \(Self.head("b.key")) >= \(Self.head("r.low"))
                AND \(Self.head("b.key")) <= \(Self.head("r.high"))
            """,
            [
                .int(table), .byteArrays(ranges.map { $0.from?.bytes ?? [] }),
                .byteArrays(ranges.map { $0.to?.bytes ?? [0xff] }),
            ])
        return try (0..<found.count).map { RecordKey(bytes: try found.array($0, 0)) }.sorted()
    }

    private func records(after key: RecordKey?, limit: Int) throws -> [BaseRecord] {
        let condition = key == nil ? "" : "AND (\(Self.head("key")), key) > (\(Self.head("$2")), $2)"
        return try Self.records(
            try rows.execute(
                """
                SELECT key, "left", rest FROM \(rows.schema).base WHERE tbl = $1 \(condition)
                ORDER BY \(Self.head("key")), key LIMIT \(limit)
                """, [.int(table)] + (key.map { [.bytes($0.bytes)] } ?? [])))
    }

    private static func records(_ found: ResultRows) throws -> [BaseRecord] {
        try (0..<found.count).map { row in
            try BaseRecord(
                key: RecordKey(bytes: try found.array(row, 0)), left: found.array(row, 1),
                rest: found.array(row, 2))
        }
    }

    /// The whole base as ``StateBaseCursor`` reads it.
    static func copy(_ schema: SchemaName, table: Int64, mirrored: Bool) -> String {
        let order = mirrored ? "link, key" : "\(head("key")), key"
        return """
            COPY (SELECT \(mirrored ? "link, " : "")key, "left", rest FROM \(schema).base
                WHERE tbl = \(table) \(mirrored ? "AND link IS NOT NULL" : "") ORDER BY \(order))
            TO STDOUT (FORMAT binary)
            """
    }
}
