import Dovetail
import DovetailEngine
import DovetailPostgres
import DovetailTestPostgres
import Testing

@Suite("What PostgreSQL can't do is said in words", .serialized, .databases(.plain))
struct ReplicaRefusalTests {
    private let database = Databases.current[0]

    @Test("a role without rights is told which one it lacks, on a schema, a table or a column")
    func rights() async throws {
        _ = try await database.replica(
            """
            CREATE TABLE things (id int PRIMARY KEY, name text, secret text);
            INSERT INTO things VALUES (1, 'a', 's');
            CREATE SCHEMA IF NOT EXISTS hidden; DROP TABLE IF EXISTS hidden.t; CREATE TABLE hidden.t (id int PRIMARY KEY);
            """)
        let (role, _) = try await database.makeRole()
        let replica = PostgresReplica(
            Conninfo.changing(database.conninfo, ["options": "-c role=\(role)"]), name: "postgres")
        #expect(try await replica.describe().map(\.name) == [])
        try await database.run("GRANT SELECT (id, name) ON things TO \"\(role)\"")
        let view = try await replica.view("things")
        #expect(view.columns.map(\.column) == ["id", "name"])
        let seen = try await replica.records(view)
        #expect(seen.count == 1)

        var wide = view
        wide.schema.fields.append(Field("secret", .text))
        wide.columns.append(ColumnBinding("secret"))
        let unread = await refusal { try await replica.records(wide) }
        #expect(
            unread?.kind == .forbidden
                && unread?.message.contains("may not read column secret of things") == true)
        let readOnly = await refusal { try await replica.apply([view.deleting(seen[0])], to: view) }
        #expect(readOnly?.message.contains("GRANT INSERT, UPDATE, DELETE") == true)

        try await database.run("GRANT UPDATE (name) ON things TO \"\(role)\"")
        let partly = await refusal { try await replica.apply([view.deleting(seen[0])], to: view) }
        #expect(partly?.message.contains("may read only some columns") == true)
        try await database.run("GRANT SELECT ON things TO \"\(role)\"")
        #expect(try await replica.send([try view.updating(seen[0], ["name": .text("b")])], view)[0].isApplied)
        let now = try await replica.records(view)
        for (write, words) in [
            (view.deleting(now[0]), "may not delete records of things"),
            (try view.updating(now[0], ["id": .int(2)]), "may not update column id of things"),
            (view.inserting(.int(5), .text("x")), "may not insert into column id of things"),
        ] {
            let refused = await refusal { try await replica.apply([write], to: view) }
            #expect(refused?.kind == .forbidden && refused?.message.contains(words) == true, "\(words)")
        }
        var elsewhere = view
        elsewhere.table = "hidden.t"
        let unseen = await refusal { try await replica.records(elsewhere) }
        #expect(unseen?.message.contains("no table hidden.t that this role may see") == true)
        let mark = ReplicaMark(job: "job", side: .left, state: "s", generation: 1)
        #expect(try await replica.stamp(mark) == false)
        #expect(try await replica.look { try await $0.identity(job: "job") }.changeCounter != nil)

        try await database.run(
            """
            CREATE SCHEMA dovetail; GRANT USAGE ON SCHEMA dovetail TO "\(role)";
            CREATE TABLE dovetail.marks (job text, side text, state text, generation bigint, PRIMARY KEY (job, side));
            GRANT SELECT, INSERT, UPDATE ON dovetail.marks TO "\(role)";
            """)
        #expect(try await replica.stamp(mark))
        #expect(try await replica.look { try await $0.identity(job: "job") }.marks == [mark])
        await replica.close()
        try await database.run("DROP OWNED BY \"\(role)\"; DROP SCHEMA hidden CASCADE")
    }

    @Test("rows that row-level security refuses are set aside, and those it hides are not there")
    func rowLevelSecurity() async throws {
        _ = try await database.replica(
            """
            CREATE TABLE things (id int PRIMARY KEY, town text);
            INSERT INTO things VALUES (1, 'ours'), (2, 'theirs');
            ALTER TABLE things ENABLE ROW LEVEL SECURITY;
            CREATE POLICY ours ON things USING (town = 'ours');
            """)
        let (role, _) = try await database.makeRole("rls")
        try await database.run("GRANT ALL ON things TO \"\(role)\"")
        let replica = PostgresReplica(
            Conninfo.changing(database.conninfo, ["options": "-c role=\(role)"]), name: "postgres")
        let view = try await replica.view("things")
        #expect(try await replica.records(view).count == 1)
        let outcomes = try await replica.send(
            [view.inserting(.int(3), .text("ours")), view.inserting(.int(4), .text("theirs"))], view)
        #expect(outcomes[0].isApplied && outcomes[1].reason.contains("row-level security"))
        await replica.close()
        try await database.run("DROP OWNED BY \"\(role)\"")
    }

    @Test("views and foreign tables are read and not written to")
    func views() async throws {
        let replica = try await database.replica(
            "CREATE TABLE things (id int PRIMARY KEY); INSERT INTO things VALUES (1); CREATE VIEW shown AS SELECT * FROM things"
        )
        let view = try await replica.view("shown")
        let seen = try await replica.records(view)
        #expect(
            try await replica.look { try await $0.read([RecordReference(key: seen[0].key)], of: view) }
                == seen)
        let refused = await refusal { try await replica.apply([view.deleting(seen[0])], to: view) }
        #expect(refused?.kind == .unsuitable && refused?.message.contains("it is a view") == true)
        await replica.close()
    }

    @Test("a foreign table is read like any other, and not written to")
    func foreignTables() async throws {
        let values = Conninfo.parse(database.conninfo)
        let options = ["host", "port", "dbname"].compactMap { key in values[key].map { "\(key) '\($0)'" } }
        let replica = try await database.replica(
            """
            CREATE TABLE things (id int PRIMARY KEY, name text);
            INSERT INTO things SELECT g, 'thing ' || g FROM generate_series(1, 300) g;
            CREATE EXTENSION IF NOT EXISTS postgres_fdw;
            CREATE SERVER itself FOREIGN DATA WRAPPER postgres_fdw OPTIONS (\(options.joined(separator: ", ")));
            CREATE USER MAPPING FOR CURRENT_USER SERVER itself
                OPTIONS (user '\(values["user"] ?? "")', password '\(values["password"] ?? "")');
            CREATE FOREIGN TABLE faraway (id int NOT NULL, name text) SERVER itself
                OPTIONS (schema_name 'public', table_name 'things');
            """)
        let view = try await replica.view("faraway")
        let seen = try await replica.records(view)
        #expect(try await seen == replica.records(replica.view("things")))
        let some = seen.prefix(3).map { RecordReference(key: $0.key) }
        #expect(try await replica.look { try await $0.read(some, of: view) }.count == 3)
        #expect(try await replica.look { try await !$0.isEmpty(view) })
        let described = try await replica.describe().first { $0.name == "faraway" }
        let words = "it is a foreign table, kept by the server itself; write to it there"
        #expect(described?.readOnlyReason == words)
        let refused = await refusal { try await replica.apply([view.deleting(seen[0])], to: view) }
        #expect(refused?.kind == .unsuitable && refused?.message.contains(words) == true)
        await replica.close()
        try await database.run("DROP EXTENSION postgres_fdw CASCADE")
    }

    @Test("a role that may make no temporary tables reads, and is told what it lacks for writing")
    func temporaryTables() async throws {
        _ = try await database.replica(
            "CREATE TABLE things (id int PRIMARY KEY); INSERT INTO things VALUES (1)")
        let (role, _) = try await database.makeRole("no_temp")
        try await database.run(
            """
            GRANT ALL ON things TO "\(role)"; REVOKE TEMPORARY ON DATABASE \(database.name) FROM PUBLIC
            """)
        let replica = PostgresReplica(
            Conninfo.changing(database.conninfo, ["options": "-c role=\(role)"]), name: "postgres")
        let view = try await replica.view("things")
        let seen = try await replica.records(view)
        #expect(
            try await replica.look { try await $0.read([RecordReference(key: seen[0].key)], of: view) }
                == seen)
        let words = "GRANT TEMPORARY ON DATABASE \(database.name)"
        #expect(try await replica.describe()[0].readOnlyReason?.contains(words) == true)
        let refused = await refusal { try await replica.apply([view.deleting(seen[0])], to: view) }
        #expect(refused?.kind == .unsuitable && refused?.message.contains(words) == true)
        try await database.run("GRANT TEMPORARY ON DATABASE \(database.name) TO \"\(role)\"")
        #expect(try await replica.send([view.deleting(seen[0])], view)[0].isApplied)
        await replica.close()
        try await database.run(
            "GRANT TEMPORARY ON DATABASE \(database.name) TO PUBLIC; DROP OWNED BY \"\(role)\"")
    }

    @Test("a table that was dropped or changed between plan and apply is named")
    func changedMeanwhile() async throws {
        let replica = try await database.replica("CREATE TABLE things (id int PRIMARY KEY, name text)")
        let view = try await replica.view("things")
        try await database.run("ALTER TABLE things ALTER name TYPE int USING 0")
        let outcome = try await replica.send([view.inserting(.int(1), .text("x"))], view)[0]
        #expect(outcome.reason.contains("column name (integer) of things: it can't hold a text"))
        try await database.run("ALTER TABLE things RENAME name TO title")
        let column = await refusal {
            try await replica.apply([view.inserting(.int(1), .text("x"))], to: view)
        }
        #expect(
            column?.kind == .unsuitable
                && column?.message.contains("no column name; it has: id, title") == true)
        try await database.run("DROP TABLE things")
        let table = await refusal { try await replica.apply([view.inserting(.int(1), .text("x"))], to: view) }
        #expect(table?.kind == .unsuitable && table?.message.contains("no table things") == true)
        await replica.close()
    }

    @Test("values that don't fit are set aside one by one, and infinite dates are values")
    func values() async throws {
        let replica = try await database.replica(
            "CREATE TABLE things (id int PRIMARY KEY, name varchar(5), price numeric(5, 2), day date, period int4range)"
        )
        let view = try await replica.view("things")
        func row(_ id: Int64, _ name: String, _ price: String, _ period: Value = .null) -> ReplicaWrite {
            let price = ExactDecimal(price).map { Value.decimal($0) } ?? .null
            return view.inserting(.int(id), .text(name), price, .null, period)
        }
        let outcomes = try await replica.send(
            [
                row(1, "fits", "999.99"), row(2, "too long", "1"), row(3, "a", "1000"), row(4, "a", "0.001"),
                row(5, "a\0b", "1"), row(6, "a", "1", .text("[5,1)")), row(1 << 40, "a", "1"),
                row(7, "a", "1", .text("[1,5)")),
            ], view)
        #expect(
            outcomes.map(\.isApplied) == [true] + Array(repeating: false, count: 6) + [true], "\(outcomes)")
        #expect(outcomes[1].reason.contains("name") && outcomes[2].reason.contains("price"))
        #expect(outcomes[4].reason.contains("zero byte"))
        #expect(outcomes[5].reason.contains("range lower bound"))
        try await database.run("UPDATE things SET day = 'infinity' WHERE id = 1")
        let seen = try await replica.records(view)
        let copy = try seen[0].fields.values()[3]
        #expect(try await replica.send([try view.updating(seen[1], ["day": copy])], view)[0].isApplied)
        #expect(try await database.value("SELECT count(*) FROM things WHERE day = 'infinity'") == "2")
        await replica.close()
    }

    @Test("a condition is checked, and holds for what is read and written")
    func conditions() async throws {
        let replica = try await database.replica(
            "CREATE TABLE things (id int PRIMARY KEY, n int); INSERT INTO things SELECT g, g % 2 FROM generate_series(1, 6) g"
        )
        let view = try await replica.view("things", filter: "things.n = 1 -- odd")
        let seen = try await replica.records(view)
        #expect(seen.count == 3)
        let read = try await replica.look {
            try await $0.read((1...6).map { RecordReference(key: RecordKey([.int($0)])) }, of: view)
        }
        #expect(Set(read) == Set(seen))
        let outcomes = try await replica.send(
            [view.inserting(.int(2), .int(1)), view.deleting(seen[0])], view)
        #expect(outcomes[0].reason.contains("does not meet the condition") && outcomes[1].isApplied)
        for (filter, words) in [
            ("m = 1", "column \"m\" does not exist"), ("n = 'x'", "invalid input syntax"),
            ("n", "must be type boolean"),
            ("true); DELETE FROM things; SELECT (1", "cannot insert multiple commands"),
        ] {
            let wrong = try await replica.view("things", filter: filter)
            let refused = await refusal { try await replica.look { try await $0.isEmpty(wrong) } }
            #expect(
                refused?.kind == .unsuitable && refused?.message.contains(words) == true,
                "\(filter): \(refused?.message ?? "")")
        }
        await replica.close()
    }

    @Test("a row of 50 MB goes in and comes back")
    func bigRow() async throws {
        let replica = try await database.replica("CREATE TABLE things (id int PRIMARY KEY, content bytea)")
        let view = try await replica.view("things")
        let big = Value.bytes(Array(repeating: 0xa5, count: 50 << 20))
        let outcomes = try await replica.send(
            [view.inserting(.int(1), big), view.inserting(.int(2), .null)], view)
        #expect(outcomes.map(\.isApplied) == [true, true])
        let seen = try await replica.records(view)
        #expect(try seen[0].fields.value(at: 1) == big)
        #expect(
            try await replica.send([try view.updating(seen[0], ["content": .bytes([1])])], view)[0].isApplied)
        await replica.close()
    }

    @Test("databases in other encodings hold what they can", arguments: [DatabaseKind.latin1, .sqlASCII])
    func encodings(kind: DatabaseKind) async throws {
        try await TestServer.shared().withDatabase(kind) { database in
            try await database.run("SET client_encoding = '\(kind == .latin1 ? "UTF8" : "SQL_ASCII")'")
            let replica = try await database.replica(
                "CREATE TABLE things (id text PRIMARY KEY, name text); INSERT INTO things VALUES ('ø', 'æ'), ('a', 'b')"
            )
            let view = try await replica.view("things")
            let seen = try await replica.records(view)
            #expect(seen.map(\.key) == ["a", "ø"].map { RecordKey([.text($0)]) })
            let outcomes = try await replica.send(
                [try view.updating(seen[1], ["name": .text("å")]), view.inserting(.text("€"), .text("x"))],
                view)
            #expect(outcomes[0].values == [.text("ø"), .text("å")])
            #expect(outcomes[1].isApplied == (kind == .sqlASCII))
            if kind == .sqlASCII {
                try await database.run(#"INSERT INTO things VALUES (E'\xe6', E'\xf8')"#)
                let again = try await replica.records(view)
                #expect(again.count == 4)
            }
            await replica.close()
        }
    }
}
