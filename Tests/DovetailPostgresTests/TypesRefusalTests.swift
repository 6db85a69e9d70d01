import Dovetail
import DovetailEngine
import DovetailTestPostgres
import Testing

@testable import DovetailPostgres

/// What a column can't hold as it is, is refused in words before anything is sent.
struct TypesRefusalTests {
    @Test("values that would be changed or refused") func refusals() async throws {
        let setup = "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN cents AS numeric(6,2);"
        try await TypedDatabase.with(setup: setup) { it in
            let huge = Timestamp(microseconds: -300_000_000_000_000_000)
            let samples: [(String, Value, String?)] = [
                ("smallint", .int(32768), "out of its range -32768…32767"), ("smallint", .int(32767), nil),
                ("integer", .int(1 << 31), "out of its range"), ("oid", .int(-1), "out of its range"),
                ("bigint", decimal("1.5"), "can't hold 1.5"), ("bigint", decimal("15"), nil),
                ("integer", .text("1"), "can't hold a text"), ("integer", .double(1), "can't hold a number"),
                ("real", .double(0.1), "can't hold 0.1 exactly"), ("real", .double(0.5), nil),
                ("float8", .int(1 << 53 + 1), "exactly"), ("float8", .int(5), nil),
                ("numeric(5,2)", decimal("1.005"), "would round 1.005"),
                ("numeric(5,2)", decimal("1000"), "more than 3 digits"),
                ("numeric(5,2)", decimal("999.99"), nil), ("numeric(5,2)", decimal("NaN"), nil),
                ("numeric(5,2)", decimal("Infinity"), "can't hold Infinity"),
                ("numeric(5)", decimal("0.5"), "would round"),
                ("cents", decimal("0.001"), "would round"),
                ("cents[]", .list([decimal("0.001")]), "would round"),
                ("numeric", decimal("1e131072"), "131072 digits"), ("numeric", decimal("1e-16384"), "16383"),
                ("money", decimal("0.001"), "would round"),
                ("money", decimal("92233720368547758.08"), "can't hold"),
                ("money", decimal("-92233720368547758.08"), nil),
                ("text", .text("a\0b"), "zero byte"), ("text", .int(1), "conversion text"),
                ("varchar(3)", .text("æøå"), nil),
                ("varchar(3)", .text("abcd"), "4 characters, more than 3"),
                ("char(3)", .text("ab "), "blanks at the end"),
                ("char(3)", .text("abcd"), "4 characters"),
                ("name", .text(String(repeating: "x", count: 64)), "63 bytes"),
                ("\"char\"", .text("ab"), "one ASCII character"),
                ("mood", .text("glad"), "no label “glad”; it has: sad, happy"), ("mood", .text("sad"), nil),
                ("varchar(2)[]", .list([.text("abc")]), "3 characters"),
                ("date", .date(CalendarDate(days: .max - 1)), "out of its range"),
                ("date", .date(CalendarDate(days: -2_440_589)), "out of its range"),
                ("timestamp", .timestamp(huge), "out of its range"),
                ("timestamp", .timestamp(Timestamp(microseconds: .max - 1)), nil),
                ("timestamp", .timestamp(Timestamp(microseconds: .min + 1)), "out of its range"),
                ("timestamp", .timestampWithZone(huge), "can't hold a timestamp with zone"),
                ("timestamp", .text("+294277-01-01T00:00:00"), "can't hold a text"),
                ("timestamp", .text("+294246-01-01T00:00:00"), "can't hold a text"),
                ("timestamp", .text("+294276-01-01T00:00:00"), nil),
                ("timestamp(0)", .timestamp(Timestamp(microseconds: 1)), "would round"),
                ("time(3)", TimeOfDay(microseconds: 1500).map { .time($0) } ?? .null, "would round"),
                ("timetz(1)", .text("12:00:00.25+00"), "would round"),
                ("timetz(1)", .text("12:00:00.50+00"), nil),
                (
                    "interval day to minute",
                    .interval(CalendarInterval(months: 0, days: 1, microseconds: 60_000_000)), nil
                ),
                (
                    "interval day to minute",
                    .interval(CalendarInterval(months: 0, days: 1, microseconds: 1)), "cut off"
                ),
                (
                    "interval year", .interval(CalendarInterval(months: 13, days: 0, microseconds: 0)),
                    "cut off"
                ),
                (
                    "interval(2)", .interval(CalendarInterval(months: 0, days: 0, microseconds: 5000)),
                    "cut off"
                ),
                ("interval", .interval(.distantFuture), it.server.version < 170_000 ? "before 17" : nil),
                ("jsonb", .json("\"a\\u0000\""), "\\u0000"), ("json", .json("\"a\\u0000\""), nil),
                ("jsonb", .json("\"\\\\u0000\""), nil),
                ("jsonb", .json("[" + String(repeating: "9", count: 131_073) + "]"), "131072"),
                ("jsonb", .text("{}"), "can't hold a text"),
                ("int[]", .list([.list([.int(1)]), .list([.int(1), .int(2)])]), "same length"),
                ("int[]", .list([.int(1), .list([.int(1)])]), "same length"),
                ("int[]", .list([.list([])]), "empty list"),
                ("int[]", .int(1), "can't hold a number"), ("bytea", .text("x"), "can't hold a text"),
                ("text", .blob(BlobReference(digest: [], size: 0)), "file kept elsewhere"),
            ]
            let since15: [(String, Value, String?)] = [
                ("numeric(2,-3)", decimal("99000"), nil), ("numeric(2,-3)", decimal("99500"), "would round"),
                ("numeric(2,-3)", decimal("100000"), "digits before the point"),
                ("numeric(3,5)", decimal("0.00999"), nil),
                ("numeric(3,5)", decimal("0.01"), "too large"),
                ("numeric(3,5)", decimal("1"), "digits before the point"),
            ]
            for (type, value, words) in samples + (it.server.version >= 150_000 ? since15 : []) {
                let reason = try await it.refusal(type, value)
                if let words {
                    #expect(reason?.contains(words) == true, "\(type) \(value.words): \(reason ?? "taken")")
                } else {
                    #expect(reason == nil, "\(type) \(value.words)")
                    // What is taken comes back.
                    let plan = try await it.column(type)
                    try await it.write([value], plan)
                }
            }
            let tolerant = Field("value", .double, options: FieldOptions(tolerance: 0.001))
            #expect(try await it.refusal("real", .double(0.1), field: tolerant) == nil)
            let full = try await it.refusal("numeric(5,2)", decimal("1.005"))
            #expect(full == "column value (numeric(5,2)) of things: it would round 1.005")
        }
    }

    @Test("texts that are not UTF-8") func invalid() async throws {
        try await TypedDatabase.with { it in
            var encoder = RowEncoder([try await it.column("text")], table: "things")
            encoder.begin(1)
            var packed = PackedRecord([Value.text("xy")]).bytes
            packed[6] = 0xff
            #expect(throws: UnstorableValue.self) { try encoder.put(packed: packed[...], column: 0) }
            #expect(encoder.row.count == 2)
        }
    }
}
