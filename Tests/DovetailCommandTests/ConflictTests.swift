import Foundation
import Testing

@Suite struct ConflictTests {
    /// Both sides changed the name and the kind of B1, and the name of B2; the left deleted B3, the right
    /// changed it.
    private func conflicting() throws -> Workplace {
        let place = try Workplace()
        try place.agreeing()
        try place.sql(
            "a.sqlite",
            """
            UPDATE benches SET name='Left 1', kind=7 WHERE code='B1';
            UPDATE benches SET name='Left 2' WHERE code='B2';
            DELETE FROM benches WHERE code='B3';
            """)
        try place.sql(
            "b.sqlite",
            """
            UPDATE benches SET name='Right 1', kind=8 WHERE code='B1';
            UPDATE benches SET name='Right 2' WHERE code='B2';
            UPDATE benches SET note='kept' WHERE code='B3';
            """)
        #expect(try place.run("sync", "job").status == 3)
        return place
    }

    private func names(_ place: Workplace, _ file: String) throws -> [String] {
        try place.rows(file, "SELECT name, kind FROM benches WHERE code IN ('B1','B2','B3') ORDER BY code")
    }

    private func ids(_ place: Workplace) throws -> [String: String] {
        let conflicts =
            try place.run("conflicts", "job", "--json").json["conflicts"] as? [[String: Any]] ?? []
        var ids: [String: String] = [:]
        for conflict in conflicts {
            if let key = (conflict["key"] as? [String])?.first { ids[key] = conflict["id"] as? String }
        }
        return ids
    }

    @Test func `the list names each conflict with base, left and right`() throws {
        let place = try conflicting()
        let list = try place.run("conflicts", "job")
        #expect(list.status == 0)
        #expect(list.out.contains("3 conflicts:"))
        #expect(list.out.contains("name: base “Bench 1”, vejle “Left 1”, geofa “Right 1”"))
        #expect(list.out.contains("vejle deleted the record, geofa changed it"))
        let id = try #require(try ids(place)["B1"])
        let shown = try place.run("conflicts", "show", "job", id)
        #expect(shown.out.contains("! kind"))
        #expect(try place.run("conflicts", "job", "show", String(id.prefix(6))).out == shown.out)
    }

    @Test func `one is decided by its id, with a value of one's own`() throws {
        let place = try conflicting()
        let id = try #require(try ids(place)["B1"])
        let wrong = try place.run("conflicts", "resolve", "job", id, "--set", "kind=many")
        #expect(wrong.status == 2)
        #expect(wrong.err.contains("“many” is no int; write a whole number, or null"))
        let partly = try place.run("conflicts", "resolve", "job", id, "--set", "kind=5")
        #expect(partly.out.contains("kind = 5; still open: name"))
        let rest = try place.run("conflicts", "resolve", "job", id, "--field", "name", "--take", "right")
        #expect(rest.status == 0)
        #expect(try place.run("sync", "job").status == 3)
        #expect(try place.rows("a.sqlite", "SELECT name, kind FROM benches WHERE code='B1'") == ["Right 1|5"])
        #expect(try place.rows("b.sqlite", "SELECT name, kind FROM benches WHERE code='B1'") == ["Right 1|5"])
    }

    @Test func `all are decided at once, and a decision can be taken back`() throws {
        let place = try conflicting()
        #expect(try place.run("conflicts", "resolve", "job", "--all", "--take", "left").status == 0)
        #expect(try place.run("status", "job").out.contains("3 of them decided"))
        let id = try #require(try ids(place)["B2"])
        #expect(try place.run("conflicts", "resolve", "job", id, "--forget").out.contains("taken back"))
        #expect(try place.run("sync", "job").status == 3)
        #expect(try names(place, "b.sqlite") == ["Left 1|7", "Right 2|2"])
    }

    @Test func `a person walks through them over a pipe`() throws {
        let place = try conflicting()
        // Keys come in order: B1 field by field with a slip, B2 skipped, B3 taken from the right.
        let walk = try place.run(
            "conflicts", "resolve", "job", "--interactive", input: "?\nf\nl\n=12\ns\nr\n")
        #expect(walk.status == 0)
        #expect(walk.out.contains("Conflict 1 of 3"))
        #expect(walk.out.contains("[l] vejle  [r] geofa  [f] field by field  [s] skip  [q] quit"))
        #expect(walk.out.contains("answer with one of the letters"))
        #expect(walk.out.contains("2 conflicts decided, 1 undecided"))
        #expect(try place.run("sync", "job").status == 3)
        #expect(try names(place, "a.sqlite") == ["Left 1|12", "Left 2|2", "Bench 3|3"])
        let last = try place.run("conflicts", "job", "--interactive", "--json", input: "r\n")
        #expect((try last.json["decided"] as? [[String: Any]])?.count == 1)
        #expect(last.err.contains("Conflict 1 of 1"))
        #expect(try place.run("sync", "job").status == 0)
        #expect(try names(place, "a.sqlite") == names(place, "b.sqlite"))
    }

    @Test func `the walk ends where the input ends, and keeps what was decided`() throws {
        let place = try conflicting()
        let walk = try place.run("conflicts", "resolve", "job", "--interactive", input: "l\n")
        #expect(walk.status == 0)
        #expect(walk.out.contains("1 conflict decided, 2 undecided"))
        #expect(try place.run("conflicts", "resolve", "job", "--interactive", input: "q\n").status == 0)
    }

    @Test func `what is not said or does not exist is refused`() throws {
        let place = try conflicting()
        for arguments in [
            ["job"], ["job", "--all"], ["job", "ffffffff", "--take", "left"],
            ["job", "--all", "--take", "up"],
        ] {
            let words = ["conflicts", "resolve"] + arguments
            let refused = try place.run(words: words)
            #expect(refused.status == 2, "\(words)")
        }
        let deleted = try #require(try ids(place)["B3"])
        let refused = try place.run("conflicts", "resolve", "job", deleted, "--set", "name=x")
        #expect(refused.status == 2)
        #expect(refused.err.contains("is about a deleted record"))
    }
}
