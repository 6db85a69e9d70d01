import Dovetail
import DovetailConformance
import DovetailEngine
import DovetailTestPostgres
import Testing

@testable import DovetailPostgres

/// What Dovetail keeps in a database is never taken for the user's tables, nor the other way round.
@Suite("Tables of the user's that are called like ours")
struct OwnNamesTests {
    /// The schema is where unqualified names are looked for first, as it is for a role of its name.
    @Test("are what is read and written", arguments: ["dovetail", "benches"])
    func sameNames(schema: String) async throws {
        try await TestServer.shared().withDatabase { database in
            try await database.run("ALTER DATABASE \(database.name) SET search_path = \(schema), public")
            try await database.run(
                """
                CREATE TABLE public.jobs (id int PRIMARY KEY, name text); INSERT INTO public.jobs VALUES (1, 'a');
                CREATE TABLE public.marks (id int PRIMARY KEY); CREATE TABLE public.changes (what text);
                CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN INSERT INTO changes VALUES (NEW.name); RETURN NEW; END';
                CREATE TRIGGER note AFTER INSERT OR UPDATE ON public.jobs FOR EACH ROW EXECUTE FUNCTION public.note();
                """)
            let tables = ["changes", "jobs", "marks"]
            // The state is made while this one has connections.
            let early = PostgresReplica(database.conninfo, name: "postgres")
            #expect(try await early.describe().map(\.name) == tables)
            let state = try await PostgresStateStore.open(try database.address(schema), job: "job")
            let mark = ReplicaMark(job: "job", side: .left, state: "s", generation: 1)
            #expect(try await early.stamp(mark))
            let late = PostgresReplica(database.conninfo, name: "postgres")
            for replica in schema == "dovetail" ? [early, late] : [late] {
                #expect(try await replica.describe().map(\.name) == tables)
                let view = try await replica.view("jobs", filter: "NOT EXISTS (SELECT id FROM marks)")
                let seen = try await replica.records(view)
                #expect(seen.count == 1)
                let name = Value.text(replica === early ? "early" : "late")
                #expect(
                    try await replica.send([try view.updating(seen[0], ["name": name])], view)[0].isApplied)
                #expect(try await replica.look { try await $0.identity(job: "job").marks } == [mark])
            }
            #expect(try await database.value("SELECT name FROM public.jobs") == "late")
            #expect(
                try await database.value("SELECT count(*) FROM public.changes")
                    == (schema == "dovetail" ? "2" : "1"))
            #expect(try await database.value("SELECT name FROM \(schema).jobs") == "job")
            #expect(try await database.value("SELECT count(*) FROM \(schema).changes") == "0")
            await early.close()
            await late.close()
            await state.close()
        }
    }

    @Test("a state is kept beside the mark that an earlier job left")
    func stateBesideMark() async throws {
        try await TestServer.shared().withDatabase { database in
            let replica = PostgresReplica(database.conninfo, name: "postgres")
            let mark = ReplicaMark(job: "other", side: .left, state: "s", generation: 1)
            #expect(try await replica.stamp(mark))
            let looking = try await database.looking()
            #expect(try await looking.load().generation == 0)
            await looking.close()
            let state = try await database.state()
            #expect(try await state.allBase().isEmpty)
            await state.close()
            #expect(try await replica.look { try await $0.identity(job: "other").marks } == [mark])
            await replica.close()
        }
    }
}
