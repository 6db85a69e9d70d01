import Dovetail
import DovetailEngine
import DovetailTestPostgres
import Testing

@testable import DovetailPostgres

/// What is written comes back as it was, for any value of any type.
struct TypesRoundTripTests {
    private static let count = 10_000

    private static let setup = """
        CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'happy', 'ødelagt, "q"');
        CREATE DOMAIN percent AS numeric(5,2) CHECK (VALUE BETWEEN 0 AND 100);
        CREATE DOMAIN small AS int4;
        CREATE DOMAIN smaller AS small NOT NULL;
        CREATE DOMAIN numbers AS int4[];
        CREATE TYPE pair AS (a int, b text);
        """

    @Test("numbers") func numbers() async throws {
        try await TypedDatabase.with { it in
            var g = TypesGenerator(seed: 1, it.server)
            try await it.roundTrip("boolean", g.many(Self.count) { .bool($0.next() % 2 == 0) })
            try await it.roundTrip("smallint", g.many(Self.count) { $0.int(-32768...32767) })
            try await it.roundTrip(
                "integer", g.many(Self.count) { $0.int(Int64(Int32.min)...Int64(Int32.max)) })
            try await it.roundTrip("bigint", g.many(Self.count) { $0.int() })
            try await it.roundTrip("oid", g.many(Self.count) { $0.int(0...Int64(UInt32.max)) })
            try await it.roundTrip("xid", g.many(Self.count) { $0.int(0...Int64(UInt32.max)) })
            try await it.roundTrip("real", g.many(Self.count) { $0.float() })
            try await it.roundTrip("double precision", g.many(Self.count) { $0.double() })
            try await it.roundTrip("numeric", g.many(Self.count) { $0.decimal() })
            try await it.roundTrip(
                "numeric(12,3)",
                g.many(Self.count) { g in
                    guard case .int(let number) = g.int(-999_999_999_999...999_999_999_999) else {
                        return .null
                    }
                    return decimal("\(number)e-3")
                })
            try await it.roundTrip(
                "money",
                g.many(Self.count) { g in
                    guard case .int(let number) = g.int() else { return .null }
                    return decimal("\(number)e-2")
                })
        }
    }

    @Test("texts and bytes") func texts() async throws {
        try await TypedDatabase.with { it in
            var g = TypesGenerator(seed: 2)
            try await it.roundTrip("text", g.many(Self.count) { $0.text() })
            try await it.roundTrip("varchar", g.many(Self.count) { $0.text() })
            try await it.roundTrip("varchar(12)", g.many(Self.count) { $0.text() })
            try await it.roundTrip("name", g.many(Self.count) { $0.text() })
            try await it.roundTrip(
                "char(15)",
                g.many(Self.count) { g in
                    var text = g.string()
                    while text.last == " " { text.removeLast() }
                    return .text(text.unicodeScalars.last == " " ? "x" : text)
                })
            try await it.roundTrip("bytea", g.many(Self.count) { $0.bytes() })
            try await it.roundTrip("uuid", g.many(Self.count) { $0.uuid() })
            try await it.roundTrip(
                "varbit",
                g.many(Self.count) { g in
                    .text(
                        String(
                            (0..<Int.random(in: 0...20, using: &g)).map { _ in g.next() % 2 == 0 ? "0" : "1" }
                        ))
                })
            for type in ["json", "jsonb"] {
                try await it.roundTrip(
                    type,
                    try g.many(Self.count) { .text($0.json()) }.map { value in
                        guard case .text(let text) = value else { return .null }
                        return .json(try CanonicalJSON.canonical(text))
                    })
            }
        }
    }

    @Test("times") func times() async throws {
        try await TypedDatabase.with { it in
            var g = TypesGenerator(seed: 3)
            try await it.roundTrip("date", g.many(Self.count) { $0.date() })
            try await it.roundTrip("time", g.many(Self.count) { $0.time() })
            try await it.roundTrip("timestamp", g.many(Self.count) { .timestamp($0.moment()) })
            try await it.roundTrip("timestamptz", g.many(Self.count) { .timestampWithZone($0.moment()) })
            try await it.roundTrip("interval", g.many(Self.count) { $0.interval() })
            try await it.roundTrip(
                "timestamptz(0)",
                g.many(Self.count) { g in
                    var moment = g.moment()
                    if moment.isFinite { moment.microseconds -= moment.microseconds % 1_000_000 }
                    return .timestampWithZone(moment)
                })
        }
    }

    @Test("enumerations, domains and arrays") func made() async throws {
        try await TypedDatabase.with(setup: Self.setup) { it in
            var g = TypesGenerator(seed: 4, it.server)
            let labels = ["sad", "it's ok", "happy", "ødelagt, \"q\""]
            let label: (inout TypesGenerator) -> Value = { .text(labels.randomElement(using: &$0) ?? "sad") }
            try await it.roundTrip("mood", g.many(Self.count, label))
            try await it.roundTrip("percent", g.many(Self.count) { _ in decimal("12.5") })
            try await it.roundTrip("smaller", (0..<Self.count).map { _ in g.int(-5...5) })
            try await it.roundTrip("integer[]", g.many(Self.count) { $0.list { $0.int(-9...9) } })
            try await it.roundTrip("text[]", g.many(Self.count) { $0.list { $0.text() } })
            try await it.roundTrip("numeric[]", g.many(Self.count) { $0.list { $0.decimal() } })
            try await it.roundTrip("double precision[]", g.many(Self.count) { $0.list { $0.double() } })
            try await it.roundTrip(
                "timestamptz[]", g.many(Self.count) { $0.list { .timestampWithZone($0.moment()) } })
            try await it.roundTrip("bytea[]", g.many(Self.count) { $0.list { $0.bytes() } })
            try await it.roundTrip("mood[]", g.many(Self.count) { $0.list(label) })
            try await it.roundTrip("small[]", g.many(Self.count) { $0.list { $0.int(-9...9) } })
            try await it.roundTrip("numbers", g.many(Self.count) { $0.list { $0.int(-9...9) } })
            try await it.roundTrip(
                "inet[]", g.many(Self.count) { $0.list { .text("10.0.0.\($0.next() % 256)") } })
            try await it.roundTrip(
                "int4range[]", g.many(Self.count) { $0.list { .text("[\($0.next() % 100),200)") } })
            try await it.roundTrip(
                "pair[]", g.many(Self.count) { $0.list { .text("(\($0.next() % 100),x)") } })
        }
    }

    @Test("types that travel as text keep PostgreSQL's spelling") func spelled() async throws {
        let extensions =
            "CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION citext SCHEMA ext;"
        try await TypedDatabase.with(setup: Self.setup + extensions) { it in
            let samples: [(String, [String])] = [
                ("timetz", ["12:34:56.789+02", "00:00:00-15:59", "24:00:00+05:45"]),
                ("xml", ["<a b=\"1\">ø</a>", "text"]),
                (
                    "inet",
                    [
                        "10.1.2.3", "10.1.2.0/24", "::1", "fe80::1:0:0:1/64", "::ffff:1.2.3.4",
                        "1:2:3:4:5:6:7:8", "::",
                    ]
                ),
                ("cidr", ["10.1.2.0/24", "10.1.2.3/32", "2001:db8::/32", "::/0"]),
                ("macaddr", ["08:00:2b:01:02:03"]), ("macaddr8", ["08:00:2b:01:02:03:04:05"]),
                ("bit(4)", ["0101"]), ("tsvector", ["'a':1A,2 'b'"]), ("tsquery", ["'a' & !'b'"]),
                ("int4range", ["[1,5)", "empty", "(,)"]), ("numrange", ["[1.50,2]"]),
                ("tstzrange", ["[\"2024-01-01 00:00:00+00\",\"2024-02-01 00:00:00+00\")"]),
                ("daterange", ["[2024-01-01,infinity)"]),
                ("point", ["(0.1,1e+300)"]), ("box", ["(2,3),(0,1)"]), ("circle", ["<(0,0),1.5>"]),
                ("path", ["((0,0),(1,1))"]), ("polygon", ["((0,0),(1,1),(2,0))"]), ("line", ["{1,2,3}"]),
                ("lseg", ["[(0,0),(1,1)]"]), ("pair", ["(1,\"a b\")", "(,)"]), ("pg_lsn", ["16/B374D848"]),
                ("jsonpath", ["$.\"a\"[*]"]), ("\"char\"", ["x"]), ("regtype", ["integer"]),
                ("ext.hstore", ["\"a\"=>\"1\", \"b\"=>NULL"]), ("ext.citext", ["MiXed ø"]),
                ("int2vector", ["1 2"]),
                ("pg_snapshot", ["10:20:10,14,15"]), ("xid8", ["18446744073709551615"]), ("tid", ["(4,5)"]),
            ]
            let since14 = [("datemultirange", ["{[2024-01-01,2024-02-01)}"])]
            for (type, texts) in samples + (it.server.version >= 140_000 ? since14 : []) {
                try await it.roundTrip(type, texts.map { .text($0) } + [.null])
            }
        }
    }

    @Test("conversions") func conversions() async throws {
        try await TypedDatabase.with { it in
            var g = TypesGenerator(seed: 6)
            let flags = g.many(500) { .bool($0.next() % 2 == 0) }
            for type in ["integer", "smallint", "bigint", "numeric(1)", "text", "char(5)"] {
                try await it.roundTrip(type, flags, conversion: .bool, field: .bool)
            }
            try await it.roundTrip("integer", [.int(2), .int(-1)], conversion: .bool, field: .bool)
            let samples: [(FieldType, [Value])] = [
                (.int, g.many(500) { $0.int() }), (.double, g.many(500) { $0.double() }),
                (.decimal, g.many(500) { $0.decimal() }), (.date, g.many(500) { $0.date() }),
                (.time, g.many(500) { $0.time() }), (.timestamp, g.many(500) { .timestamp($0.moment()) }),
                (.timestampWithZone, g.many(500) { .timestampWithZone($0.moment()) }),
                (.interval, g.many(500) { $0.interval() }), (.uuid, g.many(500) { $0.uuid() }),
                (.bool, flags),
                (.int, [.text("01"), .text(""), .text("x")]),
                (.uuid, [.text("ABCDEF00-0000-0000-0000-000000000000")]),
            ]
            for (field, values) in samples {
                try await it.roundTrip("text", values, conversion: .text, field: field)
            }
        }
    }
}
