import Dovetail
import DovetailEngine
import DovetailSQLite
import DovetailTestSQLite
import Testing

@Suite("Change feeds in SQLite")
struct ReplicaFeedTests {
    private static let table = """
        CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE UNIQUE, n INTEGER);
        INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3);
        """

    private func keys(_ replica: SQLiteReplica, _ view: TableView, since cursor: FeedCursor?) async throws
        -> [Value]?
    {
        guard let cursor else { return nil }
        let changed = try await replica.look { try await $0.changes(of: view, since: cursor) }
        return try changed?.keys.flatMap { try $0.values() }
    }

    private func position(_ replica: SQLiteReplica, _ view: TableView) async throws -> FeedCursor? {
        try await replica.look { try await $0.feedPosition(of: view) }
    }

    @Test("A feed tells every key that any program changed, each once and in order")
    func feed() async throws {
        let fixture = try ReplicaFixture(.sqlite, Self.table)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["code"]), feed: true)
        #expect(try await position(replica, view) == nil)
        try await replica.prepare([view])
        let start = try await position(replica, view)
        #expect(try await keys(replica, view, since: start) == [])
        try fixture.run(
            """
            UPDATE t SET n = 9 WHERE id = 2; UPDATE t SET n = 10 WHERE id = 2; DELETE FROM t WHERE id = 3;
            INSERT INTO t VALUES (4, 'd', 1); UPDATE t SET code = 'A' WHERE id = 1;
            """)
        #expect(
            try await keys(replica, view, since: start)
                == [.text("A"), .text("a"), .text("b"), .text("c"), .text("d")])
        // REPLACE removes a row without its delete trigger.
        let middle = try await position(replica, view)
        try fixture.run("INSERT OR REPLACE INTO t VALUES (4, 'e', 1)")
        #expect(try await keys(replica, view, since: middle) == [.text("d"), .text("e")])
        let later = try await position(replica, view)
        try fixture.run("UPDATE OR REPLACE t SET id = 2 WHERE code = 'e'")
        #expect(try await keys(replica, view, since: later) == [.text("b"), .text("e")])
        try await replica.prepare([view])
        #expect(try await keys(replica, view, since: later) == [.text("b"), .text("e")])
        await replica.close()
    }

    @Test("A feed by row id follows a row that moves")
    func rowids() async throws {
        for table in ["CREATE TABLE t (code TEXT)", "CREATE TABLE t (fid INTEGER PRIMARY KEY, code TEXT)"] {
            let fixture = try ReplicaFixture(.sqlite, table + "; INSERT INTO t (code) VALUES ('x')")
            let replica = fixture.replica()
            let view = try await replica.view("t", .id, only: ["code"], feed: true)
            try await replica.prepare([view])
            let start = try await position(replica, view)
            try fixture.run("UPDATE t SET rowid = 7; INSERT INTO t (code) VALUES ('y')")
            #expect(try await keys(replica, view, since: start) == [.int(1), .int(7), .int(8)])
            await replica.close()
        }
    }

    @Test("A batch says where the feed was before and after it")
    func range() async throws {
        let fixture = try ReplicaFixture(.sqlite, Self.table)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["code"]), feed: true)
        try await replica.prepare([view])
        try fixture.run("DELETE FROM t WHERE id = 1")
        let before = try await position(replica, view)
        let result = try await replica.apply([view.insert([.int(9), .text("z"), .null])], to: view)
        #expect(result.feed?.before == before)
        #expect(result.feed?.after == (try await position(replica, view)))
        #expect(try await keys(replica, view, since: result.feed?.before) == [.text("z")])
        #expect(try await keys(replica, view, since: result.feed?.after) == [])
        await replica.close()
    }

    @Test("What all readers have read is forgotten, and who comes too late is told")
    func pruning() async throws {
        let fixture = try ReplicaFixture(.sqlite, Self.table)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["code"]), feed: true)
        try await replica.prepare([view])
        let start = try #require(try await position(replica, view))
        try await replica.acknowledge(job: "slow", view: view, cursor: start)
        try fixture.run("UPDATE t SET n = n + 1")
        let end = try #require(try await position(replica, view))
        try await replica.acknowledge(job: "fast", view: view, cursor: end)
        #expect(try await keys(replica, view, since: start)?.count == 3)
        #expect(try fixture.text("SELECT count(*) FROM dovetail_log_1") == "3")
        try await replica.acknowledge(job: "slow", view: view, cursor: end)
        #expect(try fixture.text("SELECT count(*) FROM dovetail_log_1") == "0")
        #expect(try await keys(replica, view, since: start) == nil)
        #expect(try await keys(replica, view, since: end) == [])
        #expect(try await position(replica, view) == end)

        let before = try fixture.bytes
        try await replica.acknowledge(job: "slow", view: view, cursor: end)
        await replica.close()
        #expect(try fixture.bytes == before)
    }

    @Test("A feed that lost a trigger, or was made anew, gives nothing for an old cursor")
    func rebuilt() async throws {
        let fixture = try ReplicaFixture(.sqlite, Self.table)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["code"]), feed: true)
        try await replica.prepare([view])
        let start = try await position(replica, view)
        try fixture.run("DROP TRIGGER dovetail_log_1_delete; DELETE FROM t WHERE id = 1")
        #expect(try await position(replica, view) == nil)
        #expect(try await keys(replica, view, since: start) == nil)
        try await replica.prepare([view])
        #expect(try await keys(replica, view, since: start) == nil)
        let anew = try await position(replica, view)
        try fixture.run("DELETE FROM t WHERE id = 2")
        #expect(try await keys(replica, view, since: anew) == [.text("b")])
        try fixture.run("DROP TABLE t;" + Self.table)
        #expect(try await keys(replica, view, since: anew) == nil)
        await replica.close()
    }

    @Test("Two jobs that know records by other fields have feeds of their own")
    func twoFeeds() async throws {
        let fixture = try ReplicaFixture(.sqlite, Self.table)
        let replica = fixture.replica()
        let byCode = try await replica.view("t", .match(["code"]), feed: true)
        let byID = try await replica.view("t", .match(["id"]), feed: true)
        try await replica.prepare([byCode, byID])
        let code = try await position(replica, byCode)
        let id = try await position(replica, byID)
        try fixture.run("UPDATE t SET n = 0 WHERE id = 3")
        #expect(try await keys(replica, byCode, since: code) == [.text("c")])
        #expect(try await keys(replica, byID, since: id) == [.int(3)])
        #expect(try await keys(replica, byID, since: code) == nil)
        #expect(try await replica.describe().map(\.name) == ["t"])
        await replica.close()
    }
}
