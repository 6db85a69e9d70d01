import Dovetail
import DovetailDocuments
import Testing

@Suite("What is to be done with a document")
struct AgreementTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var base: String?
        var local: String?
        var hub: String?
        var agreement: Agreement
        var known = true
        var merge = DocumentRules.Merge.lines
        var testDescription: String {
            "\(base ?? "–") / \(local ?? "–") / \(hub ?? "–")\(known ? "" : " unknown")"
        }
    }

    @Test(
        "follows from the three texts",
        arguments: [
            Case(base: nil, local: nil, hub: nil, agreement: .nothing),
            Case(base: "a", local: "a", hub: "a", agreement: .nothing),
            Case(base: "a", local: "b", hub: "b", agreement: .adopt),
            Case(base: "a", local: nil, hub: nil, agreement: .adopt),
            Case(base: nil, local: "a", hub: "a", agreement: .adopt),
            Case(base: "a", local: "b", hub: "a", agreement: .push),
            Case(base: "a", local: nil, hub: "a", agreement: .push),
            Case(base: nil, local: "a", hub: nil, agreement: .push),
            Case(base: nil, local: "", hub: nil, agreement: .push),
            Case(base: "a", local: "a", hub: "b", agreement: .take),
            Case(base: "a", local: "a", hub: nil, agreement: .take),
            Case(base: nil, local: nil, hub: "a", agreement: .take),
            Case(
                base: "a\nb\nc\n", local: "A\nb\nc\n", hub: "a\nb\nC\n",
                agreement: .merge(Array("A\nb\nC\n".utf8))),
            Case(base: "a\nb\n", local: "a\nc\n", hub: "a\nd\n", agreement: .conflict(.lines)),
            Case(base: "a\n", local: "a\nc\n", hub: "a\nh\n", agreement: .conflict(.lines)),
            Case(
                base: "a\n", local: "a\nc\n", hub: "a\nh\n", agreement: .merge(Array("a\nh\nc\n".utf8)),
                merge: .append),
            Case(
                base: "one two three\n", local: "ONE two three\n", hub: "one two THREE\n",
                agreement: .merge(Array("ONE two THREE\n".utf8)), merge: .words),
            Case(base: nil, local: "a", hub: "b", agreement: .conflict(.bothNew)),
            Case(base: "a", local: "b", hub: nil, agreement: .conflict(.deletedThere)),
            Case(base: "a", local: nil, hub: "b", agreement: .conflict(.deletedHere)),
            Case(
                base: "a\u{0}\nb\n", local: "A\u{0}\nb\n", hub: "a\u{0}\nB\n", agreement: .conflict(.binary)),
            Case(base: "a", local: "a", hub: "b", agreement: .conflict(.baseUnknown), known: false),
            Case(base: "a", local: "b", hub: "a", agreement: .push, known: false),
            Case(base: "a", local: "a", hub: nil, agreement: .push, known: false),
            Case(base: "a", local: nil, hub: "b", agreement: .take, known: false),
            Case(base: "a", local: "b", hub: "b", agreement: .adopt, known: false),
        ])
    func table(one: Case) {
        func bytes(_ text: String?) -> [UInt8]? { text.map { Array($0.utf8) } }
        let texts = DocumentTexts(
            base: bytes(one.base), isBaseKnown: one.known, local: bytes(one.local), hub: bytes(one.hub))
        #expect(texts.agreement(DocumentRules(merge: one.merge)) == one.agreement)
    }

    @Test("a decision is about the lines in conflict only; the rest is merged")
    func resolved() {
        let texts = DocumentTexts(
            base: Array("a\nb\nc\nd\ne\n".utf8), local: Array("A\nb\nmine\nd\ne\n".utf8),
            hub: Array("a\nb\ntheirs\nd\nE\n".utf8))
        func text(_ resolution: DocumentConflict.Resolution) -> String? {
            texts.resolved(resolution, DocumentRules()).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(text(.mine) == "A\nb\nmine\nd\nE\n")
        #expect(text(.theirs) == "A\nb\ntheirs\nd\nE\n")
        #expect(text(.both) == "A\nb\ntheirs\nmine\nd\nE\n")
        #expect(text(.text(Array("x".utf8))) == "x")
    }

    @Test("both sides stand on lines of their own also where one has no last line end")
    func joined() {
        let texts = DocumentTexts(base: nil, local: Array("mine\r\n".utf8), hub: Array("theirs".utf8))
        #expect(texts.resolved(.both, DocumentRules()) == Array("theirs\r\nmine\r\n".utf8))
    }

    @Test("E06: UTF-16 has no lines")
    func wide() {
        let base: [UInt8] = [0xff, 0xfe, 0x61, 0, 0x0a, 0]
        let texts = DocumentTexts(base: base, local: base + [0x62, 1], hub: [0xff, 0xfe, 0x63, 1])
        #expect(!texts.hasLines)
        #expect(texts.agreement(DocumentRules()) == .conflict(.binary))
    }
}
