import Dovetail
import DovetailEngine
import DovetailSQLite
import DovetailTestSQLite
import Foundation
import GRDB
import Testing

@Suite("Opening files")
struct ReplicaOpeningTests {
    private func error(_ replica: SQLiteReplica) async -> ReplicaError? {
        do {
            _ = try await replica.describe()
            return nil
        } catch {
            return error as? ReplicaError
        }
    }

    @Test("What can't be opened is told in words")
    func unsuitable() async throws {
        let fixture = try ReplicaFixture(.sqlite, "CREATE TABLE t (x)")
        let missing = SQLiteReplica(path: fixture.folder + "/none.db", kind: .sqlite, name: "left")
        #expect(await error(missing)?.kind == .missing)
        #expect(await error(missing)?.description.hasPrefix("left: no such file: /") == true)
        #expect(try fixture.files == ["file.db"])

        let folder = SQLiteReplica(path: fixture.folder, kind: .sqlite, name: "left")
        #expect(await error(folder)?.kind == .damaged)

        let garbage = fixture.folder + "/garbage.db"
        try Data(repeating: 0x47, count: 4096).write(to: URL(fileURLWithPath: garbage))
        let unreadable = await error(SQLiteReplica(path: garbage, kind: .sqlite, name: "left"))
        #expect(unreadable?.kind == .damaged)
        #expect(unreadable?.message.contains("encrypted") == true)

        let plain = await error(SQLiteReplica(path: fixture.path, kind: .geoPackage, name: "left"))
        #expect(plain?.kind == .damaged)
        #expect(plain?.message.contains("gpkg_contents") == true)
    }

    @Test("Missing tables and columns are named together with those that are there")
    func missingTables() async throws {
        let fixture = try ReplicaFixture(.sqlite, "CREATE TABLE benches (id INTEGER PRIMARY KEY, name TEXT)")
        let replica = fixture.replica()
        var view = try await replica.view("benches", .match(["id"]))
        view.columns[1] = ColumnBinding("nmae")
        await #expect { _ = try await replica.records(view) } throws: { error in
            "\(error)" == "fixture: table benches has no column nmae; it has: id, name"
        }
        view.table = "bnches"
        await #expect { _ = try await replica.records(view) } throws: { error in
            "\(error)" == "fixture: there is no table bnches; there are: benches"
        }
    }

    @Test("Looking leaves the file and its folder as they were", arguments: ["delete", "wal"])
    func looking(mode: String) async throws {
        let fixture = try ReplicaFixture(
            .geoPackage, "PRAGMA journal_mode = \(mode);" + GeoPackageSQL.layer("benches", type: "POINT"))
        let before = try fixture.bytes
        let files = try fixture.files
        let replica = fixture.replica()
        let view = try await replica.view("benches", .match(["fid"]), feed: true)
        let observation = try await replica.observe()
        _ = try await observation.identity(job: "j")
        _ = try await observation.snapshot(of: view).next()
        _ = try await observation.read([RecordReference(key: RecordKey([.int(1)]))], of: view)
        #expect(try await observation.feedPosition(of: view) == nil)
        #expect(try await observation.changes(of: view, since: FeedCursor("x:1")) == nil)
        #expect(try await observation.isEmpty(view))
        await observation.finish()
        #expect(try fixture.bytes == before)
        #expect(try fixture.files == files)
        await replica.close()
    }

    @Test("A look sees one moment, while others write")
    func isolation() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            "PRAGMA journal_mode = wal; CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["id"]))
        let observation = try await replica.observe()
        try fixture.run("INSERT INTO t VALUES (2)")
        _ = try await replica.apply([view.insert([.int(3)])], to: view)
        #expect(try await observation.snapshot(of: view).next()?.count == 1)
        await observation.finish()
        #expect(try await replica.records(view).count == 3)
        await replica.close()
    }

    @Test("A file that another program has locked says so, and a look of our own too")
    func locked() async throws {
        let fixture = try ReplicaFixture(.sqlite, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["id"]))
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: fixture.path, configuration: configuration)
        try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN EXCLUSIVE") }
        #expect(await error(replica)?.kind == .locked)
        #expect(await error(replica)?.message.contains("is locked by another program") == true)
        await #expect { _ = try await replica.apply([view.insert([.int(1)])], to: view) } throws: { error in
            (error as? ReplicaError)?.kind == .locked
        }
        try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try other.close()

        let observation = try await replica.observe()
        await #expect { _ = try await replica.apply([view.insert([.int(1)])], to: view) } throws: { error in
            "\(error)".contains("being read by this program")
        }
        await observation.finish()
        #expect(try await replica.apply([view.insert([.int(1)])], to: view).outcomes.areApplied)
        await replica.close()
    }

    @Test("A file that may only be read is read, and not stamped or written to")
    func readOnly() async throws {
        // Rights stop nobody who is root.
        guard geteuid() != 0 else { return }
        let fixture = try ReplicaFixture(
            .sqlite, "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
        try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: fixture.path)
        let replica = fixture.replica()
        let view = try await replica.view("t", .match(["id"]))
        #expect(try await replica.records(view).count == 1)
        #expect(
            try await replica.stamp(ReplicaMark(job: "j", side: .left, state: "s", generation: 1)) == false)
        #expect(try await replica.look { try await $0.identity(job: "j") }.changeCounter != nil)
        await #expect { _ = try await replica.apply([view.insert([.int(2)])], to: view) } throws: { error in
            (error as? ReplicaError)?.kind == .forbidden
        }
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: fixture.path)
        #expect(await error(replica)?.kind == .forbidden)
        await replica.close()
    }

    @Test("A file that a program left in the middle of a write is read as it was before")
    func hotJournal() async throws {
        let fixture = try ReplicaFixture(
            .sqlite,
            """
            CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
            INSERT INTO t SELECT i, 'before' FROM n;
            """)
        let copy = fixture.folder + "/crashed.db"
        try fixture.other { db in
            try db.execute(sql: "PRAGMA cache_size = 2; BEGIN; UPDATE t SET v = 'half-way there'")
            try FileManager.default.copyItem(atPath: fixture.path, toPath: copy)
            try FileManager.default.copyItem(atPath: fixture.path + "-journal", toPath: copy + "-journal")
            try db.execute(sql: "ROLLBACK")
        }
        let replica = SQLiteReplica(path: copy, kind: .sqlite, name: "crashed")
        let view = try await replica.view("t", .match(["id"]))
        let values = try await replica.values(view)
        #expect(values.count == 5000)
        #expect(values.allSatisfy { $0[1] == .text("before") })
        await replica.close()
    }

    @Test("Marks are kept per job and side")
    func marks() async throws {
        for kind in [SQLiteReplica.Kind.sqlite, .geoPackage] {
            let fixture = try ReplicaFixture(kind, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
            let replica = fixture.replica()
            #expect(try await replica.look { try await $0.identity(job: "j") }.marks.isEmpty)
            let first = ReplicaMark(job: "j", side: .left, state: "s", generation: 1)
            let second = ReplicaMark(job: "j", side: .left, state: "s", generation: 2)
            let other = ReplicaMark(job: "j", side: .right, state: "s", generation: 2)
            for mark in [first, second, other, ReplicaMark(job: "k", side: .left, state: "t", generation: 9)]
            {
                #expect(try await replica.stamp(mark))
            }
            #expect(try await replica.look { try await $0.identity(job: "j") }.marks == [second, other])
            #expect(try await replica.describe().map(\.name) == ["t"])
            await replica.close()
        }
    }
}
