import Dovetail
import DovetailEngine
import DovetailSQLite
import DovetailTestSQLite
import Foundation
import Testing

@Suite("Reading SQLite")
struct ReplicaReadingTests {
    @Test("Columns are described by their declarations, and helpers are hidden")
    func describe() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            CREATE TABLE "odd "" name" (id INTEGER PRIMARY KEY, b BOOLEAN, i BIGINT, r REAL, f FLOAT,
                d DECIMAL(10,2),
                t VARCHAR(20) NOT NULL, x BLOB, day DATE, clock TIME, at DATETIME, atz TIMESTAMPTZ, j JSON,
                u UUID, anything, p POINT, g INTEGER AS (i + 1) STORED, UNIQUE (t, i));
            CREATE TABLE child (a TEXT, b INTEGER REFERENCES "odd "" name", PRIMARY KEY (b, a)) WITHOUT ROWID;
            CREATE TABLE dovetail_mark (x); CREATE TABLE dovetail_log_3 (x); CREATE TABLE dovetail_notes (x);
            """)
        let replica = fixture.replica()
        let tables = try await replica.describe()
        #expect(tables.map(\.name) == ["child", "dovetail_notes", "odd \" name"])
        let odd = tables[2]
        #expect(
            odd.columns.map(\.type) == [
                .int, .bool, .int, .double, .double, .decimal, .text, .bytes, .date, .time, .timestamp,
                .timestampWithZone, .json, .uuid, .any, .bytes, .int,
            ])
        #expect(odd.idColumn == "id")
        #expect(odd.uniqueKeys == [["t", "i"]])
        #expect(odd.columns.filter(\.isGenerated).map(\.name) == ["g"])
        #expect(odd.column("t")?.isNullable == false)
        #expect(tables[0].primaryKey == ["b", "a"])
        #expect(tables[0].idColumn == nil)
        #expect(tables[0].foreignKeys == [.init(columns: ["b"], table: "odd \" name", targetColumns: ["id"])])
        await replica.close()
    }

    @Test("What is stored is read as it is, and becomes another type only where nothing is lost")
    func storage() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            CREATE TABLE t (id INTEGER PRIMARY KEY, b BOOLEAN, r DOUBLE, d DECIMAL, day DATE, clock TIME,
                at DATETIME, atz TIMESTAMPTZ, j JSON, u UUID, i INTEGER, x);
            INSERT INTO t VALUES
                (1, 1, 5, 12, '2024-02-29', '12:34:56', '2024-02-29 12:34:56.5', '2024-02-29T12:00:00+02:00',
                    '{"b": 1.0, "a": 2}', '0f8fad5b-d9cb-469f-a165-70867728950e', 7, x'00ff'),
                (2, 2, 1.5, 1.5, '2024-02-30', '12:34', '2024-02-29T12:34:56Z', '2024-02-29T12:00:00',
                    '{nope', '0F8FAD5B-D9CB-469F-A165-70867728950E', 7.5, 'text'),
                (3, 'yes', 9007199254740993, 'x', 20240229, NULL, 5, 5, 5, x'0f', 'seven', 3.0);
            """)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["id"]))
        let rows = try await replica.values(view)
        let day = try #require(CalendarDate(year: 2024, month: 2, day: 29))
        let clock = try #require(TimeOfDay(iso: "12:34:56"))
        let uuid = try #require(UUID128("0f8fad5b-d9cb-469f-a165-70867728950e"))
        let exact: [Value] = [
            .int(1), .bool(true), .double(5), .decimal(ExactDecimal(Int64(12))), .date(day), .time(clock),
            .timestamp(Timestamp(microseconds: 1_709_210_096_500_000)),
            .timestampWithZone(Timestamp(microseconds: 1_709_200_800_000_000)), .json(#"{"a":2,"b":1}"#),
            .uuid(uuid), .int(7), .bytes([0, 255]),
        ]
        #expect(rows[0] == exact)
        #expect(
            rows[1] == [
                .int(2), .int(2), .double(1.5), .double(1.5), .text("2024-02-30"), .text("12:34"),
                .text("2024-02-29T12:34:56Z"), .text("2024-02-29T12:00:00"), .text("{nope"),
                .text("0F8FAD5B-D9CB-469F-A165-70867728950E"), .double(7.5), .text("text"),
            ])
        #expect(
            rows[2] == [
                .int(3), .text("yes"), .double(9_007_199_254_740_992), .text("x"), .int(20_240_229), .null,
                .int(5),
                .int(5), .int(5), .bytes([15]), .text("seven"), .double(3),
            ])
        await replica.close()
    }

    @Test("Values of every type come back as they were written", arguments: [false, true])
    func roundTrip(strict: Bool) async throws {
        let types: [(String, FieldType)] = [
            ("b", .bool), ("i", .int), ("r", .double), ("d", .decimal), ("t", .text), ("x", .bytes),
            ("day", .date),
            ("clock", .time), ("at", .timestamp), ("atz", .timestampWithZone), ("j", .json), ("u", .uuid),
            ("v", .interval), ("any", .any),
        ]
        let loose =
            "b BOOLEAN, i INTEGER, r DOUBLE, d TEXT, t TEXT, x BLOB, day DATE, clock TIME, at DATETIME,"
            + " atz TIMESTAMPTZ, j JSON, u UUID, v TEXT, \"any\""
        let exact =
            "b INTEGER, i INTEGER, r REAL, d TEXT, t TEXT, x BLOB, day TEXT, clock TEXT, at TEXT, atz TEXT,"
            + " j TEXT, u TEXT, v TEXT, \"any\" ANY"
        let fixture = try ReplicaFixture(
            .sqlite,
            "CREATE TABLE t (id INTEGER PRIMARY KEY, \(strict ? exact : loose)) \(strict ? "STRICT" : "")")
        let replica = fixture.replica()
        let view = try await replica.view(
            "t", .match(["id"]), types: Dictionary(uniqueKeysWithValues: types))
        let number = try #require(ExactDecimal("12345678901234567890.25"))
        let early = try #require(TimeOfDay(microseconds: 1))
        let late = try #require(TimeOfDay(microseconds: 86_399_000_000))
        let first: [Value] = [
            .int(1), .bool(true), .int(.min), .double(-0.1), .decimal(number), .text("æ\u{0}\u{1F980}"),
            .bytes([]),
            .date(CalendarDate(days: -719_528)), .time(early), .timestamp(Timestamp(microseconds: -1)),
            .timestampWithZone(Timestamp(microseconds: 1_709_209_800_123_456)), .json(#"{"a":[1,null]}"#),
            .uuid(UUID128(high: .max, low: 1)),
            .interval(CalendarInterval(months: 1, days: 2, microseconds: 3)),
            .bytes([0]),
        ]
        let second: [Value] = [
            .int(2), .bool(false), .int(.max), .double(.infinity), .decimal(.nan), .text(""), .bytes([0, 1]),
            .date(.distantFuture), .time(late), .timestamp(.distantFuture), .timestampWithZone(.distantPast),
            .json("\"x\""), .uuid(UUID128(high: 0, low: 0)), .interval(.distantPast), .text("5"),
        ]
        let rows = [first, second, [.int(3)] + [Value](repeating: .null, count: 14)]
        let outcomes = try await replica.apply(rows.map { view.insert($0) }, to: view).outcomes
        #expect(outcomes.areApplied)
        #expect(try outcomes.compactMap { try $0.record?.fields.values() } == rows)
        #expect(try await replica.values(view) == rows)
        await replica.close()
    }

    @Test("What SQLite would change in silence is refused")
    func refusals() async throws {
        let fixture = try ReplicaFixture(
            .sqlite, "CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, n DECIMAL, t TEXT, r REAL)")
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["id"]))
        let bad: [[Value]] = [
            [.text("007"), .null, .null, .null],
            [.null, .decimal(ExactDecimal("1.5") ?? .zero), .null, .null],
            [.null, .null, .int(5), .null], [.null, .null, .null, .int((1 << 53) + 1)],
        ]
        let writes = bad.enumerated().map { view.insert([.int(Int64($0))] + $1) }
        let outcomes = try await replica.apply(writes, to: view).outcomes
        #expect(outcomes.map { $0.reason?.hasPrefix("column ") } == [true, true, true, true])
        await replica.close()
    }

    @Test("Declared conversions go both ways")
    func conversions() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            CREATE TABLE t (id INTEGER PRIMARY KEY, flag INTEGER, word TEXT, price TEXT, n TEXT);
            INSERT INTO t VALUES (1, 1, 'f', '1.50', '12'), (2, 7, 'maybe', 'dear', '012');
            """)
        let replica = fixture.replica()
        let view = try await replica.view(
            "t", .match(["id"]), conversions: ["flag": .bool, "word": .bool, "price": .text, "n": .text],
            types: ["flag": .bool, "word": .bool, "price": .decimal, "n": .int])
        let rows = try await replica.values(view)
        let price = Value.decimal(ExactDecimal("1.5") ?? .zero)
        #expect(rows[0] == [.int(1), .bool(true), .bool(false), price, .int(12)])
        #expect(rows[1] == [.int(2), .int(7), .text("maybe"), .text("dear"), .text("012")])
        let new: [Value] = [.int(3), .bool(false), .bool(true), price, .int(-4)]
        #expect(
            try await replica.apply([view.insert(new)], to: view).outcomes.first?.record?.fields
                == PackedRecord(new))
        #expect(try fixture.text("SELECT flag || word || price || n FROM t WHERE id = 3") == "0true1.5-4")
        await replica.close()
    }

    @Test("Records are read by reference, whatever kind of key they have")
    func byReference() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE UNIQUE, n INTEGER, at DATETIME);
            INSERT INTO t VALUES (1, 'a', 1, '2024-01-01 00:00'),
                (2, 'B', 1, '2024-01-01T00:00:00'), (3, 'c', 2, NULL);
            """)
        let replica = fixture.replica()
        for match in [["id"], ["code"], ["n", "code"], ["at"]] {
            let view = try await replica.view("t", .match(match))
            let records = try await replica.records(view)
            let keys = Set(records.map(\.key))
            let missing = RecordReference(key: RecordKey([.text("A"), .int(9)]))
            for locators in [true, false] {
                let references = keys.map { key in
                    let locator = locators ? records.first { $0.key == key }?.locator : nil
                    return RecordReference(key: key, locator: locator ?? [])
                }
                let found = try await replica.look { try await $0.read(references + [missing], of: view) }
                #expect(Set(found) == Set(records))
                #expect(found.count == 3)
            }
        }
        await replica.close()
    }
}
