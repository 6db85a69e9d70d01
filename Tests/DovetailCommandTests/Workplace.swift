import Foundation
import GRDB
import Testing

/// A temporary folder in which the built command is run, as a user would.
final class Workplace {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "dovetail-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    /// Runs SQL on a file of the folder, making it when it is not there.
    func sql(_ file: String, _ statements: String) throws {
        let queue = try DatabaseQueue(path: path(file))
        try queue.write { try $0.execute(sql: statements) }
        try queue.close()
    }

    /// The rows of a query, each as one text.
    func rows(_ file: String, _ query: String) throws -> [String] {
        let queue = try DatabaseQueue(path: path(file))
        let rows = try queue.read { db in
            try Row.fetchAll(db, sql: query).map { row in
                row.databaseValues.map { "\($0.storage.value ?? "NULL")" }.joined(separator: "|")
            }
        }
        try queue.close()
        return rows
    }

    // MARK: Running

    struct Outcome {
        var status: Int32
        var out: String
        var err: String

        /// The one JSON object on stdout.
        var json: [String: Any] {
            get throws {
                try #require(JSONSerialization.jsonObject(with: Data(out.utf8)) as? [String: Any])
            }
        }
    }

    @discardableResult
    func run(_ words: String..., input: String = "", environment: [String: String] = [:]) throws -> Outcome {
        try run(words: words, input: input, environment: environment)
    }

    func run(words: [String], input: String = "", environment: [String: String] = [:]) throws -> Outcome {
        let process = Process()
        process.executableURL = try Self.binary()
        process.arguments = words
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let names = ["in", "out", "err"].map { path(".std-" + $0 + UUID().uuidString) }
        try input.write(toFile: names[0], atomically: false, encoding: .utf8)
        for name in names.dropFirst() { _ = FileManager.default.createFile(atPath: name, contents: nil) }
        process.standardInput = FileHandle(forReadingAtPath: names[0])
        process.standardOutput = FileHandle(forWritingAtPath: names[1])
        process.standardError = FileHandle(forWritingAtPath: names[2])
        try process.run()
        process.waitUntilExit()
        let texts = try names.map { try String(contentsOfFile: $0, encoding: .utf8) }
        for name in names { try FileManager.default.removeItem(atPath: name) }
        return Outcome(status: process.terminationStatus, out: texts[1], err: texts[2])
    }

    /// The command is built beside the test bundle.
    static func binary() throws -> URL {
        let test = try #require(Bundle.main.executableURL ?? URL(string: CommandLine.arguments[0]))
        var folder = test.deletingLastPathComponent()
        for _ in 0..<4 {
            let candidate = folder.appendingPathComponent("dovetail")
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
            folder.deleteLastPathComponent()
        }
        struct Missing: Error {}
        throw Missing()
    }

    // MARK: Fixtures

    static let benches = """
        CREATE TABLE benches(fid INTEGER PRIMARY KEY, code TEXT, name TEXT NOT NULL, kind INTEGER, note TEXT);
        """

    /// Two files with the same table: B1 equal, B2 different, B4 only left, B9 only right.
    func twoSides() throws {
        try sql(
            "a.sqlite",
            Self.benches
                + """
                INSERT INTO benches VALUES (1,'B1','Oak',1,NULL),(2,'B2','Pine',2,'x'),(3,'B4','Iron',3,NULL);
                """)
        try sql(
            "b.sqlite",
            Self.benches
                + """
                INSERT INTO benches VALUES (7,'B1','Oak',1,NULL),(8,'B2','Pine!',2,'x'),(9,'B9','New',3,NULL);
                """)
    }

    /// Two files that agree, synced once.
    func agreeing(records: Int = 30) throws {
        for file in ["a.sqlite", "b.sqlite"] {
            let values = (1...records).map { "(\($0),'B\($0)','Bench \($0)',\($0 % 4),NULL)" }.joined(
                separator: ",")
            try sql(file, Self.benches + "INSERT INTO benches VALUES \(values);")
        }
        try job()
        try run("sync", "job")
    }

    /// A job file for the two sides.
    func job(_ rest: String = "", tables: String = "tables: {benches: {match: [code]}}") throws {
        try write(
            "job.yaml",
            """
            left: {label: vejle, source: sqlite:a.sqlite}
            right: {label: geofa, source: sqlite:b.sqlite}
            busy_timeout: 0.2
            \(tables)
            \(rest)
            """)
    }
}
