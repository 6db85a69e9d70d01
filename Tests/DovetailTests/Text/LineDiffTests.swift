import Testing

@testable import Dovetail

@Suite("Difference of texts by line")
struct LineDiffTests {
    /// What a difference has to be, whatever it finds: whole lines, in order, apart from each other, and all that
    /// differs.
    private func expectSound(_ old: [UInt8], _ new: [UInt8], _ comment: Comment) {
        var (oldDone, newDone) = (0, 0)
        for (index, hunk) in LineDiff.hunks(from: old, to: new).enumerated() {
            #expect(!hunk.old.isEmpty || !hunk.new.isEmpty, comment)
            #expect(index == 0 || hunk.old.lowerBound > oldDone, comment)
            #expect(old[oldDone..<hunk.old.lowerBound] == new[newDone..<hunk.new.lowerBound], comment)
            for (text, range) in [(old, hunk.old), (new, hunk.new)] {
                for edge in [range.lowerBound, range.upperBound] {
                    #expect(edge == 0 || edge == text.count || text[edge - 1] == 0x0A, comment)
                }
            }
            (oldDone, newDone) = (hunk.old.upperBound, hunk.new.upperBound)
        }
        #expect(old[oldDone...] == new[newDone...], comment)
    }

    private func hunks(_ old: String, _ new: String) -> [TextHunk] {
        LineDiff.hunks(from: Array(old.utf8), to: Array(new.utf8))
    }

    @Test("a hunk is the lines that differ")
    func plain() {
        #expect(hunks("a\nb\nc\n", "a\nB\nc\n") == [TextHunk(old: 2..<4, new: 2..<4)])
        #expect(hunks("a\nc\n", "a\nb\nc\n") == [TextHunk(old: 2..<2, new: 2..<4)])
        #expect(hunks("a\nb\n", "b\n") == [TextHunk(old: 0..<2, new: 0..<0)])
        #expect(hunks("", "a") == [TextHunk(old: 0..<0, new: 0..<1)])
        #expect(hunks("a\r\n", "a\r\n").isEmpty)
        #expect(hunks("", "").isEmpty)
    }

    @Test("a last line without an end is another line than with one")
    func lastLine() {
        #expect(hunks("a\nb", "a\nb\n") == [TextHunk(old: 2..<3, new: 2..<4)])
        #expect(hunks("b", "a\nb") == [TextHunk(old: 0..<0, new: 0..<2)])
    }

    @Test("of the places where an added line could stand among equal ones, it is the last")
    func sliding() {
        #expect(hunks("x\nx\ny\n", "x\nx\nx\ny\n") == [TextHunk(old: 4..<4, new: 4..<6)])
        #expect(hunks("{\n}\n", "{\n}\n{\n}\n") == [TextHunk(old: 4..<4, new: 4..<8)])
    }

    @Test("a frequent line amid lines that the other text does not have keeps no hunks apart, as with git")
    func frequent() {
        func text(_ name: String, every count: Int) -> String {
            (0..<50).map { $0 % count == count - 1 ? "\n" : "\(name) \($0)\n" }.joined()
        }
        #expect(hunks("a\n" + text("old", every: 5), "a\n" + text("new", every: 5)).count == 1)
        #expect(hunks("a\n" + text("old", every: 2), "a\n" + text("new", every: 2)).count == 25)
    }

    @Test("any two texts differ by whole lines, and nothing else differs")
    func sound() {
        var generator = ValueGenerator(seed: 50)
        for round in 0..<3000 {
            let old = generator.text(lines: 0...30)
            let new =
                generator.int(0...3) == 0
                ? generator.text(lines: 0...30) : generator.edited(old, edits: 0...6)
            expectSound(old, new, "round \(round)")
        }
    }

    @Test("large texts, of which only the surroundings of the changes are looked at, too")
    func soundLarge() {
        var generator = ValueGenerator(seed: 51)
        for round in 0..<12 {
            let isRepeating = generator.int(0...1) == 0
            let lines = (0..<8000).map { index -> [UInt8] in
                Array("some line \(isRepeating ? index % 7 : index) of the text\n".utf8)
            }
            let old = Array(lines.joined())
            var new = generator.edited(old, edits: 1...[3, 60, 3000][round % 3])
            switch generator.int(0...3) {
            case 0: new += Array("added".utf8)
            case 1: new.removeLast(generator.int(1...5000))
            case 2: new.removeFirst(generator.int(1...5000))
            default: break
            }
            expectSound(old, new, "round \(round)")
            expectSound(new, old, "round \(round)")
        }
    }

    @Test("scattered edits of a large text are found each by itself")
    func scattered() {
        var lines = (0..<20_000).map { "line \($0) of a large text\n" }
        let old = lines.joined()
        for place in stride(from: 7, to: 20_000, by: 500) { lines[place] = "edited\n" }
        lines.insert("at the top\n", at: 0)
        #expect(hunks(old, lines.joined()).count == 41)
    }

    @Test(
        "time does not grow with the square of the length where everything differs", .timeLimit(.minutes(1)))
    func different() {
        var generator = ValueGenerator(seed: 52)
        let count = 30_000
        let old = (0..<count).map { "line \($0)\n" }
        let repeated = (0..<2).map { _ in (0..<count).map { _ in generator.digits(1...1) + "\n" }.joined() }
        for (a, b) in [
            (old.joined(), (0..<count).map { "other \($0)\n" }.joined()),
            (old.joined(), old.shuffled(using: &generator).joined()),
            (old.joined(), old.reversed().joined()), (repeated[0], repeated[1]),
        ] {
            expectSound(Array(a.utf8), Array(b.utf8), "")
        }
    }

    @Test("only a newline ends a line")
    func lines() {
        let lines = TextLines(Array("a\rb\r\n\u{2028}\u{85}\u{0B}\u{0C}\n\nend".utf8))
        #expect(lines.count == 4)
        #expect(Array(lines[0]) == Array("a\rb\r\n".utf8))
        #expect(lines.range(of: 2) == 13..<14)
        #expect(Array(lines[3]) == Array("end".utf8))
        #expect(lines.lines(in: 5..<14) == 1..<3)
        #expect(lines.lines(in: 14..<14) == 3..<3)
        #expect(lines.lines(in: 14..<17) == 3..<4)
        #expect(TextLines([]).count == 0)
    }
}
