import Testing

@testable import Dovetail

@Suite("Deltas of texts")
struct TextDeltaTests {
    private func sent(_ parent: [UInt8], _ result: [UInt8]) -> [UInt8] {
        TextDelta(from: parent, to: result).encoded()
    }

    @Test("a delta makes the new text of the old one, whatever their bytes")
    func roundTrip() throws {
        var generator = ValueGenerator(seed: 60)
        for _ in 0..<2000 {
            let parent = generator.text(lines: 0...20)
            let result =
                generator.int(0...4) == 0
                ? generator.text(lines: 0...20) : generator.edited(parent, edits: 0...4)
            let delta = TextDelta(from: parent, to: result)
            let received = try TextDelta(decoding: delta.encoded(), limit: result.count)
            #expect(received == delta)
            #expect(
                try received.applied(to: parent, proving: (Digest(of: parent), Digest(of: result))) == result)
        }
    }

    @Test("a line appended to a large text takes twelve bytes beside the line")
    func append() {
        let parent = Array(
            (0..<150_000).map { "line \($0) " + String(repeating: "x", count: 54) + "\n" }.joined().utf8)
        #expect(parent.count > 9_000_000)
        #expect(sent(parent, parent + [UInt8](repeating: 0x61, count: 67) + [0x0A]).count <= 80)
    }

    @Test("a character changed in a long line takes some bytes, and so do two far from each other")
    func insideLines() {
        var line =
            (0..<100_000).map { UInt8(truncatingIfNeeded: $0 % 9 == 0 ? 0x20 : 0x61 + $0 % 26) } + [0x0A]
        let parent = line
        line[30_000] = 0x21
        #expect(sent(parent, line).count < 20)
        line[70_000] = 0x21
        #expect(sent(parent, line).count < 30)
        let short = Array("the height of the stone at the gate is 1204 mm, measured by hand\n".utf8)
        let edited = Array("the height of the rock at the gate is 1205 mm, measured by hand\n".utf8)
        #expect(sent(short, edited).count < 20)
    }

    @Test("lines that nothing is left of cost about their bytes")
    func scattered() {
        var lines = (0..<10_000).map { "line \($0) of a large text" }
        let parent = lines.joined(separator: "\n")
        var generator = ValueGenerator(seed: 61)
        var added = 0
        for place in stride(from: 50, to: 10_000, by: 100) {
            lines[place] = generator.digits(60...60)
            added += 60
        }
        #expect(sent(Array(parent.utf8), Array(lines.joined(separator: "\n").utf8)).count < added + 6 * 100)
    }

    @Test("it is applied to the text it was made from only, and gives out only the text it was made for")
    func proven() throws {
        let (parent, result) = (Array("a\nb\n".utf8), Array("a\nB\n".utf8))
        let delta = TextDelta(from: parent, to: result)
        let digests = (parent: Digest(of: parent), result: Digest(of: result))
        #expect(throws: TextDeltaError.parentDiffers) {
            try delta.applied(to: Array("a\nc\n".utf8), proving: digests)
        }
        #expect(throws: TextDeltaError.parentDiffers) {
            try delta.applied(to: parent + [0], proving: digests)
        }
        let other = TextDelta(from: parent, to: Array("a\nX\n".utf8))
        #expect(throws: TextDeltaError.resultDiffers) { try other.applied(to: parent, proving: digests) }
        // A hash of the caller's own serves as well.
        #expect(
            try delta.applied(to: parent, proving: (215, 183)) { $0.reduce(0) { $0 + Int($1) } } == result)
    }

    @Test("a text larger than allowed is refused before anything is made of it")
    func limit() {
        let bytes = sent([], Array("hello".utf8))
        #expect(throws: TextDeltaError.tooLarge(size: 5, limit: 4)) {
            try TextDelta(decoding: bytes, limit: 4)
        }
        #expect(throws: TextDeltaError.unknownVersion(9)) { try TextDelta(decoding: [9], limit: 4) }
        let lying: [UInt8] = [1, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
        #expect(throws: TextDeltaError.self) { try TextDelta(decoding: lying, limit: 100) }
    }

    @Test("bytes that are no delta are refused, or make a text that is proven")
    func fuzzed() {
        var generator = ValueGenerator(seed: 62)
        var (refused, applied) = (0, 0)
        for round in 0..<20_000 {
            let parent = generator.text(lines: 0...10)
            let result = generator.edited(parent, edits: 0...3)
            var bytes = sent(parent, result)
            if round % 4 == 0 {
                bytes = [1] + (0..<generator.int(0...30)).map { _ in UInt8(generator.int(0...255)) }
            } else {
                for _ in 0..<generator.int(1...3) {
                    let place = generator.int(0...bytes.count - 1)
                    switch generator.int(0...3) {
                    case 0: bytes[place] = UInt8(generator.int(0...255))
                    case 1: bytes[place] ^= 1 << generator.int(0...7)
                    case 2: bytes.insert(UInt8(generator.int(0...255)), at: place)
                    default: bytes.removeSubrange(place + 1..<bytes.count)
                    }
                }
            }
            do {
                let delta = try TextDelta(decoding: bytes, limit: 1000)
                #expect(delta.resultSize <= 1000)
                #expect(delta.steps.count <= bytes.count)
                let text = try delta.applied(to: parent, proving: (Digest(of: parent), Digest(of: result)))
                #expect(text == result)
                applied += 1
                // Without a proof in between, what it makes has at least the size it says.
                #expect(text.count == delta.resultSize)
            } catch {
                #expect(!error.description.isEmpty)
                refused += 1
            }
        }
        #expect(refused > 10_000)
        #expect(applied > 0)
    }

    @Test("a delta that reads beyond its parent is refused")
    func beyond() {
        // Keeps nine of a text of three; what it says of the result is right.
        let bytes: [UInt8] = [1, 9, 1, 9, 0, 0]
        let parent = Array("abc".utf8)
        #expect(throws: TextDeltaError.parentDiffers) {
            try TextDelta(decoding: bytes, limit: 100).applied(to: parent, proving: (0, 0)) { _ in 0 }
        }
    }
}
