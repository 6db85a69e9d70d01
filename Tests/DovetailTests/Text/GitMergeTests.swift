import Testing

@testable import Dovetail

@Suite("Three-way merges as git and diff3 make them")
struct GitMergeTests {
    static let cases = (try? TextCase.all()) ?? []

    @Test("there are cases")
    func areThere() throws {
        #expect(try !TextCase.all().isEmpty)
    }

    @Test("what git merges is merged to the same bytes, and where it asks, this asks")
    func merges() {
        for example in Self.cases {
            let merge = example.merge()
            let merged = merge.merged
            switch example.expected.status {
            case "clean": #expect(merged == example.expected.merged.map { Array($0.utf8) }, "\(example.id)")
            case "conflict": #expect(merged == nil, "\(example.id)")
            default:
                let allowed = [example.git, example.diff3].compactMap {
                    $0.status == "clean" ? $0.merged : nil
                }
                #expect(merged == nil || allowed.contains { Array($0.utf8) == merged }, "\(example.id)")
            }
            #expect(merge.isClean == merge.conflicts.isEmpty)
        }
    }

    @Test("a union has the lines of both sides, the hub's first, as git's")
    func unions() {
        for example in Self.cases {
            let merged = example.merge(.init(policy: .union(first: .right))).merged
            #expect(merged == Array(example.union.utf8), "\(example.id)")
        }
    }

    @Test("merging is symmetric, a side without changes gives way, and a merge merged with a side stays")
    func laws() {
        for example in Self.cases {
            let merge = example.merge()
            let (base, left, right) = (merge.base, merge.left, merge.right)
            #expect(TextMerge(base: base, left: right, right: left).merged == merge.merged, "\(example.id)")
            for text in [left, right] {
                #expect(TextMerge(base: base, left: text, right: base).merged == text, "\(example.id)")
                #expect(TextMerge(base: base, left: base, right: text).merged == text, "\(example.id)")
                #expect(TextMerge(base: base, left: text, right: text).merged == text, "\(example.id)")
            }
            if let merged = merge.merged {
                #expect(TextMerge(base: right, left: merged, right: right).merged == merged, "\(example.id)")
            }
        }
    }
}
