import Testing

@testable import DovetailJobs

@Suite("The YAML of a job file")
struct JobFileYAMLTests {
    @Test("what is no YAML is explained", arguments: broken)
    func syntax(mistake: Mistake) { #expect(complaints(mistake.yaml) == mistake.said) }

    static let broken = [
        Mistake(
            "a tab", twoSides + "tables:\n\tbenches:", "4:1: the line is indented with a tab; use spaces"),
        Mistake(
            "two colons", twoSides + "tables: a: b",
            "3:10: not valid YAML: mapping values are not allowed in this context; "
                + "check the indentation, and quote a value that contains “: ”"),
        Mistake(
            "an open bracket", twoSides + "tables: [a\njob: b",
            "4:4: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence (line 3); "
                + "check the indentation, and that quotes and brackets are closed"),
        Mistake(
            "an open quote", twoSides + "tables: 'all\n",
            "4:1: not valid YAML: found unexpected end of stream while scanning a quoted scalar (line 3); "
                + "check the indentation, and that quotes and brackets are closed"),
        Mistake(
            "a character that begins nothing", twoSides + "tables: @x",
            "3:9: not valid YAML: found character that cannot start any token; "
                + "quote a value that begins with @, ` or %"),
        Mistake(
            "an unknown alias", twoSides + "tables: *x",
            "3:9: not valid YAML: found undefined alias; quote a value that begins with *"),
        Mistake(
            "a tag", twoSides + "tables: [!secret x]",
            "3:10: tables[0]: the tag !secret has no meaning in a job file; remove it, or quote the value"),
        Mistake(
            "a second document", twoSides + "tables: all\n---\nx: y",
            "4:1: a second document begins here; write one job per file, without ---"),
        Mistake(
            "a NUL byte", "left: a\0b",
            "1:8: a NUL byte can't be in a job file; remove it, and save the file as UTF-8 text"),
        Mistake(
            "a control character", "# c\r\nleft: \u{7}",
            "2:7: the control character U+0007 can't be in a job file; "
                + "remove it, and save the file as UTF-8 text"
        ),
    ]

    @Test(
        "an empty file is said to be empty", arguments: ["", "\n \n", "# only a comment\n", "---\n", "null"])
    func empty(yaml: String) {
        #expect(complaints(yaml) == "job.yaml: the file is empty; write left:, right: and tables:")
    }

    @Test("anchors, aliases and merge keys share what tables have in common")
    func aliases() throws {
        let job = try parseJob(
            twoSides + """
                tables:
                  a: &common
                    match: [id]
                    deletes: keep
                  b: *common
                  c:
                    <<: *common
                    deletes: ask
                """)
        let tables = job.tables.listed
        #expect(tables.map(\.match) == Array(repeating: .fields(["id"]), count: 3))
        #expect(tables.map(\.deletes) == [.keep, .keep, .ask])
    }

    @Test("aliases can't make a small file large")
    func aliasBomb() {
        #expect(
            complaints(bomb + "left: *e\n")
                == "job.yaml:1:29: the file holds more than 100,000 nodes once its aliases are resolved; "
                + "write the parts out, with fewer aliases")
        #expect(
            complaints(bomb + "? [*e, *e]\n: x\n")
                == "job.yaml:6:1: many aliases beside a key that is no single word; write KEY: VALUE")
    }

    private var bomb: String {
        var yaml = "a: &a [" + Array(repeating: "x", count: 20).joined(separator: ", ") + "]\n"
        for (name, inner) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d")] {
            let list = Array(repeating: "*\(inner)", count: 14).joined(separator: ", ")
            yaml += "\(name): &\(name) [\(list)]\n"
        }
        return yaml
    }

    @Test("deep nesting is refused before it can hurt", arguments: [65, 900, 5000])
    func depth(levels: Int) {
        let yaml = "a: " + String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        #expect(complaints(yaml).hasSuffix(": nested more than 64 levels deep; remove some levels"))
    }

    @Test("a chain of anchors can't nest without end", arguments: [15, 400])
    func chain(links: Int) {
        let (open, close) = (String(repeating: "[", count: 900), String(repeating: "]", count: 900))
        var yaml = "a0: &a0 \(open)1\(close)\n"
        for link in 1...links { yaml += "a\(link): &a\(link) \(open)*a\(link - 1)\(close)\n" }
        let said = links == 15 ? "nested more than 64 levels deep" : "more than 16 anchors that aliases use"
        #expect(complaints(yaml).contains(said))
    }

    @Test("a file as large as a table is refused")
    func size() {
        let yaml = twoSides + String(repeating: "# filler\n", count: 130_000)
        #expect(
            complaints(yaml) == "job.yaml: the file is larger than 1 MB; a job file names tables, not records"
        )
    }

    @Test("a word is near to another by two edits or a third of its length")
    func spelling() {
        #expect(Spelling.nearest(to: "macth", in: ["left", "match"]) == "match")
        #expect(Spelling.nearest(to: "On-Empty-Sides", in: ["on_empty_side"]) == "on_empty_side")
        #expect(Spelling.nearest(to: "conflcts_by_fild", in: ["conflict_by_field"]) == "conflict_by_field")
        #expect(Spelling.nearest(to: "ab", in: ["xy", "id"]) == nil)
        #expect(Spelling.nearest(to: "wholly", in: ["other"]) == nil)
        #expect(Spelling.distance(Array("ca"), Array("ac")) == 1)
        #expect(Spelling.distance(Array("kitten"), Array("sitting")) == 3)
    }
}
