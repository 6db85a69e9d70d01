import Dovetail
import Testing

@testable import DovetailPages

/// Text becomes markup in one place, and nothing gets through it.
@Suite struct EscapingTests {
    @Test(arguments: World.hostile)
    func textStaysText(_ text: String) {
        let html: HTML = "<p title=\"\(text)\">\(text)</p>"
        let inner = html.text.dropFirst("<p title=\"".count).dropLast("</p>".count)
        #expect(inner.filter { $0 == "<" || $0 == ">" }.count == 1)
        #expect(inner.filter { $0 == "\"" }.count == 1)
        #expect(html.text.unicodeScalars.allSatisfy { $0.value >= 0x20 })
        for scalar in ["\u{202E}", "\u{2028}", "\u{FEFF}", "\u{200B}"] as [Unicode.Scalar] {
            #expect(!html.text.unicodeScalars.contains(scalar))
        }
    }

    @Test func unseenCharactersAreNamed() {
        #expect(VisibleText.html("a\u{0}b").text == "a<span class=ctl>U+0000</span>b")
        #expect(VisibleText.html("\u{202E}x").text == "<span class=ctl>U+202E</span>x")
        #expect(VisibleText.html("one\ntwo").text == "one<span class=ctl>⏎</span><br>two")
    }

    @Test func emojiStayWhole() {
        #expect(VisibleText.html("👩‍👩‍👧‍👦").text == "👩‍👩‍👧‍👦")
        #expect(VisibleText.html("a\u{200D}b").text == "a<span class=ctl>U+200D</span>b")
    }

    @Test func longTextsAreCut() {
        let html = VisibleText.html(String(repeating: "x", count: 1_000_000))
        #expect(html.text.utf8.count < 3_000)
        #expect(html.text.contains("1,000,000 bytes in all"))
    }

    @Test func numbersAreGrouped() {
        #expect(
            [0, 7, 999, 1_000, 28_291, -1_234_567].map(\.grouped) == [
                "0", "7", "999", "1,000", "28,291", "−1,234,567",
            ])
        #expect(1.counted("line") == "1 line")
        #expect(2_000.counted("line") == "2,000 lines")
    }
}

/// Between two long texts, what differs is marked.
@Suite struct TextDifferenceTests {
    @Test func marksTheWordsThatDiffer() throws {
        let difference = try #require(
            TextDifference("The old mill by the harbour", "The new mill by the great harbour"))
        #expect(difference.old.text == "The <mark>old</mark> mill by the harbour")
        #expect(difference.new.text == "The <mark>new</mark> mill by the<mark> great</mark> harbour")
    }

    @Test func shortAndUnlikeTextsHaveNoMarks() {
        #expect(TextDifference("Aarhus", "Tirstrup") == nil)
        #expect(TextDifference("completely other words", "nothing that is shared") == nil)
    }

    @Test func charactersAreNeverCutInTwo() throws {
        let difference = try #require(
            TextDifference("smørrebrød på havnen i Århus", "smørrebrød på havnen i Ålborg"))
        #expect(difference.new.text == "smørrebrød på havnen i <mark>Ålborg</mark>")
        let combined = try #require(
            TextDifference("one two three cafe\u{301} four", "one two three cafe four"))
        #expect(!combined.old.text.contains("\u{FFFD}") && !combined.new.text.contains("\u{FFFD}"))
    }

    @Test func longStretchesThatAreTheSameAreCut() throws {
        let same = String(repeating: "the same words again and again ", count: 5_000)
        let difference = try #require(TextDifference(same + "old " + same, same + "new " + same))
        #expect(difference.old.text.contains("<mark>old</mark>"))
        #expect(difference.old.text.contains("bytes the same"))
        #expect(difference.old.text.utf8.count < 1_000)
    }

    @Test(arguments: World.hostile)
    func hostileTextStaysText(_ text: String) throws {
        let long = "some words that both texts have in common, so that the rest is marked "
        guard let difference = TextDifference(long + text, long + "x" + long) else { return }
        #expect(!difference.old.text.contains("<script"))
        #expect(!difference.old.text.contains("<img"))
    }
}
