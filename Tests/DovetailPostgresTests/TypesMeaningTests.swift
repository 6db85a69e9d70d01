import Dovetail
import DovetailEngine
import DovetailTestPostgres
import Testing

@testable import DovetailPostgres

/// What PostgreSQL's own literals mean as values, under any settings.
struct TypesMeaningTests {
    private struct Sample {
        var type: String
        var literals: [String]
        var values: [Value]
        /// The first version of PostgreSQL that knows them.
        var since = 130_000
    }

    private static func instant(_ text: String) -> Value { .timestampWithZone(timestamp(text)) }
    private static func date(_ text: String) -> Value { CalendarDate(iso: text).map { .date($0) } ?? .null }
    private static func time(_ text: String) -> Value { TimeOfDay(iso: text).map { .time($0) } ?? .null }

    private static let samples: [Sample] = [
        Sample(type: "smallint", literals: ["-32768"], values: [.int(-32768)]),
        Sample(type: "oid", literals: ["4294967295"], values: [.int(4_294_967_295)]),
        Sample(
            type: "real", literals: ["0.1", "'-infinity'", "'NaN'", "1e-45"],
            values: [
                .double(Double(0.1 as Float)), .double(-.infinity), .double(.nan),
                .double(Double(Float.leastNonzeroMagnitude)),
            ]),
        Sample(type: "float8", literals: ["0.1", "'-0'"], values: [.double(0.1), .double(0)]),
        Sample(
            type: "numeric",
            literals: [
                "0.00", "1.50", "-1.500", "10000", "99990000.00010", "1e-30", "'NaN'",
                "12345678901234567890.123456789",
            ],
            values: [
                "0", "1.5", "-1.5", "10000", "99990000.0001", "1e-30", "NaN",
                "12345678901234567890.123456789",
            ].map { decimal($0) }),
        Sample(
            type: "numeric", literals: ["'Infinity'", "'-Infinity'"],
            values: [decimal("Infinity"), decimal("-Infinity")], since: 140_000),
        Sample(
            type: "money", literals: ["12.34::numeric::money", "(-0.05)::numeric::money"],
            values: [decimal("12.34"), decimal("-0.05")]),
        Sample(
            type: "char(5)", literals: ["'ab'", "'ab  '", "''"],
            values: [.text("ab"), .text("ab"), .text("")]),
        Sample(type: "bytea", literals: ["'\\x00ff'", "''"], values: [.bytes([0, 255]), .bytes([])]),
        Sample(
            type: "date",
            literals: [
                "'2024-02-29'", "'0044-03-15 BC'", "'infinity'", "'5874897-12-31'", "'4714-11-24 BC'",
            ],
            values: [
                date("2024-02-29"), date("-00043-03-15"), .date(.distantFuture), date("+5874897-12-31"),
                date("-04713-11-24"),
            ]),
        Sample(
            type: "time", literals: ["'12:34:56.789'", "'24:00'"],
            values: [time("12:34:56.789"), time("24:00:00")]),
        Sample(type: "timetz", literals: ["'12:34:56.7+05:45'"], values: [.text("12:34:56.7+05:45")]),
        Sample(
            type: "timestamp",
            literals: [
                "'2024-02-29 12:34:56.789'", "'-infinity'", "'294276-12-31 23:59:59.999999'",
                "'294247-01-10 04:00:54.775806'",
            ],
            values: [
                .timestamp(timestamp("2024-02-29T12:34:56.789")), .timestamp(.distantPast),
                .text("+294276-12-31T23:59:59.999999"), .timestamp(Timestamp(microseconds: .max - 1)),
            ]),
        Sample(
            type: "timestamptz", literals: ["'2024-02-29 12:34:56.789+05:45'", "'294276-12-31 23:59:59+00'"],
            values: [instant("2024-02-29T12:34:56.789+05:45"), .text("+294276-12-31T23:59:59Z")]),
        Sample(
            type: "interval", literals: ["'1 year 2 months -3 days 04:05:06.7'", "'-1 day +1 hour'"],
            values: [
                .interval(CalendarInterval(months: 14, days: -3, microseconds: 14_706_700_000)),
                .interval(CalendarInterval(months: 0, days: -1, microseconds: 3_600_000_000)),
            ]),
        Sample(
            type: "uuid", literals: ["'01234567-89AB-cdef-fedc-ba9876543210'"],
            values: [.uuid(UUID128(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210))]),
        Sample(
            type: "json", literals: ["'{\"b\": 1.0, \"a\": [true, \"\\u00e9\"]}'", "'\"\\ud800\"'"],
            values: [.json("{\"a\":[true,\"é\"],\"b\":1}"), .text("\"\\ud800\"")]),
        Sample(
            type: "jsonb", literals: ["'{\"bb\": 1.50, \"a\": null}'"],
            values: [.json("{\"a\":null,\"bb\":1.5}")]),
        Sample(
            type: "int[]", literals: ["'{{1,NULL},{3,4}}'", "'{}'", "'[0:1]={7,8}'"],
            values: [
                .list([.list([.int(1), .null]), .list([.int(3), .int(4)])]), .list([]),
                .list([.int(7), .int(8)]),
            ]),
        Sample(
            type: "inet", literals: ["'10.0.0.1/32'", "'::ffff:0102:0304'"],
            values: [.text("10.0.0.1"), .text("::ffff:1.2.3.4")]),
        Sample(
            type: "tstzrange", literals: ["'[2024-01-01 00:00+05:45,)'"],
            values: [.text("[\"2023-12-31 18:15:00+00\",)")]),
        Sample(
            type: "point", literals: ["'(0.1,0.30000000000000004)'"],
            values: [.text("(0.1,0.30000000000000004)")]),
        Sample(
            type: "thing", literals: ["ROW(0.1, '1 day', '2024-01-02 03:04', '\\xff')"],
            values: [.text("(0.1,P1D,\"2024-01-02 03:04:00\",\"\\\\xff\")")]),
    ]

    private static let setup = "CREATE TYPE thing AS (a float8, b interval, c timestamp, d bytea);"

    /// Everything of a database's settings that shows in texts.
    static let strange = """
        ALTER THIS SET DateStyle = 'German'; ALTER THIS SET IntervalStyle = 'sql_standard';
        ALTER THIS SET TimeZone = 'Asia/Kathmandu'; ALTER THIS SET bytea_output = 'escape';
        ALTER THIS SET extra_float_digits = -5; ALTER THIS SET lc_monetary = 'C.UTF-8';
        ALTER THIS SET xmlbinary = 'hex'; ALTER THIS SET xmloption = 'document';
        ALTER THIS SET standard_conforming_strings = off; ALTER THIS SET client_encoding = 'LATIN1'
        """

    @Test("literals of every type", arguments: ["", strange]) func literals(settings: String) async throws {
        try await TypedDatabase.with(setup: Self.setup, settings: settings) { it in
            for sample in Self.samples where it.server.version >= sample.since {
                // The literals are the test's: they are written where nothing is strange.
                try await it.database.run("SET standard_conforming_strings = on; SET DateStyle = 'ISO, YMD'")
                let values = try await it.values(sample.type, sample.literals)
                #expect(values == sample.values, "\(sample.type): \(values.map(\.words))")
                // And back: PostgreSQL finds them equal to its own.
                let plan = try await it.column(sample.type)
                try await it.write(values, plan)
                #expect(try await it.read(plan) == values, "\(sample.type) changed on the way")
                let isComparable =
                    !["json", "point"].contains(sample.type) && !sample.literals.contains("'[0:1]={7,8}'")
                guard isComparable else { continue }
                let rows = sample.literals.enumerated().map {
                    "(\($0.offset), (\($0.element))::\(sample.type))"
                }
                let differing = try await it.database.value(
                    "SELECT count(*) FROM things t JOIN (VALUES \(rows.joined(separator: ", "))) v (id, value) USING (id) WHERE t.value IS DISTINCT FROM v.value"
                )
                #expect(differing == "0", "\(sample.type): PostgreSQL has other values")
            }
        }
    }

    @Test("round trips under strange settings") func roundTrips() async throws {
        try await TypedDatabase.with(setup: Self.setup, settings: Self.strange) { it in
            var g = TypesGenerator(seed: 11)
            try await it.roundTrip("timestamptz", g.many(10_000) { .timestampWithZone($0.moment()) })
            try await it.roundTrip("interval", g.many(10_000) { $0.interval() })
            try await it.roundTrip("double precision[]", g.many(10_000) { $0.list { $0.double() } })
            try await it.roundTrip("bytea", g.many(10_000) { $0.bytes() })
            try await it.roundTrip("date", g.many(10_000) { $0.date() })
            try await it.roundTrip("text", g.many(10_000) { $0.text() })
        }
    }

    @Test("texts in LATIN1") func latin1() async throws {
        try await TypedDatabase.with(.latin1) { it in
            try await it.roundTrip("text", [.text("æøå ÿ"), .text("a"), .text("\u{80}")])
            #expect(try await it.refusal("text", .text("5 €"))?.contains("LATIN1, which has no “€”") == true)
        }
    }

    @Test("texts in no encoding keep their bytes") func sqlASCII() async throws {
        try await TypedDatabase.with(.sqlASCII) { it in
            let plan = try await it.column("text")
            try await it.database.run("INSERT INTO things VALUES (1, E'\\xe9\\xff'), (2, 'æ')")
            let records = try await it.records(
                "SELECT value FROM things ORDER BY id", [plan.codec], RowLayout(fields: 1, key: [0]))
            let first = records[0].fields.bytes
            #expect(Array(first[5...]) == [0xe9, 0xff])
            #expect(try records[1].fields.value(at: 0) == .text("æ"))
            #expect(records[0].key.bytes.dropFirst().starts(with: [0xe9, 0xff]))
            // And back again.
            var encoder = RowEncoder([plan], table: "things")
            encoder.begin(1)
            try encoder.put(packed: first[...], column: 0)
            let row = encoder.row
            try await it.connection.perform { session in
                _ = try session.copyIn("COPY things (value) FROM STDIN (FORMAT binary)") { writer in
                    try writer.header()
                    try writer.write(row)
                    try writer.trailer()
                }
            }
            #expect(
                try await it.database.value("SELECT count(*) FROM things WHERE value = E'\\xe9\\xff'") == "2")
        }
    }
}
