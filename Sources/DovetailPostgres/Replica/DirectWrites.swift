import Dovetail
import DovetailEngine

/// Writes a batch without looking at its records first, where the server itself can tell whether each is as expected.
///
/// - An update or a delete carries the whole record that it expects. The statement reaches the row only if the
///   key leads to it and every column holds just that; PostgreSQL locks the row and, had somebody else held it, asks
///   again. What it takes for equal here (``SameValue``) always has the same canonical bytes. The reverse need not hold.
/// - An insert goes straight into the table by `COPY`. A unique index on the key sees to it that there was no such record.
///   What the table then holds is read back by the places of its newest rows.
///
/// What was not reached this way is left to the careful way, which looks first. So is the whole batch when the server
/// refuses any of it: under one savepoint all of it is made or nothing.
struct DirectWrites {
    private let batch: ApplyWrites
    private var plan: ViewPlan { batch.plan }
    private var session: Session { batch.session }

    /// A write with the place that it has in the batch.
    private struct Change {
        let index: Int
        /// The fields that are written; none for a delete.
        let fields: [Int]
    }

    private struct Group {
        let fields: [Int]
        var first: Int
        var count: Int
    }

    /// Nil where the table or the batch asks for the careful way.
    init?(_ batch: ApplyWrites) throws {
        let plan = batch.plan
        guard plan.view.schema.identity != .content, batch.traits.isPlainTable,
            !batch.traits.changesAfterwards, plan.keyIsSearchable,
            // Its text is written under the user's settings, and read under ours.
            !plan.columns.contains(where: \.column.form.isTextForm),
            plan.keyColumns.allSatisfy({ $0.conversion == nil && !$0.column.form.isTextForm })
        else { return nil }
        self.batch = batch
        guard batch.traits.uniqueKeys.contains(plan.keyColumns.map(\.column.name).sorted()) else {
            return nil
        }
        // Two writes about one record come one after the other, and so do those that hand a key on.
        var keys: Set<RecordKey> = []
        keys.reserveCapacity(batch.writes.count)
        let keyFields = plan.view.keyFields
        // A unique index lets null occur any number of times.
        let mayBeNull = plan.keyColumns.contains { !$0.column.isNotNull }
        for write in batch.writes {
            guard let key = write.key, !key.bytes.isEmpty, keys.insert(key).inserted,
                !mayBeNull || !key.hasNull
            else {
                return nil
            }
            if case .update(_, let fields) = write.write, fields.contains(where: keyFields.contains) {
                return nil
            }
        }
    }

    /// Makes what can be made at once. Gives back the places of the writes that are left.
    func make() throws -> [Int] {
        var changes: [Change] = []
        var inserts: [ApplyWrites.DirectInsert: [Int]] = [:]
        var left: [Int] = []
        let (plan, takesCopies) = (plan, takesCopies)
        let generated = Set(plan.columns.indices.filter { plan.columns[$0].column.isGenerated })
        // What the write before was, which the next one often is too.
        var last: (fields: [Int], writable: [Int]) = ([], [])
        var lastInsert: ApplyWrites.DirectInsert?
        var inserted: [Int] = []
        for index in batch.open {
            let isExpected = batch.writes[index].expected != nil
            switch batch.writes[index].write {
            case .delete where isExpected && plan.facts.mayDelete:
                changes.append(Change(index: index, fields: []))
            case .update(_, let fields) where isExpected && plan.facts.mayUpdate:
                if fields != last.fields {
                    last = (fields, fields.filter { !generated.contains($0) }.sorted())
                }
                if last.writable.isEmpty {
                    left.append(index)
                } else {
                    changes.append(Change(index: index, fields: last.writable))
                }
            case .insert(let record) where !isExpected && plan.facts.mayInsert && takesCopies:
                let form = try batch.directInsert(record)
                if form != lastInsert {
                    if let lastInsert { inserts[lastInsert, default: []] += inserted }
                    inserted = []
                    lastInsert = form
                }
                inserted.append(index)
            default: left.append(index)
            }
        }
        if let lastInsert { inserts[lastInsert, default: []] += inserted }
        if !changes.isEmpty, !plan.columns.allSatisfy({ SameValue($0) != nil }) {
            left += changes.map(\.index)
            changes = []
        }
        // Deletes free what updates take, and updates what inserts take; equal forms stand together.
        changes.sort { a, b in
            a.fields == b.fields
                ? a.index < b.index
                : a.fields.isEmpty || !b.fields.isEmpty && a.fields.lexicographicallyPrecedes(b.fields)
        }
        if changes.isEmpty, inserts.isEmpty { return left }
        var made: [(index: Int, record: Record?)] = []
        var missed: [Int] = []
        let refusal = try PendingWrites(batch).guarded {
            // Defaults are the user's, and mean the user's day and way to write it.
            try session.run(SessionSettings.users)
            missed += try change(changes, &made)
            for (form, indices) in inserts.sorted(by: { $0.value[0] < $1.value[0] }) {
                missed += try insert(indices, form, &made)
            }
            try session.run("SET CONSTRAINTS ALL IMMEDIATE")
            try session.execute(SessionSettings.sql(locally: true))
        }
        if refusal != nil { return batch.open }
        for (index, record) in made { batch.note(record, of: index) }
        return (left + missed).sorted()
    }

    // MARK: Updates and deletes

    /// Gives back the places of those that did not find their record as expected.
    private func change(_ changes: [Change], _ made: inout [(index: Int, record: Record?)]) throws -> [Int] {
        guard !changes.isEmpty else { return [] }
        let (groups, unstorable) = try send(changes)
        var isMade = Array(repeating: false, count: changes.count)
        // What travelled is a fraction of the table, in the order of its keys: look it up row by row, whatever the
        // planner thinks of a table that it has no figures of.
        try session.run("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        for group in groups {
            let (sql, reading) = statement(group)
            try session.records(of: sql, reading, plan) { record in
                let number = record.locator.reduce(0) { $0 << 8 | Int($1) }
                guard changes.indices.contains(number) else { return }
                isMade[number] = true
                let now = group.fields.isEmpty ? nil : Record(key: record.key, fields: record.fields)
                made.append((changes[number].index, now))
            }
        }
        try session.run(
            """
            SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT;
            DROP TABLE pg_temp.dovetail_changes
            """)
        return changes.indices.filter { !isMade[$0] || unstorable.contains($0) }.map { changes[$0].index }
    }

    /// The key where it is no field, as a column of the temporary table.
    private var idColumn: ColumnPlan? { plan.keyFields == [nil] ? plan.keyColumns[0] : nil }

    private func send(_ changes: [Change]) throws -> (groups: [Group], unstorable: Set<Int>) {
        let columns = Array(plan.columns.indices)
        let written = Set(changes.flatMap(\.fields)).sorted()
        let definitions =
            ["dovetail_n pg_catalog.int8"]
            + columns.map { "dovetail_o\($0) \(plan.columns[$0].transferType)" }
            + written.map { "dovetail_f\($0) \(plan.columns[$0].transferType)" }
            + (idColumn.map { ["dovetail_id \($0.transferType)"] } ?? [])
        try session.run(
            "CREATE TEMPORARY TABLE dovetail_changes (\(definitions.joined(separator: ", "))) ON COMMIT DROP")
        var groups: [Group] = []
        var unstorable: Set<Int> = []
        var encoder = RowEncoder(plan.columns + (idColumn.map { [$0] } ?? []), table: plan.facts.name)
        _ = try session.copyIn("COPY pg_temp.dovetail_changes FROM STDIN (FORMAT binary)") { writer in
            try writer.header()
            for (number, change) in changes.enumerated() {
                if groups.last?.fields == change.fields {
                    groups[groups.count - 1].count += 1
                } else {
                    groups.append(Group(fields: change.fields, first: number, count: 1))
                }
                encoder.begin(definitions.count)
                do throws(UnstorableValue) {
                    try encode(number, change, columns, written, &encoder)
                } catch {
                    unstorable.insert(number)
                    continue
                }
                try writer.write(encoder.row)
            }
            try writer.trailer()
        }
        return (groups, unstorable)
    }

    private func encode(
        _ number: Int, _ change: Change, _ columns: [Int], _ written: [Int], _ encoder: inout RowEncoder
    ) throws(UnstorableValue) {
        let write = batch.writes[change.index]
        encoder.put(int: Int64(number))
        guard let expected = write.expected else { throw UnstorableValue(reason: "nothing is expected") }
        try encoder.put(expected, columns, among: columns)
        try encoder.put(write.write.result ?? expected, change.fields, among: written)
        guard idColumn != nil else { return }
        guard let values = try? write.key?.values(), values.count == 1 else {
            throw UnstorableValue(reason: "the key is damaged")
        }
        try encoder.put(values[0], column: plan.columns.count)
    }

    private func statement(_ group: Group) -> (sql: String, reading: ViewPlan.Reading) {
        let number = "pg_catalog.int8send(dovetail_changes.dovetail_n)"
        var tests = zip(plan.keyFields, plan.keyColumns).map { field, column in
            column.test(
                field.map { "dovetail_changes.dovetail_o\($0)" } ?? "dovetail_changes.dovetail_id",
                in: plan.alias)
        }
        tests += plan.columns.enumerated().compactMap { field, column in
            SameValue(column)?.test("dovetail_changes.dovetail_o\(field)", in: plan.alias)
        }
        if let condition = plan.condition { tests.append("\(condition) IS TRUE") }
        let numbers =
            "dovetail_changes.dovetail_n BETWEEN \(group.first) AND \(group.first + group.count - 1)"
        let which = (tests + [numbers]).joined(separator: " AND ")
        if group.fields.isEmpty {
            let reading = ViewPlan.Reading(
                list: [number], codecs: [ColumnCodec(.bytes)],
                layout: RowLayout(fields: 0, key: [], locator: 0))
            return (
                "DELETE FROM \(plan.facts.sql) USING pg_temp.dovetail_changes WHERE \(which) RETURNING \(reading.sql)",
                reading
            )
        }
        let reading = plan.reading(locator: number)
        let assignments = group.fields.map {
            "\(plan.columns[$0].column.name.quotedIdentifier) = "
                + plan.columns[$0].writing("dovetail_changes.dovetail_f\($0)")
        }
        return (
            """
            UPDATE \(plan.facts.sql) SET \(assignments.joined(separator: ", ")) FROM pg_temp.dovetail_changes
            WHERE \(which) RETURNING \(reading.sql)
            """, reading
        )
    }

    // MARK: Inserts

    /// Whether the columns take values as the transfer has them, and the newest rows are found without a scan.
    private var takesCopies: Bool {
        plan.server.version >= 140_000
            && (plan.columns + plan.keyColumns).allSatisfy { $0.column.form.writingCast.isEmpty }
    }

    /// Gives back the places of those that can't be stored.
    private func insert(
        _ indices: [Int], _ form: ApplyWrites.DirectInsert, _ made: inout [(index: Int, record: Record?)]
    ) throws -> [Int] {
        let blocks = try session.execute(
            """
            SELECT pg_catalog.pg_relation_size($1::pg_catalog.int8::pg_catalog.oid::pg_catalog.regclass)
                / pg_catalog.current_setting('block_size')::pg_catalog.int8
            """, [.int(Int64(plan.facts.number))]
        ).int(0, 0)
        var columns = form.fields.map { plan.columns[$0] }
        if form.withID, let idColumn { columns.append(idColumn) }
        var encoder = RowEncoder(plan.columns + (idColumn.map { [$0] } ?? []), table: plan.facts.name)
        let names = columns.map(\.column.name.quotedIdentifier).joined(separator: ", ")
        var unstorable: [Int] = []
        var sent: [Int] = []
        sent.reserveCapacity(indices.count)
        _ = try session.copyIn("COPY \(plan.facts.sql) (\(names)) FROM STDIN (FORMAT binary)") { writer in
            try writer.header()
            for index in indices {
                encoder.begin(columns.count)
                do throws(UnstorableValue) {
                    guard let record = batch.writes[index].write.result else {
                        throw UnstorableValue(reason: "there is nothing to insert")
                    }
                    try encoder.put(record, form.fields, among: form.fields)
                    if form.withID, let values = try? batch.writes[index].key?.values(), values.count == 1 {
                        try encoder.put(values[0], column: plan.columns.count)
                    }
                } catch {
                    unstorable.append(index)
                    continue
                }
                try writer.write(encoder.row)
                sent.append(index)
            }
            try writer.trailer()
        }
        try readBack(sent, from: max(0, (blocks ?? 0) - 1), &made)
        return unstorable
    }

    /// Reads what the table holds now of the records that were just inserted: most of them stand at its end, in their
    /// order. Those that went into gaps are looked up.
    private func readBack(
        _ indices: [Int], from block: Int, _ made: inout [(index: Int, record: Record?)]
    ) throws {
        let reading = plan.reading()
        let sql = """
            SELECT \(reading.sql) FROM \(plan.facts.sql)
            WHERE \(plan.alias).ctid >= '(\(block),0)'::pg_catalog.tid
            """
        var next = 0
        var passed: [RecordKey: Int] = [:]
        var strangers: [Record] = []
        try session.records(of: sql, reading, plan) { record in
            if next < indices.count, batch.writes[indices[next]].key == record.key {
                made.append((indices[next], record))
                next += 1
            } else {
                strangers.append(record)
            }
        }
        guard next < indices.count else { return }
        for index in indices[next...] {
            if let key = batch.writes[index].key { passed[key] = index }
        }
        for record in strangers {
            if let index = passed.removeValue(forKey: record.key) { made.append((index, record)) }
        }
        guard !passed.isEmpty else { return }
        let found = try RecordFinder(plan: plan, session: session).find(Set(passed.keys), locking: false)
        for (key, index) in passed {
            guard let row = found[key], !found.repeated.contains(key) else {
                // The careful way tells why.
                throw PostgresFailure(sqlState: "09000", message: "an inserted record was not found again")
            }
            made.append((index, row.record))
        }
    }
}

/// When PostgreSQL may say that a column holds a value: what it then takes for equal has the same canonical bytes.
struct SameValue {
    private let column: ColumnPlan

    /// Nil for columns whose values have many spellings, which would hardly ever be found equal.
    init?(_ column: ColumnPlan) {
        if column.column.form.isTextForm || column.column.form.rule == .json { return nil }
        self.column = column
    }

    /// The condition that the column holds what a temporary column of its transfer type holds.
    func test(_ transferred: String, in alias: String) -> String {
        let form = column.column.form
        let own = "\(alias).\(column.column.name.quotedIdentifier)"
        let other = column.writing(transferred)
        func same(_ a: String, _ b: String) -> String { "\(a) IS NOT DISTINCT FROM \(b)" }
        switch form.rule {
        // One canonical form for all values that PostgreSQL takes for equal: one zero, one NaN, scales without a meaning.
        case .bool, .int2, .int4, .int8, .unsigned, .float4, .float8, .numeric, .money, .bytes, .date, .time,
            .timestamp,
            .timestampWithZone, .uuid:
            return same(own, other)
        case .text where form.type.kind == .enumeration: return same(own, other)
        case .text, .blankPadded:
            // Byte by byte, whatever the column's collation is.
            let type = form.rule == .text ? "pg_catalog.text" : "pg_catalog.bpchar"
            return same("\(own)::\(type) COLLATE \"C\"", "\(other)::\(type)")
        case .array: return same("pg_catalog.array_send(\(own))", "pg_catalog.array_send(\(other))")
        case .interval, .json, .jsonb, .inet, .geometry:
            let sender = "\(form.type.schema.quotedIdentifier).\(form.type.sender.quotedIdentifier)"
            return same("\(sender)(\(own))", "\(sender)(\(other))")
        }
    }
}
