import Foundation
import Testing

/// `--html FILE`: pages for a browser.
@Suite struct PageCommandTests {
    /// A page as text. Expectations that fail don't print it.
    private struct Page: CustomTestStringConvertible {
        let text: String
        var testDescription: String { "a page of \(text.utf8.count) bytes" }
        func contains(_ part: String) -> Bool { text.contains(part) }
    }

    private func page(_ place: Workplace, _ name: String) throws -> Page {
        Page(text: try String(contentsOfFile: place.path(name), encoding: .utf8))
    }

    @Test func aPlanBecomesAPage() throws {
        let place = try Workplace()
        try place.agreeing()
        try place.sql("a.sqlite", "UPDATE benches SET name = 'Painted' WHERE code = 'B3'")
        let outcome = try place.run("plan", "job", "--html", "plan.html")
        #expect(outcome.status == 0)
        #expect(outcome.out.contains("The page is plan.html; open it in a browser."))
        let text = try page(place, "plan.html")
        #expect(text.contains("What a sync of job would do") && text.contains("“Painted”"))
        #expect(text.contains("<bdi>geofa</bdi>"))
        let json = try place.run("plan", "job", "--html", "again.html", "--json").json
        #expect(json["html"] as? String == "again.html")
        #expect(place.exists("again.html"))
    }

    @Test func aRunBecomesAPageAndMasksStayOn() throws {
        let place = try Workplace()
        try place.agreeing()
        try place.job("history: {masked: [name]}")
        try place.sql("a.sqlite", "UPDATE benches SET name = 'Secret', kind = 77 WHERE code = 'B3'")
        #expect(try place.run("sync", "job").status == 0)
        #expect(try place.run("runs", "job", "2", "--html", "run.html").status == 0)
        let text = try page(place, "run.html")
        #expect(text.contains("Run 2 of job") && text.contains("77") && !text.contains("Secret"))
        let unnumbered = try place.run("runs", "job", "--html", "run.html")
        #expect(unnumbered.status == 2)
        #expect(unnumbered.err.contains("--html shows one run; give its number too"))
    }

    @Test func aDifferenceBecomesAPageWithAllOfThem() throws {
        let place = try Workplace()
        try place.twoSides()
        let outcome = try place.run("diff", "a.sqlite", "b.sqlite", "--limit", "1", "--html", "diff.html")
        #expect(outcome.status == 3)
        let text = try page(place, "diff.html")
        #expect(text.contains("How two sources differ"))
        for value in ["“Pine!”", "“Iron”", "“New”"] { #expect(text.contains(value), "\(value)") }
        #expect(outcome.out.contains("… and 2 more differences"))
    }

    @Test func aPlaceThatCannotBeWrittenToIsRefusedBeforeTheWork() throws {
        let place = try Workplace()
        try place.agreeing()
        for (path, why) in [
            (".", "it is a folder"), ("none/plan.html", "there is no folder none"),
            ("job.yaml/plan.html", "job.yaml is no folder"),
        ] {
            for words in [["plan", "job"], ["runs", "job", "1"], ["diff", "a.sqlite", "b.sqlite"]] {
                let outcome = try place.run(words: words + ["--html", path])
                #expect(outcome.status == 2)
                #expect(outcome.out == "")
                #expect(outcome.err.contains(why) && outcome.err.contains("choose another place with --html"))
            }
        }
    }
}
