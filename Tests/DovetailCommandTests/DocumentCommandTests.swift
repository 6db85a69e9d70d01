import Foundation
import Testing

/// A hub and clients as processes, as their users start them.
@Suite("Shared texts from the command")
struct DocumentCommandTests {
    private typealias Hub = HubProcess

    @Test("what one saves is in the others' files; who, when and what are shown; and an old text comes back")
    func history() throws {
        let hub = try Hub(people: ["anna", "bo"])
        _ = try hub.watch("anna")
        _ = try hub.watch("bo")
        try hub.place.write("anna/list.txt", "bread\nmilk\n")
        try hub.until { hub.read("bo/list.txt") == "bread\nmilk\n" ? true : nil }
        try hub.place.write("bo/list.txt", "rye bread\nmilk\n")
        try hub.until { hub.read("anna/list.txt") == "rye bread\nmilk\n" ? true : nil }

        let log = try hub.doc("log", "anna/list.txt", "--patch")
        #expect(
            log.status == 0 && log.out.contains("2  bo") && log.out.contains("-bread\n+rye bread"), "\(log)")
        let commits = try #require(
            try hub.doc("log", "bo/list.txt", "--json").json["commits"] as? [[String: Any]])
        #expect(commits.map { $0["author"] as? String } == ["bo", "anna"])
        #expect(try hub.doc("show", "anna/list.txt", "1").out == "bread\nmilk\n")
        let blame = try hub.doc("blame", "anna/list.txt", "--json")
        let lines = try #require(try blame.json["lines"] as? [[String: Any]])
        #expect(lines.map { ($0["commit"] as? [String: Any])?["author"] as? String } == ["bo", "anna"])
        #expect(try hub.doc("diff", "anna/list.txt").status == 0)
        #expect(try hub.doc("diff", "anna/list.txt", "1").status == 3)
        #expect(try hub.doc("list", "anna").out.contains("list.txt  15 bytes"))
        #expect(try hub.doc("restore", "anna/list.txt", "1").status == 0)
        try hub.until { hub.read("bo/list.txt") == "bread\nmilk\n" ? true : nil }
        #expect(try hub.doc("restore", "anna/list.txt", "1").out.contains("already"))
        #expect(try hub.doc("status", "anna").status == 0)
    }

    @Test("edits of the same lines wait with both texts, until someone decides")
    func conflict() throws {
        let hub = try Hub(people: ["anna", "bo"])
        func round(_ name: String, _ verb: String = "push") throws -> Workplace.Outcome {
            try hub.doc(verb, name, "--hub", hub.address, "--token-file", "\(name).token")
        }
        try hub.place.write("anna/a.txt", "1\n2\n3\n4\n5\n")
        #expect(try round("anna").status == 0)
        #expect(try round("bo", "pull").status == 0)
        try hub.place.write("anna/a.txt", "anna\n2\n3\n4\n5\n")
        try hub.place.write("bo/a.txt", "bo\n2\n3\n4\nfive\n")
        #expect(try round("anna").status == 0)
        let refused = try round("bo")
        #expect(refused.status == 3 && refused.out.contains("in conflict"), "\(refused)")
        #expect(hub.read("bo/a.txt") == "bo\n2\n3\n4\nfive\n")
        let shown = try hub.doc("conflicts", "bo")
        #expect(
            shown.status == 3 && shown.out.contains("here    bo") && shown.out.contains("at hub  anna"),
            "\(shown)")
        #expect(try hub.doc("resolve", "bo/a.txt", "--mine", "--both").status == 2)
        #expect(try hub.doc("resolve", "anna/a.txt", "--mine").status == 2)
        #expect(try hub.doc("resolve", "bo/a.txt", "--both").status == 0)
        #expect(try round("bo").status == 0)
        #expect(hub.read("bo/a.txt") == "anna\nbo\n2\n3\n4\nfive\n")
        #expect(try round("anna", "pull").status == 0)
        #expect(hub.read("anna/a.txt") == "anna\nbo\n2\n3\n4\nfive\n")
        #expect(try hub.doc("conflicts", "bo").status == 0)
    }

    @Test("a conflict that waits is told of each time")
    func waiting() throws {
        let hub = try Hub(people: ["anna", "bo"])
        let words = { (name: String) in [name, "--hub", hub.address, "--token-file", "\(name).token"] }
        for (name, text) in [("anna", "1\n"), ("bo", "2\n")] {
            try hub.place.write("\(name)/a.txt", text)
            _ = try hub.place.run(words: ["doc", "push"] + words(name))
        }
        for verb in ["push", "pull"] {
            let again = try hub.doc(verb, "bo")
            #expect(again.status == 3 && again.out.contains("a.txt  a conflict waits"), "\(again)")
        }
    }

    @Test(
        "a path that is not there is no folder around it; what is in a kept folder can't be given a hub of its own"
    )
    func noSuchPath() throws {
        let hub = try Hub()
        let words = ["--hub", hub.address, "--token-file", "anna.token"]
        try hub.place.write("anna/private.txt", "secret\n")
        #expect(try hub.place.run(words: ["doc", "push", "anna"] + words).status == 0)
        let elsewhere = ["--hub", hub.address.replacing("/notes", with: "/public")]
        for (verb, path) in [
            ("push", "anna/drafts"), ("pull", "anna/drafts"), ("watch", "anna/drafts"), ("push", "nowhere"),
            ("status", "anna/drafts"), ("push", "anna/private.txt"),
        ] {
            let refused = try hub.place.run(words: ["doc", verb, path] + elsewhere)
            #expect(refused.status == 2, "\(verb) \(path): \(refused)")
        }
        #expect(hub.read("anna/.dovetail/documents/folder/hub.json")?.contains("public") == false)
    }

    @Test("a command that is refused changes no hub that is remembered")
    func remembered() throws {
        let hub = try Hub()
        let words = ["--hub", hub.address, "--token-file", "anna.token"]
        try hub.place.write("anna/a.txt", "x\n")
        #expect(try hub.place.run(words: ["doc", "push", "anna"] + words).status == 0)
        let memory = hub.read("anna/.dovetail/documents/folder/hub.json")
        // No token for it; and while another client keeps the folder.
        let foreign = hub.address.replacing("/notes", with: "/elsewhere")
        #expect(try hub.doc("push", "anna", "--hub", foreign).status == 1)
        try hub.place.write("anna/b.txt", "x\n")
        _ = try hub.watch("anna")
        try hub.until { (hub.read("anna.log") ?? "").contains("b.txt") ? true : nil }
        #expect(try hub.doc("push", "anna", "--hub", foreign).status == 1)
        #expect(hub.read("anna/.dovetail/documents/folder/hub.json") == memory)
    }

    @Test("a folder that is not there yet is made by a pull; a document by its name is one file")
    func newFolder() throws {
        let hub = try Hub()
        let words = ["--hub", hub.address, "--token-file", "anna.token"]
        try hub.place.write("anna/a.txt", "x\n")
        #expect(try hub.place.run(words: ["doc", "push", "anna"] + words).status == 0)
        #expect(try hub.place.run(words: ["doc", "pull", "fresh"] + words).status == 0)
        #expect(hub.read("fresh/a.txt") == "x\n")
        #expect(try hub.place.run(words: ["doc", "pull", "a.txt"] + words).status == 0)
        #expect(hub.read("a.txt") == "x\n")
    }

    @Test("a pull sends nothing, and a status changes nothing")
    func pullOnly() throws {
        let hub = try Hub()
        try hub.place.write("anna/a.txt", "mine\n")
        let words = ["--hub", hub.address, "--token-file", "anna.token"]
        let status = try hub.place.run(words: ["doc", "status", "anna", "--json"] + words)
        let documents = try #require(try status.json["documents"] as? [[String: Any]])
        #expect(documents.first?["next"] as? String == "push")
        #expect(try hub.place.run(words: ["doc", "pull", "anna"] + words).status == 0)
        #expect(
            try hub.place.run(words: ["doc", "list", "anna"] + words).out.contains("there are no documents"))
        #expect(try hub.place.run(words: ["doc", "push", "anna"] + words).out.contains("commit 1"))
    }

    @Test("what a rule of the hub refuses stays in the file, with the reason")
    func rules() throws {
        let hub = try Hub(
            configuration: """
                store: shop.db
                documents:
                  - {name: "*.log", append_only: true, merge: append}
                  - {name: "**", characters: ascii, largest: 100}
                """)
        let words = ["anna", "--hub", hub.address, "--token-file", "anna.token"]
        try hub.place.write("anna/x.log", "one\n")
        try hub.place.write("anna/y.txt", "plain\n")
        #expect(try hub.place.run(words: ["doc", "push"] + words).status == 0)
        try hub.place.write("anna/x.log", "other\n")
        try hub.place.write("anna/y.txt", "grün\n")
        let refused = try hub.place.run(words: ["doc", "push"] + words)
        #expect(refused.status == 3 && refused.out.contains("x.log  refused"), "\(refused)")
        #expect(refused.out.contains("y.txt  refused"))
        #expect(hub.read("anna/x.log") == "other\n" && hub.read("anna/y.txt") == "grün\n")
        #expect(try hub.doc("show", "anna/x.log").out == "one\n")
        #expect(hub.place.exists("shop.db") && !hub.place.exists("hub.db"))
    }

    @Test(
        "a text of the size that the hub's file allows is taken, and one byte more is refused with that size")
    func largest() throws {
        let hub = try Hub(configuration: "limits: {text: 100_000}")
        let words = ["anna", "--hub", hub.address, "--token-file", "anna.token"]
        try hub.place.write("anna/a.txt", String(repeating: "a", count: 100_000))
        try hub.place.write("anna/b.txt", String(repeating: "b", count: 100_001))
        let push = try hub.place.run(words: ["doc", "push"] + words)
        #expect(push.status == 3 && push.out.contains("a.txt  commit 1"), "\(push)")
        #expect(
            push.out.contains(
                "“b.txt” would have 100001 bytes, and this hub takes texts of 100000 bytes; divide it"),
            "\(push)")
    }

    @Test(
        "a hub that is killed goes on where it was; what was saved meanwhile comes, and nothing is there twice"
    )
    func killed() throws {
        let hub = try Hub(people: ["anna", "bo"])
        _ = try hub.watch("anna")
        _ = try hub.watch("bo")
        var text = ""
        for round in 1...3 {
            try hub.kill()
            text += "line \(round)\n"
            try hub.place.write(round == 2 ? "bo/a.txt" : "anna/a.txt", text)
            try hub.restart()
            try hub.until { hub.read("anna/a.txt") == text && hub.read("bo/a.txt") == text ? true : nil }
        }
        #expect(try hub.doc("log", "anna/a.txt", "--json").out.matches(of: /"sequence"/).count == 3)
    }

    @Test("tokens are made, listed and revoked; what is stored is proven")
    func tokens() throws {
        let place = try Workplace()
        #expect(try place.run("serve", "token", "add", "anna").out.hasPrefix("dovetail_"))
        #expect(try place.run("serve", "token", "add", "bo", "--set", "notes", "--read-only").status == 0)
        #expect(try place.run("serve", "token", "add", "bo", "--set", "a/b").status == 2)
        let listed = try place.run("serve", "token", "list").out
        #expect(listed.contains("anna  all sets, reads and writes") && listed.contains("bo  notes, reads"))
        #expect(try place.run("serve", "token", "revoke", "anna").status == 0)
        #expect(try place.run("serve", "token", "revoke", "anna").status == 2)
        #expect(try place.run("serve", "token", "list").out.contains("revoked"))
        #expect(try place.run("serve", "verify").out.contains("every text is proven"))
    }

    @Test("a token that was revoked lets nobody in, and edits stay")
    func revoked() throws {
        let hub = try Hub()
        let words = ["anna", "--hub", hub.address, "--token-file", "anna.token"]
        #expect(try hub.place.run("serve", "token", "revoke", "anna").status == 0)
        try hub.place.write("anna/a.txt", "x\n")
        let push = try hub.place.run(words: ["doc", "push"] + words)
        #expect(push.status == 1 && push.err.contains("token") && hub.read("anna/a.txt") == "x\n", "\(push)")
        let token = try #require(hub.read("anna.token")).trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(!push.err.contains(token) && !push.out.contains(token))
    }

    @Test(
        "misuse is told in one message, with exit code 2",
        arguments: [
            (["doc", "list"], "which hub?"), (["doc", "list", "--hub", "ftp://x/y"], "http"),
            (["doc", "list", "--hub", "http://localhost:1/notes"], "wants a token"),
            (["doc", "log", "../x", "--hub", "http://localhost:1/notes"], "can't be the name"),
            (["doc", "resolve", "a.txt"], "say one of"), (["serve", "--port", "70000"], "there is no port"),
            (["serve", "--config", "none.yaml"], "can't be read"),
            (["doc", "list", "--hub", "http://127.0.0.1:65536/notes"], "there is no port 65536"),
            (["diff", "documents:.", "hub+https://127.0.0.1:99999/x"], "there is no port 99999"),
            (["serve", "--certificates", "a.pem"], "go together"),
        ])
    func misuse(words: [String], message: String) throws {
        let place = try Workplace()
        let outcome = try place.run(
            words: words, environment: ["DOVETAIL_HUB": "", "DOVETAIL_HUB_TOKEN": ""])
        #expect(outcome.status == 2 && outcome.err.contains(message), "\(outcome)")
    }

    @Test("a hub's file is refused with what is wrong, and where")
    func badFile() throws {
        let place = try Workplace()
        try place.write(
            "hub.yaml",
            """
            stor: x.db
            listen: {port: 99999, key: k.pem}
            documents: [{name: "*", merge: line, set: "a/b"}]
            """)
        let outcome = try place.run("serve", "--config", "hub.yaml")
        #expect(outcome.status == 2)
        for part in [
            "1:1: stor: unknown key; did you mean “store”?", "there is no port 99999", "TLS needs both",
            "did you mean “lines”?", "can't be the name of a set",
        ] {
            #expect(outcome.err.contains(part), "\(part): \(outcome.err)")
        }
        try place.write("hub.db", "no database")
        #expect(try place.run("serve").status != 0)
        #expect(try String(contentsOfFile: place.path("hub.db"), encoding: .utf8) == "no database")
    }

    @Test("a folder and a hub are two sides of a job")
    func job() throws {
        let hub = try Hub()
        try hub.place.write("anna/a.txt", "x\n")
        try hub.place.write(
            "notes.yaml",
            """
            left: documents:anna
            right: hub+\(hub.address)
            tables: {documents: {match: [path]}}
            conflicts: merge
            """)
        let environment = [
            "DOVETAIL_HUB_TOKEN": try #require(hub.read("anna.token")).trimmingCharacters(
                in: .whitespacesAndNewlines)
        ]
        let plan = try hub.place.run("plan", "notes", environment: environment)
        #expect(plan.status == 0 && plan.out.contains("+ a.txt → right"), "\(plan)")
        #expect(try hub.place.run("sync", "notes", environment: environment).status == 0)
        #expect(try hub.place.run("verify", "notes", environment: environment).status == 0)
        let again = try hub.place.run("sync", "notes", environment: environment)
        #expect(again.out.contains("nothing to do"), "\(again)")
        try hub.place.write("anna/a.txt", "y\n")
        #expect(try hub.place.run("verify", "notes", environment: environment).status == 3)
        let closed = try hub.place.run("plan", "notes", environment: ["DOVETAIL_HUB_TOKEN": "dovetail_wrong"])
        #expect(closed.status == 1 && closed.err.contains("token"), "\(closed)")
    }
}
