import Testing

@testable import Dovetail

@Suite("Three-way merge of texts")
struct TextMergeTests {
    private func merge(
        _ base: String, _ left: String, _ right: String, inside: Bool = false,
        _ policy: TextMerge.Policy = .ask
    ) -> TextMerge {
        TextMerge(
            base: Array(base.utf8), left: Array(left.utf8), right: Array(right.utf8),
            options: .init(insideLines: inside, policy: policy))
    }

    private func expect(
        _ merge: TextMerge, is text: String?, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            merge.merged.map { String(decoding: $0, as: UTF8.self) } == text, sourceLocation: sourceLocation)
    }

    // MARK: Hunks

    @Test("ninety-nine hunks merge, and one asks")
    func oneAsks() {
        let base = (0..<1000).map { "line \($0)\n" }
        var (left, right, merged) = (base, base, base)
        for place in stride(from: 0, to: 990, by: 10) {
            left[place] = "left \(place)\n"
            right[place + 5] = "right \(place)\n"
            merged[place] = left[place]
            merged[place + 5] = right[place + 5]
        }
        left[995] = "mine\n"
        right[995] = "yours\n"
        let result = merge(base.joined(), left.joined(), right.joined())
        #expect(result.merged == nil)
        #expect(result.conflicts.count == 1)
        let conflict = result.conflicts[0]
        #expect(result.base[conflict.base] == Array("line 995\n".utf8)[...])
        #expect(result.left[conflict.left] == Array("mine\n".utf8)[...])
        #expect(result.right[conflict.right] == Array("yours\n".utf8)[...])
        merged[995] = "ours\n"
        #expect(result.text { _ in Array("ours\n".utf8) } == Array(merged.joined().utf8))
    }

    @Test("lines that both sides of a conflict begin and end with are no part of it")
    func trimmed() {
        let result = merge("", "h\nx\nend\n", "h\ny\nend\n")
        #expect(result.pieces.map(\.kind) == [.both, .conflict, .both])
        #expect(result.left[result.conflicts[0].left] == Array("x\n".utf8)[...])
    }

    @Test("the pieces make up all three texts")
    func pieces() {
        var generator = ValueGenerator(seed: 70)
        for _ in 0..<1000 {
            let base = generator.text(lines: 0...20)
            let (left, right) = (generator.edited(base, edits: 0...4), generator.edited(base, edits: 0...4))
            for policy in [TextMerge.Policy.ask, .append(first: .right), .union(first: .left)] {
                let result = TextMerge(
                    base: base, left: left, right: right, options: .init(insideLines: true, policy: policy))
                #expect(result.pieces.flatMap { base[$0.base] } == base)
                #expect(result.pieces.flatMap { left[$0.left] } == left)
                #expect(result.pieces.flatMap { right[$0.right] } == right)
            }
        }
    }

    @Test("merging is symmetric, a side without changes gives way, and equal changes are made once")
    func laws() {
        var generator = ValueGenerator(seed: 71)
        var clean = 0
        for round in 0..<2000 {
            let base = generator.text(lines: 0...25)
            let (left, right) = (generator.edited(base, edits: 0...4), generator.edited(base, edits: 0...4))
            for inside in [false, true] {
                let options = TextMerge.Options(insideLines: inside)
                func merged(_ base: [UInt8], _ left: [UInt8], _ right: [UInt8]) -> [UInt8]? {
                    TextMerge(base: base, left: left, right: right, options: options).merged
                }
                let comment: Comment = "round \(round), inside lines: \(inside)"
                #expect(merged(base, left, right) == merged(base, right, left), comment)
                #expect(merged(base, left, base) == left, comment)
                #expect(merged(base, base, left) == left, comment)
                #expect(merged(base, left, left) == left, comment)
                if merged(base, left, right) != nil { clean += 1 }
            }
        }
        #expect(clean > 500)
    }

    // MARK: Inside lines

    @Test("where asked, changes to different words of a line are both made")
    func words() {
        let (base, left, right) = ("the quick brown fox\n", "the slow brown fox\n", "the quick brown dog\n")
        expect(merge(base, left, right), is: nil)
        expect(merge(base, left, right, inside: true), is: "the slow brown dog\n")
        expect(merge("a, b\nc, d\n", "A, b\nc, d\n", "a, b\nc, D\n", inside: true), is: "A, b\nc, D\n")
    }

    @Test("changes to the same word, or to neighbouring ones, are a conflict still")
    func sameWord() {
        expect(merge("one two\n", "1 two\n", "eins two\n", inside: true), is: nil)
        expect(merge("one,two\n", "one;two\n", "one,2\n", inside: true), is: nil)
        expect(merge("", "a b\n", "a c\n", inside: true), is: nil)
        // A character of several bytes is never cut.
        expect(merge("æ\n", "å\n", "ø\n", inside: true), is: nil)
    }

    // MARK: Policies

    @Test("appended lines of both sides are kept, the hub's first")
    func appended() {
        let hub = TextMerge.Policy.append(first: .right)
        expect(merge("one\n", "one\nmine\n", "one\nhub\n", hub), is: "one\nhub\nmine\n")
        expect(merge("one\n", "one\nmine\n", "one\nhub\n", .append(first: .left)), is: "one\nmine\nhub\n")
        expect(merge("one", "one\nmine", "one\nhub", hub), is: "one\nhub\nmine")
        expect(merge("a\r\n", "a\r\nmine", "a\r\nhub", hub), is: "a\r\nhub\r\nmine")
        expect(merge("", "mine\n", "hub\n", hub), is: "hub\nmine\n")
        // What was appended by a push whose answer got lost is not appended again.
        expect(merge("a\n", "a\nx\ny\n", "a\nx\n", hub), is: "a\nx\ny\n")
        expect(merge("a\n", "A\nb\n", "a\nhub\n", hub), is: nil)
        expect(merge("one\n", "one\nmine\n", "ONE\nhub\n", hub), is: nil)
        expect(merge("one", "onemore\n", "one\nhub", hub), is: nil)
        expect(merge("a\nb\n", "a\nmine\nb\n", "a\nhub\nb\n", hub), is: nil)
    }

    @Test("a union keeps the lines of both sides anywhere")
    func union() {
        expect(merge("a\nb\n", "a\nmine\nb\n", "a\nhub\nb\n", .union(first: .right)), is: "a\nhub\nmine\nb\n")
        expect(merge("a\r\nb", "a\r\nmine", "a\r\nhub", .union(first: .right)), is: "a\r\nhub\r\nmine")
    }

    // MARK: Marks

    private func marked(_ merge: TextMerge, base: String? = nil) -> String {
        String(decoding: merge.marked(left: "mine", base: base, right: "hub"), as: UTF8.self)
    }

    @Test("conflicts are written between marks")
    func marks() {
        let result = merge("a\nb\nc\n", "a\nL\nc\n", "a\nR\nc\n")
        #expect(marked(result) == "a\n<<<<<<< mine\nL\n=======\nR\n>>>>>>> hub\nc\n")
        #expect(
            marked(result, base: "base")
                == "a\n<<<<<<< mine\nL\n||||||| base\nb\n=======\nR\n>>>>>>> hub\nc\n")
    }

    @Test("marks end as the file's lines do, and a last line gets an end")
    func markEnds() {
        #expect(
            marked(merge("a\r\nb\r\n", "a\r\nL", "a\r\nR\r\n"))
                == "a\r\n<<<<<<< mine\r\nL\r\n=======\r\nR\r\n>>>>>>> hub\r\n")
        #expect(marked(merge("", "", "x")) == "x")
        #expect(marked(merge("b", "L", "R")) == "<<<<<<< mine\nL\n=======\nR\n>>>>>>> hub\n")
        // A side that deleted the lines has none between its marks.
        #expect(marked(merge("b\n", "", "R\n")) == "<<<<<<< mine\n=======\nR\n>>>>>>> hub\n")
    }

    @Test("marks are longer than any that stand in the text")
    func longerMarks() {
        let text = marked(merge("<<<<<<<< x\nb\n", "<<<<<<<< x\nL\n", "<<<<<<<< x\nR\n"))
        #expect(text == "<<<<<<<< x\n<<<<<<<<< mine\nL\n=========\nR\n>>>>>>>>> hub\n")
        #expect(marked(merge("==\nb\n", "==\nL\n", "==\nR\n")).contains("\n<<<<<<< mine\n"))
    }
}
