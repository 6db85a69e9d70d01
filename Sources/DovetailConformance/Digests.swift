import Dovetail
import DovetailEngine

extension Conformance {
    static let digests: [ConformanceCheck] = [
        ConformanceCheck("the digests of its parts add up to that of the table, however it is cut") {
            harness in
            try await withDigests(harness) { subject, look in
                for id in 0..<100 {
                    try await subject.insert(.int(Int64(id * 7 % 100)), .text("\(id)"), .double(1))
                }
                try await look { observation in
                    let whole = try await sum(observation, subject, KeyParts(bounds: []))
                    try expect(whole.count == 100, "the whole has \(whole.count) records")
                    let bounds = [10, 11, 12, 50, 99].map { RecordKey([Value.int($0)]) }
                    for splits in 0...3 {
                        let parts = KeyParts(bounds: bounds, splits: splits)
                        let cut = try await sum(observation, subject, parts)
                        try expect(
                            cut == whole, "cut with \(splits) splits it is \(cut.hex), not \(whole.hex)")
                    }
                    let ranges = try await observation.digests(
                        of: subject.view, parts: KeyParts(bounds: bounds))
                    try expect(
                        ranges.map(\.position.range) == [0, 1, 2, 3, 4, 5]
                            && ranges.map(\.digest.count) == [10, 1, 1, 38, 49, 1],
                        "a bound is not the first key of its range: \(ranges.map(\.digest.count))")
                }
            }
        },
        ConformanceCheck("a part is divided into the records that it had, each once") { harness in
            try await withDigests(harness) { subject, look in
                for id in 1...60 { try await subject.insert(.int(Int64(id)), .text("\(id)"), .double(1)) }
                try await look { observation in
                    let bounds = [RecordKey([Value.int(31)])]
                    let top = try await observation.digests(
                        of: subject.view, parts: KeyParts(bounds: bounds, splits: 1))
                    var found: [RecordKey] = []
                    for part in top {
                        let inside = KeyParts(
                            bounds: bounds, depth: 1, wanted: [part.position], splits: 1)
                        let deeper = try await sum(observation, subject, inside)
                        try expect(deeper == part.digest, "part \(part.position) falls apart")
                        var brief = inside
                        brief.isBrief = true
                        let half = try await sum(observation, subject, brief).brief
                        try expect(half == part.digest.brief, "part \(part.position) has another lower half")
                        let keys = try await observation.keyDigests(of: subject.view, parts: inside)
                        try expect(
                            keys.count == Int(part.digest.count), "part \(part.position) has other records")
                        try expect(keys.map(\.key) == keys.map(\.key).sorted(), "its keys are out of order")
                        found += keys.map(\.key)
                    }
                    let all = (1...60).map { RecordKey([Value.int($0)]) }
                    try expect(found.sorted() == all, "\(Set(found).count) of 60 records are in some part")
                }
            }
        },
        ConformanceCheck("records that are equal have equal digests in two stores, and others have not") {
            harness in
            for type in harness.abilities.types {
                let samples = samples(type)
                let fields = [Field("id", .int), Field("value", type)]
                func digests(_ ids: [Int], _ shift: Int) async throws -> [RecordKey: Digest] {
                    var found: [RecordKey: Digest] = [:]
                    try await withDigests(harness, fields: fields) { subject, look in
                        for id in ids {
                            let value = id == 0 ? Value.null : samples[(id + shift) % samples.count]
                            try await subject.insert(.int(Int64(id)), value)
                        }
                        try await look { observation in
                            let keys = try await observation.keyDigests(
                                of: subject.view, parts: KeyParts(bounds: []))
                            found = Dictionary(keys.map { ($0.key, $0.digest) }, uniquingKeysWith: { $1 })
                        }
                    }
                    return found
                }
                let ids = Array(0...samples.count)
                guard harness.abilities.addsUpDigests else { return }
                let there = try await digests(ids, 0)
                try expect(there.count == ids.count, "\(type): \(there.count) of \(ids.count) records")
                try expect(Set(there.values).count == ids.count, "\(type): two records have one digest")
                try expect(try await digests(ids.reversed(), 0) == there, "\(type): other digests elsewhere")
                guard samples.count > 1 else { continue }
                let others = try await digests(ids, 1)
                for id in ids.dropFirst() {
                    let key = RecordKey([Value.int(Int64(id))])
                    try expect(others[key] != there[key], "\(type): another value, the same digest")
                }
            }
        },
        ConformanceCheck("a feed of digests names every record that changed, and the ranges of those gone") {
            harness in
            try await withDigests(harness) { subject, look in
                for id in 1...50 { try await subject.insert(.int(Int64(id)), .text("\(id)"), .double(1)) }
                var start: FeedCursor?
                try await look {
                    start = try await DigestFeed($0, view: subject.view, rangeCount: 8).position()
                }
                guard let start else { throw ConformanceFailure(description: "there is no position") }
                func changes() async throws -> ChangedKeys {
                    var changed: ChangedKeys?
                    try await look {
                        if case .changes(let keys)? = try await DigestFeed($0, view: subject.view).changes(
                            since: start)
                        {
                            changed = keys
                        }
                    }
                    guard let changed else {
                        throw ConformanceFailure(description: "the cursor is not understood")
                    }
                    return changed
                }
                let quiet = try await changes()
                try expect(
                    quiet.keys.isEmpty && quiet.ranges.isEmpty, "a quiet feed names \(quiet.keys.count) keys")
                try await harness.update(
                    ["size": .double(5)], where: "id", is: .int(7), in: "things", of: subject.replica)
                try await harness.delete(where: "id", is: .int(30), from: "things", of: subject.replica)
                try await subject.insert(.int(1000), .text("far"), .double(1))
                let changed = try await changes()
                for id in [7, 1000] as [Int64] {
                    try expect(changed.keys.contains(RecordKey([Value.int(id)])), "record \(id) is not named")
                }
                let gone = RecordKey([Value.int(30)])
                try expect(changed.ranges.contains { $0.contains(gone) }, "no range has the deleted record")
                try expect(changed.keys.count < 51, "everything is named")
            }
        },
    ]

    /// Runs a check on a fresh store, whose looks add up digests.
    private static func withDigests(
        _ harness: any ConformanceHarness, fields: [Field] = keyed,
        _ body: (Subject, (((any DigestingObservation) async throws -> Void) async throws -> Void))
            async throws -> Void
    ) async throws {
        guard harness.abilities.addsUpDigests else { return }
        try await Subject.with(harness, fields: fields) { subject in
            try await body(subject) { look in
                try await subject.looking { observation in
                    guard let observation = observation as? any DigestingObservation,
                        try await observation.digestDialect(of: subject.view) != nil
                    else { throw ConformanceFailure(description: "the store adds up no digests") }
                    try await look(observation)
                }
            }
        }
    }

    private static func sum(
        _ observation: any DigestingObservation, _ subject: Subject, _ parts: KeyParts
    ) async throws -> SetDigest {
        var sum = SetDigest()
        for part in try await observation.digests(of: subject.view, parts: parts) { sum.add(part.digest) }
        return sum
    }
}
