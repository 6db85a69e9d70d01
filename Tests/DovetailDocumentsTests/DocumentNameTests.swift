import DovetailDocuments
import Testing

@Suite("Names of documents")
struct DocumentNameTests {
    @Test(
        "that lead elsewhere, or that no file can have, are refused",
        arguments: [
            "", "/", "/etc/passwd", "..", "../../etc/x", "a/../b", "a//b", "a/", "./a", "a\\b", "a\u{0}b",
            "a\nb",
            String(repeating: "x", count: 256), String(repeating: "x/", count: 600) + "x",
        ])
    func refused(text: String) {
        #expect(throws: DocumentNameError.self) { try DocumentName(text) }
    }

    @Test("in either form of Unicode are one name")
    func composed() throws {
        #expect(try DocumentName("e\u{301}.txt") == DocumentName("\u{e9}.txt"))
        #expect(try DocumentName("e\u{301}.txt").text.utf8.elementsEqual("\u{e9}.txt".utf8))
        #expect(try DocumentName("a..b/.hidden/…").text == "a..b/.hidden/…")
    }
}
