import Foundation
import Testing

/// Datasets that an executable exports, from the command: the example `Examples/Inventories`, and notes in folders.
@Suite struct ProgramCommandTests {
    private static let example = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Examples/Inventories").standardizedFileURL

    /// A program that is built beside the command.
    private func built(_ name: String) throws -> String {
        try Workplace.binary().deletingLastPathComponent().appending(path: name).path
    }

    private func inventories(_ place: Workplace) throws -> (json: String, sqlite: String) {
        let text = try String(contentsOf: Self.example.appending(path: "inventory.json"), encoding: .utf8)
        try place.write("inventory.json", text)
        try place.sql(
            "network.sqlite", String(contentsOf: Self.example.appending(path: "network.sql"), encoding: .utf8)
        )
        let program = try built("DovetailTestInventories")
        try place.write(
            "network.yaml",
            String(contentsOf: Self.example.appending(path: "network.yaml"), encoding: .utf8)
                .replacing(".build/debug/inventories", with: program))
        return ("program:\(program) json", "program:\(program) sqlite")
    }

    private let devices = "SELECT * FROM device ORDER BY 1, 2"

    @Test func `the example is compared, planned, synced, verified, listed and undone`() throws {
        let place = try Workplace()
        let sources = try inventories(place)
        let before = try place.rows("network.sqlite", devices)
        let diff = try place.run("diff", sources.json, sources.sqlite)
        #expect(
            diff.status == 3 && diff.out.contains("spine") && diff.out.contains("They differ."), "\(diff)")
        let plan = try place.run("plan", "network", "--out", "network.plan")
        #expect(plan.status == 0 && plan.out.contains("+ lon → sqlite"), "\(plan)")
        #expect(try place.rows("network.sqlite", devices) == before)
        let applied = try place.run("apply", "network.plan")
        #expect(applied.status == 0, "\(applied)")
        #expect(
            try place.rows("network.sqlite", devices) == [
                "lon|sw1|spine", "nyc|sw1|spine", "nyc|sw2|leaf", "sfo|old|leaf",
            ])
        #expect(
            try place.rows("network.sqlite", "SELECT mtu, enabled FROM interface ORDER BY 1") == [
                "NULL|0", "9000|1", "9000|1",
            ])
        // What only the follower has stays there.
        #expect(try place.run("sync", "network").status == 0)
        #expect(try place.run("sync", "network").out.contains("nothing to do"))
        #expect(try place.run("runs", "network").status == 0)
        let undo = try place.run("undo", "network", "1")
        #expect(undo.status == 0, "\(undo)")
        #expect(try place.rows("network.sqlite", devices) == before)
    }

    @Test func `what a hook refuses is reported in its words, and owed`() throws {
        let place = try Workplace()
        _ = try inventories(place)
        let good = try String(contentsOfFile: place.path("inventory.json"), encoding: .utf8)
        try place.write(
            "inventory.json",
            good.replacing("\"name\": \"eth0\", \"mtu\": 9000", with: "\"name\": \"eth0\", \"mtu\": 99000"))
        let refused = try place.run("sync", "network")
        #expect(refused.status == 3 && refused.out.contains("CHECK constraint failed"), "\(refused)")
        #expect(try place.rows("network.sqlite", devices).contains("lon|sw1|spine"))
        try place.write("inventory.json", good)
        #expect(try place.run("sync", "network").status == 0)
        #expect(try place.run("sync", "network").out.contains("nothing to do"))
    }

    @Test func `what has no hooks is compared, and a job that would write to it is refused`() throws {
        let place = try Workplace()
        let sources = try inventories(place)
        let drafted = try place.run("init", sources.sqlite, sources.json)
        #expect(drafted.status != 0 && drafted.err.contains("“site” has no hooks in json"), "\(drafted)")
        let job = try String(contentsOfFile: place.path("network.yaml"), encoding: .utf8)
        try place.write(
            "both.yaml", job.replacing("left-to-right", with: "both").replacing("all", with: "{site: {}}"))
        let refused = try place.run("plan", "both")
        #expect(refused.status == 2 && refused.err.contains("has no hooks in json"), "\(refused)")
        let check = try place.run("check", "network")
        #expect(check.status == 0, "\(check)")
    }

    @Test func `init drafts a job over two programs that runs`() throws {
        let place = try Workplace()
        try folders(place, ["a": "1"], ["b": "1"])
        let program = try built("DovetailTestProgram")
        let drafted = try place.run(
            "init", "program:\(program) left", "program:\(program) right", "--job", "drafted")
        #expect(drafted.status == 0 && drafted.out.contains("matched by name"), "\(drafted)")
        #expect(try place.run("sync", "drafted").status == 0)
        #expect(
            try notes(place, "left") == ["a": "1", "b": "1"] && notes(place, "right") == notes(place, "left"))
    }

    @Test func `a record that a dataset holds twice is left alone, and what a file has wrong is said`() throws
    {
        let place = try Workplace()
        let sources = try inventories(place)
        let good = try String(contentsOfFile: place.path("inventory.json"), encoding: .utf8)
        try place.write(
            "inventory.json", good.replacing("\"nyc\", \"name\": \"sw2\"", with: "\"nyc\", \"name\": \"sw1\"")
        )
        let twice = try place.run("sync", "network")
        #expect(twice.status == 3 && twice.out.contains("several records on json have this key"), "\(twice)")
        #expect(try place.rows("network.sqlite", devices).contains("nyc|sw1|leaf"))
        try place.write("inventory.json", good.replacing("leaf", with: "core"))
        let wrong = try place.run("diff", sources.json, sources.sqlite)
        #expect(
            wrong.status == 1
                && wrong.err.contains("inventory.json: device 3: role: “core” is none of its values"),
            "\(wrong)")
    }

    // MARK: Notes in folders

    private func folders(_ place: Workplace, _ left: [String: String], _ right: [String: String]) throws {
        for (folder, notes) in [("left", left), ("right", right)] {
            try FileManager.default.createDirectory(
                atPath: place.path(folder), withIntermediateDirectories: true)
            for (name, text) in notes { try place.write("\(folder)/\(name)", text) }
        }
        let program = try built("DovetailTestProgram")
        try place.write(
            "job.yaml", "left: program:\(program) left\nright: program:\(program) right\ntables: all\n")
    }

    private func notes(_ place: Workplace, _ folder: String) throws -> [String: String] {
        var notes: [String: String] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: place.path(folder)) {
            notes[name] = try String(contentsOfFile: place.path("\(folder)/\(name)"), encoding: .utf8)
        }
        return notes
    }

    @Test func `edits of both sides are carried over from run to run, and conflicts are kept and resolved`()
        throws
    {
        let place = try Workplace()
        try folders(place, ["a": "1", "b": "1", "c": "1"], ["c": "1", "d": "1"])
        #expect(try place.run("sync", "job").status == 0)
        #expect(try notes(place, "left") == ["a": "1", "b": "1", "c": "1", "d": "1"])
        #expect(try notes(place, "right") == notes(place, "left"))
        #expect(try place.run("sync", "job").out.contains("nothing to do"))

        try place.write("left/a", "2")
        try place.write("right/b", "2")
        try FileManager.default.removeItem(atPath: place.path("right/c"))
        try place.write("left/d", "left")
        try place.write("right/d", "right")
        let second = try place.run("sync", "job")
        #expect(second.status == 3, "\(second)")
        #expect(try notes(place, "left") == ["a": "2", "b": "2", "d": "left"])
        #expect(try notes(place, "right") == ["a": "2", "b": "2", "d": "right"])
        #expect(try place.run("conflicts", "job").out.contains("right"))
        #expect(try place.run("conflicts", "resolve", "job", "--all", "--take", "left").status == 0)
        #expect(try place.run("sync", "job").status == 0)
        #expect(try notes(place, "right") == ["a": "2", "b": "2", "d": "left"])
        #expect(try place.run("verify", "job").status == 0)

        #expect(try place.run("undo", "job", "2").status == 0)
        #expect(try notes(place, "left") == ["a": "2", "b": "1", "c": "1", "d": "left"])
        #expect(try notes(place, "right") == ["a": "1", "b": "2", "d": "left"])
    }

    @Test func `an emptied side stops the run`() throws {
        let place = try Workplace()
        try folders(place, ["a": "1", "b": "1"], [:])
        #expect(try place.run("sync", "job").status == 0)
        for name in ["a", "b"] { try FileManager.default.removeItem(atPath: place.path("right/\(name)")) }
        #expect(try place.run("sync", "job").status == 4)
        #expect(try notes(place, "left").count == 2)
    }

    @Test func `a program that dies among its writes leaves a run that the next one completes`() throws {
        let place = try Workplace()
        var all: [String: String] = [:]
        for number in 10..<40 { all["n\(number)"] = "text" }
        all["n25"] = "crash"
        try folders(place, all, [:])
        let died = try place.run("sync", "job")
        #expect(died.status == 1 && died.err.contains("it was killed by signal 9"), "\(died)")
        #expect(try notes(place, "right").count == 15)
        try place.write("left/n25", "text")
        let healed = try place.run("sync", "job")
        #expect(healed.status == 0 && healed.out.contains("15 inserted"), "\(healed)")
        #expect(try notes(place, "left") == notes(place, "right"))
        #expect(try notes(place, "right").count == 30)
        #expect(try place.run("sync", "job").out.contains("nothing to do"))
    }

    @Test func `a hook's refusal waits, and a dataset that is not whole is not compared`() throws {
        let place = try Workplace()
        try folders(place, ["a": "refuse", "b": "1"], [:])
        let refused = try place.run("sync", "job")
        #expect(refused.status == 3 && refused.out.contains("the folder says no to a"), "\(refused)")
        #expect(try notes(place, "right") == ["b": "1"])
        try place.write("left/c", "incomplete")
        let incomplete = try place.run("sync", "job")
        #expect(
            incomplete.status == 1 && incomplete.err.contains("not be loaded whole: page 3 timed out"),
            "\(incomplete)")
    }

    @Test func `what a program prints does not get between its answers, and --json stays one object`() throws
    {
        let place = try Workplace()
        try folders(place, ["a": "1"], ["a": "1"])
        let outcome = try place.run("sync", "job", "--json")
        #expect(outcome.status == 0)
        #expect(try outcome.json["error"] == nil)
        #expect(outcome.err.contains("DovetailTestProgram: this goes to stderr"))
    }

    @Test func `a program that isn't there, or has no such dataset, is refused in words`() throws {
        let place = try Workplace()
        let sources = try inventories(place)
        let unknown = try place.run("diff", sources.json + "x", sources.sqlite)
        #expect(
            unknown.status == 1 && unknown.err.contains("there is no dataset “jsonx”; there is json, sqlite"),
            "\(unknown)")
        let missing = try place.run("diff", "program:./nothing", sources.sqlite)
        #expect(missing.err.contains("no such program: \(place.folder.path)/nothing"), "\(missing)")
        try place.write("job.yaml", "left: program:nothing here\nright: \(sources.sqlite)\ntables: all\n")
        let job = try place.run("plan", "job")
        #expect(job.status == 2 && job.err.contains("left.source: no such program"), "\(job)")
        let conditioned = try String(contentsOfFile: place.path("network.yaml"), encoding: .utf8)
            .replacing("tables: all", with: "tables: {site: {where: {left: name = 'nyc'}}}")
        try place.write("where.yaml", conditioned)
        let refused = try place.run("plan", "where")
        #expect(
            refused.status == 2 && refused.err.contains("a dataset has no language for conditions"),
            "\(refused)")
    }

    @Test func `attributes can be left out and called otherwise`() throws {
        let place = try Workplace()
        let sources = try inventories(place)
        try place.sql(
            "other.sqlite",
            "CREATE TABLE devices (place TEXT, title TEXT, kind TEXT, PRIMARY KEY (place, title));")
        try place.sql("other.sqlite", "INSERT INTO devices VALUES ('nyc', 'sw1', 'old'), ('nyc', 'new', 'x')")
        try place.write(
            "job.yaml",
            """
            left: sqlite:other.sqlite
            right: {label: network, source: "\(sources.sqlite)"}
            tables:
              device:
                left: devices
                match: [site, name]
                fields: {name: {left: title}, site: {left: place}}
            """)
        let outcome = try place.run("sync", "job")
        #expect(outcome.status == 0, "\(outcome)")
        // A new device has what a new model has.
        #expect(
            try place.rows("network.sqlite", devices) == [
                "nyc|new|leaf", "nyc|sw1|leaf", "nyc|sw2|leaf", "sfo|old|leaf",
            ])
        #expect(try place.rows("other.sqlite", "SELECT place FROM devices").count == 4)
    }

    /// The program of docs/programs.md, as it stands there.
    @Test func `the program of the documentation is compared, synced both ways and undone`() throws {
        let page = try String(
            contentsOf: Self.example.appending(path: "../../docs/programs.md"), encoding: .utf8)
        let start = try #require(page.range(of: "```python\n")?.upperBound)
        let end = try #require(page[start...].range(of: "```\n")?.lowerBound)
        let place = try Workplace()
        try place.write("devices.py", String(page[start..<end]))
        try place.write(
            "devices.json",
            #"[{"name": "sw2", "role": "leaf", "mtu": 1500, "rack": 4}, {"name": "sw1", "role": "spine"}]"#)
        try place.write("devices.csv", "name,role,mtu\nsw1,leaf,9000\nsw3,leaf,\n")
        let program = "program:/usr/bin/env python3 devices.py devices.json"
        let diff = try place.run("diff", program, "devices.csv", "--table", "device=devices")
        #expect(diff.status == 3 && diff.out.contains("9000"), "\(diff)")
        try place.write(
            "job.yaml",
            "left: \(program)\nright: devices.csv\ntables: {device: {right: devices, match: [name], conflicts: right}}\n"
        )
        let sync = try place.run("sync", "job")
        #expect(sync.status == 0, "\(sync)")
        #expect(
            try String(contentsOfFile: place.path("devices.csv"), encoding: .utf8)
                == "name,role,mtu\nsw1,leaf,9000\nsw3,leaf,\nsw2,leaf,1500\n")
        let json = try String(contentsOfFile: place.path("devices.json"), encoding: .utf8)
        #expect(json.contains(#""rack": 4"#) && json.contains("9000") && json.contains("sw3"))
        #expect(try place.run("sync", "job").out.contains("nothing to do"))
        #expect(try place.run("verify", "job").status == 0)
        #expect(try place.run("undo", "job", "1").status == 0)
        #expect(try !String(contentsOfFile: place.path("devices.json"), encoding: .utf8).contains("sw3"))
    }
}
