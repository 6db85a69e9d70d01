import Dovetail
import DovetailEngine

extension Conformance {
    static let feeds: [ConformanceCheck] = [
        ConformanceCheck("a change feed names each changed key, old and new, and nothing else") { harness in
            guard harness.abilities.hasChangeFeed else { return }
            try await Subject.with(
                harness, fields: keyed, identity: .match(["name"]), isKeyed: false, wantsChangeFeed: true
            ) { subject in
                for name in ["a", "b", "c", "d"] {
                    try await subject.insert(.int(1), .text(name), .double(0))
                }
                try await subject.replica.prepare([subject.view])
                guard let start = try await subject.looking({ try await $0.feedPosition(of: subject.view) })
                else {
                    throw ConformanceFailure(description: "there is no feed after prepare")
                }
                let quiet = try await subject.looking { try await $0.changes(of: subject.view, since: start) }
                try expect(quiet?.keys == [], "a quiet feed names \(String(describing: quiet))")
                try await harness.update(
                    ["size": .double(5)], where: "name", is: .text("a"), in: "things", of: subject.replica)
                try await harness.update(
                    ["name": .text("z")], where: "name", is: .text("b"), in: "things", of: subject.replica)
                try await harness.delete(where: "name", is: .text("c"), from: "things", of: subject.replica)
                try await subject.insert(.int(2), .text("e"), .double(0))
                let changed = try await subject.looking {
                    try await $0.changes(of: subject.view, since: start)
                }
                let wanted = ["a", "b", "c", "e", "z"].map { RecordKey([Value.text($0)]) }
                try expect(changed?.keys == wanted, "the feed names \(changed?.keys.map(\.words) ?? [])")
                guard let end = changed?.cursor else { return }
                let rest = try await subject.looking { try await $0.changes(of: subject.view, since: end) }
                try expect(rest?.keys == [], "the feed repeats itself")
            }
        },
        ConformanceCheck("our own writes come with the range of the feed they fill") { harness in
            guard harness.abilities.hasChangeFeed else { return }
            try await Subject.with(harness, fields: keyed, wantsChangeFeed: true) { subject in
                try await subject.replica.prepare([subject.view])
                let start = try await subject.looking { try await $0.feedPosition(of: subject.view) }
                let result = try await subject.replica.apply(
                    [subject.inserting(.int(1), .text("a"), .double(1))], to: subject.view)
                let end = try await subject.looking { try await $0.feedPosition(of: subject.view) }
                try expect(
                    result.feed?.before == start && result.feed?.after == end,
                    "the range is \(String(describing: result.feed))")
            }
        },
        ConformanceCheck("a cursor of another feed is not understood, rather than misread") { harness in
            guard harness.abilities.hasChangeFeed else { return }
            try await Subject.with(harness, fields: keyed, wantsChangeFeed: true) { subject in
                try await subject.replica.prepare([subject.view])
                for text in ["", "nonsense", "other.0", "99999999"] {
                    let changed = try await subject.looking {
                        try await $0.changes(of: subject.view, since: FeedCursor(text))
                    }
                    try expect(changed == nil, "“\(text)” was understood")
                }
            }
        },
    ]

    static let constraints: [ConformanceCheck] = [
        ConformanceCheck(
            "a record that the store refuses is set aside with its reason, and the others go through"
        ) { harness in
            guard harness.abilities.checksUniqueKeys else { return }
            try await Subject.with(harness, fields: keyed, uniqueKeys: [["name"]]) { subject in
                try await subject.insert(.int(1), .text("taken"), .double(0))
                let outcomes = try await subject.apply([
                    subject.inserting(.int(2), .text("free"), .double(0)),
                    subject.inserting(.int(3), .text("taken"), .double(0)),
                    subject.inserting(.int(4), .text("also free"), .double(0)),
                ])
                guard case .rejected(let rejection) = outcomes[1] else {
                    throw ConformanceFailure(description: "a second unique value gave \(outcomes[1])")
                }
                try expect(
                    rejection.reason.contains("name"),
                    "the reason does not name the field: \(rejection.reason)")
                let ids = try await subject.snapshot().map { try $0.fields.value(at: 0) }
                try expect(ids == [.int(1), .int(2), .int(4)], "records are \(ids)")
            }
        },
        ConformanceCheck("unique values can swap, and go round in a circle") { harness in
            guard harness.abilities.checksUniqueKeys else { return }
            try await Subject.with(harness, fields: keyed, uniqueKeys: [["name"]]) { subject in
                for (id, name) in [(1, "a"), (2, "b"), (3, "c")] {
                    try await subject.insert(.int(Int64(id)), .text(name), .double(0))
                }
                let seen = try await subject.snapshot(of: 3)
                let outcomes = try await subject.apply([
                    try subject.updating(seen[0], ["name": .text("b")]),
                    try subject.updating(seen[1], ["name": .text("c")]),
                    try subject.updating(seen[2], ["name": .text("a")]),
                ])
                for outcome in outcomes {
                    guard case .applied(.some) = outcome else {
                        throw ConformanceFailure(description: "a circle of unique values gave \(outcome)")
                    }
                }
                let names = try await subject.snapshot().map { try $0.fields.value(at: 1) }
                try expect(names == [.text("b"), .text("c"), .text("a")], "names are \(names)")
            }
        },
        ConformanceCheck("a child waits for its parent in the same batch, and is refused without one") {
            harness in
            guard harness.abilities.checksForeignKeys else { return }
            let fields = [Field("id", .int), Field("parent", .int)]
            let foreign = TableDescription.ForeignKey(
                columns: ["parent"], table: "things", targetColumns: ["id"])
            try await Subject.with(harness, fields: fields, foreignKeys: [foreign]) { subject in
                let outcomes = try await subject.apply([
                    subject.inserting(.int(2), .int(1)), subject.inserting(.int(1), .null),
                    subject.inserting(.int(3), .int(99)),
                ])
                guard case .applied = outcomes[0], case .applied = outcomes[1] else {
                    throw ConformanceFailure(description: "the child gave \(outcomes[0])")
                }
                guard case .rejected(let rejection) = outcomes[2], rejection.dependsOnOthers else {
                    throw ConformanceFailure(description: "the orphan gave \(outcomes[2])")
                }
                let records = try await subject.snapshot(of: 2)
                guard case .rejected = try await subject.apply([subject.deleting(records[0])])[0] else {
                    throw ConformanceFailure(description: "a parent was deleted under its child")
                }
            }
        },
    ]
}
