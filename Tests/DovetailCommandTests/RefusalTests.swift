import DovetailEngine
import DovetailSQLite
import Foundation
import GRDB
import Testing

@Suite struct RefusalTests {
    @Test func `a misspelt key is refused with its place and the nearest right one`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job(tables: "tables: {benches: {macth: [code]}}")
        let refused = try place.run("plan", "job")
        #expect(refused.status == 2)
        #expect(refused.out.isEmpty)
        #expect(
            refused.err.contains("job.yaml:4:20: tables.benches.macth: unknown key; did you mean “match”?"))
    }

    @Test func `a missing job file names those that are there`() throws {
        let place = try Workplace()
        #expect(try place.run("plan", "nope").err.contains("dovetail init LEFT RIGHT"))
        try place.job()
        let refused = try place.run("plan", "nope")
        #expect(refused.status == 2)
        #expect(refused.err.contains("there is no job file “nope”; here are job.yaml"))
    }

    @Test func `a missing source is a mistake at first, and a halt once a run has seen it`() throws {
        let place = try Workplace()
        try place.job()
        let refused = try place.run("plan", "job")
        #expect(refused.status == 2)
        #expect(refused.err.contains("job.yaml:1:22: left.source: no such file"))
        try place.agreeing()
        try FileManager.default.removeItem(atPath: place.path("b.sqlite"))
        let halted = try place.run("sync", "job")
        #expect(halted.status == 4)
        #expect(halted.err.contains("geofa is gone; the last run saw it"))
    }

    @Test func `a missing table and a missing field are refused with a suggestion`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job(tables: "tables: {bench: {match: [code]}}")
        let table = try place.run("plan", "job")
        #expect(table.status == 2)
        #expect(table.err.contains("vejle has no table “bench”; did you mean “benches”?"))
        try place.job(tables: "tables: {benches: {match: [kode], fields: {nam: {}, note: {right: nte}}}}")
        let fields = try place.run("plan", "job")
        #expect(fields.status == 2)
        #expect(fields.err.contains("tables.benches.fields.nam"))
        #expect(fields.err.contains("has no field “nte” in benches; did you mean “note”?"))
        #expect(fields.err.contains("vejle and geofa have no field “kode”; did you mean “code”?"))
    }

    @Test func `types that do not fit are refused with what would make them fit`() throws {
        let place = try Workplace()
        try place.sql("a.sqlite", "CREATE TABLE t(k TEXT UNIQUE, ok BOOLEAN, made DATE, size INTEGER);")
        try place.sql("b.sqlite", "CREATE TABLE t(k TEXT UNIQUE, ok INTEGER, made TEXT, size REAL);")
        try place.job(tables: "tables: all")
        let refused = try place.run("plan", "job")
        #expect(refused.status == 2)
        #expect(refused.err.contains("field ok: left holds bool, right holds int; declare {convert: bool}"))
        #expect(
            refused.err.contains("field made: left holds date, right holds text; declare {convert: text}"))
        #expect(
            refused.err.contains("field size: left holds int, right holds double; give both sides one type"))
        try place.job(
            tables: "tables: {t: {ignore: [size], fields: {ok: {convert: bool}, made: {convert: text}}}}")
        #expect(try place.run("plan", "job").status == 0)
    }

    @Test func `a view can be a source and not a target`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.sql("a.sqlite", "CREATE VIEW shown AS SELECT code, name, kind FROM benches;")
        let tables = "tables: {benches: {left: shown, match: [code]}}"
        try place.job(tables: tables)
        let refused = try place.run("sync", "job")
        #expect(refused.status == 2)
        #expect(refused.err.contains("shown can't be written to on vejle: it is a view"))
        #expect(refused.err.contains("direction: left-to-right"))
        try place.job("direction: left-to-right", tables: tables)
        let synced = try place.run("sync", "job")
        #expect(synced.status == 0)
        #expect(try place.rows("b.sqlite", "SELECT name FROM benches WHERE code='B2'") == ["Pine"])
    }

    @Test func `without a key that both sides share, advice is given`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job(tables: "tables: [benches]")
        let refused = try place.run("plan", "job")
        #expect(refused.status == 2)
        #expect(refused.err.contains("no match is given, and the sides share no key"))
        #expect(refused.err.contains("(code?)"))
    }

    @Test func `a foreign key onto an id that each side numbers is refused`() throws {
        let place = try Workplace()
        for file in ["a.sqlite", "b.sqlite"] {
            try place.sql(
                file,
                """
                CREATE TABLE site(id INTEGER PRIMARY KEY, code TEXT UNIQUE);
                CREATE TABLE bench(id INTEGER PRIMARY KEY, code TEXT UNIQUE, 
                    site INTEGER REFERENCES site(id));
                """)
        }
        try place.job(tables: "tables: all")
        let refused = try place.run("plan", "job")
        #expect(refused.status == 2)
        #expect(refused.err.contains("site refers to site.id, an id that each side gives to its own records"))
        #expect(refused.err.contains("match: id"))
        try place.job(tables: "tables: {site: {match: id}, bench: {}}")
        #expect(try place.run("plan", "job").status == 0)
    }

    @Test func `content matching and a change feed exclude each other`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job("change_feed: true", tables: "tables: {benches: {match: content}}")
        let refused = try place.run("plan", "job")
        #expect(refused.status == 2)
        #expect(refused.err.contains("a change feed can't be used with match: content"))
    }

    @Test func `a kind of source that this version can't use is said to be so, without its password`() throws
    {
        let place = try Workplace()
        try place.write(
            "job.yaml",
            """
            left: gc2+https://sync:topsecret@localhost/fkg
            right: sqlite:b.sqlite
            tables: all
            """)
        let refused = try place.run("plan", "job")
        #expect(refused.status == 2)
        #expect(refused.err.contains("this version can't use gc2: sources yet"))
        #expect(!refused.err.contains("topsecret"))
    }

    @Test func `a locked file is named, and nothing is written`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job()
        let queue = try DatabaseQueue(path: place.path("b.sqlite"))
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "BEGIN EXCLUSIVE")
            let locked = try place.run("sync", "job")
            #expect(locked.status == 1)
            #expect(locked.err.contains("is locked by another program"))
            try db.execute(sql: "ROLLBACK")
        }
    }

    @Test func `two runs of one job at once are refused with who holds it`() async throws {
        let place = try Workplace()
        try place.agreeing()
        let store = try SQLiteStateStore.open(path: place.path(".dovetail/job.state"), job: "job")
        try await store.lock(
            as: LockOwner(process: 1, host: "here", user: "someone", command: "dovetail sync", since: 0),
            patience: 0)
        let refused = try place.run("sync", "job", "--json")
        #expect(refused.status == 1)
        #expect((try refused.json["error"] as? [String: Any])?["code"] as? String == "locked")
        await store.close()
        #expect(try place.run("sync", "job").status == 0)
    }

    @Test func `records with one key twice are set aside, and the others go through`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.sql("a.sqlite", "INSERT INTO benches VALUES (20,'B4','Twin',1,NULL);")
        try place.job()
        let synced = try place.run("sync", "job")
        #expect(synced.status == 3)
        #expect(synced.out.contains("several records on vejle have this key"))
        #expect(try place.rows("a.sqlite", "SELECT count(*) FROM benches WHERE code='B9'") == ["1"])
        let check = try place.run("check", "job")
        #expect(check.status == 3)
        #expect(check.out.contains("1 with a key that is there already"))
    }

    @Test func `check tells which values would not arrive as they are`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.sql("a.sqlite", "UPDATE benches SET kind='many' WHERE code='B1';")
        try place.job()
        let check = try place.run("check", "job")
        #expect(check.status == 3)
        #expect(check.out.contains("! kind: 1 value on vejle is no int, such as “many” at B1"))
        let json = try place.run("check", "job", "--json").json
        let table = try #require((json["tables"] as? [[String: Any]])?.first)
        #expect((table["losses"] as? [[String: Any]])?.first?["example"] as? String == "many")
    }

    @Test func `a one-way job says what it leaves alone`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job("direction: left-to-right")
        let synced = try place.run("sync", "job")
        #expect(synced.status == 0)
        #expect(synced.out.contains("both sides agree but for 1 record that a rule leaves as they are"))
        #expect(try place.rows("b.sqlite", "SELECT name FROM benches WHERE code='B2'") == ["Pine"])
    }

    @Test func `a side that was emptied stops the run until it is allowed`() throws {
        let place = try Workplace()
        try place.agreeing()
        try place.sql("b.sqlite", "DELETE FROM benches;")
        let halted = try place.run("sync", "job")
        #expect(halted.status == 4)
        #expect(halted.err.contains("geofa is empty; the last run left 30 records there"))
        #expect(try place.rows("a.sqlite", "SELECT count(*) FROM benches") == ["30"])
        let json = try place.run("sync", "job", "--json")
        let error = try #require(try json.json["error"] as? [String: Any])
        #expect(error["code"] as? String == "halted")
        let allows = (error["halts"] as? [[String: Any]])?.compactMap { $0["allow"] as? String }
        #expect(allows?.sorted() == ["deletes", "empty"])
        #expect(try place.run("sync", "job", "--allow", "nonsense").status == 2)
        let allowed = try place.run("sync", "job", "--allow", "empty,deletes")
        #expect(allowed.status == 0)
        #expect(try place.rows("a.sqlite", "SELECT count(*) FROM benches") == ["0"])
    }

    @Test func `a table that vanished after a run stops the next one`() throws {
        let place = try Workplace()
        try place.agreeing()
        try place.sql("b.sqlite", "DROP TABLE benches;")
        let halted = try place.run("sync", "job")
        #expect(halted.status == 4)
        #expect(halted.err.contains("benches: the table is gone on geofa"))
    }

    @Test func `a read-only file is named when it would be written to`() throws {
        guard getuid() != 0 else { return }
        let place = try Workplace()
        try place.twoSides()
        try place.job()
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o444], ofItemAtPath: place.path("b.sqlite"))
        let failed = try place.run("sync", "job")
        #expect(failed.status == 1)
        #expect(failed.err.contains("b.sqlite can't be written to"))
    }
}
