import Foundation
import Testing

@Suite struct FlatFileCommandTests {
    private static let geoJSON = """
        {"type":"FeatureCollection","features":[
        {"type":"Feature","properties":{"code":"B1","name":"Bench 1","kind":1},"geometry":null},
        {"type":"Feature","properties":{"code":"B2","name":"Bench 2","kind":2},"geometry":null}
        ]}

        """

    private func text(_ place: Workplace, _ name: String) throws -> String {
        try String(contentsOfFile: place.path(name), encoding: .utf8)
    }

    @Test func `a GeoJSON file and a CSV file are compared, synced, verified and undone`() throws {
        let place = try Workplace()
        try place.write("a.geojson", Self.geoJSON)
        try place.write("b.csv", "code,name,kind\nB2,Bench 2,2\n")
        #expect(try place.run("diff", "a.geojson", "b.csv").status == 3)
        #expect(try place.run("init", "a.geojson", "b.csv", "--job", "job").status == 0)
        #expect(try text(place, "job.yaml").contains("#   kind: int  # by all 2 values"))
        #expect(try place.run("plan", "job").out.contains("+ B1 → b"))
        #expect(try place.run("sync", "job").status == 0)
        #expect(try text(place, "b.csv") == "code,name,kind\nB2,Bench 2,2\nB1,Bench 1,1\n")
        #expect(try text(place, "a.geojson") == Self.geoJSON)

        try place.write("b.csv", "code,name,kind\nB2,Oak,2\nB1,Bench 1,1\n")
        #expect(try place.run("sync", "job").status == 0)
        #expect(try text(place, "a.geojson") == Self.geoJSON.replacing("Bench 2", with: "Oak"))
        #expect(try place.run("sync", "job").out.contains("nothing to do"))
        #expect(try place.run("verify", "job").status == 0)
        #expect(try place.run("undo", "job", "2").status == 0)
        #expect(try text(place, "a.geojson") == Self.geoJSON)
    }

    @Test func `a backup that kept its time is noticed, and nothing is written`() throws {
        let place = try Workplace()
        try place.write("a.csv", "code,kind\nB1,1\nB2,2\n")
        try place.write("b.csv", "code,kind\n")
        try place.write(
            "job.yaml", "left: a.csv\nright: b.csv\ntables:\n  t: {left: a, right: b, match: [code]}\n")
        #expect(try place.run("sync", "job.yaml").status == 0)
        let before = try text(place, "b.csv")
        let time = try FileManager.default.attributesOfItem(atPath: place.path("b.csv"))[.modificationDate]
        try place.write("a.csv", "code,kind\nB1,7\nB2,2\n")
        #expect(try place.run("sync", "job.yaml").status == 0)
        try place.write("b.csv", before)
        try FileManager.default.setAttributes(
            [.modificationDate: try #require(time)], ofItemAtPath: place.path("b.csv"))
        let result = try place.run("sync", "job.yaml")
        #expect(result.status == 4)
        #expect(result.err.contains("it is older than it was (a restored backup?)"))
        #expect(try text(place, "a.csv") == "code,kind\nB1,7\nB2,2\n")
        // Allowed, both sides meet anew, and the two values are shown to someone.
        #expect(try place.run("sync", "job.yaml", "--allow", "replaced").status == 3)
        #expect(try text(place, "a.csv") == "code,kind\nB1,7\nB2,2\n")
    }

    @Test func `a value that came later and is of another type changes no column`() throws {
        let place = try Workplace()
        try place.write("a.csv", "code,kind\nB1,1\n")
        try place.write("b.csv", "code,kind\n")
        try place.write(
            "job.yaml", "left: a.csv\nright: b.csv\ntables:\n  t: {left: a, right: b, match: [code]}\n")
        #expect(try place.run("sync", "job").status == 0)
        try place.write("a.csv", "code,kind\nB1,1\nB2,many\nB3,3\n")
        let check = try place.run("check", "job")
        #expect(check.status == 3)
        #expect(check.out.contains("left: kind is int: as in the last run"))
        #expect(check.out.contains("1 value on left is no int, such as “many” at B2"))
        let sync = try place.run("sync", "job")
        #expect(sync.status == 3 && sync.out.contains("column kind: “many” is no int"))
        #expect(try text(place, "b.csv") == "code,kind\nB1,1\nB3,3\n")
    }

    @Test func `an emptied file stops the run, and a broken one is named with its line`() throws {
        let place = try Workplace()
        try place.write("a.csv", "code,kind\nB1,1\nB2,2\n")
        try place.write("b.csv", "code,kind\n")
        try place.write(
            "job.yaml", "left: a.csv\nright: b.csv\ntables:\n  t: {left: a, right: b, match: [code]}\n")
        #expect(try place.run("sync", "job").status == 0)
        try place.write("a.csv", "code,kind\n")
        #expect(try place.run("sync", "job").status == 4)
        try place.write("a.csv", "code,kind\nB1\n")
        let broken = try place.run("sync", "job")
        #expect(broken.status == 1 && broken.err.contains("line 2 (byte 10): the row has 1 value"))
        #expect(try text(place, "b.csv") == "code,kind\nB1,1\nB2,2\n")
    }

    @Test func `what a flat file has not is refused before anything is touched`() throws {
        let place = try Workplace()
        try place.write("a.csv", "code,kind\nB1,1\n")
        try place.write("b.csv", "code,kind\n")
        for (sides, table, words) in [
            (
                "left: a.csv\nright: b.csv", "match: [code], where: {left: kind = 1}",
                "no language for conditions"
            ),
            ("left: a.csv\nright: b.csv", "match: content", "can't be matched by content"),
            ("left: a.csv\nright: b.csv", "match: [code], change_feed: true", "has no change feed"),
            (
                "left: {source: a.csv, types: {kinde: int}}\nright: b.csv", "match: [code]",
                "did you mean “kind”?"
            ),
            ("left: {source: a.csv, types: {kind: number}}\nright: b.csv", "match: [code]", "is no type"),
            ("left: {source: a.csv, delimiter: ab}\nright: b.csv", "match: [code]", "is no delimiter"),
        ] {
            try place.write("job.yaml", "\(sides)\ntables:\n  t: {left: a, right: b, \(table)}\n")
            let refused = try place.run("plan", "job")
            #expect(refused.status == 2 && refused.err.contains(words), "\(refused.err)")
        }
    }

    @Test func `a file without a known ending is known by its content`() throws {
        let place = try Workplace()
        try place.write("benches", Self.geoJSON)
        try place.write("table.txt", "code;name;kind\nB1;Bench 1;1\nB2;Bench 2;2\n")
        #expect(try place.run("diff", "benches", "table.txt").status == 0)
    }
}
