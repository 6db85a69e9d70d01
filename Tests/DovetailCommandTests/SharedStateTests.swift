import DovetailTestPostgres
import Foundation
import Testing

@Suite("The command with its state in PostgreSQL")
struct SharedStateTests {
    /// Runs `body` with a folder that holds two sides, and a database for the state.
    private func withState(_ body: (Workplace, TestDatabase, String) async throws -> Void) async throws {
        try await TestServer.shared().withDatabase { database in
            let place = try Workplace()
            try place.twoSides()
            let url = database.url()
            try place.job("state: \(url)")
            try await body(place, database, url)
        }
    }

    @Test("plans without making anything, syncs, keeps conflicts, history, and takes a run back")
    func mainPath() async throws {
        try await withState { place, database, _ in
            for words in [
                ["plan", "job"], ["status", "job"], ["runs", "job"], ["conflicts", "list", "job"],
                ["verify", "job"],
            ] {
                let outcome = try place.run(words: words)
                #expect(outcome.status != 1, "\(words): \(outcome.err)")
            }
            #expect(
                try await database.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'dovetail'")
                    == "0")
            #expect(try place.run("conflicts", "resolve", "job", "--all", "--take", "left").status != 1)
            #expect(
                try await database.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'dovetail'")
                    == "0")

            let first = try place.run("sync", "job")
            #expect(first.status == 3, "\(first.err)")
            #expect(!place.exists(".dovetail"))
            #expect(try place.run("status", "job").out.contains("1 conflict"))
            #expect(try place.run("conflicts", "resolve", "job", "--all", "--take", "left").status == 0)
            #expect(try place.run("sync", "job").status == 0)
            #expect(try place.rows("b.sqlite", "SELECT name FROM benches WHERE code = 'B2'") == ["Pine"])
            #expect(try place.run("sync", "job").out.contains("agree"))

            try place.sql("a.sqlite", "UPDATE benches SET name = 'Best' WHERE code = 'B1'")
            #expect(try place.run("sync", "job").status == 0)
            #expect(try place.run("runs", "job", "3").out.contains("“Oak” → “Best”"))
            let undone = try place.run("undo", "job", "3")
            #expect(undone.status == 0, "\(undone.err)")
            #expect(try place.rows("b.sqlite", "SELECT name FROM benches WHERE code = 'B1'") == ["Oak"])
            // The edit waits for the next sync, as after every undo.
            #expect(try place.run("plan", "job").out.contains("Best"))
            #expect(try await database.value("SELECT count(*) FROM dovetail.runs") == "4")
        }
    }

    @Test("says who holds the lock, on whatever machine, and lets another job run")
    func locked() async throws {
        try await withState { place, database, url in
            #expect(try place.run("sync", "job").status == 3)
            let holder = try await database.otherSession()
            try await holder.run(
                """
                SELECT pg_advisory_lock(hashtextextended('dovetail job dovetail 1', 0));
                UPDATE dovetail.jobs SET holder_backend = pg_backend_pid(), holder =
                    '{"process":77,"host":"tablet","user":"anna","command":"dovetail sync","since":5}'
                """)
            let refused = try place.run("sync", "job")
            #expect(refused.status == 1)
            #expect(refused.err.contains("process 77 on tablet (anna, dovetail sync)"), "\(refused.err)")
            #expect(try place.run("plan", "job").status == 0)
            let status = try place.run("status", "job")
            #expect(
                status.out.contains("is being run by process 77 on tablet (anna, dovetail sync), since 1970"),
                "\(status.out)")
            let running = try place.run("status", "job", "--json").json["jobs"] as? [[String: Any]]
            let owner = running?.first?["running"] as? [String: Any]
            #expect(owner?["process"] as? Int == 77 && owner?["host"] as? String == "tablet")

            let text = try String(contentsOfFile: place.path("job.yaml"), encoding: .utf8)
            try place.write("other.yaml", "job: other\n" + text)
            #expect(try place.run("sync", "other").status == 3)
            #expect(try await database.value("SELECT count(*) FROM dovetail.jobs") == "2")
            // The row of one who died without a word is not believed.
            try await holder.run("SELECT pg_advisory_unlock_all()")
            #expect(try place.run("status", "job").out.contains("is being run") == false)
        }
    }

    @Test("meets anew, and deletes nothing, when the state was restored from a backup or is gone")
    func restored() async throws {
        try await withState { place, database, _ in
            #expect(try place.run("sync", "job").status == 3)
            #expect(try place.run("conflicts", "resolve", "job", "--all", "--take", "left").status == 0)
            #expect(try place.run("sync", "job").status == 0)
            try await database.run(
                Self.each("CREATE TABLE kept.%1$I AS TABLE dovetail.%1$I", "CREATE SCHEMA kept"))
            // After the backup B1 goes on both sides, and a new record comes.
            try place.sql(
                "a.sqlite",
                "DELETE FROM benches WHERE code = 'B1'; INSERT INTO benches VALUES (50,'B50','New',1,NULL)")
            #expect(try place.run("sync", "job").status == 0)
            try await database.run(
                Self.each(
                    "TRUNCATE dovetail.%1$I; INSERT INTO dovetail.%1$I OVERRIDING SYSTEM VALUE TABLE kept.%1$I"
                ))
            let met = try place.run("sync", "job")
            #expect(met.status == 0, "\(met.err)")
            #expect(met.out.contains("older than") || met.err.contains("older than"), "\(met.out) \(met.err)")
            for file in ["a.sqlite", "b.sqlite"] {
                #expect(
                    try place.rows(file, "SELECT code FROM benches ORDER BY code") == [
                        "B2", "B4", "B50", "B9",
                    ])
            }

            try await database.run("DROP SCHEMA dovetail CASCADE")
            let lost = try place.run("sync", "job")
            #expect(lost.status == 0, "\(lost.err)")
            for file in ["a.sqlite", "b.sqlite"] {
                #expect(try place.rows(file, "SELECT count(*) FROM benches") == ["4"])
            }
            try place.sql("a.sqlite", "DELETE FROM benches WHERE code = 'B2'")
            #expect(try place.run("sync", "job").status == 0)
            #expect(try place.rows("b.sqlite", "SELECT count(*) FROM benches") == ["3"])
        }
    }

    /// A statement for each table of the state.
    private static func each(_ statement: String, _ before: String = "") -> String {
        """
        \(before);
        DO $$ DECLARE t text; BEGIN
            FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'dovetail'::regnamespace AND relkind = 'r' LOOP
                EXECUTE format('\(statement)', t);
            END LOOP;
        END $$
        """
    }

    @Test("refuses an address that is wrong, says what does not answer, and shows no password")
    func refusals() async throws {
        try await withState { place, database, url in
            try place.job("state: \(url)&schema=a&schema=b")
            let twice = try place.run("sync", "job")
            #expect(twice.status == 2)
            #expect(twice.err.contains("state: the address names two schemas"), "\(twice.err)")
            try place.job("state: postgresql://me:pa55word@127.0.0.1:1/db")
            let down = try place.run("sync", "job")
            #expect(down.status == 1)
            #expect(down.err.contains("postgresql://me@127.0.0.1:1/db, schema dovetail"), "\(down.err)")
            #expect(!down.err.contains("pa55word"))
            try place.job("state: \(url)&schema=depot")
            #expect(try place.run("sync", "job").status == 3)
            #expect(try await database.value("SELECT count(*) FROM depot.jobs") == "1")
        }
    }

    @Test("heals what a kill left, as with the embedded state")
    func torture() async throws {
        try await TestServer.shared().withDatabase { database in
            let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../script/torture").standardizedFileURL
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            let seed = UInt16.random(in: 1...9999)
            process.arguments = [
                "python3", script.path, "--kills", "6", "--writer-runs", "3", "--rows", "3000", "--changes",
                "1000",
                "--seed", "\(seed)", "--binary", try Workplace.binary().path, "--state", database.url(),
            ]
            let output = Pipe()
            process.standardOutput = output
            process.standardError = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "seed \(seed): \(text)")
            #expect(try await database.value("SELECT last_run > 5 FROM dovetail.jobs") == "t")
        }
    }
}
