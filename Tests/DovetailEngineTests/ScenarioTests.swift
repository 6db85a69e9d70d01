import Dovetail
import DovetailConformance
import DovetailEngine
import DovetailMemory
import Foundation
import Testing

@Suite("Scenarios over replicas in memory")
struct ScenarioTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Scenarios")
    static let files = (try? Scenario.files(in: folder)) ?? []

    @Test("there are scenarios, each with a name of its own")
    func areThere() throws {
        let names = try Self.files.map { try Scenario($0).name }
        #expect(names.count >= 30)
        #expect(Set(names).count == names.count)
    }

    @Test("a scenario holds", arguments: files)
    func holds(file: URL) async throws {
        try await ScenarioRunner(left: MemoryHarness(), right: MemoryHarness()).run(try Scenario(file))
    }

    @Test("what holds for a scenario holds for its mirror", arguments: files)
    func holdsMirrored(file: URL) async throws {
        try await ScenarioRunner(left: MemoryHarness(), right: MemoryHarness()).run(
            try Scenario(file, mirrored: true))
    }

    @Test("a scenario ends alike when the sides are observed by change feeds", arguments: files)
    func holdsByFeeds(file: URL) async throws {
        try await ScenarioRunner(left: MemoryHarness(), right: MemoryHarness(), usesFeeds: true).run(
            try Scenario(file))
    }

    @Test("a scenario ends alike when the sides are observed by their digests", arguments: files)
    func holdsByDigests(file: URL) async throws {
        let memory = MemoryHarness(addsUpDigests: true)
        try await ScenarioRunner(left: memory, right: memory, usesFeeds: true).run(try Scenario(file))
    }

    @Test("a scenario ends alike when each record is written on its own", arguments: files)
    func holdsOneByOne(file: URL) async throws {
        try await ScenarioRunner(left: MemoryHarness(), right: MemoryHarness(), chunkSize: 1).run(
            try Scenario(file))
    }

    @Test("a step that goes otherwise is told with file, step, and both accounts")
    func tellsFailures() async throws {
        let text = """
            {"name": "wrong", "tables": [{"name": "t", "match": ["id"], "fields": ["id int"]}],
             "steps": [{"left": {"insert": [[1]]}}, {"plan": ["+ right 1", "+ left 2"]}]}
            """
        let file = FileManager.default.temporaryDirectory.appending(path: "wrong-\(UUID().uuidString).json")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let failure = await #expect(throws: ScenarioFailure.self) {
            try await ScenarioRunner(left: MemoryHarness(), right: MemoryHarness()).run(try Scenario(file))
        }
        #expect(
            failure?.description == """
                \(file.lastPathComponent), step 2 (plan):
                  expected + left 2
                  came     nothing else
                """)
    }

    @Test("a mistake in a file is named with its place")
    func tellsMistakes() throws {
        let text = """
            {"name": "wrong", "tables": [{"name": "t", "match": ["id"], "fields": ["id int"]}],
             "steps": [{"left": {"insert": [["x"]]}}]}
            """
        let file = FileManager.default.temporaryDirectory.appending(path: "mistake-\(UUID().uuidString).json")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let mistake = #expect(throws: ScenarioFileError.self) { try Scenario(file) }
        #expect(
            mistake?.description == "\(file.lastPathComponent).steps[1].left.insert[1][1]: this is no int")
    }
}
