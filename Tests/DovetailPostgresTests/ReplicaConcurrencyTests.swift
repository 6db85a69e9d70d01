import Dovetail
import DovetailEngine
import DovetailPostgres
import DovetailTestPostgres
import Testing

@Suite("PostgreSQL while others write", .serialized, .databases(.plain))
struct ReplicaConcurrencyTests {
    private let database = Databases.current[0]

    @Test("all cursors of a look see one moment, in whatever turn they are read")
    func oneMoment() async throws {
        let replica = try await database.replica(
            """
            CREATE TABLE a (id int PRIMARY KEY, name text);
            INSERT INTO a SELECT g, repeat('x', 100) FROM generate_series(1, 20000) g;
            CREATE TABLE b AS TABLE a;
            """)
        let a = try await replica.view("a")
        let b = try await replica.view("b")
        try await replica.look { observation in
            let first = try await observation.snapshot(of: a)
            _ = try await first.next()
            try await database.run("DELETE FROM a; DELETE FROM b; INSERT INTO a VALUES (0, 'new')")
            let second = try await observation.snapshot(of: b)
            let abandoned = try await observation.snapshot(of: b)
            _ = try await abandoned.next()
            let count = try await second.all().count
            let rest = try await first.all().count
            #expect(count == 20000 && rest < 20000 && rest > 15000)
            #expect(try await !observation.isEmpty(b))
            let keys = (0...9).map { RecordReference(key: RecordKey([.int($0)])) }
            #expect(try await observation.read(keys, of: a).count == 9)
        }
        #expect(try await replica.records(a).count == 1)
        #expect(
            try await database.value(
                "SELECT count(*) FROM pg_stat_activity WHERE state ~ 'in transaction' AND datname = current_database()"
            )
                == "0")
        await replica.close()
    }

    @Test("nothing that another writes is lost, and every outcome is true")
    func writers() async throws {
        let replica = try await database.replica(
            "CREATE TABLE things (id int PRIMARY KEY, mine int, theirs int); INSERT INTO things SELECT g, 0, 0 FROM generate_series(1, 50) g"
        )
        let view = try await replica.view("things")
        let other = try await database.otherSession()
        let writing = Task {
            var count = 0
            while !Task.isCancelled {
                let id = Int.random(in: 1...50)
                try await other.run(
                    "BEGIN; UPDATE things SET theirs = theirs + 1 WHERE id = \(id); UPDATE things SET theirs = theirs + 1 WHERE id = \(51 - id); COMMIT"
                )
                count += 2
            }
            return count
        }
        var ours = 0
        for _ in 0..<60 {
            let seen = try await replica.records(view)
            let writes = try seen.map { record in
                guard case .int(let mine) = try record.fields.value(at: 1) else {
                    return view.deleting(record)
                }
                return try view.updating(record, ["mine": .int(mine + 1)])
            }
            for outcome in try await replica.send(writes, view) {
                switch outcome {
                case .applied: ours += 1
                case .overtaken: break
                default: Issue.record("\(outcome)")
                }
            }
        }
        writing.cancel()
        // One statement of theirs may have met ours in a deadlock; then it was theirs that ended, or ours that began anew.
        let theirs = try? await writing.value
        #expect(try await database.value("SELECT sum(mine) FROM things") == "\(ours)")
        if let theirs { #expect(try await database.value("SELECT sum(theirs) FROM things") == "\(theirs)") }
        #expect(ours > 0)
        await replica.close()
    }

    @Test("a deadlock is begun anew, and a lock that stays is named")
    func deadlocks() async throws {
        let replica = try await database.replica(
            "CREATE TABLE things (id int PRIMARY KEY, n int); INSERT INTO things VALUES (1, 0), (2, 0); CREATE TABLE other (id int); INSERT INTO other VALUES (1)"
                + "; CREATE OR REPLACE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM * FROM other FOR UPDATE; RETURN NEW; END'"
                + "; CREATE TRIGGER late BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION late()",
            lockTimeout: 3)
        let view = try await replica.view("things")
        let seen = try await replica.records(view)
        let session = try await database.otherSession()
        // Ours waits for `other`; theirs then for our row. Ours has waited longer: it is the one that is ended.
        try await session.run("BEGIN; SELECT * FROM other FOR UPDATE")
        async let outcomes = replica.send([try view.updating(seen[0], ["n": .int(1)])], view)
        try await Task.sleep(for: .milliseconds(300))
        async let theirs: Void = {
            _ = try? await session.run(
                "UPDATE things SET n = 9 WHERE id = 2; SELECT * FROM things WHERE id = 1 FOR UPDATE; COMMIT")
        }()
        let done = try await outcomes
        await theirs
        #expect(done[0].isApplied, "\(done)")
        _ = try? await session.run("ROLLBACK")

        try await session.run("BEGIN; SELECT * FROM things FOR UPDATE")
        let now = try await replica.records(view)
        let locked = await refusal { try await replica.apply([view.deleting(now[0])], to: view) }
        #expect(locked?.kind == .locked)
        try await session.run("ROLLBACK")
        #expect(try await replica.send([view.deleting(now[0])], view)[0].isApplied)
        await replica.close()
    }

    @Test("a server that restarts is an error in words, and the next look and write work")
    func restart() async throws {
        try await TestServer.withOwn { server in
            try await server.withDatabase { database in
                let replica = try await database.replica(
                    "CREATE TABLE things (id int PRIMARY KEY, name text); INSERT INTO things SELECT g, repeat('x', 200) FROM generate_series(1, 50000) g"
                )
                let view = try await replica.view("things")
                let observation = try await replica.observe()
                let cursor = try await observation.snapshot(of: view)
                _ = try await cursor.next()
                try await server.down()
                let lost = await refusal { while try await cursor.next() != nil {} }
                #expect(lost?.kind == .unreachable)
                await observation.finish()
                let gone = await refusal { try await replica.observe() }
                #expect(gone?.kind == .unreachable)
                try await server.up()
                let seen = try await replica.records(view)
                #expect(seen.count == 50000)
                #expect(try await replica.send([view.deleting(seen[0])], view)[0].isApplied)
                await replica.close()
            }
        }
    }
}
