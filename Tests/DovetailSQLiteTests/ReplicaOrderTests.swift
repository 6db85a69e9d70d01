import Dovetail
import DovetailEngine
import DovetailSQLite
import DovetailTestSQLite
import Testing

@Suite("The order of records")
struct ReplicaOrderTests {
    private static let hostile =
        "('b'), ('a'), ('a' || char(0)), ('a' || char(0) || 'b'), ('a' || char(1)), (''), ('🦀'), ('é'),"
        + " ('Z'), ('z'), (CAST(x'61ff' AS TEXT)), (CAST(x'c3' AS TEXT)), (char(65535)), ('AB')"

    private func keys(_ columns: String, _ rows: String, match: [String] = ["k"]) async throws -> [Dovetail
        .RecordKey]
    {
        let fixture = try ReplicaFixture(
            .sqlite, "CREATE TABLE t (\(columns)); INSERT INTO t VALUES \(rows);")
        let replica = fixture.replica()
        let records = try await replica.records(try await replica.view("t", .match(match)))
        await replica.close()
        return records.map(\.key)
    }

    @Test(
        "Keys come in the order of their bytes, however hostile the texts",
        arguments: [
            "k TEXT", "k TEXT PRIMARY KEY", "k TEXT COLLATE NOCASE", "k", "k VARCHAR(9) UNIQUE", "k UUID",
        ])
    func texts(columns: String) async throws {
        let keys = try await keys(columns, Self.hostile)
        #expect(keys.count == 14)
        #expect(keys == keys.sorted())
    }

    @Test(
        "Keys of several types come in the order of their bytes",
        arguments: ["k", "k INTEGER", "k INTEGER UNIQUE", "k NUMERIC UNIQUE", "k REAL", "k TEXT"])
    func mixed(columns: String) async throws {
        let keys = try await keys(
            columns, "(3), (1.5), ('x'), (NULL), (x'00'), (-2), (2), ('10'), (1e300), (-9223372036854775808)")
        #expect(keys.count == 10)
        #expect(keys == keys.sorted())
    }

    @Test("Keys of several fields come in the order of their bytes")
    func composite() async throws {
        let keys = try await keys(
            "a TEXT, k, b INTEGER",
            "('a', 1, 2), ('a', 1, -2), ('', 2, 2), ('a', 'x', 1), ('a' || char(0), 1, 1), ('b', NULL, 0)",
            match: ["a", "b", "k"])
        #expect(keys == keys.sorted())
        #expect(keys.count == 6)
    }

    @Test("Columns that take all names of the row id don't hide it where it is the key")
    func namedLikeRowids() async throws {
        let keys = try await keys(
            "k INTEGER PRIMARY KEY, rowid TEXT, _rowid_ TEXT, oid TEXT",
            "(3, 'a', 'b', 'c'), (-1, 'x', 'y', 'z')")
        #expect(keys == [.init([.int(-1)]), .init([.int(3)])])
    }

    @Test("In a UTF-16 database the order is that of UTF-8")
    func utf16() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            PRAGMA encoding = 'UTF-16'; CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT);
            INSERT INTO t VALUES ('🦀', 'crab'), (char(65533), 'x'), ('a', 'é');
            """)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["k"]))
        #expect(try await replica.values(view).map { $0[1] } == [.text("é"), .text("x"), .text("crab")])
        let writes = try await replica.update(view, where: { _ in true }) { $0[1] = .text("🦀") }
        #expect(try await replica.apply(writes, to: view).outcomes.areApplied)
        await replica.close()
    }

    @Test("Records with one key come out side by side")
    func duplicates() async throws {
        let keys = try await keys("k TEXT, n INTEGER", "('b', 1), ('a', 2), ('b', 3), ('a', 4)")
        #expect(keys == [.init([.text("a")]), .init([.text("a")]), .init([.text("b")]), .init([.text("b")])])
    }

    @Test("Bytes that are no UTF-8 stay as they are, and their record can be changed and deleted")
    func invalidText() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            CREATE TABLE t (k TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID;
            INSERT INTO t VALUES (CAST(x'ff00fe' AS TEXT), 1), (CAST(x'fe' AS TEXT), 2);
            """)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["k"]))
        let records = try await replica.records(view)
        #expect(records.map { Array($0.fields.bytes.dropFirst(5).prefix(1)) } == [[0xfe], [0xff]])
        let delete = ReplicaWrite(key: records[1].key, expected: records[1].fields, write: .delete)
        let slice = PackedRecord([.int(5)]).bytes[...]
        let update = ReplicaWrite(
            key: records[0].key, expected: records[0].fields,
            write: .update(try records[0].fields.replacing([1: slice]), fields: [1]))
        #expect(try await replica.apply([delete, update], to: view).outcomes.areApplied)
        #expect(try fixture.text("SELECT group_concat(hex(k) || n) FROM t") == "FE5")
        await replica.close()
    }

    @Test("A table is read in many batches, by several cursors, and not after the look has ended")
    func batches() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
            INSERT INTO t SELECT i, 'the value of ' || i FROM n;
            """)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["id"]))
        let byText = try await replica.view("t", .match(["v"]))
        let observation = try await replica.observe()
        for view in [view, byText] {
            let cursor = try await observation.snapshot(of: view)
            var count = 0
            var batches = 0
            while let batch = try await cursor.next() {
                count += batch.count
                batches += 1
                #expect(batch.byteCount < 300_000)
            }
            #expect(count == 50000)
            #expect(batches > 5)
            #expect(try await cursor.next() == nil)
        }
        let unfinished = try await observation.snapshot(of: byText)
        _ = try await unfinished.next()
        #expect(try await observation.isEmpty(view) == false)
        await observation.finish()
        await #expect(throws: ReplicaError.self) { _ = try await unfinished.next() }
        await replica.close()
    }
}
