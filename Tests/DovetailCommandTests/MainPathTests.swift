import Foundation
import Testing

@Suite struct MainPathTests {
    @Test func `init finds the key, says why, and writes a job that works`() throws {
        let place = try Workplace()
        try place.twoSides()
        let made = try place.run("init", "a.sqlite", "b.sqlite")
        #expect(made.status == 0)
        #expect(made.out.contains("matched by code"))
        let yaml = try String(contentsOfFile: place.path("a-b.yaml"), encoding: .utf8)
        #expect(yaml.contains("match: [code]"))
        #expect(yaml.contains("# code is unique on both sides; 2 of 3 and 3 records meet"))
        #expect(yaml.contains("source: sqlite:a.sqlite"))
        #expect(try place.run("check", "a-b").status == 0)
    }

    @Test func `init overwrites a job file only with --force`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.write("a-b.yaml", "mine")
        let refused = try place.run("init", "a.sqlite", "b.sqlite")
        #expect(refused.status == 2)
        #expect(refused.err.contains("a-b.yaml is there already"))
        #expect(try String(contentsOfFile: place.path("a-b.yaml"), encoding: .utf8) == "mine")
        #expect(try place.run("init", "a.sqlite", "b.sqlite", "--force").status == 0)
    }

    @Test func `init pairs the only layers, the only geometries, and what differs in case`() throws {
        let place = try Workplace()
        try place.sql(
            "a.sqlite", "CREATE TABLE one(id INTEGER PRIMARY KEY, Ref TEXT, ok BOOLEAN, gone TEXT);")
        try place.sql("b.sqlite", "CREATE TABLE two(id INTEGER PRIMARY KEY, ref TEXT, ok INTEGER);")
        let made = try place.run("init", "a.sqlite", "b.sqlite", "--job", "both")
        #expect(made.status == 0)
        let yaml = try String(contentsOfFile: place.path("both.yaml"), encoding: .utf8)
        #expect(yaml.contains("right: two"))
        #expect(yaml.contains("Ref: {right: ref}"))
        #expect(yaml.contains("ok: {convert: bool}"))
        #expect(yaml.contains("# - gone (left): only on this side"))
        #expect(try place.run("check", "both").status == 0)
    }

    @Test func `a plan shows each kind of change, and writes nothing`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job()
        let before = try ["a.sqlite", "b.sqlite"].map {
            try Data(contentsOf: URL(fileURLWithPath: place.path($0)))
        }
        let plan = try place.run("plan", "job")
        #expect(plan.status == 0)
        #expect(plan.out.contains("job: vejle ⇄ geofa"))
        #expect(plan.out.contains("+ B4 → geofa  code: “B4”, name: “Iron”, kind: 3"))
        #expect(plan.out.contains("+ B9 → vejle"))
        #expect(plan.out.contains("! B2"))
        #expect(plan.out.contains("name: vejle “Pine”, geofa “Pine!”"))
        #expect(plan.out.contains("In total: vejle: 1 insert; geofa: 1 insert; 1 conflict"))
        let after = try ["a.sqlite", "b.sqlite"].map {
            try Data(contentsOf: URL(fileURLWithPath: place.path($0)))
        }
        #expect(before == after)
        #expect(!place.exists(".dovetail"))
    }

    @Test func `a sync writes both sides, keeps the conflict, and is quiet the second time`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job()
        let first = try place.run("sync", "job")
        #expect(first.status == 3)
        #expect(first.out.contains("met for the first time"))
        #expect(first.out.contains("benches  vejle: 1 inserted; geofa: 1 inserted"))
        #expect(first.out.contains("dovetail conflicts resolve job.yaml --interactive"))
        #expect(try place.run("conflicts", "resolve", "job", "--all", "--take", "geofa").status == 0)
        let second = try place.run("sync", "job")
        #expect(second.status == 0)
        #expect(second.out.contains("Run 2: 1 record written, both sides agree"))
        #expect(try place.rows("a.sqlite", "SELECT name FROM benches WHERE code='B2'") == ["Pine!"])
        let third = try place.run("sync", "job")
        #expect(third.status == 0)
        #expect(third.out == "nothing to do, both sides agree\n")
        let verified = try place.run("verify", "job")
        #expect(verified.status == 0)
        #expect(verified.out.contains("every byte is equal"))
    }

    @Test func `an update shows the old value and the new one`() throws {
        let place = try Workplace()
        try place.agreeing()
        try place.sql(
            "a.sqlite", "UPDATE benches SET name='Best' WHERE code='B7'; DELETE FROM benches WHERE code='B8';"
        )
        let plan = try place.run("plan", "job")
        #expect(plan.out.contains("~ B7 → geofa  name: “Bench 7” → “Best”"))
        #expect(plan.out.contains("- B8 → geofa"))
        let verify = try place.run("verify", "job")
        #expect(verify.status == 3)
        #expect(verify.out.contains("≠ B7  name: vejle “Best”, geofa “Bench 7”"))
        #expect(verify.out.contains("> B8  only on geofa"))
    }

    @Test func `a long plan is cut and says how much more there is`() throws {
        let place = try Workplace()
        try place.agreeing()
        try place.sql("a.sqlite", "UPDATE benches SET kind=9;")
        let cut = try place.run("plan", "job", "--limit", "3")
        #expect(cut.out.components(separatedBy: "~ B").count == 4)
        #expect(cut.out.contains("… and 27 more updates; --all shows every one"))
        let whole = try place.run("plan", "job", "--all")
        #expect(whole.out.components(separatedBy: "~ B").count == 31)
    }

    @Test func `diff needs no job`() throws {
        let place = try Workplace()
        try place.twoSides()
        let found = try place.run("diff", "a.sqlite", "b.sqlite")
        #expect(found.status == 3)
        #expect(found.out.contains("≠ B2  name: a “Pine”, b “Pine!”"))
        #expect(found.out.contains("< B4  only on a"))
        let narrow = try place.run(
            "diff", "a.sqlite", "b.sqlite", "--match", "code", "--fields", "kind", "--json")
        let table = try #require((try narrow.json["tables"] as? [[String: Any]])?.first)
        #expect((table["counts"] as? [String: Int])?["equal"] == 2)
        let same = try place.run("diff", "a.sqlite", "sqlite:a.sqlite", "--match", "code")
        #expect(same.status == 2)
        let wrong = try place.run("diff", "a.sqlite", "b.sqlite", "--match", "kode")
        #expect(wrong.status == 2)
        #expect(wrong.err.contains("did you mean “code”?"))
    }

    @Test func `a saved plan is applied, and refuses a record that changed since`() throws {
        let place = try Workplace()
        try place.agreeing()
        try place.sql("a.sqlite", "UPDATE benches SET kind=9 WHERE code IN ('B1','B2');")
        #expect(try place.run("plan", "job", "--out", "p.json").status == 0)
        try place.sql("b.sqlite", "UPDATE benches SET note='mine' WHERE code='B2';")
        let applied = try place.run("apply", "p.json")
        #expect(applied.status == 3)
        #expect(try place.rows("b.sqlite", "SELECT code FROM benches WHERE kind=9") == ["B1"])
        try place.write("q.json", "{}")
        let wrong = try place.run("apply", "q.json")
        #expect(wrong.status == 2)
        #expect(wrong.err.contains("is no plan of dovetail plan --out"))
    }

    @Test func `an applied plan does not claim that what it leaves waiting agrees`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job()
        try place.run("sync", "job")
        try place.sql("a.sqlite", "UPDATE benches SET kind=9 WHERE code='B1';")
        try place.run("plan", "job", "--out", "p.json")
        let applied = try place.run("apply", "p.json", "job")
        #expect(applied.status == 3)
        #expect(applied.out.contains("1 record written\n"))
        #expect(applied.out.contains("1 conflict:"))
    }

    @Test func `runs show what changed, and undo takes it back`() throws {
        let place = try Workplace()
        try place.agreeing()
        try place.sql("a.sqlite", "UPDATE benches SET name='Best' WHERE code='B7';")
        try place.run("sync", "job")
        #expect(try place.run("runs", "job").out.contains("run 2  "))
        #expect(
            try place.run("runs", "job", "2").out.contains("~ benches B7 → geofa  name: “Bench 7” → “Best”"))
        #expect(try place.run("undo", "job", "2", "--dry-run").out.contains("name: “Best” → “Bench 7”"))
        #expect(try place.rows("b.sqlite", "SELECT name FROM benches WHERE code='B7'") == ["Best"])
        let undone = try place.run("undo", "job", "2")
        #expect(undone.status == 0)
        #expect(undone.out.contains("run 2 is undone"))
        #expect(try place.rows("b.sqlite", "SELECT name FROM benches WHERE code='B7'") == ["Bench 7"])
        #expect(try place.run("runs", "job", "99").status == 2)
    }

    @Test func `status tells about every job of the folder`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job()
        #expect(try place.run("status").out.contains("has not been run yet"))
        try place.run("sync", "job")
        try place.write("broken.yaml", "left: 1")
        let status = try place.run("status")
        #expect(status.status == 0)
        #expect(status.out.contains("1 conflict: dovetail conflicts list job.yaml"))
        #expect(status.out.contains("broken.yaml"))
    }
}
