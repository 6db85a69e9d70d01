import DovetailEngine
import DovetailTestPostgres
import Testing

@testable import DovetailPostgres

@Suite struct ConnectionTests {
    @Test func valuesGoThereAndBackInBinary() async throws {
        try await TestServer.shared().withDatabase { db in
            let connection = try await db.connect()
            try await connection.perform { (session) throws in
                let rows = try session.execute(
                    """
                    SELECT $1, $2, $3, $4, $5, $6::int, $7::date + 1, NULL::int, 1.5::real, -2.5::float8, 7::int2,
                        4294967295::oid, 'x'::name, ''::text
                    """,
                    [
                        .text("blåbær"), .int(-9_000_000_000), .bool(true), .bytes([0, 255, 1]),
                        .texts(["a", "", "c,\"d\""]), .null, .binary([0, 0, 0, 2], 1082),
                    ])
                #expect(rows.count == 1 && rows.columnCount == 14)
                #expect(rows.text(0, 0) == "blåbær")
                #expect(rows.int(0, 1) == -9_000_000_000)
                #expect(rows.bool(0, 2) == true)
                #expect(rows.bytes(0, 3).map(Array.init) == [0, 255, 1])
                #expect(rows.columnType(4) == 1009)
                #expect(rows.isNull(0, 5) && rows.int(0, 5) == nil)
                #expect(rows.bytes(0, 6).map(Array.init) == [0, 0, 0, 3])
                #expect(rows.double(0, 8) == 1.5 && rows.double(0, 9) == -2.5)
                #expect(rows.int(0, 10) == 7 && rows.int(0, 11) == 4_294_967_295)
                #expect(rows.text(0, 12) == "x" && rows.text(0, 13) == "")
                #expect(rows.text(1, 0) == nil && rows.text(0, 99) == nil)

                let items = try session.execute(
                    "SELECT unnest($1::text[]), unnest($2::bytea[])",
                    [.texts(["", "b"]), .byteArrays([[], [9]])])
                #expect(items.count == 2 && items.text(0, 0) == "" && items.text(1, 0) == "b")
                #expect(items.bytes(0, 1)?.count == 0 && items.bytes(1, 1).map(Array.init) == [9])
                #expect(try session.execute("SELECT cardinality($1)", [.texts([])]).int(0, 0) == 0)
                #expect(
                    try session.execute("SELECT $1::date::text", [.literal("2026-11-21")]).text(0, 0)
                        == "2026-11-21")
            }
            await connection.close()
        }
    }

    @Test func formsOfValuesDependOnNoSetting() async throws {
        try await TestServer.shared().withDatabase { db in
            for setting in [
                "DateStyle = 'German'", "IntervalStyle = 'sql_standard'", "TimeZone = 'Asia/Tokyo'",
                "bytea_output = 'escape'", "extra_float_digits = -5", "standard_conforming_strings = off",
            ] {
                try await db.run("ALTER DATABASE \(db.name) SET \(setting)")
            }
            let connection = try await db.connect(db.conninfo(options: "-c client_encoding=LATIN1"))
            let forms = try await connection.perform { (session) throws in
                let rows = try session.run(
                    """
                    SELECT '2026-11-21 10:00+00'::timestamptz, '1 day -2 hours'::interval, '\\x00ff'::bytea, 0.1::float8 + 0.2,
                        'a\\b', 'å', current_setting('client_encoding')
                    """)
                return (0..<rows.columnCount).map { rows.text(0, $0) }
            }
            #expect(
                forms == [
                    "2026-11-21 10:00:00+00", "1 day -02:00:00", "\\x00ff", "0.30000000000000004", "a\\b",
                    "å", "UTF8",
                ])
        }
    }

    @Test func tellsServerProcessNameAndNotices() async throws {
        try await TestServer.shared().withDatabase { db in
            let connection = try await db.connect()
            try await connection.perform { (session) throws in
                #expect(session.serverVersion >= 130_000)
                #expect(try session.execute("SELECT pg_backend_pid()").int(0, 0) == Int(session.backendPID))
                #expect(try session.execute("SHOW application_name").text(0, 0) == "dovetail tests")
                try session.run("DO $$ BEGIN FOR i IN 1..150 LOOP RAISE NOTICE 'n%', i; END LOOP; END $$")
                #expect(session.notices.count == NoticeLog.capacity)
                #expect(session.notices.last?.message == "n150")
                session.clearNotices()
                #expect(session.notices.isEmpty)
            }
        }
    }

    @Test func transactionsAreAllOrNothing() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run("CREATE TABLE t (n int)")
            let connection = try await db.connect()
            try await connection.perform { (session) throws in
                try session.transaction(.readCommitted) { try session.execute("INSERT INTO t VALUES (1)") }
                #expect(throws: Stop.self) {
                    try session.transaction(.serializable) {
                        try session.execute("INSERT INTO t VALUES (2)")
                        throw Stop()
                    }
                }
                #expect(!session.isInTransaction)
                #expect(throws: PostgresFailure.self) {
                    try session.transaction(.snapshot) { try session.execute("INSERT INTO t VALUES (3)") }
                }
                // An error that was swallowed is still no commit.
                #expect(throws: PostgresFailure.self) {
                    try session.transaction(.repeatableRead) {
                        try session.execute("INSERT INTO t VALUES (4)")
                        _ = try? session.execute("SELECT 1/0")
                    }
                }
                #expect(try session.execute("SELECT count(*) FROM t").int(0, 0) == 1)
            }
        }
    }

    @Test func aSnapshotStaysAtItsMoment() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run("CREATE TABLE t (n int)")
            let connection = try await db.connect()
            try await connection.perform {
                try $0.begin(.snapshot)
                #expect(try $0.execute("SELECT count(*) FROM t").int(0, 0) == 0)
            }
            try await db.run("INSERT INTO t VALUES (1)")
            try await connection.perform {
                #expect(try $0.execute("SELECT count(*) FROM t").int(0, 0) == 0)
                try $0.commit()
                #expect(try $0.execute("SELECT count(*) FROM t").int(0, 0) == 1)
            }
        }
    }

    @Test func failuresTellAllTheirFields() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run(
                """
                CREATE TABLE t (n int CONSTRAINT positive CHECK (n > 0), k text PRIMARY KEY, r int NOT NULL DEFAULT 1);
                INSERT INTO t VALUES (1, 'a')
                """)
            let connection = try await db.connect()
            let unique = try #require(try await connection.failure("INSERT INTO t VALUES (1, 'a')"))
            #expect(unique.sqlState == "23505" && unique.constraint == "t_pkey" && unique.table == "t")
            #expect(unique.schema == "public" && unique.detail == "Key (k)=(a) already exists.")
            let check = try #require(try await connection.failure("INSERT INTO t VALUES (0, 'b')"))
            #expect(check.sqlState == "23514" && check.constraint == "positive")
            let null = try #require(try await connection.failure("INSERT INTO t VALUES (1, 'b', NULL)"))
            #expect(null.sqlState == "23502" && null.column == "r")
            let typo = try #require(try await connection.failure("SELECT m FROM t"))
            #expect(typo.sqlState == "42703" && typo.position == 8)
            let value = try #require(try await connection.failure("SELECT $1::int", [.literal("x")]))
            #expect(value.sqlState == "22P02")
            let empty = try #require(try await connection.failure(""))
            #expect(empty.message == "the statement is empty")
            #expect(try await connection.text("SELECT 'still there'") == "still there")
        }
    }

    @Test func aClosedConnectionSaysSo() async throws {
        try await TestServer.shared().withDatabase { db in
            let connection = try await db.connect()
            await connection.close()
            await connection.close()
            let error = await refusal { try await connection.text("SELECT 1") }
            #expect(error?.kind == .unreachable)
        }
    }

    @Test(.timeLimit(.minutes(10))) func manyConnectionsWorkSideBySide() async throws {
        try await TestServer.shared().withDatabase { db in
            let sum = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<16 {
                    group.addTask {
                        let connection = try await db.connect()
                        let got = try await connection.perform {
                            try $0.execute("SELECT $1 FROM pg_sleep(0.05)", [.int(Int64(number))]).int(0, 0)
                        }
                        await connection.close()
                        return got ?? -1000
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(sum == 120)
        }
    }

    /// Of the test servers themselves.
    @Test func everyKindOfDatabaseCanBeHad() async throws {
        let server = try await TestServer.shared()
        try await server.withDatabase(.postGIS) { db in
            let point = try await db.value("SELECT ST_AsText(ST_Point(1, 2))")
            #expect(point == "POINT(1 2)")
        }
        for (kind, encoding) in [
            (DatabaseKind.plain, "UTF8"), (.latin1, "LATIN1"), (.sqlASCII, "SQL_ASCII"),
        ] {
            try await server.withDatabase(kind) { db in
                let actual = try await db.run(
                    "SELECT current_setting('server_encoding'), count(*) FROM pg_extension WHERE extname = 'postgis'"
                )
                #expect(actual == [[encoding, "0"]])
            }
        }
        let left = try await server.run("SHOW fsync")
        #expect(left == [["on"]])
    }
}
