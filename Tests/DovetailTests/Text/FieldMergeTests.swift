import Testing

@testable import Dovetail

@Suite("Three-way merge of text fields")
struct FieldMergeTests {
    /// Compares bytes: String equality would not tell é from e with an accent.
    private func expectMerge(_ base: String, _ left: String, _ right: String, is merged: String?) {
        #expect(
            TextMerge.merge(base: base, left: left, right: right).map { Array($0.utf8) }
                == merged.map { Array($0.utf8) })
        #expect(
            TextMerge.merge(base: base, left: right, right: left).map { Array($0.utf8) }
                == merged.map { Array($0.utf8) })
    }

    @Test("changes apart from each other are both kept")
    func apart() {
        expectMerge("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", is: "A\nb\nC\n")
        expectMerge("a\nb\nc\n", "b\nc\n", "a\nb\nc\nd\n", is: "b\nc\nd\n")
        expectMerge("a\nb\nc\nd\n", "a\nx\nb\nc\nd\n", "a\nb\nc\n", is: "a\nx\nb\nc\n")
        expectMerge("", "a", "", is: "a")
        expectMerge("a\nb", "", "a\nb", is: "")
    }

    @Test("the same change on both sides is made once")
    func same() {
        expectMerge("a\nb\n", "a\nX\n", "a\nX\n", is: "a\nX\n")
        expectMerge("a\nb\nc\nd\n", "X\nb\nc\nd\n", "X\nb\nc\nD\n", is: "X\nb\nc\nD\n")
        expectMerge("a\nb\nc\n", "a\nb\nnew\nc\n", "a\nb\nnew\nc\n", is: "a\nb\nnew\nc\n")
    }

    @Test("different changes that overlap or touch are a conflict")
    func conflicts() {
        expectMerge("a\n", "b\n", "c\n", is: nil)
        expectMerge("a\nb\n", "A\nb\n", "a\nB\n", is: nil)
        expectMerge("a\nb\n", "a\nx\nb\n", "a\ny\nb\n", is: nil)
        expectMerge("a\nb\n", "a\n", "a\nB\n", is: nil)
        expectMerge("", "a", "b", is: nil)
        expectMerge("a\nb\nc\n", "a\nc\n", "a\nb\nx\nc\n", is: nil)
    }

    @Test("line ends and bytes are kept exactly")
    func exact() {
        expectMerge("a\r\nb\r\nc", "a\r\nb\r\nC", "A\r\nb\r\nc", is: "A\r\nb\r\nC")
        expectMerge("a\nb\nc", "a\nb\nc\n", "A\nb\nc", is: "A\nb\nc\n")
        expectMerge("a\nb\nc\n", "a\r\nb\nc\n", "a\nb\nc\r\n", is: "a\r\nb\nc\r\n")
        expectMerge("é\nb\nc\n", "e\u{301}\nb\nc\n", "é\nb\nC\n", is: "e\u{301}\nb\nC\n")
        expectMerge("é", "e\u{301}", "é", is: "e\u{301}")
    }

    @Test("merging is symmetric, and a side without changes gives way")
    func symmetric() {
        var generator = ValueGenerator(seed: 40)
        var merged = 0
        for _ in 0..<3000 {
            let base = (0..<generator.int(0...20)).map { _ in generator.digits(1...1) }
            let left = edited(base, &generator)
            let right = edited(base, &generator)
            let texts = [base, left, right].map { $0.map { $0 + "\n" }.joined() }
            let result = TextMerge.merge(base: texts[0], left: texts[1], right: texts[2])
            #expect(result == TextMerge.merge(base: texts[0], left: texts[2], right: texts[1]))
            #expect(TextMerge.merge(base: texts[0], left: texts[1], right: texts[0]) == texts[1])
            #expect(TextMerge.merge(base: texts[0], left: texts[1], right: texts[1]) == texts[1])
            if result != nil { merged += 1 }
        }
        #expect(merged > 300)
    }

    private func edited(_ base: [String], _ generator: inout ValueGenerator) -> [String] {
        var lines = base
        for _ in 0..<generator.int(0...2) {
            let place = generator.int(0...lines.count)
            if place < lines.count, generator.int(0...2) > 0 { lines.remove(at: place) }
            if generator.int(0...2) > 0 { lines.insert(generator.digits(1...2), at: place) }
        }
        return lines
    }

    @Test("edits to every line of one half merge with edits to the other half")
    func halves() {
        var generator = ValueGenerator(seed: 41)
        for _ in 0..<200 {
            let top = (0..<generator.int(0...30)).map { _ in "t" + generator.digits(1...1) }
            let bottom = (0..<generator.int(0...30)).map { _ in "b" + generator.digits(1...1) }
            let (newTop, newBottom) = (edited(top, &generator), edited(bottom, &generator))
            func text(_ top: [String], _ bottom: [String]) -> String {
                (top + ["one", "fence", "two"] + bottom).joined(separator: "\n")
            }
            expectMerge(
                text(top, bottom), text(newTop, bottom), text(top, newBottom), is: text(newTop, newBottom))
        }
    }

    @Test("ten thousand lines merge at once, shuffled and repeating ones too", .timeLimit(.minutes(1)))
    func large() {
        var generator = ValueGenerator(seed: 42)
        let base = (0..<10_000).map { "line \($0 % 700)\n" }
        var (left, right, both) = (base, base, base)
        for place in stride(from: 10, to: 9_800, by: 300) {
            left[place] = "left \(place)\n"
            right[place + 100] = "right \(place)\n"
            both[place] = left[place]
            both[place + 100] = right[place + 100]
        }
        expectMerge(base.joined(), left.joined(), right.joined(), is: both.joined())

        let shuffled = base.shuffled(using: &generator)
        let repeated = (0..<10_000).map { _ in generator.digits(1...1) + "\n" }
        for other in [shuffled, repeated, Array(base.reversed())] {
            expectMerge(base.joined(), other.joined(), base.joined(), is: other.joined())
            _ = TextMerge.merge(base: repeated.joined(), left: other.joined(), right: left.joined())
        }
    }
}
