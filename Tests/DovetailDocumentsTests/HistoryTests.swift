import Dovetail
import DovetailDocuments
import Testing

@Suite("The past of a document")
struct HistoryTests {
    private let hub = DocumentHub(store: MemoryCommitStore())
    private let name: DocumentName

    init() throws { name = try DocumentName("notes.txt") }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// Commits texts one after the other, each by its author; nil deletes.
    private func commit(_ texts: [(author: String, text: String?)]) async throws -> any Hub {
        let reader = hub.access(to: "notes", as: "reader", mayWrite: false)
        var before: [UInt8]?
        for (index, (author, text)) in texts.enumerated() {
            let after = text.map(bytes)
            var random = SystemRandomNumberGenerator()
            let draft = CommitDraft(
                document: name,
                parent: LogPosition(epoch: try await reader.documents().epoch, sequence: Int64(index)),
                parentHash: before.map { TextHash(of: $0) }, result: after.map { TextHash(of: $0) },
                delta: after.map { TextDelta(from: before ?? [], to: $0).encoded() } ?? [],
                key: .random(using: &random))
            guard
                case .committed = try await hub.access(to: "notes", as: author, mayWrite: true).push(draft)
            else {
                Issue.record("commit \(index) was not taken")
                break
            }
            before = after
        }
        return reader
    }

    @Test("has every version, with the text before and after it")
    func versions() async throws {
        let reader = try await commit([("eva", "a\n"), ("bo", "a\nb\n"), ("eva", nil), ("bo", "c\n")])
        let history = DocumentHistory(name, at: reader)
        let all = try await history.versions(limit: 100)
        #expect(
            all.map(\.commit.sequence) == [1, 2, 3, 4]
                && all.map(\.commit.author) == ["eva", "bo", "eva", "bo"])
        #expect(all.map(\.before) == [nil, bytes("a\n"), bytes("a\nb\n"), nil])
        #expect(all.map(\.after) == [bytes("a\n"), bytes("a\nb\n"), nil, bytes("c\n")])
        let some = try await history.versions(upTo: 3, limit: 2)
        #expect(some.map(\.commit.sequence) == [2, 3])
        #expect(try await history.text(at: 2).text == bytes("a\nb\n"))
        #expect(try await history.text(at: nil).text == bytes("c\n"))
        await #expect(throws: HubError.self) { try await history.text(at: 9) }
    }

    @Test("says of each line who brought it")
    func blame() async throws {
        let reader = try await commit([
            ("eva", "one\ntwo\nthree\n"), ("bo", "one\n2\nthree\nfour"),
            ("cy", "zero\none\n2\nthree\nfour\n"),
        ])
        let lines = try await DocumentHistory(name, at: reader).blame()
        #expect(
            lines.map { String(decoding: $0.line, as: UTF8.self) } == [
                "zero\n", "one\n", "2\n", "three\n", "four\n",
            ])
        #expect(lines.map { $0.commit?.author } == ["cy", "eva", "bo", "eva", "cy"])
    }

    @Test("of a document that never was is refused in words")
    func nothing() async throws {
        let history = DocumentHistory(name, at: hub.access(to: "notes", as: "reader", mayWrite: false))
        await #expect(throws: HubError.self) { try await history.versions(limit: 5) }
        await #expect(throws: HubError.self) { try await history.blame() }
    }

    @Test("shows changed lines with what stands around them, and their numbers")
    func changedLines() {
        let old = (1...20).map { "\($0)\n" }.joined()
        let new = old.replacing("\n10\n", with: "\nten\n10½\n").replacing("\n20\n", with: "\n")
        let changes = ChangedLines(from: bytes(old), to: bytes(new), context: 2)
        #expect(changes.added == 2 && changes.removed == 2 && changes.groups.count == 2)
        let first = changes.groups[0]
        #expect((first.oldStart, first.oldCount, first.newStart, first.newCount) == (8, 5, 8, 6))
        #expect(
            first.lines.map { "\($0.kind) \(String(decoding: $0.bytes.dropLast(), as: UTF8.self))" } == [
                "same 8", "same 9", "removed 10", "added ten", "added 10½", "same 11", "same 12",
            ])
        let last = changes.groups[1]
        #expect((last.oldStart, last.oldCount, last.newStart, last.newCount) == (18, 3, 19, 2))
        #expect(ChangedLines(from: [], to: bytes("x")).groups.map(\.oldStart) == [0])
        #expect(ChangedLines(from: bytes("x"), to: bytes("x")).groups.isEmpty)
    }
}
