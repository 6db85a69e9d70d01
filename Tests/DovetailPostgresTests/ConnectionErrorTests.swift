import DovetailEngine
import DovetailTestPostgres
import Testing

@testable import DovetailPostgres

@Suite(.timeLimit(.minutes(10))) struct ConnectionErrorTests {
    /// The words for an error that a statement gives.
    private func words(_ connection: PostgresConnection, _ sql: String) async -> ReplicaError? {
        await refusal { try await connection.perform { _ = try $0.run(sql) } }
    }

    @Test func eachStateHasItsKind() async throws {
        let kinds: [(String, ReplicaError.Kind)] = [
            ("57P03", .unreachable), ("08006", .unreachable), ("53300", .unreachable), ("53100", .full),
            ("42501", .forbidden), ("25006", .forbidden), ("55P03", .locked), ("40P01", .locked),
            ("40001", .locked), ("55006", .locked), ("42P01", .unsuitable), ("42703", .unsuitable),
            ("22021", .unsuitable), ("22P05", .unsuitable), ("XX001", .damaged), ("53200", .failed),
            ("22012", .failed), ("57014", .failed),
        ]
        try await TestServer.shared().withDatabase { db in
            let connection = try await db.connect()
            for (state, kind) in kinds {
                let error = await words(
                    connection,
                    "DO $$ BEGIN RAISE 'no %', 'luck' USING ERRCODE = '\(state)', HINT = 'a hint'; END $$")
                #expect(error?.kind == kind, "\(state)")
                #expect(error?.replica == "left")
                #expect(error?.message.contains(db.name) == true, "\(state)")
                if state != "57014" {
                    #expect(error?.message.contains("no luck; a hint") == true, "\(state)")
                }
            }
            #expect(try await connection.text("SELECT 'usable'") == "usable")
        }
    }

    @Test func aStatementTimeoutIsNotOurCancel() async throws {
        try await TestServer.shared().withDatabase { db in
            let connection = try await db.connect(db.conninfo(options: "-c statement_timeout=150ms"))
            let late = await words(connection, "SELECT pg_sleep(10)")
            #expect(late?.kind == .locked)
            #expect(late?.message.contains("longer than statement_timeout = 150ms allows") == true)

            let other = try await db.connect()
            let task = Task { await words(other, "SELECT pg_sleep(66)") }
            try await eventually("it is cancelled") {
                try await db.value(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(66)%'"
                        + " AND pid <> pg_backend_pid() AND state = 'active'") != nil
            }
            let cancelled = await task.value
            #expect(cancelled?.kind == .failed)
            #expect(cancelled?.message.contains("cancelled on the server by someone else") == true)
        }
    }

    @Test func lockTimeouts() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run("CREATE TABLE t (n int PRIMARY KEY, x int); INSERT INTO t VALUES (1), (2)")
            try await db.run("BEGIN; UPDATE t SET x = 1 WHERE n = 1")
            let impatient = try await db.connect(db.conninfo(options: "-c lock_timeout=100ms"))
            let held = await words(impatient, "UPDATE t SET x = 2 WHERE n = 1")
            #expect(held?.kind == .locked)
            #expect(held?.message.contains("longer than lock_timeout = 100ms allows") == true)
            let unwilling = await words(impatient, "SELECT * FROM t WHERE n = 1 FOR UPDATE NOWAIT")
            #expect(unwilling?.kind == .locked)
        }
    }

    @Test func aDeadlockIsInWords() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run("CREATE TABLE t (n int PRIMARY KEY, x int); INSERT INTO t VALUES (1), (2)")
            try await db.run("SET deadlock_timeout = '1h'; BEGIN; UPDATE t SET x = 1 WHERE n = 1")
            let connection = try await db.connect(db.conninfo(options: "-c deadlock_timeout=500ms"))
            let waiting = """
                SELECT (SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
                    WHERE NOT granted AND datname = current_database()), pg_sleep(0.02)::text
                """
            let ours = Task {
                await refusal {
                    try await connection.perform { session in
                        try session.transaction(.readCommitted) {
                            try session.execute("UPDATE t SET x = 2 WHERE n = 2")
                            // Theirs waits first: the deadlock is there when ours looks for one, however slow all is.
                            while try session.execute(waiting).int(0, 0) == 0 {}
                            try session.execute("UPDATE t SET x = 2 WHERE n = 1")
                        }
                    }
                }
            }
            try await eventually("ours holds its row") {
                let sql =
                    "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%NOT granted%' AND datname = '\(db.name)'"
                    + " AND pid <> pg_backend_pid()"
                return try await db.otherSession().value(sql) != nil
            }
            try await db.run("UPDATE t SET x = 1 WHERE n = 2; COMMIT")
            let error = await ours.value
            #expect(error?.kind == .locked)
            #expect(error?.message.contains("another session was in the way: deadlock detected") == true)
            #expect(try await connection.text("SELECT sum(x)::text FROM t") == "2")
        }
    }

    @Test func serializationFailuresAreInWords() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
            let connection = try await db.connect()
            try await connection.perform {
                try $0.begin(.repeatableRead)
                try $0.execute("SELECT * FROM t")
            }
            try await db.run("UPDATE t SET n = 2")
            let error = await words(connection, "UPDATE t SET n = 3")
            #expect(error?.kind == .locked && error?.message.contains("run again") == true)
            try await connection.perform { $0.rollback() }
            #expect(try await connection.text("SELECT n::text FROM t") == "2")
        }
    }

    @Test func missingRightsSayWhich() async throws {
        try await TestServer.shared().withDatabase { db in
            let role = try await db.makeRole()
            try await db.run(
                """
                CREATE TABLE secrets (n int); CREATE SCHEMA hidden; CREATE TABLE hidden.t (n int);
                CREATE TABLE part (n int, pay int); GRANT SELECT (n) ON part TO "\(role.name)";
                CREATE TABLE seen (n int); GRANT SELECT ON seen TO "\(role.name)"
                """)
            let connection = try await db.connect(db.conninfo)
            try await connection.perform { _ = try $0.run("SET ROLE \"\(role.name)\"") }
            for (sql, words) in [
                ("SELECT * FROM secrets", "permission denied for table secrets"),
                ("SELECT * FROM hidden.t", "permission denied for schema hidden"),
                ("SELECT pay FROM part", "permission denied for table part"),
                ("UPDATE seen SET n = 1", "permission denied for table seen"),
                ("COPY secrets TO STDOUT", "permission denied for table secrets"),
            ] {
                let error = await refusal {
                    try await connection.perform { session in
                        if sql.hasPrefix("COPY") {
                            try session.copyOut(sql) { _ in true }
                        } else {
                            try session.execute(sql)
                        }
                    }
                }
                #expect(error?.kind == .forbidden && error?.message.contains(words) == true)
            }
            #expect(try await connection.text("SELECT count(n)::text FROM part") == "0")
        }
    }

    @Test func otherEncodings() async throws {
        let server = try await TestServer.shared()
        try await server.withDatabase(.latin1) { db in
            try await db.run("CREATE TABLE t (x text)")
            let connection = try await db.connect()
            try await connection.perform { _ = try $0.execute("INSERT INTO t VALUES ($1)", [.text("Ærø")]) }
            #expect(try await connection.text("SELECT x FROM t") == "Ærø")
            let euro = await refusal { try await connection.text("SELECT $1", [.text("€")]) }
            #expect(euro?.kind == .unsuitable)
            #expect(euro?.message.contains("no place in the encoding of this database") == true)
        }
        try await server.withDatabase(.sqlASCII) { db in
            let connection = try await db.connect()
            try await db.run("SET client_encoding = 'SQL_ASCII'; CREATE TABLE t (x text)")
            try await connection.perform { _ = try $0.execute("INSERT INTO t VALUES ($1)", [.text("Ærø")]) }
            #expect(try await connection.text("SELECT x FROM t") == "Ærø")
            try await db.run("INSERT INTO t VALUES (E'\\xe6')")
            let foreign = await refusal {
                try await connection.perform {
                    try $0.copyOut("COPY t TO STDOUT (FORMAT binary)") { _ in true }
                }
            }
            #expect(foreign?.kind == .unsuitable && foreign?.message.contains("SQL_ASCII") == true)
        }
        try await server.withDatabase { db in
            let connection = try await db.connect()
            let zero = await refusal { try await connection.text("SELECT $1", [.text("a\0b")]) }
            #expect(zero?.kind == .unsuitable && zero?.message.contains("not valid in its encoding") == true)
        }
    }

    @Test func aConnectionThatIsEndedByTheServer() async throws {
        try await TestServer.shared().withDatabase { db in
            let connection = try await db.connect()
            let task = Task { await words(connection, "SELECT pg_sleep(67)") }
            try await eventually("it is terminated") {
                try await db.value(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(67)%'"
                        + " AND pid <> pg_backend_pid() AND state = 'active'") != nil
            }
            let error = await task.value
            #expect(error?.kind == .unreachable && error?.message.contains("run again") == true)
            let after = await words(connection, "SELECT 1")
            #expect(after?.kind == .unreachable)
            #expect(try await connection.perform { $0.isOpen } == false)

            let idle = try await db.connect()
            let process = try await idle.perform { $0.backendPID }
            try await db.run("SELECT pg_terminate_backend(\(process))")
            try await eventually("it is gone") {
                try await db.value("SELECT 1 FROM pg_stat_activity WHERE pid = \(process)") == nil
            }
            let found = try await idle.failure("SELECT 1")
            #expect(found?.connectionLost == true)
            let then = await refusal { try await idle.perform { try $0.transaction(.snapshot) {} } }
            #expect(then?.kind == .unreachable)
        }
    }

    @Test func tooManyConnections() async throws {
        try await TestServer.shared().withDatabase { db in
            let role = try await db.makeRole()
            try await db.run("ALTER ROLE \"\(role.name)\" CONNECTION LIMIT 1")
            // Over the socket, where a server of ours asks for no password.
            let conninfo = Conninfo.changing(db.conninfo, ["user": role.name, "password": role.password])
            let first = try await db.connect(conninfo)
            let error = await refusalToOpen(conninfo)
            #expect(error?.kind == .unreachable)
            #expect(error?.message.contains("takes no more connections") == true)
            await first.close()
        }
    }

    @Test func whereNobodyAnswers() async throws {
        let closed = await refusalToOpen("postgresql://a:pw-9f3@127.0.0.1:1/b")
        #expect(closed?.kind == .unreachable)
        #expect(closed?.message.contains("postgresql://a@127.0.0.1:1/b") == true)
        #expect(closed?.message.contains("\t") == false)
        // Where nothing gives the side a label, its name is its address, and says enough.
        let unlabelled = await refusal {
            try await PostgresConnection.open(
                ConnectionSettings("postgresql://a:pw-9f3@127.0.0.1:1/b", applicationName: "dovetail tests"),
                name: "postgresql://a:***@127.0.0.1:1/b")
        }
        #expect(unlabelled?.message.contains("postgresql://") == false)
        #expect(unlabelled?.description.hasPrefix("postgresql://a:***@127.0.0.1:1/b: ") == true)
        let noSocket = await refusalToOpen("host=/nonexistent dbname=b user=a")
        #expect(noSocket?.kind == .unreachable)
        let noHost = await refusalToOpen("host=no-such-host.invalid dbname=b user=a connect_timeout=5")
        // Without a network the name could as well be right.
        let isOffline = noHost?.message.contains("Temporary failure") == true
        #expect(noHost?.kind == (isOffline ? .unreachable : .missing))

        let silent = try SilentServer()
        let begun = ContinuousClock.now
        let late = await refusalToOpen(
            "host=127.0.0.1 port=\(silent.port) user=a dbname=b connect_timeout=2 sslmode=disable")
        #expect(late?.kind == .unreachable && late?.message.contains("no answer within 2 s") == true)
        #expect(ContinuousClock.now - begun < .seconds(40))

        let other = try SilentServer(saying: "HTTP/1.1 400 Bad Request\r\n\r\n")
        for mode in ["disable", "require"] {
            let stranger = await refusalToOpen(
                "host=127.0.0.1 port=\(other.port) user=a dbname=b sslmode=\(mode) connect_timeout=5")
            #expect(stranger?.kind == .unreachable)
            #expect(stranger?.message.contains("is not PostgreSQL") == true)
        }
    }

    /// A second host is tried when the first one can't be reached, be it that it refuses or that it is silent.
    @Test func theNextHostIsTried() async throws {
        try await TestServer.shared().withDatabase { db in
            func conninfo(_ port: Int) -> String {
                Conninfo.changing(
                    db.conninfo,
                    [
                        "host": "127.0.0.1,\(db.server.host)", "port": "\(port),\(db.server.port)",
                        "connect_timeout": "2",
                    ])
            }
            #expect(try await db.connect(conninfo(1)).text("SELECT 'here'") == "here")
            #if os(Linux)
                let deaf = try SilentServer(backlog: 0)
                try deaf.fill()
                #expect(try await db.connect(conninfo(deaf.port)).text("SELECT 'here'") == "here")
            #endif
        }
    }
}
