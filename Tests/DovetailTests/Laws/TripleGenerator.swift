@testable import Dovetail

/// A small seeded generator (SplitMix64): the same seed gives the same case on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
    mutating func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &self)] }
}

/// A (base, left, right) case for the laws, with the rules it runs under.
struct Triple: CustomStringConvertible {
    typealias Rows = [Int64: [Value]]

    var base: Rows
    var left: Rows
    var right: Rows
    var rules: TableRules

    static let schema = TableSchema(
        "t",
        fields: [
            Field("id", .int), Field("name", .text), Field("size", .double), Field("note", .text),
            Field("changed", .int),
        ], identity: .match(["id"]))

    var description: String {
        func rows(_ rows: Rows) -> String {
            rows.sorted { $0.key < $1.key }.map {
                "\($0.key): \($0.value.map(\.words).joined(separator: " | "))"
            }
            .joined(separator: "\n    ")
        }
        return """
            rules: \(rules)
              base:
                \(rows(base))
              left:
                \(rows(left))
              right:
                \(rows(right))
            """
    }

    static func random(_ seed: UInt64) -> Triple {
        var random = SeededGenerator(seed: seed)
        var base: Rows = [:]
        for id in 0..<Int64.random(in: 0...6, using: &random) { base[id] = row(id, &random) }
        if random.chance(15) { base = [:] }
        var triple = Triple(base: base, left: base, right: base, rules: rules(&random))
        if base.isEmpty, random.chance(70) {
            for id in 0..<Int64.random(in: 0...5, using: &random) {
                if random.chance(70) { triple.left[id] = row(id, &random) }
                if random.chance(70) {
                    triple.right[id] = random.chance(40) ? triple.left[id] : row(id, &random)
                }
            }
        }
        edit(&triple.left, &random)
        edit(&triple.right, &random)
        return triple
    }

    private static func rules(_ random: inout SeededGenerator) -> TableRules {
        let policies: [ConflictPolicy] = [.ask, .left, .right, .newest(field: "changed"), .merge]
        var fields: [String: ConflictPolicy] = [:]
        if random.chance(40) { fields["note"] = random.pick(policies) }
        if random.chance(20) { fields["name"] = random.pick(policies) }
        return TableRules(
            direction: random.pick([.both, .both, .both, .leftToRight, .rightToLeft]),
            conflicts: random.pick(policies), fieldConflicts: fields,
            deletes: random.pick([.propagate, .propagate, .keep, .ask]))
    }

    private static func value(_ field: Int, _ random: inout SeededGenerator) -> Value {
        switch field {
        case 1: random.pick([.null, .text("a"), .text("b"), .text("e\u{301}"), .text("\u{e9}"), .text("")])
        case 2: random.pick([.null, .double(1), .double(1.5), .double(.nan), .int(2)])
        case 3:
            random.pick([.null, .text("x\ny\nz\n"), .text("x\nY\nz\n"), .text("x\ny\nz\nw\n"), .text("q")])
        default: random.pick([.null, .int(1), .int(2), .int(3)])
        }
    }

    private static func row(_ id: Int64, _ random: inout SeededGenerator) -> [Value] {
        [.int(id)] + (1...4).map { value($0, &random) }
    }

    private static func edit(_ rows: inout Rows, _ random: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let id = Int64.random(in: 0...7, using: &random)
            if rows[id] == nil {
                rows[id] = row(id, &random)
            } else if random.chance(30) {
                rows[id] = nil
            } else {
                let field = Int.random(in: 1...4, using: &random)
                rows[id]?[field] = value(field, &random)
            }
        }
    }

    /// Smaller cases that might still break a law: without one record, or with one edit taken back.
    var shrunk: [Triple] {
        var smaller: [Triple] = []
        for id in Set(base.keys).union(left.keys).union(right.keys).sorted() {
            var without = self
            without.base[id] = nil
            without.left[id] = nil
            without.right[id] = nil
            smaller.append(without)
            if let before = base[id] {
                for field in before.indices.dropFirst() {
                    for side in Side.allCases
                    where self[side][id].map({ $0[field] != before[field] }) ?? false {
                        var reverted = self
                        reverted[side][id]?[field] = before[field]
                        smaller.append(reverted)
                    }
                }
            }
        }
        return smaller
    }

    subscript(side: Side) -> Rows {
        get { side == .left ? left : right }
        set { if side == .left { left = newValue } else { right = newValue } }
    }

    var mirrored: Triple { Triple(base: base, left: right, right: left, rules: rules.mirrored) }
}

/// Entries of a plan, collected.
struct Collected: PlanSink {
    var entries: [PlanEntry] = []
    mutating func emit(_ entry: PlanEntry) throws { entries.append(entry) }
}

extension Triple {
    static func record(_ row: [Value]) -> Record {
        Record(key: RecordKey([row[0]]), fields: PackedRecord(row))
    }

    /// The plan, through the same join that the engine uses, in batches of two records.
    func plan(base known: [BaseRecord]? = nil) throws -> [PlanEntry] {
        func batches(_ rows: Rows) -> [RecordBatch] {
            let records = rows.values.map(Self.record).sorted { $0.key < $1.key }
            return stride(from: 0, to: records.count, by: 2).map {
                RecordBatch(records[$0..<min($0 + 2, records.count)])
            }
        }
        let known = known ?? baseRecords
        var streams: [JoinStream: [RecordBatch]] = [
            .base: stride(from: 0, to: known.count, by: 2).map {
                RecordBatch(base: known[$0..<min($0 + 2, known.count)])
            },
            .left: batches(left), .right: batches(right),
        ]
        var planner = Planner(schema: Self.schema, rules: rules, output: Collected())
        var join = MergeJoin()
        while let stream = try join.run(into: &planner) {
            let rest = streams[stream] ?? []
            try join.feed(rest.first, to: stream)
            streams[stream] = Array(rest.dropFirst())
        }
        planner.finish(join, complete: true)
        return planner.output.entries
    }

    var baseRecords: [BaseRecord] {
        base.values.map { row in
            let packed = PackedRecord(row)
            return BaseRecord(key: RecordKey([row[0]]), left: packed, right: packed)
        }.sorted { $0.key < $1.key }
    }

    /// The base of a right store that has its own form of every text.
    func base(rightForm form: (String) -> String) throws -> [BaseRecord] {
        try baseRecords.map { record in
            var record = record
            record.right = PackedRecord(
                try record.right.values().map {
                    if case .text(let text) = $0 { .text(form(text)) } else { $0 }
                })
            return record
        }
    }

    /// Both sides and the base after the given entries were applied.
    func applying(_ entries: [PlanEntry]) throws -> (triple: Triple, base: [BaseRecord]) {
        var after = self
        var known = Dictionary(baseRecords.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        for entry in entries {
            guard case .int(let id)? = try entry.key.values().first else { continue }
            for side in Side.allCases {
                guard let write = entry.write(on: side) else { continue }
                after[side][id] = try write.result?.values()
            }
            switch entry.decision {
            case .agree, .write:
                if let l = after.left[id], let r = after.right[id] {
                    known[entry.key] = BaseRecord(
                        key: entry.key, left: PackedRecord(l), right: PackedRecord(r))
                } else {
                    known[entry.key] = nil
                }
            case .conflict, .keep, .refuse, .unchanged: break
            }
        }
        return (after, known.values.sorted { $0.key < $1.key })
    }
}
