import Dovetail
import DovetailEngine
import Foundation
import Testing

@testable import DovetailPages

/// What stands in a page.
@Suite struct PageTests {
    @Test func aPlanShowsCountsChangesAndConflicts() async throws {
        let page = try await World.mixed().page()
        #expect(page.text.hasPrefix("<!doctype html>"))
        #expect(page.contains("<h1>What a sync of places would do</h1>"))
        #expect(page.contains("<title>Plan of places</title>"))
        #expect(
            page.contains(
                "<th scope=\"row\"><bdi>places</bdi></th><td class=\"side\"><bdi>field</bdi></td><td>3</td><td>1</td>"
            ))
        #expect(page.contains("both sides changed name"))
        #expect(page.contains("<b>base</b> <bdi class=text>“place 10”</bdi>"))
        #expect(
            page.contains(
                "<b><bdi>office</bdi></b> <bdi class=text>“Billund <mark>International Airport</mark>”</bdi>")
        )
        #expect(page.contains("Deletes") == false)
        #expect(page.contains("<span class=vh>to</span> <bdi>field</bdi>"))
    }

    @Test func aQuietPlanSaysSo() async throws {
        let page = try await World.agreed(3).page()
        #expect(page.contains("Nothing to do: both sides agree."))
        #expect(!page.contains("id=\"map\""))
    }

    @Test func limitsThatWouldStopItStandAbove() async throws {
        let world = try await World.agreed(30, limits: Limits(deleteNumber: 3))
        await world.delete(1...9, .left)
        let page = try await world.page()
        #expect(page.contains("A sync would stop before its first write"))
        #expect(page.contains("9 of 30 records would be deleted on field, and the limit is 3"))
    }

    @Test func nothingIsLoadedAndNothingInlineRuns() async throws {
        let page = try await World.mixed().page()
        let policy = try #require(page.text.firstMatch(of: /Content-Security-Policy" content="([^"]*)"/)?.1)
        #expect(policy.contains("default-src 'none'"))
        #expect(!policy.contains("unsafe"))
        let nonce = String(try #require(policy.firstMatch(of: /script-src 'nonce-([a-z0-9]+)'/)?.1))
        #expect(nonce.count > 16)
        for tag in page.text.matches(of: /<script[^>]*>/).map({ String($0.0) }) {
            #expect(
                tag.contains("nonce=\"\(nonce)\"") || tag.contains("type=\"text/plain\"")
                    || tag.contains("type=\"application/json\""))
        }
        #expect(!page.text.contains(/\s(?:src|srcset|href)="(?!#)/))
        #expect(!page.text.contains(/\sstyle=/))
        #expect(!page.contains("url(") && !page.contains("@import") && !page.contains("fetch("))
        let other = try await World.mixed().page()
        #expect(!other.contains(nonce))
    }

    @Test func hostileTextNeverLeavesItsElement() async throws {
        let evil = World.hostile[0]
        let world = try await World.agreed(1, labels: Sides(left: evil, right: World.hostile[1]))
        let texts = World.hostile
        await world.insert(10..<(10 + texts.count), .left)
        for (index, text) in texts.enumerated() {
            await world.update([10 + index], .left) { $0["name"] = .text(text) }
        }
        let page = try await world.page()
        #expect(!page.contains("<script>window"))
        #expect(!page.contains("<img"))
        #expect(!page.contains("<!--"))
        #expect(!page.contains("\0"))
        #expect(!page.text.unicodeScalars.contains("\u{202E}"))
        #expect(page.text.utf8.count < 400_000)
        #expect(page.contains("&lt;/script&gt;"))
        let lines = try #require(
            page.text.firstMatch(of: /<script type="text\/plain" id="lines">([^\u0000]*?)<\/script>/)?.1)
        #expect(lines.split(separator: "\n").count == texts.count)
    }

    @Test func manyChangesAreCapped() async throws {
        let world = try await World.agreed(400)
        await world.update(1...300, .left) { $0["size"] = .int(2) }
        await world.delete([301, 302], .right)
        let page = try await world.page(limits: PageLimits(lines: 50, plainPerGroup: 5))
        #expect(page.contains("<b>50 of 302 lines are listed here</b>"))
        #expect(page.contains("300 updates <small>the first 48 are listed</small>"))
        #expect(page.contains("2 deletes</h3>"))
        #expect(page.contains("Scripts are off: 7 of 50 lines are shown"))
        #expect(page.contains("… and 43 more, which need scripts to be shown"))
    }

    @Test func sharesListSmallGroupsWhole() {
        func group(_ kind: EntryKind) -> EntryGroup { EntryGroup(table: "t", kind: kind) }
        let limits = PageLimits(lines: 100)
        let shares = limits.shares([group(.insert): 1_000, group(.update): 500, group(.conflict): 7])
        #expect(shares[group(.conflict)] == 7)
        #expect(shares[group(.insert)] == 47 && shares[group(.update)] == 46)
        #expect(limits.shares([:]).isEmpty)
    }

    @Test func manyFieldsOpen() {
        let fields = (1...20).map { PageEntry.Field(name: "f\($0)", content: .value(.int(Int64($0)))) }
        let entry = PageEntry(table: "t", key: "1", kind: .insert, side: .left, fields: fields)
        let html = EntryHTML(labels: Sides(left: "a", right: "b")).item(entry).text
        #expect(html.contains("<details><summary>14 more fields</summary>"))
        #expect(!html.contains("\n"))
    }
}

/// Runs of the history.
@Suite struct RunPageTests {
    @Test func aRunShowsWhatItWrote() async throws {
        let world = try await World.mixed()
        _ = try await world.synchronizer.sync()
        let page = try await world.runPage(2)
        #expect(page.contains("<h1>Run 2 of places</h1>"))
        #expect(page.contains("conflicts or rejected records wait"))
        #expect(page.contains("It waits for a decision."))
        #expect(page.contains("<del><span class=vh>from </span><bdi class=text>“place 7”"))
    }

    @Test func masksStayOnInChangesAndConflicts() async throws {
        let masked = HistoryRetention(values: .masked, maskedFields: ["name"])
        let world = try await World.agreed(20, retention: masked)
        await world.update([3], .left) {
            $0["name"] = .text("secret one")
            $0["size"] = .int(44)
        }
        for side in Side.allCases {
            await world.update([4], side) { $0["name"] = .text("secret two of \(side.rawValue)") }
        }
        _ = try await world.synchronizer.sync()
        let page = try await world.runPage(2)
        #expect(!page.contains("secret"))
        #expect(page.contains("44"))
        #expect(page.contains("<dd class=gone>not kept"))
        #expect(page.contains("Other values are not kept."))
    }

    @Test func noValuesAreShownWhereNoneAreKept() async throws {
        let world = try await World.agreed(20, retention: HistoryRetention(values: .none))
        await world.insert([30], .left, name: "secret")
        for side in Side.allCases {
            await world.update([4], side) { $0["name"] = .text("secret of \(side.rawValue)") }
        }
        _ = try await world.synchronizer.sync()
        let page = try await world.runPage(2)
        #expect(!page.contains("secret"))
        #expect(page.contains("The values are not kept."))
        #expect(!page.contains("id=\"map\""))
    }
}

/// A page is there whole, or not at all.
@Suite struct PageFileTests {
    private func inFolder(_ work: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "pages-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await work(folder)
    }

    @Test func writesWholeAndForItsOwnerOnly() async throws {
        try await inFolder { folder in
            let world = try await World.mixed()
            let path = folder.appendingPathComponent("plan.html").path
            let plan = try await world.synchronizer.plan()
            try await PlanPage(plan, direction: .both, made: 0).write(to: PageFile(path))
            #expect(try String(contentsOfFile: path, encoding: .utf8).hasSuffix("</html>\n"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["plan.html"])
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test func whatFailsLeavesTheOldPage() async throws {
        try await inFolder { folder in
            let path = folder.appendingPathComponent("plan.html").path
            try "old".write(toFile: path, atomically: true, encoding: .utf8)
            struct Broken: Error {}
            let file = try PageFile(path)
            #expect(throws: Broken.self) {
                try file.write { put in
                    try put(Data("new".utf8))
                    throw Broken()
                }
            }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["plan.html"])
        }
    }

    @Test func placesThatCannotBeWrittenToAreRefused() async throws {
        try await inFolder { folder in
            try "".write(to: folder.appendingPathComponent("file"), atomically: true, encoding: .utf8)
            for (path, why) in [
                (folder.path, "it is a folder"), (folder.path + "/none/plan.html", "there is no folder"),
                (folder.path + "/file/plan.html", "is no folder"), ("/dev/null", "it is no ordinary file"),
                ("", "--html needs"),
                (folder.path + "/new/", "it names a folder"),
                (folder.path + "/" + String(repeating: "x", count: 250), "its name is too long"),
                ("/proc/plan.html", "choose another place"),
            ] {
                let error = #expect(throws: PageFileError.self) {
                    try PageFile(path).write { try $0(Data("x".utf8)) }
                }
                #expect(error?.description.contains(why) == true, "\(path): \(error?.description ?? "")")
            }
        }
    }
}
