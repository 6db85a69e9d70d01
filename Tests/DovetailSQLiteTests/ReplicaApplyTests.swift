import Dovetail
import DovetailEngine
import DovetailSQLite
import DovetailTestSQLite
import Foundation
import Testing

@Suite("Writing to SQLite")
struct ReplicaApplyTests {
    private static let benches = """
        CREATE TABLE benches (id INTEGER PRIMARY KEY, name TEXT, seats INTEGER, rank INTEGER UNIQUE,
            CHECK (seats < 100));
        INSERT INTO benches VALUES (1, 'oak', 3, 1), (2, 'elm', 4, 2), (3, 'ash', 5, 3);
        """

    @Test("An update writes only the changed fields, and gives the record back")
    func update() async throws {
        let fixture = try ReplicaFixture(.sqlite, Self.benches)
        let replica = fixture.replica()
        let view = try await replica.view("benches", .match(["id"]))
        let writes = try await replica.update(view, where: { $0[0] == .int(2) }) { $0[1] = .text("lime") }
        try fixture.run(
            "CREATE TRIGGER t AFTER UPDATE OF seats ON benches BEGIN SELECT RAISE(ABORT, 'seats!'); END")
        let result = try await replica.apply(writes, to: view)
        #expect(
            try result.outcomes.map { try $0.record?.fields.values() } == [
                [.int(2), .text("lime"), .int(4), .int(2)]
            ])
        #expect(result.outcomes[0].isApplied)
        #expect(result.feed == nil)
        #expect(try fixture.text("SELECT group_concat(name) FROM benches") == "oak,lime,ash")
        await replica.close()
    }

    @Test("A write that is done already is not done again, and one that was overtaken is left alone")
    func optimism() async throws {
        let fixture = try ReplicaFixture(.sqlite, Self.benches)
        let replica = fixture.replica()
        let view = try await replica.view("benches", .match(["id"]))
        let rename = try await replica.update(view, where: { _ in true }) { $0[1] = .text("lime") }
        let delete = try await replica.deletes(view) { _ in true }
        try fixture.run(
            "UPDATE benches SET name = 'lime' WHERE id = 1; UPDATE benches SET seats = 9 WHERE id = 2")
        try fixture.run("DELETE FROM benches WHERE id = 3")
        let renamed = try await replica.apply(rename, to: view).outcomes
        #expect(renamed[0].isAlready)
        #expect(renamed[1] == .overtaken)
        #expect(renamed[2] == .overtaken)
        let deleted = try await replica.apply(delete, to: view).outcomes
        #expect(deleted == [.overtaken, .overtaken, .already(nil)])

        let inserts = [
            view.insert([.int(1), .text("lime"), .int(3), .int(1)]),
            view.insert([.int(2), .text("other"), .int(3), .int(2)]),
            view.insert([.int(4), .text("fir"), .null, .null]),
        ]
        let inserted = try await replica.apply(inserts, to: view).outcomes
        #expect(inserted[0].isAlready)
        #expect(inserted[1] == .overtaken)
        #expect(inserted[2].isApplied)
        let again = try await replica.apply(inserts, to: view).outcomes
        #expect(again[2].isAlready)
        await replica.close()
    }

    @Test("A record that the store refuses does not stop the others, and the store's words come back")
    func rejection() async throws {
        let fixture = try ReplicaFixture(.sqlite, Self.benches)
        let replica = fixture.replica()
        let view = try await replica.view("benches", .match(["id"]))
        let writes = [
            view.insert([.int(10), .text("a"), .int(100), .null]),
            view.insert([.int(11), .text("b"), .int(1), .int(3)]),
            view.insert([.int(12), .text("c"), .int(1), .int(12)]),
            view.insert([.int(13), .list([]), .int(1), .null]),
            view.insert([.int(14), .double(.nan), .int(1), .null]),
        ]
        let outcomes = try await replica.apply(writes, to: view).outcomes
        #expect(outcomes[0].reason == "CHECK constraint failed: seats < 100")
        #expect(!outcomes[0].dependsOnOthers)
        #expect(outcomes[1].reason == "UNIQUE constraint failed: benches.rank")
        #expect(outcomes[1].dependsOnOthers)
        #expect(outcomes[2].isApplied)
        #expect(outcomes[3].reason?.contains("column name (TEXT) of benches") == true)
        #expect(outcomes[4].reason?.contains("NaN") == true)
        #expect(try fixture.text("SELECT count(*) FROM benches") == "4")
        await replica.close()
    }

    @Test("Triggers that raise, ignore, fail half-way or roll back cost only their own record")
    func triggers() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
            CREATE TABLE log (name TEXT);
            CREATE TRIGGER a BEFORE INSERT ON t WHEN NEW.name = 'abort'
                BEGIN SELECT RAISE(ABORT, 'no abort'); END;
            CREATE TRIGGER i BEFORE INSERT ON t WHEN NEW.name = 'ignore' BEGIN SELECT RAISE(IGNORE); END;
            CREATE TRIGGER f AFTER INSERT ON t WHEN NEW.name = 'fail'
                BEGIN INSERT INTO log VALUES ('half'); SELECT RAISE(FAIL, 'no fail'); END;
            CREATE TRIGGER r AFTER INSERT ON t WHEN NEW.name = 'rollback'
                BEGIN SELECT RAISE(ROLLBACK, 'no roll'); END;
            CREATE TRIGGER u AFTER INSERT ON t WHEN NEW.name = 'shout'
                BEGIN UPDATE t SET name = upper(name) WHERE id = NEW.id; END;
            """)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["id"]))
        let names = ["good", "abort", "ignore", "fail", "rollback", "shout", "fine"]
        let writes = names.enumerated().map { view.insert([.int(Int64($0) + 1), .text($1)]) }
        let outcomes = try await replica.apply(writes, to: view).outcomes
        #expect(outcomes.map(\.isApplied) == [true, false, false, false, false, true, true])
        #expect(outcomes[1].reason == "no abort")
        #expect(outcomes[2].reason?.contains("trigger") == true)
        #expect(outcomes[3].reason == "no fail")
        #expect(outcomes[4].reason == "no roll")
        #expect(try outcomes[5].record?.fields.value(at: 1) == .text("SHOUT"))
        #expect(try fixture.text("SELECT group_concat(name) FROM t") == "good,SHOUT,fine")
        #expect(try fixture.text("SELECT count(*) FROM log") == "0")
        await replica.close()
    }

    private static let family: [(Int64, Int64?)] = [
        (3, 2), (2, 1), (1, nil), (7, 8), (8, 7), (5, 99), (6, 5),
    ]

    @Test("References within a batch may come in any order, and open ones are told")
    func references() async throws {
        for clause in ["", "DEFERRABLE INITIALLY DEFERRED"] {
            let fixture = try ReplicaFixture(
                .sqlite, "CREATE TABLE t (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t(id) \(clause))")
            let replica = fixture.replica()
            let view = try await replica.view("t", .match(["id"]))
            let writes = Self.family.map { id, parent in
                view.insert([.int(id), parent.map { .int($0) } ?? .null])
            }
            let outcomes = try await replica.apply(writes, to: view).outcomes
            #expect(outcomes.prefix(5).areApplied)
            #expect(outcomes[5].reason == "FOREIGN KEY constraint failed: parent → t (id)")
            #expect(outcomes[5].dependsOnOthers)
            #expect(outcomes[6].dependsOnOthers)

            let deletes = try await replica.deletes(view) { [.int(1), .int(3)].contains($0[0]) }
            let deleted = try await replica.apply(deletes, to: view).outcomes
            #expect(deleted[0].dependsOnOthers)
            #expect(deleted[1] == .applied(nil))
            await replica.close()
        }
    }

    @Test("A key without an index, and several records with one key")
    func noIndex() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            "CREATE TABLE t (code TEXT, n INTEGER);"
                + "INSERT INTO t VALUES ('a', 1), ('b', 2), ('b', 3), ('c', 4)"
        )
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["code"]))
        let writes = try await replica.update(view, where: { _ in true }) { $0[1] = .int(9) }
        let outcomes = try await replica.apply(writes + [view.insert([.text("d"), .int(5)])], to: view)
            .outcomes
        #expect(outcomes.map(\.isApplied) == [true, false, false, true, true])
        #expect(outcomes[1].reason == "several records have this key")
        let deletes = try await replica.deletes(view) { $0[0] == .text("a") }
        #expect(try await replica.apply(deletes, to: view).outcomes == [.applied(nil)])
        #expect(try fixture.text("SELECT group_concat(code || n) FROM t") == "b2,b3,c9,d5")
        await replica.close()
    }

    @Test("Ids are given with the key, or by the store")
    func ids() async throws {
        let fixture = try ReplicaFixture(
            .sqlite, "CREATE TABLE t (name TEXT); CREATE TABLE u (fid INTEGER PRIMARY KEY, name TEXT)")
        let replica = fixture.replica()
        for table in ["t", "u"] {
            let byID = try await replica.view(table, .id, only: ["name"])
            let outcomes = try await replica.apply([byID.insert([.text("x")], id: 40)], to: byID).outcomes
            #expect(outcomes[0].record?.key == RecordKey([.int(40)]))
            let byContent = try await replica.view(table, .content, only: ["name"])
            let given = try await replica.apply(
                [byContent.insert([.text("x")]), byContent.insert([.text("x")])], to: byContent
            ).outcomes
            #expect(given.map(\.record?.key) == [RecordKey([.int(41)]), RecordKey([.int(42)])])
            #expect(try await replica.records(byContent).count == 3)
        }
        await replica.close()
    }

    @Test("Generated columns are read but not written, and defaults fill what can't be null")
    func generated() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, twice INTEGER AS (a * 2),
                made TEXT NOT NULL DEFAULT 'now')
            """)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["id"]))
        let outcomes = try await replica.apply([view.insert([.null, .int(4), .int(7), .null])], to: view)
            .outcomes
        #expect(try outcomes[0].record?.fields.values() == [.int(1), .int(4), .int(8), .text("now")])
        await replica.close()
    }

    @Test("300 columns, and a blob of 50 MB")
    func large() async throws {
        let names = (0..<300).map { "c\($0) TEXT" }.joined(separator: ", ")
        let fixture = try ReplicaFixture(
            .sqlite,
            "CREATE TABLE wide (id INTEGER PRIMARY KEY, \(names));"
                + "CREATE TABLE big (id INTEGER PRIMARY KEY, b BLOB)"
        )
        let replica = fixture.replica()
        let wide = try await replica.view("wide", .match(["id"]))
        let values: [Value] = [.int(1)] + (0..<300).map { .text("value \($0)") }
        _ = try await replica.apply([wide.insert(values)], to: wide)
        #expect(try await replica.values(wide) == [values])
        let writes = try await replica.update(wide, where: { _ in true }) { $0[300] = .null }
        #expect(try await replica.apply(writes, to: wide).outcomes[0].isApplied)

        let big = try await replica.view("big", .match(["id"]))
        let content = [UInt8](repeating: 7, count: 50 << 20)
        let outcomes = try await replica.apply([big.insert([.int(1), .bytes(content)])], to: big).outcomes
        #expect(outcomes[0].record?.fields.bytes.count == content.count + 14)
        #expect(try await replica.records(big).first?.fields == outcomes[0].record?.fields)
        await replica.close()
    }

    @Test("A condition keeps records out, and a write that would bring back its key is told")
    func filter() async throws {
        let fixture = try ReplicaFixture(.sqlite, Self.benches)
        let replica = fixture.replica()
        let view = try await replica.view("benches", .match(["id"]), filter: "seats > 3 -- more than three")
        #expect(try await replica.values(view).map { $0[0] } == [.int(2), .int(3)])
        let outcomes = try await replica.apply(
            [view.insert([.int(1), .text("x"), .int(8), .null])], to: view
        ).outcomes
        #expect(outcomes[0].reason?.contains("does not meet the condition") == true)
        let wrong = try await replica.view("benches", .match(["id"]), filter: "\"seat\" > 3")
        await #expect { _ = try await replica.records(wrong) } throws: { error in
            "\(error)".contains("no such column: seat")
        }
        await replica.close()
    }

    @Test("Views and virtual tables are read, and refused with a reason when written to")
    func readOnly() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            Self.benches
                + "CREATE VIEW v AS SELECT id, name FROM benches; CREATE VIRTUAL TABLE f USING fts5(body)")
        let replica = fixture.replica()
        let tables = try await replica.describe()
        #expect(tables.map(\.name) == ["benches", "f", "v"])
        #expect(tables[1].readOnlyReason?.contains("virtual") == true)
        let view = try await replica.view("v", .match(["id"]))
        #expect(try await replica.records(view).count == 3)
        await #expect { _ = try await replica.apply([view.insert([.int(9), .null])], to: view) } throws: {
            error in
            "\(error)".contains("it is a view")
        }
        await replica.close()
    }

    @Test("A record gets another key once, with an index and without")
    func movedKey() async throws {
        for columns in ["code TEXT, n INTEGER", "code TEXT PRIMARY KEY, n INTEGER"] {
            for tail in columns.contains("PRIMARY") ? ["", " WITHOUT ROWID"] : [""] {
                let fixture = try ReplicaFixture(
                    .sqlite, "CREATE TABLE t (\(columns))\(tail); INSERT INTO t VALUES ('a', 1), ('b', 2)")
                let replica = fixture.replica()
                let view = try await replica.view("t", .match(["code"]), feed: true)
                try await replica.prepare([view])
                let writes = try await replica.update(view, where: { $0[0] == .text("a") }) {
                    $0[0] = .text("c")
                }
                let first = try await replica.apply(writes, to: view).outcomes[0]
                #expect(first.isApplied)
                #expect(first.record?.key == RecordKey([.text("c")]))
                #expect(try await replica.apply(writes, to: view).outcomes[0].isAlready)
                #expect(try fixture.text("SELECT group_concat(k1) FROM dovetail_log_1") == "a,c")
                await replica.close()
            }
        }
    }
}
