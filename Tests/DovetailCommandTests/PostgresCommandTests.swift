import Dovetail
import DovetailTestPostgres
import Foundation
import Testing

@Suite("The command between a file and PostgreSQL")
struct PostgresCommandTests {
    /// Runs `body` with the benches in a file on the left and in a database on the right, and a job between them.
    private func withBenches(_ body: (Workplace, TestDatabase) async throws -> Void) async throws {
        try await TestServer.shared().withDatabase { database in
            let place = try Workplace()
            try place.sql(
                "a.sqlite",
                Workplace.benches + "INSERT INTO benches VALUES (1,'B1','Oak',1,NULL),(2,'B2','Pine',2,'x');")
            try await database.run(
                "CREATE TABLE benches (fid int PRIMARY KEY, code text, name text NOT NULL, kind int, note text)"
            )
            try job(place, database)
            try await body(place, database)
        }
    }

    private func job(_ place: Workplace, _ database: TestDatabase, _ more: [String: String] = [:]) throws {
        try place.write(
            "job.yaml",
            """
            left: {label: vejle, source: sqlite:a.sqlite}
            right: {label: geofa, source: "\(database.url(more))"}
            tables: {benches: {match: [fid]}}
            """)
    }

    @Test(
        "an edit that leaves the other side's condition is refused there, whoever wins conflicts, and nothing is lost",
        arguments: ["left", "right"])
    func outOfTheCondition(side: String) async throws {
        try await withBenches { place, database in
            try place.write(
                "job.yaml",
                """
                left: sqlite:a.sqlite
                right: "\(database.url())"
                conflicts: \(side)
                tables: {benches: {match: [fid], where: {\(side): kind < 10}}}
                """)
            #expect(try place.run("sync", "job").status == 0)
            let edits = """
                UPDATE benches SET kind = 20 WHERE fid = 2;
                INSERT INTO benches VALUES (3, 'B3', 'Ash', 30, NULL);
                """
            if side == "right" {
                try place.sql("a.sqlite", edits)
            } else {
                try await database.run(edits)
            }
            for _ in 0..<3 {
                let sync = try place.run("sync", "job")
                #expect(sync.status == 3, "\(sync.out)")
                #expect(sync.out.contains("does not meet the condition of the job: kind < 10"), "\(sync.out)")
            }
            let kinds = Sides(
                left: try place.rows("a.sqlite", "SELECT kind FROM benches ORDER BY fid"),
                right: try await database.run("SELECT kind FROM benches ORDER BY fid").compactMap { $0[0] })
            #expect(kinds[side == "left" ? .left : .right] == ["1", "2"])
            #expect(kinds[side == "left" ? .right : .left] == ["1", "20", "30"])
        }
    }

    @Test("a saved plan is not applied to a table that is gone or was changed, and the words say why")
    func changedSince() async throws {
        try await withBenches { place, database in
            #expect(try place.run("sync", "job").status == 0)
            try place.sql("a.sqlite", "UPDATE benches SET name = 'Elm', kind = 7 WHERE fid = 1")
            #expect(try place.run("plan", "job", "--out", "saved.plan").status == 0)
            func apply(after sql: String) async throws -> Workplace.Outcome {
                try await database.run(sql)
                return try place.run("apply", "saved.plan", "job")
            }
            let dropped = try await apply(after: "ALTER TABLE benches RENAME TO gone")
            #expect(dropped.status == 4)
            #expect(
                dropped.err.contains("benches: the table is gone on geofa; the last run saw it there"),
                "\(dropped.err)")
            let narrower = try await apply(
                after: "ALTER TABLE gone RENAME TO benches; ALTER TABLE benches DROP COLUMN kind")
            #expect(narrower.status == 2)
            #expect(
                narrower.err.contains("(field kind is gone); sync first, and make a new plan"),
                "\(narrower.err)")
            let text = try await apply(after: "ALTER TABLE benches ADD COLUMN kind text")
            #expect(text.status == 2)
            #expect(text.err.contains("field kind: left holds int, right holds text"), "\(text.err)")
            #expect(try place.run("sync", "job").status == 2)
            let emptied = try await apply(
                after: "ALTER TABLE benches ALTER kind TYPE int USING fid; TRUNCATE benches")
            #expect(emptied.status == 4 && emptied.err.contains("geofa is empty"), "\(emptied.err)")
            // Another type that holds the same values is no other table.
            let same = try await apply(
                after: """
                    INSERT INTO benches VALUES (1, 'B1', 'Oak', NULL, 1), (2, 'B2', 'Pine', 'x', 2);
                    ALTER TABLE benches ALTER kind TYPE smallint, ALTER name TYPE varchar(50)
                    """)
            #expect(same.status == 0, "\(same.err)")
            #expect(try await database.value("SELECT name || kind FROM benches WHERE fid = 1") == "Elm7")
        }
    }

    @Test(
        "a server that doesn't answer fails the run, and a database that isn't there is a mistake or a halt")
    func away() async throws {
        try await withBenches { place, database in
            let nowhere = ["host": "127.0.0.1", "port": "1"]
            for _ in 0..<2 {
                try job(place, database, nowhere)
                let unanswered = try place.run("sync", "job")
                #expect(unanswered.status == 1)
                #expect(unanswered.err.contains("check host, port and whether the server runs"))
                let isFirst = !place.exists(".dovetail/job.state")
                let text = try String(contentsOfFile: place.path("job.yaml"), encoding: .utf8)
                try place.write(
                    "job.yaml",
                    text.replacing(
                        database.url(nowhere),
                        with: database.url().replacing(database.name, with: "no_such_database")))
                let missing = try place.run("sync", "job")
                #expect(missing.status == (isFirst ? 2 : 4))
                #expect(missing.err.contains("database \"no_such_database\" does not exist"))
                try job(place, database)
                #expect(try place.run("sync", "job").status == 0)
            }
        }
    }

    @Test("a role that may make no temporary tables is told before anything is planned")
    func temporaryTables() async throws {
        try await withBenches { place, database in
            let (role, _) = try await database.makeRole()
            try await database.run(
                """
                GRANT ALL ON benches TO "\(role)"; REVOKE TEMPORARY ON DATABASE \(database.name) FROM PUBLIC
                """)
            try job(place, database, ["options": "-c role=\(role)"])
            for command in ["check", "plan", "sync"] {
                let refused = try place.run(command, "job")
                #expect(refused.status == 2)
                #expect(
                    refused.err.contains("GRANT TEMPORARY ON DATABASE \(database.name)"), "\(refused.err)")
            }
        }
    }

    @Test("a foreign table can be a source, and is refused as a target, by init too")
    func foreignTables() async throws {
        try await TestServer.shared().withDatabase { away in
            try await away.run(
                "CREATE TABLE benches AS SELECT 9 AS fid, 'B9' AS code, 'Away' AS name, 1 AS kind, NULL::text AS note"
            )
            try await withBenches { place, database in
                let server = Conninfo.parse(away.conninfo)
                let options = ["host", "port", "dbname"].compactMap { key in
                    server[key].map { "\(key) '\($0)'" }
                }
                try await database.run(
                    """
                    DROP TABLE benches; CREATE EXTENSION postgres_fdw;
                    CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (\(options.joined(separator: ", ")));
                    CREATE USER MAPPING FOR CURRENT_USER SERVER away
                        OPTIONS (user '\(server["user"] ?? "")', password '\(server["password"] ?? "")');
                    IMPORT FOREIGN SCHEMA public LIMIT TO (benches) FROM SERVER away INTO public
                    """)
                let refused = try place.run("plan", "job")
                #expect(refused.status == 2)
                #expect(
                    refused.err.contains("it is a foreign table, kept by the server away"), "\(refused.err)")
                let made = try place.run("init", "a.sqlite", database.url(), "--job", "made")
                #expect(made.status == 2)
                #expect(made.err.contains("can only be read: it is a foreign table"), "\(made.err)")
                let text = try String(contentsOfFile: place.path("job.yaml"), encoding: .utf8)
                try place.write("job.yaml", text + "\ndirection: right-to-left")
                let synced = try place.run("sync", "job")
                #expect(synced.status == 0, "\(synced.err)")
                #expect(try place.rows("a.sqlite", "SELECT name FROM benches WHERE fid = 9") == ["Away"])
                #expect(try place.run("sync", "job").out.contains("nothing to do"))
            }
        }
    }
}
