import Dovetail
import Testing

@Suite("Rules about single records, in the reconciler")
struct RecordGuardTests {
    private static let schema = TableSchema(
        "t", fields: [Field("id", .int), Field("a", .text)], identity: .match(["id"]))

    private func record(_ id: Int64, _ text: String) -> PackedRecord {
        PackedRecord([.int(id), .text(text)])
    }

    /// Keeps what would be written to one side.
    private func guarding(_ side: Side) -> TableRules {
        TableRules(
            guards: RecordGuard(words: "\(side)") { _, writes in
                writes[side] == nil ? nil : .forbidden(by: "mine")
            })
    }

    @Test("have the last word over what would be written, and mirror with it", arguments: Side.allCases)
    func lastWord(side: Side) throws {
        let new = record(1, "x")
        for holder in Side.allCases {
            var seen = Sides<PackedRecord?>(left: nil, right: nil)
            seen[holder] = new
            let rules = guarding(side)
            let decision = try Reconciler(schema: Self.schema, rules: rules)
                .reconcile(base: nil, left: seen.left, right: seen.right)
            #expect((decision == .keep(.forbidden(by: "mine"))) == (holder != side))
            let mirrored = try Reconciler(schema: Self.schema, rules: rules.mirrored)
                .reconcile(base: nil, left: seen.right, right: seen.left)
            #expect(mirrored == decision.mirrored)
            #expect(rules.mirrored.mirrored == rules && rules.words != TableRules().words)
        }
    }

    @Test("say nothing of what is equal")
    func equal() throws {
        let both = record(1, "x")
        let rules = TableRules(guards: RecordGuard(words: "all") { _, _ in .ignored(by: "all") })
        let reconciler = Reconciler(schema: Self.schema, rules: rules)
        #expect(try reconciler.reconcile(base: nil, left: both, right: both) == .agree)
        let other = record(1, "y")
        #expect(try reconciler.reconcile(base: nil, left: both, right: other) == .keep(.ignored(by: "all")))
    }

    @Test(
        "are named in plans by a reason that comes back as it was",
        arguments: [
            KeepReason.deletesAreKept, .onlyOnFollower, .ignored(by: "lab: only"), .forbidden(by: ""),
            .protected(by: "protected by the rule: x"),
        ])
    func words(reason: KeepReason) {
        #expect(KeepReason(rawValue: reason.rawValue) == reason)
        #expect(KeepReason(rawValue: "a whim") == nil)
    }
}
