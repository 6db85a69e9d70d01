import Dovetail
import DovetailEngine
import Foundation
import GRDB
import Testing

@testable import DovetailJobs

/// Two SQLite files in a folder of their own, and job files about them.
final class TwoFiles {
    let folder: String

    init(left: String, right: String) throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "dovetail-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        folder = url.path
        for (name, sql) in [("a.sqlite", left), ("b.sqlite", right)] {
            let queue = try DatabaseQueue(path: folder + "/" + name)
            try queue.write { try $0.execute(sql: sql) }
            try queue.close()
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func load(_ rest: String, state: JobState? = nil) async throws -> LoadedJob {
        let yaml = "left: sqlite:a.sqlite\nright: sqlite:b.sqlite\n" + rest
        let file = try JobFile.parse(yaml: yaml, path: folder + "/job.yaml", environment: [:])
        let loaded = try await JobLoader(file).load(state: state)
        await loaded.close()
        return loaded
    }

    func problems(_ rest: String) async -> [JobFileError.Problem] {
        do {
            _ = try await load(rest)
            return []
        } catch {
            return (error as? JobFileError)?.problems ?? []
        }
    }
}

@Suite struct JobLoaderTests {
    private static let plain =
        "CREATE TABLE t(id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT, size INT, Extra TEXT);"
    private static let other =
        "CREATE TABLE t(id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT, size INT, extra TEXT);"

    private func files() throws -> TwoFiles { try TwoFiles(left: Self.plain, right: Self.other) }

    @Test func `fields are shared by name, ids stay at home, and the shared unique key matches`() async throws
    {
        let loaded = try await files().load("tables: all\n")
        let table = try #require(loaded.job.tables.first)
        #expect(table.schema.fields.map(\.name) == ["code", "name", "size"])
        #expect(table.schema.identity == .match(["code"]))
        #expect(loaded.notes.contains { $0.message.contains("Extra and extra differ only in case") })
    }

    @Test func `a field's own names, options and policy arrive`() async throws {
        let loaded = try await files().load(
            """
            direction: left-to-right
            conflicts: merge
            deletes: keep
            limits: {deletes: 5, changes: 7, on_empty_side: allow}
            history: {masked: [name]}
            tables:
              t:
                match: code
                ignore: [id]
                fields: {x: {left: Extra, right: extra, unicode: nfc, conflicts: left}, size: {tolerance: 1}}
                where: {left: "size > 1"}
            """)
        let table = try #require(loaded.job.tables.first)
        #expect(table.schema.fields.map(\.name) == ["code", "name", "size", "x"])
        #expect(table.schema.fields[3].options.unicode == .nfc)
        #expect(table.views.right.columns[3].column == "extra")
        #expect(table.views.left.filter == "size > 1")
        #expect(table.rules.direction == .leftToRight)
        #expect(table.rules.conflicts == .merge)
        #expect(table.rules.fieldConflicts == ["x": .left])
        #expect(table.rules.deletes == .keep)
        #expect(
            loaded.job.limits == Limits(deleteShare: 1, deleteNumber: 5, changes: 7, stopsOnEmptySide: false))
        #expect(loaded.job.retention.values == .masked)
    }

    @Test func `match id takes the stores' ids and leaves the column out`() async throws {
        let loaded = try await files().load("tables: {t: {match: id}}\n")
        #expect(loaded.job.tables.first?.schema.identity == .id)
        #expect(loaded.job.tables.first?.keyFields == ["id"])
        #expect(loaded.job.tables.first?.schema.index(of: "id") == nil)
        let named = try await files().load("tables: {t: {match: [id]}}\n")
        #expect(named.job.tables.first?.schema.identity == .match(["id"]))
    }

    @Test(arguments: [
        ("conflicts: {newest: made}\ntables: {t: {}}", "conflicts", "has no shared field “made”"),
        ("tables: {t: {conflicts: {nam: left}}}", "tables.t.conflicts.nam", "has no shared field “nam”"),
        (
            "history: {masked: [secret]}\ntables: {t: {}}", "history.masked",
            "no table has a shared field “secret”"
        ),
        ("tables: {t: {ignore: [siz]}}", "tables.t.ignore", "no side has a field “siz”"),
        ("tables: {t: {assigned: {by: right, fields: [code]}}}", "tables.t.assigned", "assigns fields"),
        ("tables: {t: {references: {nam: t.code}}}", "tables.t.references.nam", "no shared field “nam”"),
        ("tables: {t: {where: {right: nonsense = 1}}}", "tables.t.where.right", "nonsense"),
        ("tables: {t: {match: [code], ignore: [code]}}", "tables.t.match", "ignored and can't be the key"),
        ("tables: {u: {left: t, right: uu, match: id}}", "tables.u.right", "has no table “uu”"),
        (
            "tables: {t: {match: content, change_feed: true}}", "tables.t.change_feed",
            "can't be used with match: content"
        ),
    ])
    func `what does not fit is named with its place`(yaml: String, path: String, message: String) async throws
    {
        let problems = await (try files()).problems(yaml + "\n")
        #expect(problems.count == 1)
        let problem = try #require(problems.first)
        #expect(problem.keyPath == path)
        #expect(problem.message.contains(message))
        #expect((problem.line ?? 0) >= 3)
    }

    @Test func `everything that is wrong is told at once`() async throws {
        let problems = await (try files()).problems(
            "tables:\n  t: {match: [kode], fields: {a: {}, b: {left: name}}}\n  v: {}\n")
        #expect(problems.count == 6)
        #expect(problems.allSatisfy { $0.line != nil })
    }

    @Test func `foreign keys onto shared keys become references, in the order of the key`() async throws {
        let sql = """
            CREATE TABLE site(id INTEGER PRIMARY KEY, a TEXT, b TEXT, UNIQUE(a, b));
            CREATE TABLE bench(code TEXT PRIMARY KEY, sb TEXT, sa TEXT,
                FOREIGN KEY (sb, sa) REFERENCES site(b, a));
            """
        let loaded = try await TwoFiles(
            left: sql, right: sql.replacing(",\n    FOREIGN KEY (sb, sa) REFERENCES site(b, a)", with: "")
        )
        .load("tables: [site, bench]\n")
        let bench = try #require(loaded.job.table("bench"))
        #expect(bench.schema.identity == .match(["code"]))
        #expect(
            bench.schema.references == [
                Reference(fields: ["sa", "sb"], table: "site", targetFields: ["a", "b"])
            ])
    }

    @Test func `a table that the memory knows has vanished, and is no mistake of the file`() async throws {
        let files = try TwoFiles(left: Self.plain, right: "CREATE TABLE other(x TEXT UNIQUE);")
        var state = JobState(identity: "s")
        state.generation = 3
        state.layouts["t"] = TableLayout(TableSchema("t", fields: [], identity: .id))
        for tables in ["tables: all\n", "tables: [t]\n"] {
            let loaded = try await files.load(tables, state: state)
            #expect(loaded.job.vanished.map(\.table) == ["t"])
            #expect(loaded.job.vanished.map(\.side) == [.right])
        }
        #expect(await files.problems("tables: [t]\n").count == 1)
    }

    @Test func `generated columns are left out with a note, and refused when asked for`() async throws {
        let sql = "CREATE TABLE t(code TEXT UNIQUE, a INT, twice INT GENERATED ALWAYS AS (a * 2));"
        let files = try TwoFiles(left: sql, right: sql)
        let loaded = try await files.load("tables: all\n")
        #expect(loaded.job.tables.first?.schema.fields.map(\.name) == ["code", "a"])
        #expect(loaded.notes.contains { $0.message.contains("twice is computed by") })
        let problems = await files.problems("tables: {t: {fields: {twice: {}}}}\n")
        #expect(problems.first?.message.contains("is computed by") == true)
    }

    @Test func `one file under two names is still one file`() async throws {
        let files = try files()
        try FileManager.default.createSymbolicLink(
            atPath: files.folder + "/c.sqlite", withDestinationPath: files.folder + "/a.sqlite")
        let file = try JobFile.parse(
            yaml: "left: sqlite:a.sqlite\nright: sqlite:c.sqlite\ntables: [t]\n",
            path: files.folder + "/job.yaml",
            environment: [:])
        await #expect(throws: JobFileError.self) { try await JobLoader(file).load() }
    }
}
