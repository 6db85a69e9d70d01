import Dovetail
import DovetailEngine
import DovetailTestPostgres
import Testing

@testable import DovetailPostgres

/// A database with what the tests of types need.
struct TypedDatabase: Sendable {
    let database: TestDatabase
    let connection: PostgresConnection
    let server: ServerFacts

    static func with(
        _ kind: DatabaseKind = .plain, setup: String = "", settings: String = "",
        _ body: (TypedDatabase) async throws -> Void
    ) async throws {
        try await TestServer.shared().withDatabase(kind) { database in
            if !setup.isEmpty { try await database.run(setup) }
            if !settings.isEmpty {
                try await database.run(settings.replacing("THIS", with: "DATABASE \"\(database.name)\""))
            }
            let connection = try await PostgresConnection.open(
                ConnectionSettings(database.conninfo, applicationName: "dovetail tests"), name: "left")
            let server = try await connection.perform { try $0.settle() }
            try await body(TypedDatabase(database: database, connection: connection, server: server))
            await connection.close()
        }
    }

    func table(_ name: String) async throws -> TableFacts {
        let facts = try await connection.perform { try Catalog($0).table(name) }
        return try #require(facts, "there is no table \(name)")
    }

    /// A fresh table of one column of a type, and how that column is read and written.
    func column(_ type: String, conversion: Conversion? = nil, field: FieldType? = nil) async throws
        -> ColumnPlan
    {
        try await database.run("DROP TABLE IF EXISTS things; CREATE TABLE things (id bigint, value \(type))")
        let column = try #require(try await table("things").column("value"))
        return ColumnPlan(
            column, field: Field("value", field ?? column.form.fieldType), conversion: conversion,
            server: server)
    }

    /// Writes values into the column as a replica does: by COPY into a temporary table and from there.
    func write(_ values: [Value], _ plan: ColumnPlan) async throws {
        try await connection.perform { session in
            try session.execute("TRUNCATE things")
            try session.execute("CREATE TEMPORARY TABLE pass (id int8, value \(plan.transferType))")
            _ = try session.copyIn("COPY pg_temp.pass FROM STDIN (FORMAT binary)") { writer in
                try writer.header()
                var encoder = RowEncoder([plan], table: "things")
                for (index, value) in values.enumerated() {
                    encoder.begin(2)
                    encoder.put(int: Int64(index))
                    if index % 2 == 0 {
                        try encoder.put(value, column: 0)
                    } else {
                        try encoder.put(packed: PackedRecord([value]).bytes[...], column: 0)
                    }
                    try writer.write(encoder.row)
                }
                try writer.trailer()
            }
            try session.execute("INSERT INTO things SELECT id, \(plan.writing("value")) FROM pg_temp.pass")
            try session.execute("DROP TABLE pg_temp.pass")
        }
    }

    /// All values of the column, in the order in which they were written.
    func read(_ plan: ColumnPlan) async throws -> [Value] {
        try await records(
            "SELECT \(plan.reading()) FROM things ORDER BY id", [plan.codec],
            RowLayout(fields: 1, key: [])
        ).map { try $0.fields.value(at: 0) }
    }

    func records(_ query: String, _ codecs: [ColumnCodec], _ layout: RowLayout) async throws -> [Record] {
        let batches = try await connection.perform { session in
            var builder = BatchBuilder()
            var reader = CopyReader(RowPacker(codecs, layout: layout))
            try session.copyOut("COPY (\(query)) TO STDOUT (FORMAT binary)") { piece in
                try reader.read(piece, into: &builder)
                return true
            }
            try reader.finish()
            return [builder.seal()]
        }
        return batches.flatMap { $0.records() }
    }

    /// Writes values and expects to read the same.
    func roundTrip(_ type: String, _ values: [Value], conversion: Conversion? = nil, field: FieldType? = nil)
        async throws
    {
        let plan = try await column(type, conversion: conversion, field: field)
        try await write(values, plan)
        let back = try await read(plan)
        #expect(back.count == values.count)
        for (value, read) in zip(values, back) where value != read {
            Issue.record("\(type): \(value.words) came back as \(read.words)")
            break
        }
    }

    /// Why a value can't be written; nil when it can.
    func refusal(_ type: String, _ value: Value, field: Field? = nil) async throws -> String? {
        let column = try await column(type)
        let plan = ColumnPlan(
            column.column, field: field ?? column.field, conversion: nil, server: server)
        var encoder = RowEncoder([plan], table: "things")
        encoder.begin(1)
        do {
            try encoder.put(value, column: 0)
            return nil
        } catch {
            #expect(encoder.row.count == 2, "a refused value left bytes behind")
            return error.reason
        }
    }

    /// The values that SQL expressions have in the column.
    func values(_ type: String, _ expressions: [String]) async throws -> [Value] {
        let plan = try await column(type)
        let rows = expressions.enumerated().map { "(\($0.offset), \($0.element))" }
        try await database.run("INSERT INTO things VALUES \(rows.joined(separator: ", "))")
        return try await read(plan)
    }
}

func decimal(_ text: String) -> Value { ExactDecimal(text).map { .decimal($0) } ?? .null }

func timestamp(_ text: String) -> Timestamp { Timestamp.parse(text)?.timestamp ?? .distantPast }
