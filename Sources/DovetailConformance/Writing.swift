import Dovetail
import DovetailEngine

extension Conformance {
    static let writing: [ConformanceCheck] = [
        ConformanceCheck("every value of every type comes back as it was given") { harness in
            for type in harness.abilities.types {
                let fields = [Field("id", .int), Field("value", type)]
                try await Subject.with(harness, fields: fields) { subject in
                    let values = samples(type) + [.null]
                    let writes = values.enumerated().map {
                        subject.inserting(.int(Int64($0.offset)), $0.element)
                    }
                    for (value, outcome) in zip(values, try await subject.apply(writes)) {
                        guard case .applied(let record?) = outcome, try record.fields.value(at: 1) == value
                        else {
                            throw ConformanceFailure(description: "\(type.name) \(value.words): \(outcome)")
                        }
                    }
                    let back = try await subject.snapshot().map { try $0.fields.value(at: 1) }
                    try expect(back == values, "\(type.name) came back as \(back.map(\.words))")
                }
            }
        },
        ConformanceCheck("insert, update and delete do what they say, and give back the record as it is then")
        { harness in
            try await Subject.with(harness, fields: keyed) { subject in
                let inserted = try await subject.apply([subject.inserting(.int(1), .text("a"), .double(1))])
                guard case .applied(let record?) = inserted[0] else {
                    throw ConformanceFailure(description: "the insert gave \(inserted[0])")
                }
                try expect(try await subject.snapshot() == [record], "the outcome is not what is there")
                let updated = try await subject.apply([try subject.updating(record, ["name": .text("b")])])
                guard case .applied(let changed?) = updated[0], try changed.fields.value(at: 1) == .text("b")
                else {
                    throw ConformanceFailure(description: "the update gave \(updated[0])")
                }
                let deleted = try await subject.apply([subject.deleting(changed)])
                try expect(deleted == [.applied(nil)], "the delete gave \(deleted)")
                try expect(try await subject.snapshot().isEmpty, "the record is still there")
            }
        },
        ConformanceCheck("a record that changed since it was seen is not overwritten") { harness in
            try await Subject.with(harness, fields: keyed) { subject in
                for id in 1...3 { try await subject.insert(.int(Int64(id)), .text("old"), .double(0)) }
                let seen = try await subject.snapshot(of: 3)
                for id in 1...2 {
                    try await harness.update(
                        ["name": .text("theirs")], where: "id", is: .int(Int64(id)), in: "things",
                        of: subject.replica)
                }
                let outcomes = try await subject.apply([
                    try subject.updating(seen[0], ["name": .text("ours")]), subject.deleting(seen[1]),
                    try subject.updating(seen[2], ["name": .text("ours")]),
                    subject.inserting(.int(1), .text("ours"), .double(1)),
                ])
                try expect(outcomes[0] == .overtaken && outcomes[1] == .overtaken, "overwrote: \(outcomes)")
                try expect(outcomes[3] == .overtaken, "an insert over another record: \(outcomes[3])")
                if case .applied = outcomes[2] {
                } else {
                    throw ConformanceFailure(description: "the others were held up: \(outcomes[2])")
                }
                let names = try await subject.snapshot().map { try $0.fields.value(at: 1) }
                try expect(names == [.text("theirs"), .text("theirs"), .text("ours")], "names are \(names)")
            }
        },
        ConformanceCheck("a batch that is sent twice writes once") { harness in
            try await Subject.with(harness, fields: keyed) { subject in
                for id in 1...2 { try await subject.insert(.int(Int64(id)), .text("old"), .double(0)) }
                let seen = try await subject.snapshot(of: 2)
                let writes = [
                    try subject.updating(seen[0], ["name": .text("new")]), subject.deleting(seen[1]),
                    subject.inserting(.int(3), .text("c"), .double(3)),
                ]
                _ = try await subject.apply(writes)
                let before = try await subject.snapshot()
                for outcome in try await subject.apply(writes) {
                    guard case .already = outcome else {
                        throw ConformanceFailure(description: "the second time gave \(outcome)")
                    }
                }
                try expect(try await subject.snapshot() == before, "the second time changed something")
            }
        },
        ConformanceCheck("an update leaves columns alone that it does not name") { harness in
            try await Subject.with(harness, fields: keyed + [Field("secret", .text)]) { subject in
                try await subject.insert(.int(1), .text("a"), .double(1), .text("mine"))
                var narrow = subject.table.schema
                narrow.fields.removeLast()
                let part = Subject(harness: harness, replica: subject.replica, table: JobTable(narrow))
                let seen = try await part.snapshot(of: 1)
                _ = try await part.apply([try part.updating(seen[0], ["size": .double(2)])])
                let values = try await subject.snapshot(of: 1)[0].fields.values()
                try expect(
                    values == [.int(1), .text("a"), .double(2), .text("mine")], "the record is \(values)")
            }
        },
        ConformanceCheck("a key can change") { harness in
            try await Subject.with(harness, fields: keyed, identity: .match(["name"]), isKeyed: false) {
                subject in
                try await subject.insert(.int(1), .text("a"), .double(1))
                let seen = try await subject.snapshot(of: 1)
                let moved = ReplicaWrite(
                    key: seen[0].key, locator: seen[0].locator, expected: seen[0].fields,
                    write: .update(PackedRecord([.int(1), .text("b"), .double(1)]), fields: [1]))
                let outcomes = try await subject.apply([moved])
                guard case .applied(let record?) = outcomes[0], record.key == RecordKey([Value.text("b")])
                else {
                    throw ConformanceFailure(description: "the outcome is \(outcomes[0])")
                }
            }
        },
        ConformanceCheck("ten thousand writes go through in one batch") { harness in
            try await Subject.with(harness, fields: keyed) { subject in
                let writes = (0..<10_000).map {
                    subject.inserting(.int(Int64($0)), .text("name \($0)"), .double(0.5))
                }
                for outcome in try await subject.apply(writes) {
                    guard case .applied(.some) = outcome else {
                        throw ConformanceFailure(description: "an insert gave \(outcome)")
                    }
                }
                let records = try await subject.snapshot()
                try expect(records.count == 10_000, "\(records.count) records are there")
                let keys = records.map(\.key)
                try expect(keys == keys.sorted(), "batches are out of order")
            }
        },
        ConformanceCheck("a store that assigns ids says which") { harness in
            guard harness.abilities.assignsIDs else { return }
            let fields = [Field("name", .text), Field("size", .double)]
            try await Subject.with(harness, fields: fields, identity: .content, isKeyed: false) { subject in
                let write = subject.inserting(.text("same"), .double(1))
                let outcomes = try await subject.apply([
                    write, write, subject.inserting(.text("other"), .double(2)),
                ])
                let keys = try outcomes.map { outcome -> RecordKey in
                    guard case .applied(let record?) = outcome else {
                        throw ConformanceFailure(description: "an insert gave \(outcome)")
                    }
                    return record.key
                }
                try expect(Set(keys).count == 3, "ids are not distinct: \(keys)")
                let records = try await subject.snapshot()
                try expect(Set(records.map(\.key)) == Set(keys), "the ids are not those in the snapshot")
                let again = try await subject.read(keys.map { RecordReference(key: $0) })
                try expect(again.count == 3, "records are not found by the assigned ids")
            }
        },
        ConformanceCheck("a mark stays, and replaces the one before") { harness in
            guard harness.abilities.holdsMarks else { return }
            try await Subject.with(harness, fields: keyed) { subject in
                let none = try await subject.looking { try await $0.identity(job: "job") }
                try expect(none.marks.isEmpty, "a fresh store carries marks")
                for generation in 1...2 as ClosedRange<Int64> {
                    let mark = ReplicaMark(job: "job", side: .left, state: "s", generation: generation)
                    let isHeld = try await subject.replica.stamp(mark)
                    try expect(isHeld, "the mark was not taken")
                    let found = try await subject.looking { try await $0.identity(job: "job") }
                    try expect(found.marks == [mark], "the marks are \(found.marks)")
                }
                let other = try await subject.looking { try await $0.identity(job: "other") }
                try expect(other.marks.isEmpty, "another job sees the mark")
                let tables = try await subject.replica.describe()
                try expect(
                    tables.map(\.name) == ["things"], "the mark shows as a table: \(tables.map(\.name))")
            }
        },
    ]
}
