import Dovetail
import DovetailEngine

extension Conformance {
    /// Texts that break whatever sorts, quotes or measures text in its own way.
    static let hostileTexts = [
        "", " ", "a", "A", "ab", "aa", "é", "e\u{301}", "😀", "ß", "ss", "\u{7f}", "it's", "\"quoted\"",
        "a;b--",
        "line\nbreak", "tab\t", "%", "_", "\\", "null", "0", "١", "Ǆ", String(repeating: "x", count: 500),
    ]

    /// Values of a type, at its edges.
    static func samples(_ type: FieldType) -> [Value] {
        switch type {
        case .bool: [.bool(true), .bool(false)]
        case .int: [.int(0), .int(1), .int(-1), .int(.max), .int(.min)]
        case .double:
            [
                .double(0), .double(1.5), .double(-0.1), .double(1e300), .double(.leastNonzeroMagnitude),
                .double(0.1 + 0.2),
            ]
        case .decimal:
            ["0", "12.5", "-0.001", "12345678901234567890.123456789"].compactMap { ExactDecimal($0) }.map {
                .decimal($0)
            }
        case .text: hostileTexts.map { .text($0) }
        case .bytes:
            [.bytes([]), .bytes([0]), .bytes([0xff, 0, 0x80]), .bytes(Array(repeating: 7, count: 10_000))]
        case .date:
            ["2024-02-29", "1582-10-15", "0001-01-01", "9999-12-31"].compactMap { CalendarDate(iso: $0) }.map
            { .date($0) }
        case .time:
            ["00:00:00", "23:59:59.999999", "12:30:00.5"].compactMap { TimeOfDay(iso: $0) }.map { .time($0) }
        case .timestamp:
            ["2024-02-29T12:34:56.789", "1969-12-31T23:59:59.999"].compactMap {
                Timestamp.parse($0)?.timestamp
            }
            .map { .timestamp($0) }
        case .timestampWithZone:
            ["2024-02-29T12:34:56.789Z", "1969-12-31T23:59:59Z"].compactMap { Timestamp.parse($0)?.timestamp }
                .map { .timestampWithZone($0) }
        case .interval: [.interval(CalendarInterval(months: 14, days: -3, microseconds: 1_500_000))]
        case .uuid: [.uuid(UUID128(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210))]
        case .json: [.json("{\"a\":[1,null,\"x\"]}"), .json("[]")]
        case .list(let element): [.list([]), .list(samples(element))]
        case .geometry(let kind):
            [.geometry(point(9.53, 55.71, srid: kind.srid)), .geometry(point(-180, -90, srid: kind.srid))]
        case .blob: [.blob(BlobReference(digest: Array(repeating: 9, count: 32), size: 1 << 40))]
        case .any: [.int(1), .text("one")]
        }
    }

    static func point(_ x: Double, _ y: Double, srid: Int32) -> Geometry {
        var wkb: [UInt8] = [1, 1, 0, 0, 0]
        for ordinate in [x, y] {
            withUnsafeBytes(of: ordinate.bitPattern.littleEndian) { wkb.append(contentsOf: $0) }
        }
        return Geometry(srid: srid, canonicalWKB: wkb)
    }

    static let keyed = [Field("id", .int), Field("name", .text), Field("size", .double)]

    static let looking: [ConformanceCheck] = [
        ConformanceCheck("an empty table has no records, and says so") { harness in
            try await Subject.with(harness, fields: keyed) { subject in
                try expect(try await subject.snapshot().isEmpty, "records in an empty table")
                let isEmpty = try await subject.looking { try await $0.isEmpty(subject.view) }
                try expect(isEmpty, "an empty table is not empty")
                try await subject.insert(.int(1), .text("a"), .double(1))
                let isStillEmpty = try await subject.looking { try await $0.isEmpty(subject.view) }
                try expect(!isStillEmpty, "a table with a record is empty")
            }
        },
        ConformanceCheck("a snapshot comes in the order of the keys' bytes, whatever the store's collation") {
            harness in
            let fields = [Field("id", .text), Field("n", .int)]
            try await Subject.with(harness, fields: fields) { subject in
                for (index, text) in hostileTexts.enumerated() {
                    try await subject.insert(.text(text), .int(Int64(index)))
                }
                let keys = try await subject.snapshot().map(\.key)
                try expect(
                    keys == hostileTexts.map { RecordKey([Value.text($0)]) }.sorted(), "keys are out of order"
                )
            }
        },
        ConformanceCheck("keys of several fields come in the order of their bytes") { harness in
            let fields = [Field("a", .text), Field("b", .int), Field("c", .text)]
            try await Subject.with(harness, fields: fields, identity: .match(["a", "b"])) { subject in
                for (a, b) in [("b", 2), ("a", 10), ("a", -1), ("ab", 0), ("a", 9), ("b", -5)] {
                    try await subject.insert(.text(a), .int(Int64(b)), .text("x"))
                }
                let keys = try await subject.snapshot().map(\.key)
                try expect(keys.count == 6 && keys == keys.sorted(), "keys are out of order")
            }
        },
        ConformanceCheck("records with the same key stand side by side in a snapshot") { harness in
            guard harness.abilities.allowsDuplicateKeys else { return }
            try await Subject.with(harness, fields: keyed, isKeyed: false) { subject in
                for id in [3, 1, 2, 1] { try await subject.insert(.int(Int64(id)), .text("n"), .double(0)) }
                let ids = try await subject.snapshot().map { try $0.fields.value(at: 0) }
                try expect(ids == [.int(1), .int(1), .int(2), .int(3)], "got \(ids)")
            }
        },
        ConformanceCheck(
            "reading by key gives what the snapshot gives, and nothing for keys that are not there"
        ) { harness in
            try await Subject.with(harness, fields: keyed) { subject in
                for id in 0..<50 {
                    try await subject.insert(.int(Int64(id)), .text("name \(id)"), .double(Double(id)))
                }
                let all = try await subject.snapshot()
                try expect(all.count == 50, "\(all.count) of 50 records are there")
                var references = all.map { RecordReference(key: $0.key, locator: $0.locator) }
                references.append(RecordReference(key: RecordKey([Value.int(999)])))
                let read = try await subject.read(references).sorted { $0.key < $1.key }
                try expect(read == all, "reading by key differs from the snapshot")
                let unlocated = try await subject.read(all.map { RecordReference(key: $0.key) })
                try expect(unlocated.sorted { $0.key < $1.key } == all, "reading needs the locator")
                let wrong = try await subject.read([RecordReference(key: all[3].key, locator: all[4].locator)]
                )
                try expect(wrong == [all[3]], "a wrong locator gives another record")
            }
        },
        ConformanceCheck("null, the empty text and zero are three values") { harness in
            try await Subject.with(harness, fields: keyed) { subject in
                try await subject.insert(.int(1), .null, .null)
                try await subject.insert(.int(2), .text(""), .double(0))
                let values = try await subject.snapshot().map { try $0.fields.values() }
                try expect(values.count == 2, "\(values.count) of 2 records are there")
                try expect(values[0][1] == .null && values[0][2] == .null, "null became \(values[0])")
                try expect(
                    values[1][1] == .text("") && values[1][2] == .double(0), "empty became \(values[1])")
            }
        },
        ConformanceCheck("looking changes nothing") { harness in
            try await Subject.with(harness, fields: keyed) { subject in
                try await subject.insert(.int(1), .text("a"), .double(1))
                let before = try await harness.fingerprint(of: subject.replica)
                _ = try await subject.replica.describe()
                _ = try await subject.snapshot()
                _ = try await subject.read([RecordReference(key: RecordKey([Value.int(1)]))])
                _ = try await subject.looking { try await $0.identity(job: "job") }
                let after = try await harness.fingerprint(of: subject.replica)
                try expect(before == after, "looking changed the store")
            }
        },
        ConformanceCheck("a table that is not there is named in an error") { harness in
            try await Subject.with(harness, fields: keyed) { subject in
                var view = subject.view
                view.table = "nowhere"
                do {
                    _ = try await subject.looking { observation in
                        let cursor = try await observation.snapshot(of: view)
                        _ = try await cursor.next()
                    }
                } catch let error as ReplicaError {
                    try expect("\(error)".contains("nowhere"), "the error does not name the table: \(error)")
                    return
                }
                throw ConformanceFailure(description: "a missing table gives no error")
            }
        },
        ConformanceCheck("the description names the columns with their types") { harness in
            try await Subject.with(harness, fields: keyed) { subject in
                let tables = try await subject.replica.describe()
                guard let table = tables.first(where: { $0.name == "things" }) else {
                    throw ConformanceFailure(description: "the table is not described")
                }
                for field in keyed {
                    guard let column = table.column(field.name) else {
                        throw ConformanceFailure(description: "\(field.name) is not described")
                    }
                    try expect(
                        column.type.holds(field.type), "\(field.name) is described as \(column.type.name)")
                }
                try expect(table.readOnlyReason == nil, "a plain table can't be written to")
            }
        },
    ]
}
