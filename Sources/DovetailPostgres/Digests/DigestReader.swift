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
        let answer = try execute(sums(source, parts), parts, parameters)
        guard let bytes = answer.bytes(0, 0) else { return [] }
        var found: [PartDigest] = []
        var place = 0
        func number(_ length: Int) -> UInt64 {
            defer { place += length }
            return (place..<place + length).reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
        }
        let width = Self.width(parts)
        let mask = (1 << parts.answerDepth) - 1
        while place < bytes.count {
            let part = Int(number(width))
            let count = number(1)
            let records = count < 255 ? count : number(5)
            let sum = parts.isBrief ? Digest(high: 0, low: number(8)) : Self.digest(number(8), number(8))
            let position: PartPosition
            if let wanted = parts.wanted {
                // The child's bits are above those of its parent.
                let (parent, child) = (wanted[part >> parts.splits], part & ((1 << parts.splits) - 1))
                position = PartPosition(range: parent.range, bucket: parent.bucket | child << parts.depth)
            } else {
                position = PartPosition(range: part >> parts.answerDepth, bucket: part & mask)
            }
            found.append(PartDigest(position: position, digest: SetDigest(sum: sum, count: records)))
        }
        return found.sorted { $0.position < $1.position }
    }

    /// How many bytes the number of a part takes.
    private static func width(_ parts: KeyParts) -> Int {
        let most =
            parts.wanted.map { $0.count << parts.splits } ?? (parts.bounds.count + 1) << parts.answerDepth
        return (Int.bitWidth - most.leadingZeroBitCount + 7) / 8
    }

    /// The sums of the rows of `source` in packed form, since rows of a result would be four times as long: for each part its
    /// number, the number of records, in one byte where it is less than 255 and in five more otherwise, and two words, or the
    /// lower one alone.
    ///
    /// PostgreSQL adds 64-bit integers up to exact numbers of any length, so nothing is lost. What is sent is upper · 2^64 + lower
    /// modulo 2^128, where both are taken as signed.
    private func sums(_ source: String, _ parts: KeyParts) -> String {
        let whole = "18446744073709551616::pg_catalog.numeric"
        let half = "9223372036854775808::pg_catalog.numeric"
        func signed(_ rest: String) -> String {
            "CASE WHEN \(rest) >= \(half) THEN \(rest) - \(whole) WHEN \(rest) < -\(half) THEN \(rest) + \(whole)"
                + " ELSE \(rest) END"
        }
        func last(_ number: String, _ from: Int) -> String {
            "pg_catalog.substring(pg_catalog.int8send(\(number)), \(from))"
        }
        let sums = parts.isBrief ? "" : ", pg_catalog.sum(word0) AS upper, pg_catalog.sum(word1) AS sum"
        let lowers = """
            SELECT part, records, \(signed("rest")) AS lower\(parts.isBrief ? "" : ", upper, sum")
            FROM (
                SELECT part, pg_catalog.count(*) AS records, pg_catalog.mod(pg_catalog.sum(word1), \(whole)) AS rest\(sums)
                FROM (\(source)) AS records
                GROUP BY part
            ) AS sums
            """
        let uppers = """
            SELECT part, records, lower,
                pg_catalog.mod(upper + pg_catalog.div(sum - lower, \(whole)), \(whole)) AS upper
            FROM (\(lowers)) AS lowers
            """
        let upper = parts.isBrief ? "" : "|| pg_catalog.int8send((\(signed("upper")))::pg_catalog.int8)"
        return """
            SELECT pg_catalog.string_agg(\(last("part", 9 - Self.width(parts)))
                || CASE WHEN records < 255 THEN \(last("records", 8)) ELSE '\\xff' || \(last("records", 4)) END
                \(upper) || pg_catalog.int8send(lower::pg_catalog.int8), ''::pg_catalog.bytea)
            FROM (\(parts.isBrief ? lowers : uppers)) AS parts
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
        parts.isBrief = false
        let source = try source(parts, columns: columns, &parameters)
        let rows = try execute("SELECT \(reading.sql) FROM (\(source)) AS records", parts, parameters)
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
        let share = min(100, 100 * Double(count) / Double(max(1, digests.size.pages)))
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

    /// A scan of fewer rows is over before what compiling it takes is saved.
    private static let rowsToCompileFor = 2_000_000

    /// Runs a statement as the user has set the session, but for what the planner does when it takes a few ranges for many rows, and
    /// those of their parts for few: it would compile for half a second what runs for a tenth, and sort before it adds up.
    private func execute(_ sql: String, _ parts: KeyParts, _ parameters: ParameterList) throws -> ResultRows {
        let isScan = parts.wanted == nil
        let compiles = isScan && digests.size.rows > Self.rowsToCompileFor
        try session.run(
            "SET LOCAL jit = \(compiles ? "DEFAULT" : "off"); SET LOCAL enable_sort = \(isScan ? "DEFAULT" : "off")"
        )
        return try session.execute(sql, parameters.all)
    }

    /// The rows of some parts: the number of the part that each is in, or of the wanted part and its child; the words of the hash;
    /// and what else is asked for.
    private func source(
        _ parts: KeyParts, columns: [String] = [], _ parameters: inout ParameterList
    ) throws -> String {
        let table = rows()
        let prepared = digests.hash.prepared.map { ", \($0.expression) AS \($0.name)" }.joined()
        let words = digests.hash.words.enumerated().dropFirst(parts.isBrief ? 1 : 0)
            .map { ", \($1) AS word\($0)" }.joined()
        let others = columns.map { ", \($0)" }.joined()
        func part(_ bits: Int, _ range: String) -> String {
            let range = "(\(range))::pg_catalog.int8"
            return bits == 0 ? range : "(\(range) << \(bits)) + (\(digests.hash.bucket) & \((1 << bits) - 1))"
        }
        // Of what stands in a subquery the planner doesn't know how many there are, and takes the parts for few, which they
        // are; nor does it compute anything twice. Each subquery costs a twelfth of the whole, so there is one.
        guard let wanted = parts.wanted else {
            let part = part(parts.answerDepth, try range(parts, &parameters))
            return """
                SELECT dovetail_part AS part\(words)\(others)
                FROM (SELECT \(usedColumns), \(part) AS dovetail_part\(prepared) FROM \(table) OFFSET 0) AS \(plan.alias)
                """
        }
        let (bits, splits) = (parts.depth, parts.splits)
        let children = (1 << splits) - 1
        let child = splits == 0 ? "" : " + ((\(digests.hash.bucket) >> \(bits)) & \(children))"
        let number = "((dovetail_place - 1)::pg_catalog.int8 << \(splits))\(child) AS part"
        let ranges = Set(wanted.map(\.range)).sorted()
        let (from, range): (String, String)
        if let column = digests.range, column.hasIndex, 4 * ranges.count <= parts.bounds.count {
            let isWhole = bits == 0
            let spans = try usable {
                try column.rows(
                    of: ranges, parts.bounds, &parameters,
                    named: isWhole ? { "\($0 + 1)" } : { "\(ranges[$0])" }
                ) { "SELECT \(usedColumns), \($0) FROM \(rows($1))" }
            }
            if isWhole {
                return """
                    SELECT \(number)\(words)\(others)
                    FROM (
                        SELECT \(usedColumns), dovetail_range AS dovetail_place\(prepared)
                        FROM (\(spans)) AS \(plan.alias) OFFSET 0
                    ) AS \(plan.alias)
                    """
            }
            (from, range) = ("(\(spans)) AS \(plan.alias)", "dovetail_range")
        } else {
            (from, range) = (table, try self.range(parts, &parameters))
        }
        // The place of a row's part among the wanted ones is sought first, and once; among floats where they are exact, for
        // which `width_bucket` has a loop of its own.
        let isExact = wanted.last.map { $0.range < 1 << (53 - min(53, bits)) } ?? true
        let numbers = wanted.map { position -> [UInt8] in
            let number = Int64(position.range) << Int64(bits) + Int64(position.bucket)
            var bytes: [UInt8] = []
            if isExact {
                bytes.append(bigEndian: Double(number).bitPattern)
            } else {
                bytes.append(bigEndian: number)
            }
            return bytes
        }
        let (type, oid) = isExact ? ("float8", BuiltIn.float8) : ("int8", BuiltIn.int8)
        let array = "\(parameters.add(RangeColumn.array(of: oid, numbers)))::pg_catalog.\(type)[]"
        return """
            SELECT \(number)\(words)\(others)
            FROM (
                SELECT \(usedColumns), dovetail_place\(prepared)
                FROM (
                    SELECT \(plan.alias).*, pg_catalog.width_bucket(dovetail_part, \(array)) AS dovetail_place
                    FROM (
                        SELECT \(usedColumns), (\(part(bits, range)))::pg_catalog.\(type) AS dovetail_part
                        FROM \(from) OFFSET 0
                    ) AS \(plan.alias) OFFSET 0
                ) AS \(plan.alias)
                WHERE dovetail_place > 0 AND (\(array))[dovetail_place] = dovetail_part OFFSET 0
            ) AS \(plan.alias)
            """
    }

    /// The columns of fields and key: the role may not be allowed to read more.
    private var usedColumns: String {
        Set((plan.columns + plan.keyColumns).map(\.column.name)).sorted()
            .map { "\(plan.alias).\($0.quotedIdentifier)" }.joined(separator: ", ")
    }

    /// The table, with the condition of the view and another one.
    private func rows(_ condition: String? = nil) -> String {
        let conditions = [plan.condition, condition].compactMap(\.self)
        return conditions.isEmpty
            ? plan.facts.sql : "\(plan.facts.sql) WHERE \(conditions.joined(separator: " AND "))"
    }

    /// The number of a record's range.
    private func range(_ parts: KeyParts, _ parameters: inout ParameterList) throws -> String {
        if parts.bounds.isEmpty { return "0" }
        return try usable { try digests.range?.range(parts.bounds, &parameters) }
    }

    private func usable<Result>(_ body: () throws -> Result?) throws -> Result {
        do {
            guard let result = try body() else { throw UnusableBound() }
            return result
        } catch is UnusableBound {
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
