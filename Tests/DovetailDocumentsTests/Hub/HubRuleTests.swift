import Dovetail
import DovetailDocuments
import Testing

@Suite("Rules of documents")
struct HubRuleTests {
    private func hub(_ rules: DocumentRules, seconds: Double = 10) -> HubAccess {
        HubWorld(HubSettings(rules: RuleBook(otherwise: rules), commandSeconds: seconds)).client()
    }

    private func refusal(_ hub: HubAccess, _ text: String?) async -> String? {
        do {
            try await hub.save(text)
            return nil
        } catch let error as HubError where error.kind == .refused {
            return error.message
        } catch {
            return "another error: \(error)"
        }
    }

    @Test("let text be added at the end and nothing else be changed")
    func appendOnly() async throws {
        let hub = hub(DocumentRules(appendOnly: true))
        try await hub.save("a\nb")
        try await hub.save("a\nbc\nd\n")
        #expect(await refusal(hub, "a\nX\nd\ne\n")?.contains("line 2") == true)
        #expect(await refusal(hub, "a\n")?.contains("line 2") == true)
        #expect(await refusal(hub, nil)?.contains("deleted") == true)
        #expect(try await hub.content() == "a\nbc\nd\n")
    }

    @Test("name the line of a character that is not allowed")
    func characters() async throws {
        let ascii = hub(DocumentRules(characters: .ascii))
        #expect(await refusal(ascii, "a\nbé\n")?.contains("line 2") == true)
        try await ascii.save("plain\n")
        let utf8 = hub(DocumentRules(characters: .utf8))
        try await utf8.save("é\n")
        #expect(await refusal(utf8, "é\n\u{0}\n")?.contains("line 2") == true)
        let bad = CommitDraft([0x61, 0x0A, 0xFF, 0x0A], after: try await utf8.head())
        #expect(await kind { _ = try await utf8.push(bad) } == .refused)
        #expect(try await utf8.content() == "é\n")
    }

    @Test("bound the size")
    func largest() async throws {
        let hub = hub(DocumentRules(largest: 5))
        try await hub.save("12345")
        #expect(await refusal(hub, "123456")?.contains("5 are allowed") == true)
    }

    @Test("ask a program, without a shell, and give its reason")
    func command() async throws {
        let hub = hub(
            DocumentRules(command: ["sh", "-c", "if grep -q bad; then echo 'no bad words' >&2; exit 3; fi"]))
        try await hub.save("good\n")
        #expect(await refusal(hub, "bad; rm -rf $HOME\n")?.contains("no bad words") == true)
        #expect(try await hub.content() == "good\n")
        let quiet = self.hub(DocumentRules(command: ["/bin/false"]))
        #expect(await refusal(quiet, "x")?.contains("ended with 1") == true)
    }

    @Test("don't wait for ever for a program, and accept nothing when it can't be started")
    func badPrograms() async throws {
        let slow = hub(DocumentRules(command: ["sleep", "60"]), seconds: 0.2)
        #expect(await refusal(slow, "x")?.contains("took longer") == true)
        // That holds up this document alone, and is no refusal of the text.
        for command in [["/nowhere/program"], ["nowhere-program"], ["sh", "-c", "nowhere-program"], [""]] {
            let missing = hub(DocumentRules(command: command))
            #expect(await kind { try await missing.save("x") } == .forbidden)
            #expect(try await missing.documents().documents.isEmpty)
        }
    }

    @Test("are those of the first pattern that fits")
    func book() {
        let appended = DocumentRules(merge: .append, appendOnly: true)
        let ascii = DocumentRules(characters: .ascii)
        let book = RuleBook([
            .init(pattern: "**.log", rules: appended), .init(set: "other", pattern: "**", rules: ascii),
            .init(pattern: "drafts/*.txt", rules: ascii), .init(pattern: "a?c", rules: ascii),
        ])
        func rules(_ name: String, _ set: String = "notes") -> DocumentRules {
            book.rules(of: DocumentName(known: name), in: set)
        }
        #expect(rules("x.log") == appended)
        #expect(rules("deep/down/x.log") == appended)
        #expect(rules("drafts/a.txt") == ascii)
        #expect(rules("drafts/more/a.txt") == DocumentRules())
        #expect(rules("abc") == ascii)
        #expect(rules("a/c") == DocumentRules())
        #expect(rules("any", "other") == ascii)
    }

    @Test("are told with the document")
    func told() async throws {
        let hub = hub(DocumentRules(merge: .append))
        try await hub.save("x")
        #expect(try await hub.documents().documents.map(\.rules) == [DocumentRules(merge: .append)])
    }
}
