import Dovetail
import DovetailEngine
import DovetailPostgres
import DovetailTestPostgres
import Testing

@Suite("Writing to PostgreSQL without looking first", .serialized, .databases(.plain))
struct ReplicaDirectTests {
    private let database = Databases.current[0]

    private static let things = """
        CREATE TABLE things (id int PRIMARY KEY, name text, size numeric(9, 2), share double precision);
        INSERT INTO things SELECT g, 'n' || g, g / 4.0, g / 8.0 FROM generate_series(1, 100) g;
        """

    @Test("a batch in which others changed some records writes the rest, and tells what it found of each")
    func mixed() async throws {
        let replica = try await database.replica(Self.things)
        let view = try await replica.view("things")
        let seen = try await replica.records(view)
        try await database.run(
            """
            UPDATE things SET share = -1 WHERE id = 1; DELETE FROM things WHERE id IN (2, 12);
            UPDATE things SET name = 'new' WHERE id = 3; UPDATE things SET size = 99 WHERE id = 11
            """)
        let updates = try seen[..<10].map { try view.updating($0, ["name": .text("new")]) }
        let deletes = seen[10..<20].map { view.deleting($0) }
        let inserts = (101...110).map {
            view.inserting(.int($0), .text("in"), .decimal(ExactDecimal(1)), .double(0.5))
        }
        let outcomes = try await replica.send(updates + deletes + inserts, view)
        #expect(outcomes[0] == .overtaken && outcomes[1] == .overtaken && outcomes[10] == .overtaken)
        guard case .already(let record?) = outcomes[2] else { throw NoRecord() }
        #expect(record.key == seen[2].key)
        #expect(outcomes[11] == .already(nil))
        #expect(outcomes.count(where: \.isApplied) == 25)
        let now = try await replica.records(view)
        for outcome in outcomes { if case .applied(let record?) = outcome { #expect(now.contains(record)) } }
        // Two went by another's hand, eight by ours, and ten came.
        #expect(now.count == 100)
        #expect(try await database.value("SELECT share FROM things WHERE id = 1") == "-1")
        #expect(try await database.value("SELECT name FROM things WHERE id = 1") == "n1")
        await replica.close()
    }

    @Test("values that PostgreSQL takes for equal and are not are somebody's change, and the others are none")
    func equality() async throws {
        let replica = try await database.replica(
            """
            CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            CREATE TABLE things (id int PRIMARY KEY, word text COLLATE nocase, padded char(4), number numeric,
                span interval, tags text[], doc jsonb, touched int);
            INSERT INTO things SELECT g, 'word', 'ab', 1.50, '1 mon', '{a}', '{"a": 1}', 0 FROM generate_series(1, 10) g;
            """)
        let view = try await replica.view("things")
        let seen = try await replica.records(view)
        try await database.run(
            """
            UPDATE things SET word = 'WORD' WHERE id = 1; UPDATE things SET span = '30 days' WHERE id = 2;
            UPDATE things SET tags = '{A}' WHERE id = 3; UPDATE things SET doc = '{"a": 2}' WHERE id = 4;
            UPDATE things SET number = 1.5000, padded = 'ab  ' WHERE id = 5
            """)
        let outcomes = try await replica.send(
            try seen.map { try view.updating($0, ["touched": .int(1)]) }, view)
        for outcome in outcomes.prefix(4) { #expect(outcome == .overtaken) }
        for outcome in outcomes.dropFirst(4) { #expect(outcome.isApplied, "\(outcome)") }
        #expect(try await database.value("SELECT count(*) FROM things WHERE touched = 1") == "6")
        await replica.close()
    }

    @Test("what was inserted is found again where it went into the gaps of the table")
    func gaps() async throws {
        let replica = try await database.replica(
            """
            CREATE TABLE things (id int PRIMARY KEY, name text);
            INSERT INTO things SELECT g, repeat('x', 100) FROM generate_series(1, 5000) g;
            DELETE FROM things WHERE id % 3 = 0;
            """)
        try await database.run("VACUUM things")
        let view = try await replica.view("things")
        let answer = try await replica.apply(
            (1...1000).map {
                view.inserting(.int(Int64(10000 - 3 * $0)), .text(String(repeating: "y", count: 100)))
            },
            to: view)
        #expect(answer.isProven)
        #expect(answer.outcomes.count(where: \.isApplied) == answer.outcomes.count)
        for (number, outcome) in answer.outcomes.enumerated() {
            #expect(outcome.values?.first == .int(Int64(10000 - 3 * (number + 1))))
        }
        // Most of them stand before the end that the table had.
        #expect(
            try await database.value("SELECT count(*) > 500 FROM things WHERE name ~ 'y' AND ctid < '(60,0)'")
                == "t")
        await replica.close()
    }

    @Test(
        "a key that is there is told apart from the inserts around it, also from one that waits to be committed"
    )
    func keyIsThere() async throws {
        let replica = try await database.replica(Self.things)
        let view = try await replica.view("things")
        let other = try await database.otherSession()
        try await other.run("BEGIN; INSERT INTO things VALUES (205, 'theirs', 1, 1)")
        let committing = Task {
            try await Task.sleep(for: .milliseconds(200))
            try await other.run("COMMIT")
        }
        let writes = [100, 201, 202, 203, 204, 205, 206, 207, 208, 209].map {
            view.inserting(.int($0), .text("mine"), .null, .null)
        }
        let outcomes = try await replica.send(writes, view)
        try await committing.value
        #expect(outcomes[0] == .overtaken)
        #expect(outcomes.count(where: \.isApplied) == 8)
        #expect(!outcomes[5].isApplied)
        #expect(try await database.value("SELECT name FROM things WHERE id = 205") == "theirs")
        await replica.close()
    }

    @Test("an answer is proven unless something of the database's own may still change the records")
    func proof() async throws {
        let replica = try await database.replica(
            Self.things + """
                CREATE TABLE touched (LIKE things INCLUDING ALL);
                CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                CREATE TRIGGER t AFTER INSERT ON touched FOR EACH ROW EXECUTE FUNCTION touch();
                CREATE TABLE ruled (LIKE things INCLUDING ALL);
                CREATE RULE r AS ON DELETE TO ruled DO ALSO NOTIFY gone;
                """)
        for (table, isProven) in [("things", true), ("touched", false), ("ruled", false)] {
            let view = try await replica.view(table)
            let answer = try await replica.apply(
                [view.inserting(.int(1000), .text("a"), .null, .null)], to: view)
            #expect(answer.outcomes[0].isApplied && answer.isProven == isProven, "\(table)")
        }
        await replica.close()
    }

    @Test(
        "rows of a partitioned table, of one with children and of one with row security take the careful way")
    func otherTables() async throws {
        let replica = try await database.replica(
            """
            CREATE TABLE parts (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
            CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (50);
            CREATE TABLE high PARTITION OF parts FOR VALUES FROM (50) TO (1000);
            CREATE TABLE parents (id int PRIMARY KEY, name text);
            CREATE TABLE heirs (more int) INHERITS (parents);
            CREATE TABLE watched (id int PRIMARY KEY, name text);
            ALTER TABLE watched ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
            CREATE POLICY everything ON watched USING (true);
            """)
        for table in ["parts", "parents", "watched"] {
            let view = try await replica.view(table)
            let inserted = try await replica.send((1...90).map { view.inserting(.int($0), .text("a")) }, view)
            #expect(inserted.count(where: \.isApplied) == inserted.count, "\(table)")
            let seen = try await replica.records(view)
            let updated = try await replica.send(
                try seen.map { try view.updating($0, ["name": .text("b")]) }, view)
            #expect(updated.count(where: \.isApplied) == updated.count, "\(table)")
            #expect(try await database.value("SELECT count(*) FROM \(table) WHERE name = 'b'") == "90")
        }
        await replica.close()
    }
}

private struct NoRecord: Error {}
