import Dovetail
import DovetailConformance
import DovetailEngine
import DovetailTestPostgres
import Foundation
import Testing

@testable import DovetailPostgres

@Suite("The lock of a job in PostgreSQL")
struct PostgresStateLockTests: StateSuite {
    private func holderPID(_ database: TestDatabase) async throws -> String {
        try #require(try await database.value("SELECT holder_backend FROM dovetail.jobs WHERE name = 'job'"))
    }

    /// Ends the session that holds the lock, and waits until it is gone.
    private func terminateHolder(_ database: TestDatabase) async throws {
        let holder = try await holderPID(database)
        try await database.run("SELECT pg_terminate_backend(\(holder))")
        for _ in 0..<500 {
            if try await database.value("SELECT count(*) FROM pg_stat_activity WHERE pid = \(holder)") == "0"
            {
                return
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("the session \(holder) did not end")
    }

    @Test("of one job does not hold up another, nor those who look")
    func otherJobs() async throws {
        try await TestServer.shared().withDatabase { database in
            let first = try await database.state("a")
            let second = try await database.state("b")
            try await first.lock(as: me, patience: 0)
            try await second.lock(as: other, patience: 0)
            // The transaction of another writer of job a stays open.
            let session = try await database.otherSession()
            try await session.run("BEGIN; SELECT * FROM dovetail.jobs WHERE name = 'a' FOR UPDATE")
            try await second.run(.agreeing(agreed(1, "a")), journal: [update(1, from: "a", to: "b")])
            #expect(try await second.allBase() == [agreed(1, "a")])
            let looking = try await database.looking("a")
            #expect(try await looking.load().generation == 0)
            #expect(try await looking.runs(limit: 1).isEmpty)
            try await session.run("ROLLBACK")
            await looking.close()
            await first.close()
            await second.close()
        }
    }

    @Test("ends with the connection, and a run that lost it can't go on writing")
    func connectionLost() async throws {
        try await TestServer.shared().withDatabase { database in
            let store = try await database.state()
            try await store.lock(as: me, patience: 0)
            let run = try await store.begin(start(1))
            try await terminateHolder(database)

            // Another machine takes over at once.
            let next = try await database.state()
            try await next.lock(as: other, patience: 5)
            let later = try await next.begin(start(1))
            for _ in 0..<2 {
                let error = await #expect(throws: StateError.self) {
                    try await store.remember(.agreeing(agreed(1, "stale")), run: run)
                }
                #expect(error?.description.contains("run again") == true, "\(String(describing: error))")
            }
            await #expect(throws: StateError.self) {
                try await store.finish(end(.failed, stamped: false, marked: false), run: run)
            }
            await store.unlock()
            try await next.remember(.agreeing(agreed(1, "fresh")), run: later)
            try await next.finish(end(), run: later)
            #expect(try await next.allBase() == [agreed(1, "fresh")])
            #expect(try await next.runs(limit: 5).map(\.status) == [.agreed, .interrupted])
            await next.close()

            // The next run over the old store begins with a new connection.
            try await store.lock(as: me, patience: 0)
            try await store.run(.agreeing(agreed(2, "b")))
            #expect(try await store.baseCount(of: trees) == 2)
            await store.close()
        }
    }

    @Test("is proven in each transaction: an older token, or another backend, writes nothing")
    func fenced() async throws {
        try await TestServer.shared().withDatabase { database in
            let store = try await database.state()
            try await store.lock(as: me, patience: 0)
            let run = try await store.begin(start(1))
            // As when a standby took over that had not heard of this lock, and gave it to another.
            try await database.run("UPDATE dovetail.jobs SET fence = fence + 1")
            let error = await #expect(throws: StateError.self) {
                try await store.remember(.agreeing(agreed(1, "a")), run: run)
            }
            #expect(error?.description.contains("the lock was lost, and another run has begun") == true)
            #expect(try await store.baseCount(of: trees) == 0)
            await store.close()
            let locks =
                "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database"
                + " WHERE locktype = 'advisory' AND datname = current_database()"
            #expect(try await database.value(locks) == "0")
        }
    }

    @Test("is not believed of one who died, and who holds it is told rightly")
    func staleOwner() async throws {
        try await TestServer.shared().withDatabase { database in
            let dead = try await database.state()
            try await dead.lock(as: other, patience: 0)
            try await terminateHolder(database)
            #expect(try await database.value("SELECT holder IS NOT NULL FROM dovetail.jobs") == "t")

            let store = try await database.state()
            try await store.lock(as: me, patience: 0)
            let third = try await database.state()
            let error = await #expect(throws: StateError.self) {
                try await third.lock(as: other, patience: 0.3)
            }
            #expect(error?.description.contains("process 4711 on office") == true)
            for store in [dead, store, third] { await store.close() }
        }
    }

    @Test("left by a dead process of this machine is waited for a moment, whatever the patience")
    func deadProcess() async throws {
        try await TestServer.shared().withDatabase { database in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/true")
            try process.run()
            process.waitUntilExit()
            var gone = me
            gone.process = process.processIdentifier
            let first = try await database.state()
            try await first.lock(as: gone, patience: 0)
            let second = try await database.state()
            // The server has not noticed yet that its client is dead.
            async let taken: Void = second.lock(as: me, patience: 0)
            try await Task.sleep(for: .milliseconds(400))
            await first.close()
            try await taken
            await second.close()
        }
    }

    @Test("can be waited for, and the waiting be ended")
    func cancelledWaiting() async throws {
        try await TestServer.shared().withDatabase { database in
            let first = try await database.state()
            try await first.lock(as: me, patience: 0)
            let second = try await database.state()
            let waiting = other
            let task = Task { try await second.lock(as: waiting, patience: 60) }
            try await Task.sleep(for: .milliseconds(150))
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            await first.unlock()
            try await second.lock(as: other, patience: 1)
            await first.close()
            await second.close()
        }
    }

    @Test("survives nothing of a server that crashes, and the next run does", .enabled(if: hasOwnServer))
    func crash() async throws {
        try await TestServer.withOwn { server in
            try await server.withDatabase { database in
                let store = try await database.state()
                try await store.run(.agreeing(agreed(1, "a")))
                try await store.lock(as: me, patience: 0)
                let run = try await store.begin(start(2))
                try await store.journal([update(1, from: "a", to: "b")], run: run)
                let cursor = try await store.base(of: trees, mirrored: false)
                _ = try await cursor.next()
                try await server.down()
                let error = await #expect(throws: StateError.self) {
                    try await store.remember(.agreeing(agreed(1, "b")), run: run)
                }
                #expect(error?.description.contains("run again") == true, "\(String(describing: error))")
                await #expect(throws: StateError.self) { _ = try await store.load() }
                await store.unlock()
                try await server.up()

                try await store.lock(as: me, patience: 0)
                #expect(try await store.openIntents(of: trees) == [update(1, from: "a", to: "b")])
                #expect(try await store.allBase() == [agreed(1, "a")])
                try await store.run(.agreeing(agreed(1, "b")))
                #expect(try await store.changes(of: run, offset: 0, limit: 1).first?.outcome == .already)
                await store.close()
            }
        }
    }
}

@Suite("The size of a state in PostgreSQL")
struct PostgresStateSizeTests: StateSuite {
    @Test("lets 100,000 records be journalled, remembered and read as sets")
    func hundredThousand() async throws {
        try await TestServer.shared().withDatabase { database in
            let store = try await database.state()
            let text = String(repeating: "x", count: 120)
            let ids = (0..<100_000).map(Int64.init)
            let clock = ContinuousClock()
            let run = try await store.begin(start(1))
            for step in ["first", "again"] {
                let entries = ids.map { update($0, from: text, to: step) }
                var memory = Memory()
                memory.agreed = ids.map { (trees, agreed($0, text + step, rightLocator: key(-$0).bytes)) }
                memory.outcomes = ids.map { (trees, .right, key($0), .applied, nil) }
                let journal = try await clock.measure {
                    for chunk in stride(from: 0, to: ids.count, by: 16384) {
                        try await store.journal(
                            Array(entries[chunk..<min(chunk + 16384, ids.count)]), run: run)
                    }
                }
                let remember = try await clock.measure {
                    for chunk in stride(from: 0, to: ids.count, by: 16384) {
                        var part = Memory()
                        let range = chunk..<min(chunk + 16384, ids.count)
                        part.agreed = Array(memory.agreed[range])
                        part.outcomes = Array(memory.outcomes[range])
                        try await store.remember(part, run: run)
                    }
                }
                // Row by row it would take hours; other tests run at the same time, in a debug build.
                #expect(journal < .seconds(120))
                #expect(remember < .seconds(120))
            }
            #expect(try await store.baseCount(of: trees) == ids.count)
            for mirrored in [false, true] {
                var count = 0
                let read = try await clock.measure {
                    let cursor = try await store.base(of: trees, mirrored: mirrored)
                    while let batch = try await cursor.next() { count += batch.count }
                }
                #expect(read < .seconds(120))
                #expect(count == ids.count)
            }
            try await store.finish(end(), run: run)
            await store.close()
        }
    }
}
