import Foundation
import Testing

@Suite struct OutputTests {
    @Test func `every command gives one JSON object on stdout with its documented keys`() throws {
        let place = try Workplace()
        try place.agreeing()
        try place.sql("a.sqlite", "UPDATE benches SET name='Best' WHERE code='B7';")
        let documented = try documentation()
        let commands: [([String], Set<String>)] = [
            (["plan", "job"], ["job", "left", "right", "quiet", "halts", "notes", "tables"]),
            (["verify", "job"], ["job", "left", "right", "agrees", "tables"]),
            (["diff", "a.sqlite", "b.sqlite"], ["left", "right", "agrees", "tables"]),
            (["check", "job"], ["job", "fits", "left", "right", "tables", "notes"]),
            (["init", "a.sqlite", "b.sqlite"], ["file", "job", "tables", "notes"]),
            (
                ["sync", "job"],
                [
                    "job", "run", "status", "firstMeeting", "left", "right", "overtaken", "tables",
                    "conflicts", "rejected", "refused",
                ]
            ),
            (["runs", "job"], ["job", "runs"]),
            (["runs", "job", "2"], ["job", "run", "changes"]),
            (["conflicts", "list", "job"], ["job", "conflicts", "rejected"]),
            (
                ["undo", "job", "2", "--dry-run"],
                ["job", "left", "right", "quiet", "halts", "notes", "tables"]
            ),
            (["status", "job"], ["jobs"]),
            (["conflicts", "resolve", "job", "--all", "--take", "left"], ["job", "decided", "undecided"]),
        ]
        for (words, keys) in commands {
            let outcome = try place.run(words: words + ["--json"])
            let json = try outcome.json
            #expect(Set(json.keys) == keys, "\(words)")
            #expect(outcome.out.hasSuffix("}\n") && outcome.out.split(separator: "\n").count == 1, "\(words)")
            for key in keys {
                #expect(documented.contains("`\(key)`"), "\(words): \(key) is not in docs/json.md")
            }
        }
    }

    private func documentation() throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent("docs/json.md"), encoding: .utf8)
    }

    @Test func `errors are JSON too, with the same exit code`() throws {
        let place = try Workplace()
        for words in [["plan", "nope"], ["plan"], ["plan", "x", "--nonsense"]] {
            let refused = try place.run(words: words + ["--json"])
            #expect(refused.status == 2)
            let error = try #require(try refused.json["error"] as? [String: Any])
            #expect(error["code"] as? String == "usage")
            #expect(error["message"] is String)
        }
        #expect(try place.run("--help").status == 0)
        #expect(try place.run("--version").out == "0.1.0\n")
        #expect(try place.run("nonsense").status == 2)
    }

    @Test func `progress goes to stderr, and --quiet ends it`() throws {
        let place = try Workplace()
        try place.agreeing()
        #expect(try place.run("plan", "job").err.contains("benches: 30 records compared, 0 to write"))
        #expect(try place.run("plan", "job", "--quiet").err.isEmpty)
        #expect(try place.run("plan", "job", "--quiet", "--verbose").err.contains("planned"))
    }

    @Test func `colours come where they are wanted only`() throws {
        let place = try Workplace()
        try place.twoSides()
        try place.job()
        #expect(!(try place.run("plan", "job").out.contains("\u{1B}[")))
        #expect(
            try place.run("plan", "job", environment: ["CLICOLOR_FORCE": "1", "NO_COLOR": ""]).out.contains(
                "\u{1B}[32m+"))
        let none = try place.run("plan", "job", environment: ["CLICOLOR_FORCE": "1", "NO_COLOR": "1"])
        #expect(!none.out.contains("\u{1B}["))
    }

    @Test func `hostile text can't steer the terminal`() throws {
        let place = try Workplace()
        let hostile = "x\u{1B}]0;owned\u{07}\u{1B}[2J\r\n"
        try place.sql("a.sqlite", "CREATE TABLE \"t\(hostile)\"(k TEXT UNIQUE, \"f\(hostile)\" TEXT);")
        try place.sql("b.sqlite", "CREATE TABLE \"t\(hostile)\"(k TEXT UNIQUE, \"f\(hostile)\" TEXT);")
        try place.sql("a.sqlite", "INSERT INTO \"t\(hostile)\" VALUES ('k\(hostile)', 'v\(hostile)');")
        try place.sql("b.sqlite", "INSERT INTO \"t\(hostile)\" VALUES ('k\(hostile)', 'w\(hostile)');")
        try place.job(tables: "tables: all")
        for words in [
            ["plan", "job"], ["sync", "job"], ["conflicts", "job"], ["verify", "job"], ["check", "job"],
            ["runs", "job"], ["status"], ["diff", "a.sqlite", "b.sqlite"],
        ] {
            let outcome = try place.run(words: words)
            #expect(!(outcome.out + outcome.err).contains("\u{1B}"), "\(words)")
            #expect(!(outcome.out + outcome.err).contains("\r"), "\(words)")
        }
    }

    @Test func `completion scripts are made for each shell`() throws {
        let place = try Workplace()
        for shell in ["bash", "zsh", "fish"] {
            let script = try place.run("--generate-completion-script", shell)
            #expect(script.status == 0)
            #expect(script.out.contains("dovetail"))
        }
    }
}
