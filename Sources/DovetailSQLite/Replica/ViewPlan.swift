import Dovetail
import DovetailEngine
import GRDB
import GRDBSQLite

/// A table view fitted to the table as it is in the file now: which SQL reads it, and how its values are
/// read.
struct ViewPlan: Sendable {
    /// What a record is known by in this table.
    enum KeySource: Sendable {
        /// The row id; it may be the value of a field as well.
        case rowid
        /// The values of these fields.
        case fields([Int])
    }

    let view: TableView
    let facts: TableFacts
    /// The column of each field.
    let columns: [ColumnFacts]
    let codecs: [ColumnCodec]
    let key: KeySource
    let place: Place

    init(_ db: Database, _ view: TableView, place: Place) throws {
        let inspection = try TableInspection(db, kind: place.kind)
        guard let facts = try inspection.table(view.table) else {
            let known = try inspection.tables().map(\.name).joined(separator: ", ")
            throw place.error(
                .unsuitable,
                "there is no table \(view.table); there are: \(known.isEmpty ? "none" : known)")
        }
        self.view = view
        self.facts = facts
        self.place = place
        guard view.columns.count == view.schema.fields.count else {
            throw place.error(
                .failed, "\(view.columns.count) columns are bound to \(view.schema.fields.count) fields")
        }
        columns = try view.columns.map { binding in
            guard let column = facts.column(binding.column) else {
                let known = facts.columns.map(\.name).joined(separator: ", ")
                throw place.error(
                    .unsuitable,
                    "table \(facts.name) has no column \(binding.column); it has: \(known)")
            }
            return column
        }
        codecs = zip(view.schema.fields, zip(view.columns, columns)).map { field, bound in
            ColumnCodec(field, bound.0.conversion, bound.1)
        }
        key = try Self.keySource(view, facts, columns, codecs, place)
        try checkFilter(db)
    }

    private static func keySource(
        _ view: TableView, _ facts: TableFacts, _ columns: [ColumnFacts], _ codecs: [ColumnCodec],
        _ place: Place
    ) throws -> KeySource {
        guard case .match(let names) = view.schema.identity else {
            guard facts.rowid != nil else {
                throw place.error(
                    .unsuitable,
                    "table \(facts.name) has no row ids"
                        + (facts.form == .table ? " (WITHOUT ROWID)" : "")
                        + "; match its records by fields instead")
            }
            return .rowid
        }
        let fields = view.keyFields
        guard !fields.isEmpty, fields.count == names.count else {
            throw place.error(
                .unsuitable, "not all fields of the match are mapped in table \(facts.name): \(names)")
        }
        if fields.count == 1, columns[fields[0]].name == facts.idColumn,
            codecs[fields[0]].rule == .int || codecs[fields[0]].rule == .plain, !codecs[fields[0]].isTextual
        {
            return .rowid
        }
        return .fields(fields)
    }

    /// The filter as a condition, on lines of its own so that a comment in it ends where it ends.
    var condition: String? {
        view.filter.map { "(\n\($0)\n)" }
    }

    private func checkFilter(_ db: Database) throws {
        guard let condition, let handle = db.sqliteConnection else { return }
        // A misspelt name in double quotes would otherwise be a text, and the condition never true.
        _disableDoubleQuotedStringLiterals(handle)
        defer { _enableDoubleQuotedStringLiterals(handle) }
        do {
            _ = try RawStatement(handle, "SELECT 1 FROM \(table) WHERE \(condition)")
        } catch let failure as SQLiteFailure {
            throw place.error(
                .unsuitable,
                "the condition on table \(facts.name) can't be used, SQLite says: \(failure.message)"
                    + " (condition: \(view.filter ?? ""))")
        }
    }

    var table: String { "main." + facts.name.quoted }

    /// The columns of the fields, in order, as SQL.
    var fieldList: [String] { columns.map(\.name.quoted) }

    /// Whether records carry the row id as a hint beside their key.
    var hasLocator: Bool {
        if case .rowid = key { false } else { facts.rowid != nil }
    }

    /// Whether the columns of the key can hold each value only once.
    var keyIsUnique: Bool {
        guard case .fields(let fields) = key else { return true }
        let names = Set(fields.map { columns[$0].name })
        return facts.indexes.contains { index in
            guard index.isUnique, !index.isPartial, let plain = index.plainColumns else { return false }
            return Set(plain).isSubset(of: names)
        }
    }

    /// Whether an index leads to the records of a key.
    var keyHasIndex: Bool {
        guard case .fields(let fields) = key else { return true }
        let names = Set(fields.map { columns[$0].name })
        return keyIsUnique
            || facts.indexes.contains { index in
                guard !index.isPartial, let plain = index.plainColumns else { return false }
                return Set(plain.prefix(names.count)) == names
            }
    }
}

extension ViewPlan {
    /// The ordered reading of the whole table, the `number`th of its connection.
    func reader(_ db: Database, number: Int) throws -> any RowReader {
        guard let handle = db.sqliteConnection else { throw place.error(.failed, "the connection is closed") }
        var list = fieldList
        var layout = RowLayout(key: .fields([]))
        let order: String
        // A field that is the row id need not be read twice.
        let idField = view.keyFields.first.map { Int32($0) }
        if let rowid = facts.rowid, hasLocator || idField == nil {
            list.append(rowid)
            if hasLocator { layout.locator = Int32(list.count - 1) }
        }
        switch key {
        case .rowid:
            let column = idField ?? Int32(list.count - 1)
            layout.key = .rowid(column)
            order = list[Int(column)]
            if InnerReader.canRead(columns: list.count, handle) {
                return try InnerReader(
                    handle, columns: list, table: table, filter: condition, order: order,
                    function: "dovetail_take_\(number)", packer(layout))
            }
        case .fields(let fields) where try fields.count == 1 && hasNativeOrder(fields[0], db):
            layout.key = .native(Int32(fields[0]), field: fields[0])
            // Without the plus sign SQLite goes along the index.
            order =
                try (indexPaysOff(fields[0], db) ? "" : "+") + columns[fields[0]].name.quoted
                + " COLLATE BINARY"
        case .fields(let fields):
            let function = "dovetail_key_\(number)"
            try KeyFunction.register(
                function, on: handle, codecs: fields.map { codecs[$0] }, isUTF8: facts.usesUTF8)
            list.append("\(function)(\(fields.map { columns[$0].name.quoted }.joined(separator: ", ")))")
            layout.key = .encoded(Int32(list.count - 1))
            order = String(list.count)
        }
        let filter = condition.map { " WHERE \($0)" } ?? ""
        let sql = "SELECT \(list.joined(separator: ", ")) FROM \(table)\(filter) ORDER BY \(order)"
        return SteppingReader(try RawStatement(handle, sql), packer(layout))
    }

    private func packer(_ layout: RowLayout) -> RowPacker {
        RowPacker(codecs, layout: layout, isUTF8: facts.usesUTF8)
    }

    /// Whether SQLite's order of this column is the order of the keys' bytes, whatever stands in it.
    ///
    /// Null, integers, texts and blobs come in the same order in both. Only a real among integers, and a text
    /// that becomes something else, are in another place.
    private func hasNativeOrder(_ field: Int, _ db: Database) throws -> Bool {
        let column = columns[field]
        let codec = codecs[field]
        guard facts.usesUTF8, codec.keepsText, codec.rule != .double else { return false }
        if column.affinity == .text { return true }
        if facts.isStrict, column.affinity == .integer { return true }
        let isIndexed = facts.indexes.contains { !$0.isPartial && $0.columns.first == column.name }
        guard isIndexed, let handle = db.sqliteConnection else { return false }
        let probe = try RawStatement(
            handle, "SELECT 1 FROM \(table) WHERE typeof(\(column.name.quoted)) = 'real' LIMIT 1")
        return try !probe.step()
    }

    /// Whether reading along an index of this column stays near where it was in the file.
    ///
    /// An index in another order than the rows makes one jump for each row, which takes longer than sorting
    /// all of them. The first few hundred entries of the index tell.
    private func indexPaysOff(_ field: Int, _ db: Database) throws -> Bool {
        let column = columns[field].name
        let isIndexed = facts.indexes.contains { !$0.isPartial && $0.columns.first == column }
        guard isIndexed, let rowid = facts.rowid, let handle = db.sqliteConnection else {
            return facts.hasNoRowid
        }
        let probe = try RawStatement(
            handle,
            "SELECT \(rowid) FROM \(table) ORDER BY \(column.quoted) COLLATE BINARY LIMIT 400")
        var last: Int64 = 0
        var steps = 0
        var nearSteps = 0
        while try probe.step() {
            let next = sqlite3_column_int64(probe.handle, 0)
            if steps > 0, next > last, next - last < 100 { nearSteps += 1 }
            last = next
            steps += 1
        }
        return nearSteps * 10 >= (steps - 1) * 9
    }
}
