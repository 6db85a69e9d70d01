import Dovetail
import DovetailEngine

/// How a table is read in the order of its keys' bytes.
///
/// The order of a key's bytes is the order of its values, null first. PostgreSQL's own order is the same for numbers
/// (`numeric` and NaN included), truth values, `uuid`, `bytea`, dates and times: they are sorted by as they are, so that
/// an index serves. Texts of all kinds come in the order of their bytes by `COLLATE "C"` when the database is in UTF-8,
/// LATIN1 or SQL_ASCII, and by `convert_to(…, 'UTF8')` in every other encoding, whose own bytes are in another order. An
/// interval is sorted by its months, days and microseconds, not by its length. Enumerations are sorted by their labels;
/// `citext` by the letters as they are.
///
/// No expression gives the order of JSON, lists and geometries, nor of values under a conversion: then the reader
/// sorts. So it does in the one case that is seen only while reading: a timestamp of the years 294247 to 294276, which
/// is held as a text. ``RowPacker/isOrdered`` tells.
enum KeyOrder: Sendable, Hashable {
    /// What stands after `ORDER BY`.
    case server(String)
    /// The reader has to sort.
    case reader

    init(_ columns: [ColumnPlan], table alias: String = "") {
        let parts = columns.compactMap { $0.order(in: alias) }
        self =
            parts.count == columns.count && !parts.isEmpty ? .server(parts.joined(separator: ", ")) : .reader
    }
}

/// One column of a table fitted to a field: how it is read, sorted by, and written.
struct ColumnPlan: Sendable {
    let column: ColumnFacts
    let field: Field
    let conversion: Conversion?
    let codec: ColumnCodec
    let server: ServerFacts

    init(_ column: ColumnFacts, field: Field, conversion: Conversion?, server: ServerFacts) {
        self.column = column
        self.field = field
        self.conversion = conversion
        self.server = server
        codec = ColumnCodec(column.form, field: field.type, conversion: conversion)
    }

    /// A column that is no field, such as the primary key of a table whose records are matched by content.
    init(_ column: ColumnFacts, server: ServerFacts) {
        self.init(column, field: Field(column.name, column.form.fieldType), conversion: nil, server: server)
    }

    private func name(in alias: String) -> String {
        (alias.isEmpty ? "" : alias + ".") + column.name.quotedIdentifier
    }

    /// The expression that stands for the column in the query of a COPY.
    func reading(in alias: String = "") -> String { name(in: alias) + column.form.readingCast }

    /// The type of a column of a temporary table that takes values for this one.
    var transferType: String { column.form.transferType }

    /// The expression that makes a value of the temporary table's column one of this column.
    func writing(_ transferred: String) -> String { transferred + column.form.writingCast }

    /// What to sort by to get the order of keys; nil when the server can't.
    func order(in alias: String = "") -> String? {
        guard conversion == nil || column.form.fieldType == field.type else { return nil }
        guard let expression = orderExpression(name(in: alias)) else { return nil }
        // Without a word about nulls an index serves.
        return expression + (column.isNotNull ? "" : " NULLS FIRST")
    }

    private func orderExpression(_ name: String) -> String? {
        switch column.form.rule {
        case .bool, .int2, .int4, .int8, .unsigned, .float4, .float8, .numeric, .money, .bytes, .date, .time,
            .timestamp, .timestampWithZone, .uuid:
            return column.form.type.number == BuiltIn.xid || column.form.type.number == BuiltIn.cid
                ? "\(name)::pg_catalog.text::pg_catalog.int8" : name
        case .text, .blankPadded: return bytes(of: "\(name)::pg_catalog.text")
        case .inet: return bytes(of: "pg_catalog.textin(pg_catalog.\(column.form.type.name)_out(\(name)))")
        case .interval: return Self.interval("pg_catalog.interval_send(\(name))")
        case .json, .jsonb, .geometry, .array: return nil
        }
    }

    private func bytes(of text: String) -> String {
        ["UTF8", "LATIN1", "SQL_ASCII"].contains(server.encoding)
            ? "(\(text)) COLLATE \"C\"" : "pg_catalog.convert_to(\(text), 'UTF8')"
    }

    /// The parts of an interval in the order of the key, each with its sign bit turned over.
    private static func interval(_ sent: String) -> String {
        func part(_ start: Int, _ length: Int) -> String {
            let bytes = "pg_catalog.substring(\(sent), \(start + 1), \(length))"
            return "pg_catalog.set_byte(\(bytes), 0, pg_catalog.get_byte(\(sent), \(start)) # 128)"
        }
        return "(\(part(12, 4)) || \(part(8, 4)) || \(part(0, 8)))"
    }
}
