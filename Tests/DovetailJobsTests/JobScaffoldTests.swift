import Dovetail
import DovetailEngine
import Foundation
import Testing

@testable import DovetailJobs

@Suite struct JobScaffoldTests {
    private func draft(_ left: String, _ right: String) async throws -> (
        draft: JobScaffold.Draft, files: TwoFiles
    ) {
        let files = try TwoFiles(left: left, right: right)
        let sources = try ["a", "b"].map {
            try SourceReference("sqlite:\($0).sqlite", relativeTo: files.folder)
        }
        return (try await JobScaffold(left: sources[0], right: sources[1]).draft(), files)
    }

    private let table = "CREATE TABLE t(fid INTEGER PRIMARY KEY, name TEXT, nr TEXT, year INT);"

    @Test func `a declared key is preferred, when the data keeps to it`() async throws {
        let sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, slug TEXT UNIQUE);"
        let found = try await draft(
            sql + "INSERT INTO t VALUES (1,'a','s1'),(2,'b','s2');",
            sql + "INSERT INTO t VALUES (5,'a','s1'),(6,'c','s3');")
        #expect(found.draft.tables.first?.match == .fields(["slug"]))
        #expect(found.draft.tables.first?.matchReason?.contains("declared so") == true)
        let nulls = try await draft(
            sql + "INSERT INTO t VALUES (1,'a','s1'),(2,'b',NULL);",
            sql + "INSERT INTO t VALUES (5,'a','s1'),(6,'b','s2');")
        #expect(nulls.draft.tables.first?.match == .fields(["name"]))
    }

    @Test func `a field that sounds like a key goes before one that happens to be unique`() async throws {
        let found = try await draft(
            table + "INSERT INTO t VALUES (1,'a','n1',1),(2,'b','n2',1);",
            table + "INSERT INTO t VALUES (1,'a','n1',1),(2,'b','n2',1);")
        #expect(found.draft.tables.first?.match == .fields(["nr"]))
    }

    @Test func `two fields together, when neither will do alone`() async throws {
        let rows = "INSERT INTO t VALUES (1,'a','n1',1),(2,'a','n1',2),(3,'b','n2',1),(4,'b','n2',2);"
        let found = try await draft(table + rows, table + rows)
        #expect(found.draft.tables.first?.match == .fields(["nr", "year"]))
    }

    @Test func `the ids, when equal records have them`() async throws {
        let rows = "INSERT INTO t VALUES (1,'a','n',1),(2,'a','n',1),(3,'b','n',1);"
        let found = try await draft(table + rows, table + rows)
        #expect(found.draft.tables.first?.match == .id)
    }

    @Test func `content, when nothing identifies a record`() async throws {
        let found = try await draft(
            table + "INSERT INTO t VALUES (1,'a','n',1),(2,'a','n',1),(3,'b','n',1);",
            table + "INSERT INTO t VALUES (11,'a','n',1),(12,'a','n',1),(13,'b','n',1);")
        #expect(found.draft.tables.first?.match == .content)
    }

    @Test func `what is drafted can be written, read and loaded`() async throws {
        let left = """
            CREATE TABLE site(id INTEGER PRIMARY KEY, code TEXT UNIQUE);
            CREATE TABLE bench(id INTEGER PRIMARY KEY, code TEXT UNIQUE, site INTEGER REFERENCES site(id),
                ok BOOLEAN, size INT, "odd: name" TEXT);
            CREATE VIEW v AS SELECT * FROM bench;
            """
        let found = try await draft(
            left, left.replacing("ok BOOLEAN", with: "ok INT").replacing("size INT", with: "size REAL"))
        let template = JobTemplate(
            job: "job", left: .init(label: "a", source: "sqlite:a.sqlite"),
            right: .init(label: "b", source: "sqlite:b.sqlite"), tables: found.draft.tables)
        let yaml = JobFile.template(template)
        let file = try JobFile.parse(yaml: yaml, path: found.files.folder + "/job.yaml", environment: [:])
        let loaded = try await JobLoader(file).load()
        await loaded.close()
        #expect(loaded.job.tables.map(\.schema.name) == ["bench", "site"])
        #expect(loaded.job.table("bench")?.schema.fields.map(\.name) == ["code", "ok", "odd: name"])
        #expect(yaml.contains("ignore: [size, site]"))
        #expect(found.draft.notes.contains { $0.contains("v on a can only be read") })
    }

    @Test func `sides that share nothing are told so`() async throws {
        await #expect(throws: JobScaffold.NothingShared.self) {
            _ = try await draft(
                "CREATE TABLE a(x INT); CREATE TABLE b(x INT);",
                "CREATE TABLE c(x INT); CREATE TABLE d(x INT);")
        }
    }

    @Test func `paths are written as the job file's folder sees them`() throws {
        func written(_ source: String, from folder: String) throws -> String {
            JobScaffold.written(try SourceReference(source, relativeTo: "/data/work"), from: folder)
        }
        #expect(try written("a.gpkg", from: "/data/work") == "gpkg:a.gpkg")
        #expect(try written("a.gpkg", from: "/data/jobs") == "gpkg:../work/a.gpkg")
        #expect(try written("gpkg:/other/a.gpkg", from: "/data/jobs") == "gpkg:/other/a.gpkg")
        #expect(try written("sqlite:cost$.db", from: "/data/work") == "sqlite:cost$$.db")
    }
}
