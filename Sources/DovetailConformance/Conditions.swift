import Dovetail
import DovetailEngine
import DovetailMemory

/// Views with a condition: what does not meet it takes no part, and no write of ours takes a record out of it.
extension Conformance {
    static let conditions: [ConformanceCheck] = [
        ConformanceCheck("records that don't meet the view's condition take no part") { harness in
            guard let condition = harness.abilities.condition else { return }
            try await Subject.with(harness, fields: keyed) { all in
                let some = all.with(condition)
                try await all.insert(.int(2), .text("out"), .double(2))
                let isEmpty = try await some.looking { try await $0.isEmpty(some.view) }
                try expect(isEmpty, "a table without records that meet it is not empty")
                try await all.insert(.int(1), .text("in"), .double(1))
                try await all.insert(.int(3), .null, .double(3))
                try await all.insert(.int(4), .text("in"), .double(4))
                let (records, seen) = (try await all.snapshot(of: 4), try await some.snapshot())
                try expect(seen == [records[0], records[3]], "a snapshot gives \(seen.map(\.key.words))")
                let read = try await some.read(
                    records.map { RecordReference(key: $0.key, locator: $0.locator) })
                try expect(Set(read) == Set(seen), "reading by key gives \(read.map(\.key.words))")
            }
        },
        ConformanceCheck("records that don't meet the view's condition are not written to") { harness in
            guard let condition = harness.abilities.condition else { return }
            try await Subject.with(harness, fields: keyed) { all in
                let some = all.with(condition)
                for id in 1...3 { try await all.insert(.int(Int64(id)), .text("out"), .double(0)) }
                try await all.insert(.int(4), .text("in"), .double(0))
                let seen = try await all.snapshot(of: 4)
                let outcomes = try await some.apply([
                    try some.updating(seen[0], ["name": .text("in")]), some.deleting(seen[1]),
                    some.inserting(.int(3), .text("in"), .double(1)),
                    try some.updating(seen[3], ["size": .double(1)]),
                ])
                try expect(outcomes[0] == .overtaken, "an update gave \(outcomes[0])")
                try expect(outcomes[1] == .already(nil), "a delete gave \(outcomes[1])")
                guard case .rejected = outcomes[2] else {
                    throw ConformanceFailure(description: "an insert over one of them gave \(outcomes[2])")
                }
                guard case .applied(.some) = outcomes[3] else {
                    throw ConformanceFailure(description: "the others were held up: \(outcomes[3])")
                }
                let now = try await all.snapshot(of: 4)
                try expect(now.prefix(3) == seen.prefix(3), "they were written to")
            }
        },
        ConformanceCheck(
            "a write that takes its record out of the condition is refused, and the others go through"
        ) { harness in
            guard let condition = harness.abilities.condition else { return }
            try await Subject.with(harness, fields: keyed) { all in
                let some = all.with(condition)
                for id in 1...3 { try await all.insert(.int(Int64(id)), .text("in"), .double(0)) }
                let seen = try await some.snapshot(of: 3)
                let outcomes = try await some.apply([
                    try some.updating(seen[0], ["name": .text("out")]),
                    try some.updating(seen[1], ["size": .double(1)]), some.deleting(seen[2]),
                    some.inserting(.int(4), .text("out"), .double(0)),
                    some.inserting(.int(5), .null, .double(0)),
                    some.inserting(.int(6), .text("in"), .double(0)),
                ])
                for index in [0, 3, 4] {
                    guard case .rejected = outcomes[index] else {
                        throw ConformanceFailure(description: "write \(index + 1) gave \(outcomes[index])")
                    }
                }
                guard case .applied(.some) = outcomes[1], outcomes[2] == .applied(nil),
                    case .applied(.some) = outcomes[5]
                else { throw ConformanceFailure(description: "the others were held up: \(outcomes)") }
                let now = try await all.snapshot().map { try $0.fields.values() }
                try expect(
                    now == [
                        [.int(1), .text("in"), .double(0)], [.int(2), .text("in"), .double(1)],
                        [.int(6), .text("in"), .double(0)],
                    ], "the records are \(now)")
            }
        },
        ConformanceCheck("a record without a key that does not meet the condition is not inserted") {
            harness in
            guard let condition = harness.abilities.condition, harness.abilities.assignsIDs else { return }
            let fields = [Field("name", .text), Field("size", .double)]
            try await Subject.with(harness, fields: fields, identity: .content, isKeyed: false) { all in
                let outcomes = try await all.with(condition).apply([
                    all.inserting(.text("out"), .double(1)), all.inserting(.text("in"), .double(2)),
                ])
                guard case .rejected = outcomes[0], case .applied(.some) = outcomes[1] else {
                    throw ConformanceFailure(description: "the outcomes are \(outcomes)")
                }
                _ = try await all.snapshot(of: 1)
            }
        },
        ConformanceCheck(
            "an edit that leaves the other side's condition deletes nothing, whoever wins conflicts"
        ) {
            harness in
            guard let condition = harness.abilities.condition else { return }
            for policy in [ConflictPolicy.ask, .left, .right] {
                try await Subject.with(harness, fields: keyed) { all in
                    try await EditThatLeaves(right: all.with(condition), policy: policy).check()
                }
            }
        },
    ]
}

extension Subject {
    /// The same table through a view with a condition.
    fileprivate func with(_ condition: String) -> Subject {
        var table = table
        table.views.left.filter = condition
        return Subject(harness: harness, replica: replica, table: table)
    }
}

/// Syncs a replica in memory, which has no condition, with one that has.
private struct EditThatLeaves {
    let right: Subject
    let policy: ConflictPolicy

    func check() async throws {
        let left = MemoryReplica(tables: [MemoryTable(right.table.schema)])
        await left.edit("things") { things in
            things.insert(["id": .int(1), "name": .text("in"), "size": .double(1)])
            things.insert(["id": .int(2), "name": .text("in"), "size": .double(2)])
        }
        let schema = right.table.schema
        let plain = TableView(
            schema: schema, table: "things", columns: schema.fields.map { ColumnBinding($0.name) })
        let job = SyncJob(
            name: "condition", replicas: Sides(left: left, right: right.replica),
            tables: [
                JobTable(
                    schema: schema, rules: TableRules(conflicts: policy),
                    views: Sides(left: plain, right: right.view))
            ])
        let synchronizer = Synchronizer(
            job: job, state: MemoryStateStore(),
            owner: LockOwner(process: 1, host: "here", user: "conformance", command: "test", since: 0),
            clock: { 0 })
        _ = try await synchronizer.sync()
        await left.edit("things") { things in
            things.update(1) { $0["name"] = .text("out") }
            things.insert(["id": .int(3), "name": .text("out"), "size": .double(3)])
        }
        for _ in 0..<3 {
            let result = try await synchronizer.sync()
            try expect(result.rejected == 2, "\(result.rejected) of 2 records were rejected")
            try await expectNames(["out", "in", "out"], ["in", "in"], left)
        }
        // Taken back, it is as if nothing had been.
        await left.edit("things") { things in things.update(1) { $0["name"] = .text("in") } }
        _ = try await synchronizer.sync()
        try await expectNames(["in", "in", "out"], ["in", "in"], left)
    }

    private func expectNames(_ lefts: [String], _ rights: [String], _ left: MemoryReplica) async throws {
        let rows = await left.table("things")?.rows ?? [:]
        let namesLeft = rows.sorted { $0.key < $1.key }.map { $0.value["name"] ?? .null }
        let namesRight = try await right.snapshot().map { try $0.fields.value(at: 1) }
        try expect(
            namesLeft == lefts.map { .text($0) } && namesRight == rights.map { .text($0) },
            "\(policy.words): the names are \(namesLeft.map(\.words)) and \(namesRight.map(\.words))")
    }
}
