import Dovetail
import DovetailEngine

/// Asks the server for digests. Each question is one statement, in the snapshot of the look.
struct DigestReader {
    private let digests: DigestPlan
    private let session: Session
    private var plan: ViewPlan { digests.plan }

    init(_ digests: DigestPlan, _ session: Session) {
        self.digests = digests
        self.session = session
    }

    // MARK: - Digests

    /// The digests of the parts that hold any record.
    func parts(_ parts: KeyParts) throws -> [PartDigest] {
        var parameters = ParameterList()
        let source = try source(parts, &parameters)
        let answer = try session.execute(Self.sums(source, parts), parameters.all)
        guard let bytes = answer.bytes(0, 0) else { return [] }
        let children = 1 << (4 * parts.splits)
        let mask = (1 << (4 * parts.answerDepth)) - 1
        return stride(from: 0, to: bytes.count - Self.partBytes + 1, by: Self.partBytes).map { start in
            func number(_ offset: Int, _ length: Int) -> UInt64 {
                (0..<length).reduce(0) { $0 << 8 | UInt64(bytes[start + offset + $1]) }
            }
            let part = Int(number(0, 5))
            let position: PartPosition
            if let wanted = parts.wanted {
                // The child's bits are above those of its parent.
                let parent = wanted[part / children]
                position = PartPosition(
                    range: parent.range, bucket: parent.bucket | (part % children) << (4 * parts.depth))
            } else {
                position = PartPosition(range: part >> (4 * parts.answerDepth), bucket: part & mask)
            }
            return PartDigest(
                position: position,
                digest: SetDigest(sum: Self.digest(number(10, 8), number(18, 8)), count: number(5, 5)))
        }.sorted { $0.position < $1.position }
    }

    /// The number of the part, the number of records, and the words of the sum.
    private static let partBytes = 5 + 5 + 8 + 8

    /// The sums of the rows of `source` in packed form: a digest a row, spelled out, would be four times as long.
    ///
    /// PostgreSQL adds 64-bit integers up to exact numbers of any length, so nothing is lost. What is sent is upper · 2^64 + lower
    /// modulo 2^128, where both are taken as signed.
    private static func sums(_ source: String, _ parts: KeyParts) -> String {
        let whole = "18446744073709551616::pg_catalog.numeric"
        let half = "9223372036854775808::pg_catalog.numeric"
        func signed(_ rest: String) -> String {
            "CASE WHEN \(rest) >= \(half) THEN \(rest) - \(whole) WHEN \(rest) < -\(half) THEN \(rest) + \(whole)"
                + " ELSE \(rest) END"
        }
        func last(_ number: String, _ from: Int) -> String {
            "pg_catalog.substring(pg_catalog.int8send(\(number)), \(from))"
        }
        return """
            SELECT pg_catalog.string_agg(\(last("part", 4)) || \(last("records", 4))
                || pg_catalog.int8send((\(signed("upper")))::pg_catalog.int8)
                || pg_catalog.int8send(lower::pg_catalog.int8), ''::pg_catalog.bytea)
            FROM (
                SELECT part, records, lower,
                    pg_catalog.mod(upper + pg_catalog.div(sum - lower, \(whole)), \(whole)) AS upper
                FROM (
                    SELECT part, records, upper, sum, \(signed("rest")) AS lower
                    FROM (
                        SELECT part, pg_catalog.count(*) AS records, pg_catalog.sum(word0) AS upper,
                            pg_catalog.sum(word1) AS sum, pg_catalog.mod(pg_catalog.sum(word1), \(whole)) AS rest
                        FROM (\(source)) AS records
                        GROUP BY part
                    ) AS sums
                ) AS lowers
            ) AS uppers
            """
    }

    /// Two words as they were hashed, as one number: the lower one is signed, and takes from the upper one what it lacks.
    private static func digest(_ upper: UInt64, _ lower: UInt64) -> Digest {
        Digest(high: lower >> 63 == 1 ? upper &- 1 : upper, low: lower)
    }

    // MARK: - Keys

    /// Every record of the parts, in any order.
    func keys(_ parts: KeyParts) throws -> [KeyDigest] {
        var parameters = ParameterList()
        var reading = keyReading(from: "pg_catalog.int8send(word0) || pg_catalog.int8send(word1)")
        let columns = reading.list.dropLast().enumerated().map { "\($1) AS key\($0)" }
        reading.list = columns.indices.map { "key\($0)" } + reading.list.suffix(1)
        var parts = parts
        parts.splits = 0
        let source = try source(parts, columns: columns, &parameters)
        let rows = try session.execute("SELECT \(reading.sql) FROM (\(source)) AS records", parameters.all)
        return try records(rows, reading).compactMap { record in
            guard record.locator.count == 16 else { return nil }
            let words = record.locator.withUnsafeBytes {
                ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            }
            return KeyDigest(
                key: record.key, digest: Self.digest(UInt64(bigEndian: words.0), UInt64(bigEndian: words.1)))
        }
    }

    /// About so many keys, spread over the table.
    func sample(_ count: Int) throws -> [RecordKey] {
        guard let range = digests.range, count > 0 else { return [] }
        if let keys = try range.evenKeys(count, of: digests, session) { return keys }
        // A page holds rows that lie together, so many pages are looked at and one row of each is taken.
        let share = min(100, 100 * 2 * Double(count) / Double(max(1, digests.size.pages)))
        let perPage = max(1, digests.size.rows / max(1, digests.size.pages))
        let every = share < 100 ? perPage : max(1, digests.size.rows / max(1, 4 * count))
        let filter = plan.condition.map { " AND \($0)" } ?? ""
        let key = plan.keyColumns[0]
        let rows = try session.execute(
            """
            SELECT \(key.reading(in: plan.alias))
            FROM \(plan.facts.sql) TABLESAMPLE SYSTEM (\(share)) REPEATABLE (1)
            WHERE (\(digests.hash.bucket) & 2147483647) % \(every) = 0\(filter)
            """)
        let reading = ViewPlan.Reading(
            list: [""], codecs: [key.codec], layout: RowLayout(fields: 0, key: [0]))
        let keys = Set(try records(rows, reading).map(\.key)).sorted()
        guard keys.count > count else { return keys }
        return (0..<count).map { keys[$0 * keys.count / count] }
    }

    /// The columns of the key, and an expression that becomes the locator.
    private func keyReading(from locator: String) -> ViewPlan.Reading {
        let columns = plan.keyColumns
        return ViewPlan.Reading(
            list: columns.map { $0.reading(in: plan.alias) } + [locator],
            codecs: columns.map(\.codec) + [ColumnCodec(.bytes)],
            layout: RowLayout(fields: 0, key: Array(columns.indices), locator: columns.count))
    }

    private func records(_ rows: ResultRows, _ reading: ViewPlan.Reading) throws -> [Record] {
        var reader = reading.reader
        var builder = BatchBuilder()
        var found: [Record] = []
        found.reserveCapacity(rows.count)
        var header = CopyRows.header
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
            if builder.byteCount > 64 << 10 { found += builder.seal().records() }
        }
        return found + builder.seal().records()
    }

    // MARK: - Rows

    /// The rows of some parts: the number of the part that each is in, or of the wanted part and its child; the words of the hash;
    /// and what else is asked for.
    private func source(
        _ parts: KeyParts, columns: [String] = [], _ parameters: inout ParameterList
    ) throws -> String {
        let bounds = try bounds(parts, &parameters)
        let filters = [plan.condition, bounds.condition].compactMap(\.self)
        let filter = filters.isEmpty ? "" : " WHERE \(filters.joined(separator: " AND "))"
        let table = "\(plan.facts.sql)\(filter)"
        let prepared = digests.hash.prepared.map { ", \($0.expression) AS \($0.name)" }.joined()
        let words = digests.hash.words.enumerated().map { ", \($1) AS word\($0)" }.joined()
        let others = columns.map { ", \($0)" }.joined()
        func part(_ bits: Int) -> String {
            bits == 0
                ? "(\(bounds.range))::pg_catalog.int8"
                : "((\(bounds.range))::pg_catalog.int8 << \(bits)) + (\(digests.hash.bucket) & \((1 << bits) - 1))"
        }
        // Of what stands in a subquery the planner doesn't know how many there are, and takes the parts for few, which they
        // are; nor does it compute anything twice.
        guard let wanted = parts.wanted else {
            let list = "\(part(4 * parts.answerDepth)) AS part\(words)\(others)"
            return prepared.isEmpty
                ? "SELECT \(list) FROM \(table) OFFSET 0"
                : "SELECT \(list) FROM (SELECT \(usedColumns)\(prepared) FROM \(table) OFFSET 0) AS \(plan.alias) OFFSET 0"
        }
        let bits = 4 * parts.depth
        let numbers = wanted.map { position -> [UInt8] in
            var bytes: [UInt8] = []
            bytes.append(bigEndian: Int64(position.range) << Int64(bits) + Int64(position.bucket))
            return bytes
        }
        let array = "\(parameters.add(RangeColumn.array(of: BuiltIn.int8, numbers)))::pg_catalog.int8[]"
        let children = (1 << (4 * parts.splits)) - 1
        let child =
            parts.splits == 0
            ? "" : " + ((\(digests.hash.bucket) >> \(bits)) & \(children))"
        // The place of a row's part among the wanted ones is sought first, and once.
        return """
            SELECT ((dovetail_place - 1)::pg_catalog.int8 << \(4 * parts.splits))\(child) AS part\(words)\(others)
            FROM (
                SELECT \(usedColumns), dovetail_place\(prepared)
                FROM (
                    SELECT \(plan.alias).*, pg_catalog.width_bucket(dovetail_part, \(array)) AS dovetail_place
                    FROM (
                        SELECT \(usedColumns), \(part(bits)) AS dovetail_part FROM \(table) OFFSET 0
                    ) AS \(plan.alias) OFFSET 0
                ) AS \(plan.alias)
                WHERE dovetail_place > 0 AND (\(array))[dovetail_place] = dovetail_part OFFSET 0
            ) AS \(plan.alias) OFFSET 0
            """
    }

    /// The columns of fields and key: the role may not be allowed to read more.
    private var usedColumns: String {
        Set((plan.columns + plan.keyColumns).map(\.column.name)).sorted()
            .map { "\(plan.alias).\($0.quotedIdentifier)" }.joined(separator: ", ")
    }

    private func bounds(_ parts: KeyParts, _ parameters: inout ParameterList) throws -> RangeColumn.Bounds {
        if parts.bounds.isEmpty { return RangeColumn.Bounds(range: "0", condition: nil) }
        let wanted = parts.wanted.map { $0.map(\.range) }
        do throws(UnusableBound) {
            guard let range = digests.range else { throw UnusableBound() }
            return try range.bounds(parts.bounds, wanted: wanted, &parameters)
        } catch {
            throw plan.place.error(
                .failed,
                "table \(plan.facts.name) can't be cut at the bounds that were given: they are no keys of its first"
                    + " key column")
        }
    }
}

extension RangeColumn {
    /// Keys at even distances, where integers lie so close that it makes no difference; nil elsewhere.
    fileprivate func evenKeys(_ count: Int, of digests: DigestPlan, _ session: Session) throws -> [RecordKey]?
    {
        guard case .int = kind, digests.plan.keyColumns.count == 1 else { return nil }
        let name = digests.plan.keyColumns[0].column.name.quotedIdentifier
        // Each is one look at an index.
        let ends = try session.execute(
            """
            SELECT pg_catalog.min(\(name))::pg_catalog.int8, pg_catalog.max(\(name))::pg_catalog.int8
            FROM \(digests.plan.facts.sql)
            """)
        guard let first = ends.int(0, 0), let last = ends.int(0, 1) else { return [] }
        let (span, overflow) = last.subtractingReportingOverflow(first)
        guard !overflow, span < 2 * digests.size.rows else { return nil }
        let count = min(count, span + 1)
        return (0..<count).map { RecordKey([.int(Int64(first + $0 * (span + 1) / count))]) }
    }
}
