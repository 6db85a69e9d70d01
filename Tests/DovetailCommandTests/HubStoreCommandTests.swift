import Foundation
import Testing

/// What is done with a hub's store while the hub is stopped.
@Suite("A hub's store from the command")
struct HubStoreCommandTests {
    @Test("a sound document is left alone by a repair, a damaged one goes on from what is proven")
    func repair() throws {
        let hub = try HubProcess()
        let words = ["anna", "--hub", hub.address, "--token-file", "anna.token"]
        for number in 1...4 {
            try hub.place.write("anna/a.txt", (1...number).map { "line \($0)\n" }.joined())
            #expect(try hub.place.run(words: ["doc", "push"] + words).status == 0)
        }
        try hub.kill()
        let idle = try hub.place.run("serve", "repair", "notes", "a.txt")
        #expect(idle.status == 0 && idle.out == "a.txt is not damaged; nothing was done\n", "\(idle)")
        #expect(try hub.place.rows("hub.db", "SELECT count(*) FROM commits") == ["4"])

        try hub.place.sql("hub.db", "UPDATE commits SET delta = zeroblob(length(delta)) WHERE sequence = 3")
        let found = try hub.place.run("serve", "verify")
        #expect(
            found.status == 1
                && found.out.contains(
                    "a.txt in the set notes is damaged: commit 3 is damaged: its delta does not begin as one does"
                ),
            "\(found)")
        #expect(found.out.contains("dovetail serve repair SET DOCUMENT"))
        let done = try hub.place.run("serve", "repair", "notes", "a.txt")
        #expect(done.status == 0 && done.out.contains("lost are the texts of the commits 3 to 4"), "\(done)")
        #expect(done.out.contains("it goes on from commit 2"))
        #expect(try hub.place.run("serve", "verify").out.contains("every text is proven"))

        // Who has the newest text is asked, and brings it back.
        try hub.restart()
        #expect(try hub.place.run(words: ["doc", "push"] + words).status == 3)
        #expect(hub.read("anna/a.txt") == "line 1\nline 2\nline 3\nline 4\n")
        #expect(try hub.doc("resolve", "anna/a.txt", "--mine").status == 0)
        #expect(try hub.place.run(words: ["doc", "push"] + words).status == 0)
        #expect(try hub.doc("show", "anna/a.txt").out == "line 1\nline 2\nline 3\nline 4\n")
        let log = try hub.doc("log", "anna/a.txt")
        #expect(log.status == 0 && log.out.contains("anna (lost)"), "\(log)")
        #expect(try hub.doc("blame", "anna/a.txt").status == 0)
    }

    @Test("a token that another process revokes gets nothing more on the stream that is open")
    func revoked() throws {
        let hub = try HubProcess(people: ["anna", "bo"])
        let bo = try hub.watch("bo")
        let words = ["anna", "--hub", hub.address, "--token-file", "anna.token"]
        try hub.place.write("anna/a.txt", "first\n")
        #expect(try hub.place.run(words: ["doc", "push"] + words).status == 0)
        try hub.until { hub.read("bo/a.txt") == "first\n" ? true : nil }
        #expect(try hub.place.run("serve", "token", "revoke", "bo").status == 0)
        try hub.place.write("anna/a.txt", "secret\n")
        #expect(try hub.place.run(words: ["doc", "push"] + words).status == 0)
        try hub.until { (hub.read("bo.log") ?? "").contains("token") ? true : nil }
        #expect(bo.isRunning && hub.read("bo/a.txt") == "first\n")
    }

    @Test(
        "a store that is not there is looked at by nobody, and made by none but a hub and its first token",
        arguments: [
            ["verify"], ["repair", "notes", "a.txt"], ["restored"], ["token", "list"],
            ["token", "revoke", "bo"],
        ])
    func missing(words: [String]) throws {
        let place = try Workplace()
        let typo = try place.run(words: ["serve"] + words + ["--store", "typo.db"])
        #expect(typo.status == 2 && typo.err.contains("there is no hub's store at typo.db"), "\(typo)")
        #expect(!place.exists("typo.db"))
        #expect(try place.run("serve", "token", "add", "bo", "--store", "typo.db").status == 0)
        #expect(try place.run("serve", "token", "list", "--store", "typo.db").out.contains("bo"))
    }

    @Test("a hub's file that names no store means the one beside it")
    func besideItsFile() throws {
        let place = try Workplace()
        try FileManager.default.createDirectory(atPath: place.path("hub"), withIntermediateDirectories: true)
        try place.write("hub/hub.yaml", "keep: {days: 1}\n")
        #expect(try place.run("serve", "token", "add", "bo", "--config", "hub/hub.yaml").status == 0)
        #expect(place.exists("hub/hub.db") && !place.exists("hub.db"))
        #expect(try place.run("serve", "verify", "--config", "hub/hub.yaml").status == 0)
    }
}
