import Foundation
import Testing

@Suite("Folders of texts as sources")
struct DocumentSourceCommandTests {
    @Test("a diff names a file that is not UTF-8, and goes on to the others")
    func notUTF8() throws {
        let place = try Workplace()
        for folder in ["f", "g"] {
            try FileManager.default.createDirectory(
                atPath: place.path(folder), withIntermediateDirectories: true)
            try place.write("\(folder)/a.txt", folder)
        }
        try Data([0x61, 0xFF, 0x0A]).write(to: URL(fileURLWithPath: place.path("f/bad.txt")))
        let words = ["diff", "documents:f", "documents:g"]
        let found = try place.run(words: words)
        let reason = "text holds bytes on f that are not valid UTF-8 text; correct it there"
        #expect(found.status == 3 && found.out.contains("✗ bad.txt  \(reason)"), "\(found)")
        #expect(found.out.contains("a.txt  text: f “f”, g “g”"))
        let json = try place.run(words: words + ["--json"])
        let tables = try #require(try json.json["tables"] as? [[String: Any]])
        let differences = try #require(tables.first?["differences"] as? [[String: Any]])
        let bad = differences.first { ($0["key"] as? [String]) == ["bad.txt"] }
        #expect(bad?["kind"] as? String == "only-left" && bad?["reason"] as? String == reason, "\(json)")
        let page = try place.run(words: words + ["--html", "page.html"])
        #expect(page.status == 3, "\(page)")
        #expect(try String(contentsOfFile: place.path("page.html"), encoding: .utf8).contains(reason))
    }
}
