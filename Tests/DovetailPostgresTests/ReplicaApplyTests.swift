import Dovetail
import DovetailEngine
import DovetailPostgres
import DovetailTestPostgres
import Testing

@Suite("Writing to PostgreSQL", .serialized, .databases(.plain))
struct ReplicaApplyTests {
    private let database = Databases.current[0]

    @Test("a record comes back as triggers, defaults, generated columns and rounding left it")
    func comesBack() async throws {
        let replica = try await database.replica(
            """
            CREATE TABLE things (id int PRIMARY KEY, name text, twice int GENERATED ALWAYS AS (id * 2) STORED,
                stamp text NOT NULL DEFAULT 'new', touched int);
            CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN NEW.name := upper(NEW.name); RETURN NEW; END';
            CREATE FUNCTION after() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN UPDATE things SET touched = coalesce(touched, 0) + 1 WHERE id = NEW.id; RETURN NULL; END';
            CREATE TRIGGER a BEFORE INSERT OR UPDATE OF name ON things FOR EACH ROW EXECUTE FUNCTION before();
            CREATE TRIGGER b AFTER INSERT OR UPDATE OF name ON things FOR EACH ROW EXECUTE FUNCTION after();
            """)
        let view = try await replica.view("things")
        let inserted = try await replica.send(
            [view.inserting(.int(1), .text("a"), .null, .null, .null)], view)
        #expect(inserted[0].values == [.int(1), .text("A"), .int(2), .text("new"), .int(1)])
        let seen = try await replica.records(view)
        #expect(inserted == [.applied(seen[0])])
        let updated = try await replica.send([try view.updating(seen[0], ["name": .text("b")])], view)
        #expect(updated[0].values == [.int(1), .text("B"), .int(2), .text("new"), .int(2)])
        await replica.close()
    }

    @Test("ids that the database gives are let be, and sequences are moved past those that are given")
    func sequences() async throws {
        let replica = try await database.replica(
            """
            CREATE TABLE a (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
            CREATE TABLE b (id serial PRIMARY KEY, name text);
            """)
        for table in ["a", "b"] {
            let view = try await replica.view(table)
            for number in [7, 50_000] as [Int64] {
                let outcomes = try await replica.send([view.inserting(.int(number), .text("given"))], view)
                #expect(outcomes[0].isApplied)
                let next = try await database.value("INSERT INTO \(table) (name) VALUES ('own') RETURNING id")
                #expect(next == "\(number + 1)")
            }
            let content = try await replica.view(table, .content, only: ["name"])
            let outcomes = try await replica.send([content.inserting(.text("x"))], content)
            guard case .applied(let record?) = outcomes[0] else { throw NoRecord() }
            #expect(record.key == RecordKey([.int(50_002)]))
            let byID = try await replica.view(table, .id, only: ["name"])
            #expect(try await replica.send([byID.inserting(.text("y"), id: 60_000)], byID)[0].isApplied)
            #expect(
                try await database.value("INSERT INTO \(table) (name) VALUES ('own') RETURNING id") == "60001"
            )
        }
        await replica.close()
    }

    @Test("what is refused is set aside in PostgreSQL's words, and the rest goes through")
    func refusals() async throws {
        let replica = try await database.replica(
            """
            CREATE TABLE parents (id int PRIMARY KEY);
            CREATE TABLE things (id int PRIMARY KEY, name text NOT NULL, size int CHECK (size > 0), secret text,
                parent int REFERENCES parents);
            """)
        let view = try await replica.view("things")
        var writes = (1...500).map {
            view.inserting(.int(Int64($0)), .text("n"), .int(1), .text("hidden"), .null)
        }
        writes[10] = view.inserting(.int(11), .null, .int(1), .text("hidden"), .null)
        writes[200] = view.inserting(.int(201), .text("n"), .int(-1), .text("hidden"), .null)
        writes[499] = view.inserting(.int(500), .text("n"), .int(1), .text("hidden"), .int(9))
        let outcomes = try await replica.send(writes, view)
        #expect(outcomes.count(where: \.isApplied) == 497)
        #expect(outcomes[10].reason.contains("\"name\"") && !outcomes[10].reason.contains("hidden"))
        #expect(outcomes[200].reason.contains("things_size_check") && !outcomes[200].dependsOnOthers)
        #expect(outcomes[499].reason.contains("(parent)=(9)") && outcomes[499].dependsOnOthers)
        #expect(try await database.value("SELECT count(*) FROM things") == "497")
        await replica.close()
    }

    @Test("references that form a ring and unique values that swap go through, deferrable or not")
    func rings() async throws {
        for kind in ["", "DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"] {
            let replica = try await database.replica(
                """
                CREATE TABLE things (id int PRIMARY KEY, code int NOT NULL, name text, gone bool,
                    next int REFERENCES things \(kind), UNIQUE (code) \(kind));
                CREATE UNIQUE INDEX ON things (lower(name)) WHERE NOT gone;
                """)
            let view = try await replica.view("things")
            func insert(_ id: Int64, next: Int64?) -> ReplicaWrite {
                view.inserting(
                    .int(id), .int(id), .text("n\(id)"), .bool(false), next.map { .int($0) } ?? .null)
            }
            // A ring, a chain whose end comes first, and two that lead nowhere.
            let outcomes = try await replica.send(
                [
                    insert(1, next: 2), insert(2, next: 1), insert(3, next: 4), insert(4, next: nil),
                    insert(5, next: 99), insert(6, next: 5),
                ], view)
            #expect(outcomes.map(\.isApplied) == [true, true, true, true, false, false], "\(kind)")
            #expect(outcomes[4].dependsOnOthers && outcomes[5].dependsOnOthers)
            let seen = try await replica.records(view)
            let swapped = try await replica.send(
                [
                    try view.updating(seen[0], ["code": .int(2), "name": .text("n2")]),
                    try view.updating(seen[1], ["code": .int(1), "name": .text("n1")]),
                    try view.updating(seen[2], ["code": .int(4)]),
                ], view)
            #expect(swapped.map(\.isApplied) == [true, true, false], "\(kind): \(swapped)")
            #expect(
                try await database.run("SELECT code, name FROM things WHERE id < 3 ORDER BY id") == [
                    ["2", "n2"], ["1", "n1"],
                ])
            await replica.close()
        }
    }

    @Test("records are compared by their bytes, whatever PostgreSQL calls equal")
    func exact() async throws {
        let replica = try await database.replica(
            """
            CREATE COLLATION IF NOT EXISTS anycase
                (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            CREATE TABLE things (id text COLLATE anycase PRIMARY KEY, note json, size float8, period tstzrange);
            INSERT INTO things VALUES ('a', '{"b": 1, "a": 2}', 'NaN', '[2024-01-01 00:00+01,)'), ('b', '1', '-0', NULL);
            ALTER DATABASE "\(database.name)" SET DateStyle = 'German, DMY';
            ALTER DATABASE "\(database.name)" SET TimeZone = 'Asia/Tokyo';
            """)
        let view = try await replica.view("things")
        let seen = try await replica.records(view)
        #expect(
            try await replica.look {
                try await $0.read([RecordReference(key: RecordKey([.text("A")]))], of: view)
            } == [])
        let outcomes = try await replica.send(
            [
                try view.updating(seen[0], ["id": .text("A")]),
                try view.updating(seen[1], ["note": .json("2")]),
            ], view)
        #expect(outcomes[0].values?.first == .text("A"))
        #expect(outcomes[1].values?[1] == .json("2"))
        #expect(try await replica.records(view).map { WriteOutcome.applied($0) } == outcomes)
        try await database.run("ALTER DATABASE \"\(database.name)\" RESET ALL")
        await replica.close()
    }

    @Test("rows move between partitions, under the name of their root")
    func partitions() async throws {
        let replica = try await database.replica(
            """
            CREATE TABLE things (id int, name text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
            CREATE TABLE low PARTITION OF things FOR VALUES FROM (0) TO (100);
            CREATE TABLE high (name text, id int NOT NULL);
            ALTER TABLE things ATTACH PARTITION high FOR VALUES FROM (100) TO (200);
            INSERT INTO things SELECT g, 'n' FROM generate_series(0, 180, 20) g;
            """)
        let view = try await replica.view("things")
        #expect(try await replica.describe().map(\.name) == ["things"])
        let seen = try await replica.records(view)
        var writes = [
            try view.updating(seen[0], ["id": .int(150)]), try view.updating(seen[9], ["id": .int(5)]),
        ]
        writes += [
            view.inserting(.int(300), .text("nowhere")), view.deleting(seen[1]),
            view.inserting(.int(199), .text("x")),
        ]
        let outcomes = try await replica.send(writes, view)
        #expect(outcomes.map(\.isApplied) == [true, true, false, true, true], "\(outcomes)")
        #expect(
            try await database.value("SELECT string_agg(id::text, ' ' ORDER BY id) FROM high")
                == "100 120 140 150 160 199")
        await replica.close()
    }

    @Test("a trigger that sets writes aside is named, and holds up nobody else")
    func setAside() async throws {
        let replica = try await database.replica(
            """
            CREATE TABLE things (id int PRIMARY KEY, name text);
            INSERT INTO things SELECT g, 'old' FROM generate_series(1, 9) g;
            CREATE OR REPLACE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN IF NEW.id % 3 = 0 THEN RETURN NULL; END IF; RETURN NEW; END';
            CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON things FOR EACH ROW EXECUTE FUNCTION guard();
            """)
        let view = try await replica.view("things")
        let seen = try await replica.records(view)
        var writes = try seen.map { try view.updating($0, ["name": .text("new")]) }
        writes += (10...18).map { view.inserting(.int($0), .text("new")) }
        let outcomes = try await replica.send(writes, view)
        for (index, outcome) in outcomes.enumerated() {
            #expect(outcome.isApplied == ((index + 1) % 3 != 0))
            if !outcome.isApplied {
                #expect(outcome.reason.contains("a trigger of things set the write aside"))
            }
        }
        await replica.close()
    }

    @Test("keys that the server can't sort or look up are sorted and found all the same")
    func jsonKeys() async throws {
        let replica = try await database.replica(
            """
            CREATE TABLE things (id jsonb UNIQUE, name text);
            INSERT INTO things SELECT to_jsonb(g), 'n' FROM generate_series(1, 300) g;
            INSERT INTO things VALUES ('"x"', 'n'), ('{"b": [1.50]}', 'n');
            """)
        let view = try await replica.view("things")
        let seen = try await replica.records(view)
        #expect(seen.count == 302 && seen.map(\.key) == seen.map(\.key).sorted())
        let found = try await replica.look {
            try await $0.read(seen[5...7].map { RecordReference(key: $0.key) }, of: view)
        }
        #expect(found == Array(seen[5...7]))
        let outcomes = try await replica.send(
            [try view.updating(seen[301], ["name": .text("new")]), view.deleting(seen[0])], view)
        #expect(outcomes.map(\.isApplied) == [true, true])
        #expect(try await database.value("SELECT count(*) FROM things WHERE name = 'new'") == "1")
        await replica.close()
    }
}

private struct NoRecord: Error {}
