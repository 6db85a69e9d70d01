import Dovetail
import DovetailEngine
import DovetailPostgres
import DovetailTestPostgres
import Testing

/// Values are read under settings that are held still; what the database does by itself happens under its own.
@Suite("A database with settings of its own")
struct ReplicaSettingsTests {
    @Test(
        "defaults and triggers mean its day and its way to write it, and values stay what they are",
        arguments: ["DATABASE", "ROLE"])
    func settings(of kind: String) async throws {
        try await TestServer.shared().withDatabase { database in
            let (role, password) = try await database.makeRole()
            let owner = kind == "ROLE" ? "ROLE \"\(role)\"" : "DATABASE \(database.name)"
            let replica = PostgresReplica(
                Conninfo.changing(database.conninfo, ["user": role, "password": password]), name: "postgres")
            try await database.run(
                """
                ALTER \(owner) SET TimeZone = 'Pacific/Auckland'; ALTER \(owner) SET DateStyle = 'German';
                ALTER \(owner) SET IntervalStyle = 'sql_standard'; ALTER \(owner) SET bytea_output = 'escape';
                CREATE TABLE things (id int PRIMARY KEY, name text, at timestamptz, during tstzrange, days daterange,
                    clock timetz,
                    zone text DEFAULT current_setting('TimeZone'), day text DEFAULT (CURRENT_DATE::text),
                    moment text DEFAULT (now()::text), span text DEFAULT (interval '-1 day 2 hours'::text),
                    bytes text DEFAULT ('\\x2041'::bytea::text), before text, late text);
                CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN NEW.before := timestamptz ''2024-01-15 12:00+00''; RETURN NEW; END';
                CREATE TRIGGER a BEFORE INSERT OR UPDATE OF name ON things FOR EACH ROW EXECUTE FUNCTION before();
                CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN UPDATE things SET late = timestamptz ''2024-06-15 12:00+00'' WHERE id = NEW.id; RETURN NULL; END';
                CREATE CONSTRAINT TRIGGER b AFTER INSERT OR UPDATE OF name ON things DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION late();
                GRANT ALL ON things TO "\(role)";
                """)
            let view = try await replica.view(
                "things", only: ["id", "name", "at", "during", "days", "clock"])
            // 2024-01-15 12:00 UTC is the 16th in Auckland.
            let values: [Value] = [
                .int(1), .text("a"), .timestampWithZone(Timestamp(microseconds: 1_705_320_000_000_000)),
                .text("[\"2024-01-15 12:00:00+00\",\"2024-01-16 12:00:00+00\")"),
                .text("[2024-03-04,2024-05-06)"), .text("12:00:00+02"),
            ]
            let write = ReplicaWrite(
                key: RecordKey([.int(1)]), expected: nil, write: .insert(PackedRecord(values)))
            #expect(try await replica.send([write], view)[0].values == values)
            #expect(try await replica.values(view) == [values])
            let found = try await database.run(
                """
                SET TimeZone = 'UTC'; SET DateStyle = ISO;
                SELECT at, lower(during), upper(days), clock, zone, span, bytes, before, late,
                    day ~ '^[0-9]{2}[.][0-9]{2}[.][0-9]{4}$', moment ~ ' NZ[DS]T$'
                FROM things
                """)[0]
            #expect(
                found == [
                    "2024-01-15 12:00:00+00", "2024-01-15 12:00:00+00", "2024-05-06", "12:00:00+02",
                    "Pacific/Auckland", "+0-0 -1 +2:00:00", " A", "16.01.2024 01:00:00 NZDT",
                    "16.06.2024 00:00:00 NZST", "t", "t",
                ], "\(found)")

            try await database.run("UPDATE things SET before = '', late = ''")
            let seen = try await replica.records(view)
            let updated = try await replica.send(
                [
                    try view.updating(
                        seen[0], ["name": .text("b"), "days": .text("[2024-10-11,2024-12-01)")])
                ], view)
            #expect(updated[0].values?[4] == .text("[2024-10-11,2024-12-01)"))
            #expect(
                try await database.run("SELECT before, late FROM things") == [
                    ["16.01.2024 01:00:00 NZDT", "16.06.2024 00:00:00 NZST"]
                ])
            await replica.close()
        }
    }
}
