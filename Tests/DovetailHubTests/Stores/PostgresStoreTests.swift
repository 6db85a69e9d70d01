import Dovetail
import DovetailDocuments
import DovetailHub
import DovetailTestPostgres
import Testing

@Suite("Hubs on one PostgreSQL database")
struct PostgresStoreTests {
    private let set = "notes"

    private func withTwoHubs(_ body: (DocumentHub, DocumentHub) async throws -> Void) async throws {
        try await TestServer.shared().withDatabase { database in
            // At once, so that both find no schema.
            async let one = PostgresCommitStore.open(database.conninfo)
            async let other = PostgresCommitStore.open(database.conninfo)
            let stores = [try await one, try await other]
            let hubs = stores.map { DocumentHub(store: $0) }
            try await body(hubs[0], hubs[1])
            for hub in hubs { await hub.close() }
            for store in stores { await store.close() }
        }
    }

    @Test("serve the same documents, one commit after each")
    func race() async throws {
        try await withTwoHubs { first, second in
            let base = try await first.access(to: set, as: "a", mayWrite: true).head()
            let saved = try await withThrowingTaskGroup(of: Int64?.self) { group in
                for number in 0..<20 {
                    let hub = number % 2 == 0 ? first : second
                    group.addTask {
                        try await hub.access(to: set, as: "c\(number)", mayWrite: true).save(
                            "\(number)", after: base)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(saved.compactMap { $0 } == [1])
            #expect(try await first.verify().damages.isEmpty)
            let texts = [
                try await first.access(to: set, as: "a", mayWrite: true).head(),
                try await second.access(to: set, as: "a", mayWrite: true).head(),
            ]
            #expect(texts[0] == texts[1])
        }
    }

    @Test("wake each other's clients, for commits and for conflicts")
    func wakes() async throws {
        try await withTwoHubs { first, second in
            let (anna, ben) = (
                first.access(to: set, as: "anna", mayWrite: true),
                second.access(to: set, as: "ben", mayWrite: true)
            )
            let start = try await ben.documents()
            let waiting = Task {
                try await ben.changes(after: start.place, epoch: start.epoch, waiting: .seconds(60))
            }
            // Its listening has begun.
            try await Task.sleep(for: .seconds(1))
            let begun = ContinuousClock.now
            try await anna.save("x\n")
            guard case .commit(let commit)? = try await waiting.value.first else {
                Issue.record("anna saved")
                return
            }
            #expect(ContinuousClock.now - begun < .seconds(20))
            #expect(commit.author == "anna")
            let conflict = DocumentConflict(
                id: "c1", document: page, client: "anna", base: nil, mine: [1], theirs: nil,
                position: LogPosition(epoch: start.epoch, sequence: 1), time: 1)
            let next = Task {
                try await ben.changes(after: commit.place, epoch: start.epoch, waiting: .seconds(60))
            }
            try await anna.report(conflict)
            guard case .conflict("c1", _)? = try await next.value.first else {
                Issue.record("anna reported a conflict")
                return
            }
            #expect(try await ben.conflicts().map(\.id) == ["c1"])
        }
    }

    @Test("have a schema of their own, and no one else's")
    func schema() async throws {
        try await TestServer.shared().withDatabase { database in
            try await database.run(
                "CREATE SCHEMA \"my notes\"; CREATE SCHEMA taken; CREATE TABLE taken.hub_bub (x int)")
            let store = try await PostgresCommitStore.open(
                database.conninfo.contains("://") ? database.conninfo : database.conninfo + " schema=notes")
            #expect(try await database.value("SELECT format::text FROM notes.hub") == "1")
            #expect(store.name.contains("schema notes"))
            await store.close()
            #expect(
                await kind { _ = try await PostgresCommitStore.open(database.conninfo + " schema=taken") }
                    == .invalid)
            #expect(await kind { _ = try await PostgresCommitStore.open("nonsense") } == .invalid)
            let none = database.conninfo + " schema=none"
            #expect(
                await kind { _ = try await PostgresCommitStore.open(none, making: false) } == .invalid)
            try await database.run("UPDATE notes.hub SET format = 99")
            #expect(
                await kind { _ = try await PostgresCommitStore.open(database.conninfo + " schema=notes") }
                    == .unavailable)
        }
    }

    @Test("go on when the server was down")
    func restarted() async throws {
        try await TestServer.withOwn { server in
            let store = try await PostgresCommitStore.open(server.conninfo)
            let hub = DocumentHub(store: store)
            let anna = hub.access(to: set, as: "anna", mayWrite: true)
            try await anna.save("before\n")
            try await server.down()
            #expect(await kind { try await anna.save("during\n") } == .unavailable)
            try await server.up()
            #expect(try await anna.save("after\n") == 2)
            #expect(try await hub.verify().damages.isEmpty)
            await hub.close()
            await store.close()
        }
    }
}
