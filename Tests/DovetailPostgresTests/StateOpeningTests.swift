import Dovetail
import DovetailConformance
import DovetailEngine
import DovetailTestPostgres
import Foundation
import Testing

@testable import DovetailPostgres

@Suite("The schema of a state in PostgreSQL")
struct StateOpeningTests: StateSuite {
    @Test("is not made by looking, and made once by whoever comes first")
    func made() async throws {
        try await TestServer.shared().withDatabase { database in
            let looking = try await database.looking()
            #expect(try await looking.load().generation == 0)
            await looking.close()
            let deciding = try await PostgresStateStore.openExisting(try database.address(), job: "job")
            #expect(try await deciding.conflicts().isEmpty)
            await deciding.close()
            #expect(try await database.schemas() == ["public"])

            // Many workers start at once.
            let identities = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        let store = try await database.state("job \(number % 2)")
                        let identity = try await store.load().identity
                        await store.close()
                        return identity
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(identities.count == 2)
            #expect(try await database.value("SELECT count(*) FROM dovetail.jobs") == "2")
            #expect(try await database.value("SELECT version FROM dovetail.dovetail_state") == "1")

            // A job that is not there yet is not made by looking either.
            let third = try await database.looking("job 3")
            #expect(try await third.allBase().isEmpty)
            await third.close()
            #expect(try await database.value("SELECT count(*) FROM dovetail.jobs") == "2")
        }
    }

    @Test("may be named in the address, and several live side by side")
    func named() async throws {
        try await TestServer.shared().withDatabase { database in
            let odd = try await PostgresStateStore.open(try database.address("Ö\"x y"), job: "job")
            try await odd.run(.agreeing(agreed(1, "a")))
            let plain = try await database.state()
            #expect(try await plain.allBase().isEmpty)
            #expect(try await odd.allBase() == [agreed(1, "a")])
            #expect(odd.name.hasSuffix(", schema Ö\"x y"))
            await odd.close()
            await plain.close()
            #expect(try await Set(database.schemas()) == ["Ö\"x y", "dovetail", "public"])
        }
    }

    @Test("of an address is read from it")
    func addresses() throws {
        func schema(_ url: String) throws -> [String] {
            let address = try PostgresStateAddress(url)
            return [address.schema.text, address.settings.conninfo]
        }
        let plain = "postgresql://me:secret@host/db"
        #expect(try schema(plain) == ["dovetail", plain])
        #expect(try schema(plain + "?schema=a%20b") == ["a b", plain])
        #expect(
            try schema(plain + "?sslmode=require&schema=x&connect_timeout=3")
                == ["x", plain + "?sslmode=require&connect_timeout=3"])
        #expect(try schema("service=x schema=y") == ["y", "service=x"])
        #expect(try schema("password='a schema=b' user=u") == ["dovetail", "password='a schema=b' user=u"])
        #expect(try PostgresStateAddress(plain).display == "postgresql://me@host/db, schema dovetail")
        let long = String(repeating: "x", count: 64)
        for wrong in [
            "?schema=", "?schema=a&schema=b", "?schema=%zz", "?schema=%", "?schema=\(long)", "?schema=%FF",
        ] {
            let error = #expect(throws: PostgresStateAddress.Mistake.self) {
                _ = try PostgresStateAddress(plain + wrong)
            }
            #expect(error?.description.contains("secret") == false)
        }
        #expect(throws: PostgresStateAddress.Mistake.self) {
            _ = try PostgresStateAddress("postgresql://h/d?nonsense=1")
        }
    }

    @Test("of another program or a newer Dovetail is refused and left alone")
    func refused() async throws {
        try await TestServer.shared().withDatabase { database in
            func refusal(_ words: String) async throws {
                for open in [PostgresStateStore.open, PostgresStateStore.openForReading] {
                    let error = await #expect(throws: StateError.self) {
                        _ = try await open(try database.address(), "job")
                    }
                    #expect(error?.description.contains(words) == true, "\(String(describing: error))")
                }
            }
            try await database.run("CREATE SCHEMA dovetail; CREATE TABLE dovetail.jobs (a int)")
            try await refusal("another program")
            try await database.run("DROP TABLE dovetail.jobs")
            // An empty schema is one that an administrator made for us.
            await (try await database.state()).close()
            try await database.run("UPDATE dovetail.dovetail_state SET version = 99")
            try await refusal("upgrade Dovetail")
            #expect(try await database.schemas() == ["dovetail", "public"])
        }
    }

    @Test("of an older format is brought up to date, and who still works in the old one is told")
    func migrated() async throws {
        try await TestServer.shared().withDatabase { database in
            let old = try await database.state()
            try await old.run(.agreeing(agreed(1, "a")))
            let address = try database.address()
            let next = StateMigrations.all + [{ "ALTER TABLE \($0).jobs ADD COLUMN colour text" }]
            func open(_ find: @escaping @Sendable (StateOpening, Session) throws -> StateOpening.Found)
                async throws
                -> PostgresStateStore
            {
                try await PostgresStateStore.open(
                    address, job: "job", isWritable: true, migrations: next, find)
            }
            await #expect(throws: StateError.self) { _ = try await open { try $0.look($1) } }
            let new = try await open { .job(try $0.make($1)) }
            #expect(try await new.allBase() == [agreed(1, "a")])
            try await new.run(.agreeing(agreed(2, "b")))
            let error = await #expect(throws: StateError.self) {
                try await old.run(.agreeing(agreed(3, "c")))
            }
            #expect(error?.description.contains("upgrade Dovetail") == true)
            await old.close()
            await new.close()
        }
    }

    @Test("that lacks a table is put aside whole, and a new one says why until a run has ended well")
    func tableMissing() async throws {
        try await TestServer.shared().withDatabase { database in
            let old = try await database.state()
            let identity = try await old.load().identity
            try await old.run(.agreeing(agreed(1, "a")))
            await old.close()
            try await database.run("DROP TABLE dovetail.conflicts")

            let looking = try await database.looking()
            #expect(try await looking.load().resetReason?.contains("its table conflicts is missing") == true)
            #expect(try await looking.allBase().isEmpty)
            await looking.close()
            #expect(try await database.schemas() == ["dovetail", "public"])

            let new = try await database.state()
            let state = try await new.load()
            #expect(state.identity != identity)
            #expect(state.resetReason?.contains("kept as the schema dovetail_damaged_1") == true)
            #expect(try await new.baseCount(of: trees) == 0)
            let failing = try await new.begin(start(1))
            try await new.finish(end(.failed, stamped: false, marked: false), run: failing)
            #expect(try await new.load().resetReason != nil)
            try await new.run(.agreeing(agreed(1, "a")))
            #expect(try await new.load().resetReason == nil)
            await new.close()
            #expect(try await database.value("SELECT count(*) FROM dovetail_damaged_1.base") == "1")
        }
    }

    @Test("in which a job's rows are damaged begins that job anew and leaves the others alone")
    func jobDamaged() async throws {
        try await TestServer.shared().withDatabase { database in
            let other = try await database.state("other")
            try await other.run(.agreeing(agreed(9, "z")))
            let store = try await database.state()
            let identity = try await store.load().identity
            let run = try await store.begin(start(1))
            try await store.journal([update(1, from: "a", to: "b")], run: run)
            try await database.run("UPDATE dovetail.changes SET content = '\\x0102'")
            let error = await #expect(throws: StateError.self) { _ = try await store.openIntents(of: trees) }
            #expect(error?.description.contains("damaged") == true)

            // Whoever still holds the lock is not robbed of it.
            try await store.lock(as: me, patience: 0)
            let held = await #expect(throws: StateError.self) { _ = try await database.state() }
            #expect(held?.description.contains("process 4711") == true)
            await store.close()
            let looking = try await database.looking()
            #expect(try await looking.load().resetReason != nil)
            #expect(try await looking.openIntents(of: trees).isEmpty)
            await looking.close()

            let new = try await database.state()
            #expect(try await new.load().identity != identity)
            #expect(try await new.load().resetReason?.contains("“job (damaged 1)”") == true)
            #expect(try await new.openIntents(of: trees).isEmpty)
            #expect(try await other.allBase() == [agreed(9, "z")])
            await new.close()
            await other.close()
        }
    }

    @Test("needs rights, and says which", .enabled(if: hasOwnServer))
    func rights() async throws {
        try await TestServer.shared().withDatabase { database in
            let worker = try await database.makeRole("worker")
            let conninfo = database.tcp(worker.name, password: worker.password)
            func refusal(_ words: String) async throws {
                let error = await #expect(throws: StateError.self) {
                    _ = try await database.state(as: conninfo)
                }
                guard case .forbidden? = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(error?.description.contains(words) == true, "\(String(describing: error))")
                #expect(error?.description.contains(worker.password) == false)
            }
            try await refusal("CREATE SCHEMA \"dovetail\" AUTHORIZATION")
            await (try await database.state()).close()
            try await refusal("permission denied for schema dovetail")
            try await database.run(
                """
                GRANT USAGE ON SCHEMA dovetail TO "\(worker.name)";
                GRANT SELECT ON ALL TABLES IN SCHEMA dovetail TO "\(worker.name)"
                """)
            let looking = try await database.looking(as: conninfo)
            #expect(try await looking.runs(limit: 5).isEmpty)
            await looking.close()
            let readOnly = try await database.state(as: conninfo)
            let error = await #expect(throws: StateError.self) {
                try await readOnly.lock(as: me, patience: 0)
            }
            #expect(error?.description.contains("permission denied for table jobs") == true)
            await readOnly.close()
            // What the documentation asks an administrator for is enough.
            try await database.run(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA dovetail TO \"\(worker.name)\"")
            let store = try await database.state(as: conninfo)
            try await store.lock(as: me, patience: 0)
            try await store.run(.agreeing(agreed(1, "a")), journal: [update(1, from: "a", to: "b")])
            #expect(try await store.allBase() == [agreed(1, "a")])
            await store.close()
        }
    }

    @Test("needs a database in UTF-8", arguments: [DatabaseKind.latin1, .sqlASCII])
    func encodings(_ kind: DatabaseKind) async throws {
        try await TestServer.shared().withDatabase(kind) { database in
            let error = await #expect(throws: StateError.self) { _ = try await database.state() }
            #expect(error?.description.contains("keep the state in one in UTF8") == true)
            await (try await database.looking()).close()
        }
    }

    @Test("keeps no removed value in any row")
    func masked() async throws {
        try await TestServer.shared().withDatabase { database in
            let store = try await database.state()
            let secret = "Ellen-Margrethe-4711"
            func holds() async throws -> Bool {
                try await database.value(
                    """
                    SELECT bool_or(position('\(secret)'::bytea in content) > 0 OR reason LIKE '%\(secret)%')
                    FROM dovetail.changes
                    """) == "t"
            }
            var memory = Memory()
            memory.outcomes = (1...3000).map {
                (trees, .right, key(Int64($0)), .rejected, "\(secret) is too long")
            }
            try await store.run(memory, journal: (1...3000).map { update(Int64($0), from: secret, to: "x") })
            #expect(try await holds())
            let masked = HistoryRetention(values: .masked, maskedFields: ["name"])
            try await store.run(Memory(), end: end(retention: masked))
            #expect(try await !holds())
            await store.close()
        }
    }
}

/// Some tests need a server of ours, where roles come in with a password.
let hasOwnServer =
    ProcessInfo.processInfo.environment["DOVETAIL_TEST_POSTGRES"] == nil
    || ProcessInfo.processInfo.environment["DOVETAIL_TEST_POSTGRES_FOLDER"] != nil
