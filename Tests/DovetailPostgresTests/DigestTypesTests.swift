import Dovetail
import DovetailEngine
import DovetailPostgres
import DovetailTestPostgres
import Testing

/// What the server hashes says what the canonical bytes say.
@Suite("Digests of PostgreSQL's values", .serialized, .databases(.postGIS))
struct DigestTypesTests {
    private static let setup = """
        CREATE EXTENSION IF NOT EXISTS citext; CREATE EXTENSION IF NOT EXISTS hstore;
        DROP TYPE IF EXISTS mood, pair; CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TYPE pair AS (a int, b text);
        DROP DOMAIN IF EXISTS positive; CREATE DOMAIN positive AS numeric CHECK (VALUE > 0);
        """

    /// Values that PostgreSQL or its hash functions take for one, or that are one in two spellings, as literals of a type.
    private static let values: [(type: String, literals: [String])] = [
        ("boolean", ["true", "false"]),
        ("smallint", ["0", "1", "-1", "32767", "-32768"]),
        ("integer", ["0", "1", "-1", "65536", "2147483647", "-2147483648"]),
        (
            "bigint",
            [
                "0", "1", "-1", "-2", "4294967296", "4294967297", "8589934594", "-4294967297",
                "9223372036854775807", "-9223372036854775808",
            ]
        ),
        ("oid", ["0", "1", "4294967295"]), ("xid", ["1", "4294967295"]),
        ("real", ["0", "-0", "1", "0.1", "NaN", "Infinity", "-Infinity"]),
        (
            "double precision",
            ["0", "-0", "1", "-1", "0.1", "5e-324", "NaN", "Infinity", "-Infinity"]
        ),
        (
            "numeric",
            [
                "0", "0.00", "-0", "1", "1.0", "1.000", "-1", "10000", "-10000", "0.0001", "100000000",
                "1e-20",
                "12345678901234567890.5", "-12345678901234567890.5", "NaN", "Infinity", "-Infinity",
            ]
        ),
        ("numeric(12,3)", ["0", "1", "-1", "1.5", "10000", "NaN"]),
        ("positive", ["1", "1.0", "10000"]), ("money", ["0", "1", "-1", "1.5", "100"]),
        ("text", ["", " ", "a", "a ", "A", "é", "e\u{301}", "ß", "ss", "NULL ", "\u{10ffff}"]),
        ("varchar(20)", ["", "a", "a "]), ("char(5)", ["", "a", "a   ", "A"]), ("\"char\"", ["a", "b"]),
        ("name", ["a", "A"]), ("citext", ["a", "A", "b"]), ("mood", ["sad", "glad"]),
        ("bytea", ["\\x", "\\x00", "\\x0000", "\\x61", "\\x6100"]),
        (
            "date",
            ["2000-01-01", "1999-12-31", "0001-01-01 BC", "5874897-12-31", "infinity", "-infinity"]
        ),
        // Times that one 32-bit fold makes equal.
        (
            "time",
            [
                "00:00", "00:00:00.000001", "01:11:34.967297", "02:23:09.934594", "23:59:59.999999", "24:00",
            ]
        ),
        ("timetz", ["12:00+00", "13:00+01", "12:00:00.0+00"]),
        (
            "timestamp",
            [
                "2000-01-01", "2000-01-01 01:11:34.967297", "1999-12-31 23:59:59.999999", "294270-01-01",
                "4713-01-01 BC", "infinity", "-infinity", "1857-12-31 23:59:59.999999", "1858-01-01",
                "1858-01-01 00:00:00.000001", "2141-12-31 23:59:59.999998", "2141-12-31 23:59:59.999999",
                "2142-01-01", "2142-01-01 00:00:00.000001",
            ]
        ),
        (
            "timestamptz",
            [
                "2000-01-01 00:00+00", "2000-01-01 01:00+01", "2000-01-01 01:11:34.967297+00", "infinity",
                "2141-12-31 23:59:59.999999+00", "2142-01-01 00:00+00", "2142-01-01 00:00:00.000001+00",
            ]
        ),
        (
            "interval",
            [
                "1 mon", "30 days", "720 hours", "29 days 24 hours", "0", "1 day", "24 hours",
                "-1 mon +30 days",
            ]
        ),
        ("uuid", ["00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001"]),
        (
            "json",
            ["{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "{\"a\": 1, \"b\": 2}", "1", "1.0", "\"1\"", "null"]
        ),
        ("jsonb", ["{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "[1]", "[1.0]", "[\"1\"]", "null", "[[]]"]),
        ("inet", ["10.0.0.1", "10.0.0.1/32", "10.0.0.1/24", "::1"]),
        ("cidr", ["10.0.0.1", "10.0.0.0/24"]),
        ("int4[]", ["{}", "{1,2}", "[2:3]={1,2}", "{{1,2}}", "{{1},{2}}", "{NULL}", "{1,NULL}", "{2,1}"]),
        ("text[]", ["{}", "{\"\"}", "{a,b}", "{\"a,b\"}", "{NULL}", "{\"NULL\"}"]),
        ("mood[]", ["{sad}", "{glad}", "{sad,glad}"]), ("numeric[]", ["{1}", "{1.0}", "{-1}", "{NaN}"]),
        ("int4range", ["[1,3)", "[1,2]", "(0,2]", "empty", "(,)"]),
        ("hstore", ["a=>1,b=>2", "b=>2,a=>1", "a=>NULL", "a=>\"NULL\""]),
        ("pair", ["(,)", "(1,)", "(1,\"\")", "(,a)"]), ("bit(4)", ["0000", "0001"]),
        ("point", ["(0,0)", "(0,-0)", "(1,2)"]), ("xml", ["<a/>", "<a></a>"]),
        ("tsvector", ["a b", "b a", "a:1"]),
        (
            "geometry",
            [
                "POINT(0 0)", "POINT(-0 0)", "SRID=4326;POINT(0 0)", "POINT Z (0 0 0)", "POINT M (0 0 0)",
                "POINT ZM (0 0 0 0)", "POINT EMPTY", "POINT Z EMPTY", "GEOMETRYCOLLECTION EMPTY",
                "MULTIPOINT(0 0)", "LINESTRING(0 0,1 1)", "LINESTRING(1 1,0 0)", "LINESTRING(0 1,1 0)",
                "LINESTRING(0 0,0.5 0.5,1 1)", "POLYGON((0 0,0 1,1 1,1 0,0 0))",
                "POLYGON((0 0,1 0,1 1,0 1,0 0))",
            ]
        ),
        ("geography", ["POINT(0 0)", "POINT(1 0)", "LINESTRING(0 0,1 1)"]),
        ("geometry[]", ["{}"]),
    ]

    /// Where one value may have two forms with different digests: such records are read, and found equal.
    private static let severalForms: Set<String> = ["json", "jsonb", "int4[]", "numeric[]", "geometry"]

    @Test(
        "have equal digests only when their canonical bytes are equal, and then nearly always",
        arguments: values)
    func pairs(type: String, literals: [String]) async throws {
        let database = Databases.current[0]
        try await database.empty()
        try await database.run(Self.setup)
        // Before 14 no numeric was infinite.
        let isBefore14 = (try await database.value("SHOW server_version_num") ?? "") < "140000"
        let held = literals.filter { !(isBefore14 && type == "numeric" && $0.hasSuffix("Infinity")) }
        let all = held.map { "'\($0.replacing("'", with: "''"))'" } + ["NULL"]
        func fill(_ table: String, isNullable: Bool, _ value: (Int, Int) -> Int) async throws {
            // Whether a column can be null does not show in its digests.
            try await database.run(
                "CREATE TABLE \(table) (id int PRIMARY KEY, value \(type), other int NOT NULL)")
            var rows: [String] = []
            for i in all.indices {
                for j in all.indices {
                    rows.append("(\(i * 100 + j), \(all[value(i, j)])::\(type), 7)")
                }
            }
            try await database.run("INSERT INTO \(table) VALUES \(rows.joined(separator: ", "))")
        }
        try await fill("a", isNullable: true) { i, _ in i }
        try await fill("b", isNullable: true) { _, j in j }
        let replica = PostgresReplica(database.conninfo, name: "postgres", digestThreshold: 0)
        let (a, b) = (try await replica.look("a"), try await replica.look("b"))
        #expect(a.dialect == b.dialect)
        for (key, record) in a.records {
            let (left, right) = (a.digests[key], b.digests[key])
            let alike = record == b.records[key]
            let names = try key.values().map(\.words)
            if left == right { #expect(alike, "\(type): two values have one digest, at \(names)") }
            if alike, !Self.severalForms.contains(type) {
                #expect(left == right, "\(type): one value has two digests, at \(names)")
            }
        }
        // The same table once more.
        #expect(try await replica.look("a").digests == a.digests)
        await replica.close()
    }

    @Test(
        "tell each microsecond from the next, where times are furthest from 2000",
        arguments: [
            "2141-12-31 23:59:59.8", "1858-01-01 00:00:00", "2071-05-27 10:40:00", "1999-12-31 23:59:59.9",
        ])
    func microseconds(from: String) async throws {
        let database = Databases.current[0]
        try await database.empty()
        try await database.run(
            """
            CREATE TABLE things (id int PRIMARY KEY, at timestamptz NOT NULL, local timestamp);
            INSERT INTO things SELECT i, t AT TIME ZONE 'UTC', t
                FROM (SELECT i, timestamp '\(from)' + i * interval '1 microsecond' AS t
                    FROM generate_series(1, 20000) i) t;
            CREATE TABLE shifted AS SELECT id - 1 AS id, at, local FROM things;
            ALTER TABLE shifted ADD PRIMARY KEY (id), ALTER at SET NOT NULL;
            """)
        let replica = PostgresReplica(database.conninfo, name: "postgres", digestThreshold: 0)
        let (things, shifted) = (try await replica.look("things"), try await replica.look("shifted"))
        #expect(things.dialect == shifted.dialect && things.digests.count == 20_000)
        let alike = things.digests.filter { $0.value == shifted.digests[$0.key] }
        #expect(alike.isEmpty)
        await replica.close()
    }

    @Test("are the same whether a column can be null, and in types that hold the same values")
    func alike() async throws {
        let database = Databases.current[0]
        try await database.empty()
        try await database.run(
            Self.setup + """
                CREATE TABLE a (id int PRIMARY KEY, n smallint, r real, t varchar(20), d numeric(10,2), f char(4), m mood,
                    j json);
                CREATE TABLE b (id bigint PRIMARY KEY, n bigint NOT NULL, r double precision NOT NULL, t text COLLATE "und-x-icu"
                    NOT NULL, d numeric NOT NULL, f varchar NOT NULL, m text NOT NULL, j jsonb NOT NULL);
                INSERT INTO a SELECT i, i % 100 - 50, (i % 8) / 4.0, 'text ' || i, i / 100.0, 'ab', 'sad', '{"a": 1}'
                    FROM generate_series(-500, 500) i;
                INSERT INTO b SELECT * FROM a;
                """)
        let replica = PostgresReplica(database.conninfo, name: "postgres", digestThreshold: 0)
        let (a, b) = (try await replica.look("a"), try await replica.look("b"))
        #expect(a.dialect == b.dialect && a.digests.count == 1001)
        #expect(a.digests == b.digests)
        await replica.close()
    }

    @Test("add up so that records which exchange values, signs or zeros are seen")
    func exchanged() async throws {
        let database = Databases.current[0]
        try await database.empty()
        try await database.run(
            """
            CREATE TABLE a (id int PRIMARY KEY, x numeric, y numeric, u float8, v float8, p text, q text, s bool, t bool);
            INSERT INTO a SELECT i, 5, 50000, 0, i, 'a', 'b', true, false FROM generate_series(1, 100) i;
            CREATE TABLE b (LIKE a INCLUDING ALL);
            """)
        let replica = PostgresReplica(database.conninfo, name: "postgres", digestThreshold: 0)
        func sums() async throws -> [SetDigest] {
            var sums: [SetDigest] = []
            for table in ["a", "b"] {
                let view = try await replica.view(table)
                let parts = try await replica.look { observation in
                    try await (observation as? any DigestingObservation)?.digests(
                        of: view, parts: KeyParts(bounds: []))
                }
                sums += (parts ?? []).map(\.digest)
            }
            return sums
        }
        for (change, isNone) in [
            ("id = id", true), ("x = y, y = x", false), ("u = v, v = u", false), ("p = q, q = p", false),
            ("s = t, t = s", false), ("x = -x", false), ("x = x * 10000", false), ("x = 5.00", true),
            ("v = 101 - v", false), ("id = 101 - id", false), ("u = NULL", false), ("p = NULL", false),
        ] {
            try await database.run(
                "TRUNCATE b; INSERT INTO b SELECT * FROM a; SET CONSTRAINTS ALL DEFERRED;")
            if change.hasPrefix("id = 101") {
                try await database.run("UPDATE b SET id = 1000 + 101 - id; UPDATE b SET id = id - 1000")
            } else {
                try await database.run("UPDATE b SET \(change)")
            }
            let found = try await sums()
            #expect(found.count == 2 && (found[0] == found[1]) == isNone, "\(change)")
        }
        await replica.close()
    }
}

extension PostgresReplica {
    fileprivate struct Look {
        var dialect: String?
        var digests: [RecordKey: Digest]
        var records: [RecordKey: PackedRecord]
    }

    /// A table's records as they are read, and as the server hashes them.
    fileprivate func look(_ table: String) async throws -> Look {
        let view = try await view(table)
        return try await look { observation in
            let adding = try #require(observation as? any DigestingObservation)
            let digests = try await adding.keyDigests(of: view, parts: KeyParts(bounds: []))
            let records = try await observation.snapshot(of: view).all()
            return Look(
                dialect: try await adding.digestDialect(of: view),
                digests: Dictionary(uniqueKeysWithValues: digests.map { ($0.key, $0.digest) }),
                records: Dictionary(uniqueKeysWithValues: records.map { ($0.key, $0.fields) }))
        }
    }
}
