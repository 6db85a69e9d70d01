import Foundation

@testable import Dovetail

/// Three-way merges and what git's `merge-file` and GNU `diff3` make of them (`Tests/Cases/text.json`).
///
/// The variable `DOVETAIL_TEXT_CASES` names another file of the same form.
struct TextCase: Decodable {
    struct Outcome: Decodable {
        let status: String
        let merged: String?
    }

    let id: String
    let base: String
    /// What the client has.
    let ours: String
    /// What the hub has.
    let theirs: String
    let git: Outcome
    let diff3: Outcome
    /// The status is `either` where git and diff3 disagree.
    let expected: Outcome
    /// What `git merge-file --union` makes of them, the hub's lines first.
    let union: String

    private enum CodingKeys: String, CodingKey {
        case id, base, ours, theirs, git
        case diff3 = "diff3_mE"
        case expected = "strict_expected"
        case union = "union_server_first"
    }

    func merge(_ options: TextMerge.Options = .init()) -> TextMerge {
        TextMerge(base: Array(base.utf8), left: Array(ours.utf8), right: Array(theirs.utf8), options: options)
    }

    private struct File: Decodable {
        let merge3: [TextCase]
    }

    static func all() throws -> [TextCase] {
        let own = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../Cases/text.json")
        let given = ProcessInfo.processInfo.environment["DOVETAIL_TEXT_CASES"]
        return try JSONDecoder().decode(
            File.self, from: Data(contentsOf: given.map { URL(filePath: $0) } ?? own)
        )
        .merge3
    }
}

extension ValueGenerator {
    /// A text of few different lines, so that many repeat; sometimes of any bytes.
    mutating func text(lines: ClosedRange<Int>) -> [UInt8] {
        if int(0...9) == 0 { return (0..<int(0...40)).map { _ in UInt8(int(0...255)) } }
        let alphabet = pick(
            [["a", "b", "c"], ["", "}", "x y", "é"], (0..<30).map { "line \($0)" }], else: [])
        let end = pick(["\n", "\n", "\r\n", "\0\n"], else: "\n")
        var bytes = (0..<int(lines)).flatMap { _ in Array((pick(alphabet, else: "") + end).utf8) }
        if int(0...4) == 0, !bytes.isEmpty { bytes.removeLast() }
        return bytes
    }

    /// The text with some lines added, removed, changed or moved.
    mutating func edited(_ text: [UInt8], edits: ClosedRange<Int>) -> [UInt8] {
        let table = TextLines(text)
        var lines = (0..<table.count).map { Array(table[$0]) }
        for _ in 0..<int(edits) {
            let place = int(0...lines.count)
            switch int(0...5) {
            case 0: lines.insert(Array("new \(int(0...9))\n".utf8), at: place)
            case 1: lines.insert(contentsOf: lines.prefix(int(0...3)), at: place)
            case 2 where place < lines.count: lines.remove(at: place)
            case 3 where place < lines.count: lines[place].insert(UInt8(int(0...255)), at: 0)
            case 4 where place < lines.count: lines.swapAt(place, int(0...lines.count - 1))
            case 5: lines.removeSubrange(max(0, place - 2)..<place)
            default: break
            }
        }
        return Array(lines.joined())
    }
}
