import Dovetail
import DovetailEngine

/// A table view fitted to the table as it is in the database now: which SQL reads it, and how its values are read.
struct ViewPlan: Sendable {
    let view: TableView
    let facts: TableFacts
    /// The column of each field.
    let columns: [ColumnPlan]
    /// The columns that make up the key, in its order.
    let keyColumns: [ColumnPlan]
    /// The field of each of them; nil for an id that is no field.
    let keyFields: [Int?]
    let server: ServerFacts
    let place: DatabasePlace

    /// - Throws: ``ReplicaError`` in words. Not the transaction's end: it can go on.
    init(_ session: Session, _ view: TableView, server: ServerFacts, place: DatabasePlace) throws {
        let catalog = try Catalog(session)
        guard let facts = try catalog.table(view.table) else {
            throw place.error(.unsuitable, Self.missing(view.table, catalog.names))
        }
        self.view = view
        self.facts = facts
        self.server = server
        self.place = place
        guard view.columns.count == view.schema.fields.count else {
            throw place.error(
                .failed, "\(view.columns.count) columns are bound to \(view.schema.fields.count) fields")
        }
        columns = try zip(view.schema.fields, view.columns).map { field, binding in
            let column = try Self.column(binding.column, facts, place)
            return ColumnPlan(column, field: field, conversion: binding.conversion, server: server)
        }
        if case .match(let names) = view.schema.identity {
            let fields = view.keyFields
            guard !fields.isEmpty, fields.count == names.count else {
                throw place.error(
                    .unsuitable, "not all fields of the match are mapped in table \(facts.name): \(names)")
            }
            keyFields = fields
            keyColumns = fields.map { [columns] in columns[$0] }
        } else {
            guard let id = facts.idColumn else {
                throw place.error(
                    .unsuitable,
                    "table \(facts.name) has no id that the database gives: a primary key of one integer column"
                        + " with a default; match its records by fields instead")
            }
            let field = view.columns.firstIndex { $0.column == id && $0.conversion == nil }
            keyFields = [field]
            keyColumns = try [
                field.map { [columns] in columns[$0] }
                    ?? ColumnPlan(Self.column(id, facts, place), server: server)
            ]
        }
        try checkFilter(session)
    }

    private static func missing(_ table: String, _ known: [String]) -> String {
        let shown = known.prefix(20).joined(separator: ", ") + (known.count > 20 ? ", …" : "")
        return
            "there is no table \(table) that this role may see; there are: \(known.isEmpty ? "none" : shown)"
    }

    private static func column(
        _ name: String, _ facts: TableFacts, _ place: DatabasePlace
    ) throws -> ColumnFacts {
        let alike = facts.columns.filter { $0.name.lowercased() == name.lowercased() }
        guard let column = facts.column(name) ?? (alike.count == 1 ? alike[0] : nil) else {
            let known = facts.columns.map(\.name).joined(separator: ", ")
            throw place.error(
                .unsuitable, "table \(facts.name) has no column \(name); it has: \(known)")
        }
        guard column.mayRead else {
            throw place.error(
                .forbidden,
                "this role may not read column \(column.name) of \(facts.name);"
                    + " its owner can GRANT SELECT ON \(facts.sql)")
        }
        return column
    }

    /// The filter as a condition, on lines of its own so that a comment in it ends where it ends.
    var condition: String? { view.filter.map { "(\n\($0)\n)" } }

    /// In a statement of its own, so that its mistakes are told from ours, and by a protocol that takes no second
    /// statement.
    private func checkFilter(_ session: Session) throws {
        guard let condition else { return }
        try session.run("SAVEPOINT dovetail_filter")
        do {
            try session.execute("SELECT 1 FROM \(facts.sql) WHERE \(condition) LIMIT 0")
            try session.run("RELEASE dovetail_filter")
        } catch let failure as PostgresFailure where failure.sqlClass == "42" || failure.sqlClass == "22" {
            try session.run("ROLLBACK TO dovetail_filter; RELEASE dovetail_filter")
            throw place.error(
                .unsuitable,
                "the condition on table \(facts.name) can't be used, PostgreSQL says: \(failure.words)"
                    + " (condition: \(view.filter ?? ""))")
        }
    }
}

extension ViewPlan {
    /// The name by which the table's columns are qualified. It has no alias: the condition may use its name.
    var alias: String { facts.relation.quotedIdentifier }

    /// What a statement reads of each record, and how it is unpacked.
    struct Reading {
        /// As SQL: the fields, then what else is needed.
        var list: [String]
        var codecs: [ColumnCodec]
        var layout: RowLayout

        var sql: String { list.joined(separator: ", ") }
        var reader: CopyReader { CopyReader(RowPacker(codecs, layout: layout)) }
    }

    /// - Parameter locator: an expression of type `bytea` that becomes the records' locator.
    func reading(locator: String? = nil) -> Reading {
        var reading = Reading(
            list: columns.map { $0.reading(in: alias) }, codecs: columns.map(\.codec),
            layout: RowLayout(fields: columns.count, key: []))
        for (field, column) in zip(keyFields, keyColumns) {
            if let field {
                reading.layout.key.append(field)
            } else {
                reading.layout.key.append(reading.list.count)
                reading.list.append(column.reading(in: alias))
                reading.codecs.append(column.codec)
            }
        }
        if let locator {
            reading.layout.locator = reading.list.count
            reading.list.append(locator)
            reading.codecs.append(ColumnCodec(.bytes))
        }
        return reading
    }

    /// All records, in the order of keys where the server can give it.
    var snapshot: (sql: String, reading: Reading, isOrdered: Bool) {
        let reading = reading()
        let filter = condition.map { " WHERE \($0)" } ?? ""
        var sql = "SELECT \(reading.sql) FROM \(facts.sql)\(filter)"
        let order = KeyOrder(keyColumns, table: alias)
        if case .server(let expressions) = order { sql += " ORDER BY \(expressions)" }
        return ("COPY (\(sql)) TO STDOUT (FORMAT binary)", reading, order != .reader)
    }

    /// Whether the server's equality finds every record whose key has the same bytes. It may find more.
    var keyIsSearchable: Bool { keyColumns.allSatisfy(\.isSearchable) }
}

extension ColumnPlan {
    /// Whether records can be looked up by a value of this column: whatever is equal by its bytes is equal to
    /// PostgreSQL, under the comparison of ``test(_:isNullable:)``.
    var isSearchable: Bool {
        if conversion == .text, column.form.fieldType == .text {
            // Of the others a text has several spellings.
            switch codec.textOf {
            case .text, .int, .time, .uuid: return true
            default: return false
            }
        }
        if conversion == .bool { return column.form.fieldType == .int }
        switch column.form.rule {
        case .json, .jsonb, .geometry, .array: return false
        default: return conversion == nil || conversion == .text
        }
    }

    /// The condition that the column holds what a temporary column of its transfer type holds.
    func test(_ transferred: String, in alias: String, isNullable: Bool = false) -> String {
        let name = alias + "." + column.name.quotedIdentifier
        let equals = isNullable ? "IS NOT DISTINCT FROM" : "="
        // Not every type that travels as text has an equality of its own; its text has.
        return column.form.isTextForm
            ? "\(reading(in: alias)) \(equals) \(transferred)" : "\(name) \(equals) \(writing(transferred))"
    }

    /// The number of the transfer type.
    var transferNumber: UInt32 {
        transferType == "pg_catalog.text" ? BuiltIn.text : column.form.type.number
    }
}
