import DovetailEngine
import DovetailTestPostgres
import Testing

@testable import DovetailPostgres

@Suite(.timeLimit(.minutes(10))) struct ConnectionCancelTests {
    /// Cancels `body` once the session shows that `marker` is running, and expects the clean end.
    private func cancelling(
        _ db: TestDatabase, _ connection: PostgresConnection, when marker: String,
        _ body: @escaping @Sendable (Session) throws -> Void
    ) async throws {
        let task = Task { try await connection.perform(body) }
        try await eventually("\(marker) runs") {
            try await db.value(
                "SELECT 1 FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid()"
                    + " AND query LIKE '%\(marker)%'") != nil
        }
        let begun = ContinuousClock.now
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(ContinuousClock.now - begun < .seconds(40))
        #expect(try await connection.text("SELECT 'usable'") == "usable")
    }

    @Test func endsAStatement() async throws {
        try await TestServer.shared().withDatabase { db in
            let connection = try await db.connect()
            try await cancelling(db, connection, when: "pg_sleep(77)") {
                try $0.execute("SELECT pg_sleep(77)")
            }
            try await cancelling(db, connection, when: "pg_sleep(78)") { try $0.run("SELECT pg_sleep(78)") }
        }
    }

    @Test func endsATransactionWithoutATrace() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run("CREATE TABLE t (n int)")
            let connection = try await db.connect()
            try await cancelling(db, connection, when: "pg_sleep(79)") { session in
                try session.transaction(.readCommitted) {
                    try session.execute("INSERT INTO t VALUES (1)")
                    try session.execute("SELECT pg_sleep(79)")
                }
            }
            #expect(try await connection.perform { $0.isInTransaction } == false)
            #expect(try await db.value("SELECT count(*) FROM t") == "0")
        }
    }

    @Test func endsACopyOut() async throws {
        try await TestServer.shared().withDatabase { db in
            let connection = try await db.connect()
            try await cancelling(db, connection, when: "1000000000") { session in
                try session.copyOut(
                    "COPY (SELECT i FROM generate_series(1, 1000000000) i) TO STDOUT (FORMAT binary)"
                ) {
                    _ in true
                }
            }
            // One that the server has nothing to send for yet.
            try await cancelling(db, connection, when: "pg_sleep(80)") { session in
                try session.copyOut("COPY (SELECT pg_sleep(80)) TO STDOUT") { _ in true }
            }
        }
    }

    @Test func endsACopyInThatTheServerHoldsUp() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run(
                """
                CREATE TABLE t (n int, x text);
                CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN PERFORM pg_sleep(100); RETURN new; END';
                CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow();
                """)
            let connection = try await db.connect()
            try await cancelling(db, connection, when: "COPY t FROM STDIN") { session in
                // More than any socket takes on: the client blocks in sending.
                let row = [UInt8]("1\t\(String(repeating: "x", count: 100_000))\n".utf8)
                _ = try session.copyIn("COPY t FROM STDIN") { writer in
                    for _ in 0..<500 { try writer.write(row) }
                }
            }
            #expect(try await db.value("SELECT count(*) FROM t") == "0")
        }
    }

    @Test func endsAWaitForALock() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run("CREATE TABLE t (n int)")
            try await db.run("BEGIN; LOCK TABLE t")
            let other = try await db.otherSession()
            let connection = try await db.connect()
            let task = Task { try await connection.text("SELECT count(*)::text FROM t") }
            try await eventually("it waits") {
                try await other.value("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'") != nil
            }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            try await db.run("COMMIT")
            #expect(try await connection.text("SELECT count(*)::text FROM t") == "0")
        }
    }

    @Test func whatWasNotBegunIsNot() async throws {
        try await TestServer.shared().withDatabase { db in
            try await db.run("CREATE TABLE t (n int)")
            let connection = try await db.connect()
            try await db.run("CREATE TABLE held (n int)")
            try await db.run("BEGIN")
            try await db.run("LOCK TABLE held")
            let first = Task { try await connection.text("SELECT 'slow' || count(*) FROM held") }
            try await eventually("the first waits") {
                try await db.value("SELECT 1 FROM pg_locks WHERE relation = 'held'::regclass AND NOT granted")
                    != nil
            }
            let second = Task {
                try await connection.perform { _ = try $0.execute("INSERT INTO t VALUES (1)") }
            }
            try await Task.sleep(for: .milliseconds(100))
            second.cancel()
            try await db.run("COMMIT")
            await #expect(throws: CancellationError.self) { try await second.value }
            #expect(try await first.value == "slow0")
            #expect(try await db.value("SELECT count(*) FROM t") == "0")
        }
    }

    /// A cancel request that comes too late must not hit the statement after.
    @Test func neverHitsTheNextStatement() async throws {
        try await TestServer.shared().withDatabase { db in
            let connection = try await db.connect()
            var cancelled = 0
            for round in 0..<150 {
                let task = Task { try await connection.text("SELECT 'a' FROM pg_sleep(0.002)") }
                try await Task.sleep(for: .microseconds(round * 40))
                task.cancel()
                do {
                    #expect(try await task.value == "a")
                } catch is CancellationError {
                    cancelled += 1
                }
                #expect(try await connection.text("SELECT 'b' FROM pg_sleep(0.001)") == "b")
            }
            #expect(cancelled > 0)
        }
    }

    /// A look that is given up between two batches is ended in the task that was cancelled.
    @Test func theWayOutIsTakenInACancelledTask() async throws {
        try await TestServer.shared().withDatabase { db in
            let connection = try await db.connect()
            try await connection.perform { session in
                try session.begin(.snapshot)
                try session.beginCopyOut("COPY (SELECT i FROM generate_series(1, 100000000) i) TO STDOUT")
                _ = try session.nextCopyData { _ in }
            }
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                await #expect(throws: CancellationError.self) {
                    try await connection.perform { _ = try $0.nextCopyData { _ in } }
                }
                let error = await refusal {
                    try await connection.performToEnd { _ = try $0.execute("SELECT 1") }
                }
                #expect(error?.message.contains("a copy is still being read") == true)
                try await connection.performToEnd { $0.rollback() }
            }
            task.cancel()
            try await task.value
            #expect(try await connection.perform { $0.isInTransaction } == false)
            #expect(try await connection.text("SELECT 'usable'") == "usable")
        }
    }

    @Test func endsAnOpening() async throws {
        let silent = try SilentServer()
        let task = Task {
            try await PostgresConnection.open(
                ConnectionSettings(
                    "host=127.0.0.1 port=\(silent.port) user=a dbname=b connect_timeout=0",
                    applicationName: "t"),
                name: "left")
        }
        try await Task.sleep(for: .milliseconds(300))
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }
}
