import Testing

@testable import Dovetail

/// The promise of the design as properties over generated triples. A failure prints its seed and the smallest case
/// that still breaks the law.
@Suite("Laws of the reconciler")
struct LawTests {
    static let cases: UInt64 = 10_000

    /// Checks a law over many triples, and shrinks what breaks it.
    private func law(_ name: String, _ holds: (Triple) throws -> String?) throws {
        for seed in 1...Self.cases {
            var triple = Triple.random(seed)
            guard var failure = try holds(triple) else { continue }
            var shrinking = true
            while shrinking {
                shrinking = false
                for smaller in triple.shrunk {
                    if let still = try holds(smaller) {
                        triple = smaller
                        failure = still
                        shrinking = true
                        break
                    }
                }
            }
            Issue.record("law “\(name)” is broken by seed \(seed): \(failure)\n\(triple)")
            return
        }
    }

    @Test(
        "1. nothing is lost: every value written on one side is on both sides afterwards, or in a conflict, or was overruled by a rule that left its trace"
    )
    func nothingIsLost() throws {
        try law("nothing is lost") { triple in
            let entries = try triple.plan()
            let after = try triple.applying(entries).triple
            let byKey = Dictionary(entries.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
            for side in Side.allCases {
                for (id, row) in triple[side] {
                    for field in row.indices.dropFirst()
                    where triple.base[id].map({ $0[field] != row[field] }) ?? true {
                        let entry = byKey[RecordKey([Value.int(id)])]
                        let arrived = Side.allCases.allSatisfy {
                            after[$0][id].map { $0[field] == row[field] } ?? false
                        }
                        if arrived { continue }
                        switch entry?.decision {
                        case .conflict, .refuse: continue
                        // The follower's own record stays where it is; one-way jobs do not carry it.
                        case .keep where after[side][id]?[field] == row[field]: continue
                        case .write(_, let decided)
                        where decided.contains {
                            $0.field == nil || $0.field == Triple.schema.fields[field].name
                        }:
                            // Overruled by a rule: the value stands in the entry, and so in the history.
                            if entry?.seen[side]?.fields == PackedRecord(row) { continue }
                        case .write where row[field].isNull && triple.base[id] == nil: break
                        default: break
                        }
                        return "\(row[field].words) of \(side), record \(id), is gone without a trace"
                    }
                }
            }
            return nil
        }
    }

    @Test(
        "2. every record is as it was or as it shall be: any part of a plan, and then a new run, ends where the whole plan ends"
    )
    func anyPrefixCompletes() throws {
        try law("interruption") { triple in
            let entries = try triple.plan()
            let whole = try triple.applying(entries).triple
            for cut in 0...entries.count {
                let (part, base) = try triple.applying(Array(entries.prefix(cut)))
                // The writes of the next entry arrived, and the memory of them did not.
                let next = entries.dropFirst(cut).first.map { [$0] } ?? []
                let sent = try part.applying(next).triple
                for side in Side.allCases {
                    // Only one side's write arrived. A clock that decided may be overwritten already, so a conflict
                    // is a fair end too; losing a value is not.
                    guard let entry = next.first, entry.write(on: .left) != nil,
                        entry.write(on: .right) != nil
                    else {
                        continue
                    }
                    var half = part
                    half[side] = sent[side]
                    let again = try half.plan(base: base)
                    let end = try half.applying(again).triple
                    let asks = again.contains {
                        if case .conflict = $0.decision { $0.key == entry.key } else { false }
                    }
                    if !asks, end.left != whole.left || end.right != whole.right {
                        return "only \(side)'s write of entry \(cut) arrived: a new run ends elsewhere"
                    }
                }
                for (state, name) in [(part, "before"), (sent, "between")] {
                    let again = try state.plan(base: base)
                    let end = try state.applying(again).triple
                    if end.left != whole.left || end.right != whole.right {
                        return "cut \(name) entry \(cut): a new run ends elsewhere"
                    }
                }
            }
            return nil
        }
    }

    @Test("3. no surprise: nothing outside the plan changes, and each write starts from what was seen")
    func noSurprise() throws {
        try law("no surprise") { triple in
            let entries = try triple.plan()
            for entry in entries {
                guard case .int(let id)? = try entry.key.values().first else { return "a key is no id" }
                for side in Side.allCases
                where entry.seen[side]?.fields != triple[side][id].map({ PackedRecord($0) }) {
                    return "record \(id) is planned from a state of \(side) that is not there"
                }
                if case .write(let writes, _) = entry.decision, writes.left == nil, writes.right == nil {
                    return "record \(id) is planned to be written nowhere"
                }
                for side in Side.allCases {
                    guard case .update(let record, let fields)? = entry.write(on: side),
                        let seen = entry.seen[side]
                    else { continue }
                    let differing = try Triple.schema.differingFields(record, seen.fields)
                    if Set(differing) != Set(fields) {
                        return "record \(id) names \(fields), changes \(differing)"
                    }
                }
            }
            return nil
        }
    }

    @Test("4. quiet: a second run right after the first plans no write and learns nothing")
    func quiet() throws {
        try law("quiet") { triple in
            let (after, base) = try triple.applying(try triple.plan())
            for entry in try after.plan(base: base) {
                switch entry.decision {
                case .conflict, .keep, .refuse: continue
                case .agree, .write, .unchanged:
                    return "the second run plans \(entry.decision) for \(entry.key.bytes)"
                }
            }
            return nil
        }
    }

    @Test("5. mirror: swapping left and right mirrors the plan exactly")
    func mirror() throws {
        try law("mirror") { triple in
            let plan = try triple.plan()
            let mirrored = try triple.mirrored.plan()
            return plan == mirrored.map(\.mirrored) ? nil : "the mirrored triple gives another plan"
        }
    }

    @Test("5. mirror: also where one store gives back what it is given in a form of its own")
    func mirrorOfHabits() throws {
        try law("mirror of habits") { triple in
            let base = try triple.base(rightForm: { $0.uppercased() })
            let plan = try triple.plan(base: base)
            let mirrored = try triple.mirrored.plan(base: base.map(\.mirrored))
            return plan == mirrored.map(\.mirrored) ? nil : "the mirrored triple gives another plan"
        }
    }

    @Test("6. first meeting: with no base nothing is ever deleted")
    func firstMeetingDeletesNothing() throws {
        try law("first meeting") { triple in
            var triple = triple
            triple.base = [:]
            for entry in try triple.plan() {
                for side in Side.allCases where entry.write(on: side) == .delete {
                    return "a record is deleted on \(side)"
                }
            }
            return nil
        }
    }

    @Test("7. one bad record holds up nobody: leaving out one record leaves the plan of the others as it is")
    func recordsAreIndependent() throws {
        try law("independence") { triple in
            let plan = try triple.plan()
            for id in Set(triple.left.keys).union(triple.right.keys) {
                var without = triple
                without.base[id] = nil
                without.left[id] = nil
                without.right[id] = nil
                let key = RecordKey([Value.int(id)])
                if try without.plan() != plan.filter({ $0.key != key }) {
                    return "record \(id) moves the others"
                }
            }
            return nil
        }
    }

    @Test(
        "8. agreement: after a plan without conflicts both sides are equal, but for what is kept on purpose")
    func agreement() throws {
        try law("agreement") { triple in
            let entries = try triple.plan()
            let after = try triple.applying(entries).triple
            var excused: Set<RecordKey> = []
            for entry in entries {
                switch entry.decision {
                case .conflict, .keep, .refuse: excused.insert(entry.key)
                case .agree, .write, .unchanged: break
                }
            }
            for id in Set(after.left.keys).union(after.right.keys)
            where after.left[id] != after.right[id] && !excused.contains(RecordKey([Value.int(id)])) {
                return "record \(id) differs afterwards"
            }
            return nil
        }
    }
}
