import Dovetail
import DovetailEngine
import DovetailTestPostgres
import Testing

@testable import DovetailPostgres

/// The server's order is the order of the keys' bytes.
struct KeyOrderTests {
    private static let setup = """
        CREATE COLLATION IF NOT EXISTS strange (provider = icu, locale = 'da-DK');
        CREATE TYPE mood AS ENUM ('z', 'a', 'Ø', '');
        """

    private func check(
        _ it: TypedDatabase, _ type: String, _ values: [Value], conversion: Conversion? = nil
    ) async throws {
        let plan = try await it.column(type, conversion: conversion)
        try await it.write(values, plan)
        guard case .server(let order) = KeyOrder([plan]) else {
            Issue.record("\(type) has no order")
            return
        }
        let records = try await it.records(
            "SELECT \(plan.reading()) FROM things ORDER BY \(order)", [plan.codec],
            RowLayout(fields: 1, key: [0]))
        #expect(records.count == values.count)
        for (record, next) in zip(records, records.dropFirst()) where next.key < record.key {
            Issue.record(
                "\(type): \(try next.key.values().map(\.words)) after \(try record.key.values().map(\.words))"
            )
            return
        }
        for record in records where record.key != RecordKey([try record.fields.value(at: 0)]) {
            Issue.record("\(type): the key of \(try record.fields.value(at: 0).words) is another one")
            return
        }
    }

    @Test("of one column") func single() async throws {
        try await TypedDatabase.with(setup: Self.setup + "CREATE EXTENSION citext;") { it in
            var g = TypesGenerator(seed: 21, it.server)
            let count = 10_000
            try await check(it, "boolean", g.many(100) { .bool($0.next() % 2 == 0) })
            try await check(it, "smallint", g.many(count) { $0.int(-32768...32767) })
            try await check(it, "integer", g.many(count) { $0.int(-2_147_483_648...2_147_483_647) })
            try await check(it, "bigint", g.many(count) { $0.int() })
            try await check(it, "oid", g.many(count) { $0.int(0...4_294_967_295) })
            try await check(it, "xid", g.many(count) { $0.int(0...4_294_967_295) })
            try await check(it, "real", g.many(count) { $0.float() })
            try await check(it, "double precision", g.many(count) { $0.double() })
            try await check(it, "numeric", g.many(count) { $0.decimal() })
            try await check(
                it, "money", g.many(count) { .decimal(ExactDecimal(Int64($0.next() % 1000) - 500)) })
            for type in ["text", "varchar", "text COLLATE strange", "name", "citext"] {
                try await check(it, type, g.many(count) { $0.text() })
            }
            try await check(
                it, "char(15)",
                g.many(count) { g in
                    let text = g.string()
                    return .text(text.unicodeScalars.last == " " ? text + "." : text)
                })
            try await check(it, "mood", g.many(100) { .text(["z", "a", "Ø", ""][Int($0.next() % 4)]) })
            try await check(it, "bytea", g.many(count) { $0.bytes() })
            try await check(it, "uuid", g.many(count) { $0.uuid() })
            try await check(it, "date", g.many(count) { $0.date() })
            try await check(it, "time", g.many(count) { $0.time() })
            try await check(it, "timestamp", g.many(count) { .timestamp($0.moment()) })
            try await check(it, "timestamptz", g.many(count) { .timestampWithZone($0.moment()) })
            try await check(it, "interval", g.many(count) { $0.interval() })
            try await check(
                it, "timetz",
                g.many(count) { g in
                    .text(["12:00:00+02", "11:00:00+00", "23:59:59.5-03"][Int(g.next() % 3)])
                })
            try await check(
                it, "inet", g.many(count) { .text("10.0.\($0.next() % 300 % 256).\($0.next() % 256)") })
            try await check(it, "int4range", g.many(count) { .text("[\($0.next() % 100),200)") })
        }
    }

    @Test("of texts in LATIN1, and in an encoding of another order") func encodings() async throws {
        let letters: [Unicode.Scalar] = ["a", "é", "ÿ", "ø", "Z", " ", "~"]
        try await TypedDatabase.with(.latin1) { it in
            var g = TypesGenerator(seed: 22, it.server)
            try await check(it, "text", g.many(10_000) { .text($0.string(letters)) })
        }
        let server = try await TestServer.shared()
        try await server.run("DROP DATABASE IF EXISTS dovetail_koi8r")
        try await server.run("CREATE DATABASE dovetail_koi8r TEMPLATE template0 ENCODING 'KOI8R' LOCALE 'C'")
        let connection = try await PostgresConnection.open(
            ConnectionSettings(
                Conninfo.changing(server.conninfo, ["dbname": "dovetail_koi8r"]), applicationName: "t"),
            name: "left")
        let records = try await connection.perform { session in
            let facts = try session.settle()
            try session.execute("CREATE TABLE things (value text)")
            try session.execute("INSERT INTO things VALUES ('я'), ('а'), ('Б'), ('б'), ('x'), ('ё')")
            guard let column = try Catalog(session).table("things")?.column("value") else {
                return [Record]()
            }
            let plan = ColumnPlan(column, server: facts)
            guard case .server(let order) = KeyOrder([plan]) else { return [] }
            var builder = BatchBuilder()
            var reader = CopyReader(RowPacker([plan.codec], layout: RowLayout(fields: 1, key: [0])))
            try session.copyOut("COPY (SELECT value FROM things ORDER BY \(order)) TO STDOUT (FORMAT binary)")
            {
                try reader.read($0, into: &builder)
                return true
            }
            let isOrdered = reader.isOrdered
            #expect(isOrdered)
            return builder.seal().records()
        }
        #expect(records.count == 6 && records.map(\.key) == records.map(\.key).sorted())
        await connection.close()
        try await server.run("DROP DATABASE dovetail_koi8r")
    }

    @Test("of several columns, and what the server can't sort") func composite() async throws {
        try await TypedDatabase.with { it in
            try await it.database.run(
                """
                CREATE TABLE many (a text, b int NOT NULL, c interval, d jsonb);
                INSERT INTO many SELECT chr(64 + i % 7), i % 5, make_interval(days => i % 3), '{}' FROM generate_series(1, 300) i;
                INSERT INTO many SELECT NULL, i, NULL FROM generate_series(-3, 3) i
                """)
            let table = try await it.table("many")
            let plans = table.columns.map { ColumnPlan($0, server: it.server) }
            #expect(KeyOrder(plans) == .reader)
            guard case .server(let order) = KeyOrder(Array(plans[..<3])) else { return }
            #expect(order.contains("\"b\","), "an index does not serve: \(order)")
            let list = plans.map { $0.reading() }.joined(separator: ", ")
            let records = try await it.records(
                "SELECT \(list) FROM many ORDER BY \(order)", plans.map(\.codec),
                RowLayout(fields: 4, key: [0, 1, 2]))
            #expect(records.map(\.key) == records.map(\.key).sorted())
            #expect(try records.allSatisfy { $0.key == RecordKey(try $0.fields.values()[..<3]) })
        }
    }

    @Test("a timestamp beyond canonical values shows as disorder") func far() async throws {
        try await TypedDatabase.with { it in
            let plan = try await it.column("timestamp")
            try await it.database.run("INSERT INTO things VALUES (1, '2024-01-01'), (2, '294270-01-01')")
            let isOrdered = try await it.connection.perform { session in
                var builder = BatchBuilder()
                var reader = CopyReader(RowPacker([plan.codec], layout: RowLayout(fields: 1, key: [0])))
                try session.copyOut(
                    "COPY (SELECT value FROM things ORDER BY value) TO STDOUT (FORMAT binary)"
                ) {
                    try reader.read($0, into: &builder)
                    return true
                }
                return reader.isOrdered
            }
            #expect(!isOrdered)
        }
    }
}
