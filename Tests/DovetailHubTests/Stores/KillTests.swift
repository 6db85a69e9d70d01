import Dovetail
import DovetailDocuments
import DovetailHub
import Foundation
import Testing

@Suite("A hub that is killed")
struct KillTests {
    @Test("has every commit that it acknowledged, and no half of one (F03)", arguments: 0..<5)
    func killed(round: Int) async throws {
        try await withFolder { folder in
            let path = folder + "/hub.db"
            var acknowledged: Int64 = 0
            for _ in 0..<4 {
                let last = try await run(path, killedAfter: .milliseconds(Int.random(in: 60...500)))
                acknowledged = max(acknowledged, last)
                let store = try await SQLiteCommitStore.open(path)
                let hub = DocumentHub(store: store)
                let report = try await hub.verify()
                #expect(report.damages.isEmpty)
                #expect(report.commits >= acknowledged)
                await hub.close()
                await store.close()
            }
            #expect(acknowledged > 0)
        }
    }

    /// The last commit that was acknowledged before the process was killed.
    private func run(_ path: String, killedAfter patience: Duration) async throws -> Int64 {
        let process = Process()
        let told = path + ".told"
        try Data().write(to: URL(fileURLWithPath: told))
        process.executableURL = try builtHub()
        process.arguments = [path]
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: told))
        try process.run()
        // It takes a while to start where many tests run; the time counts from its first commit.
        for _ in 0..<1000 where try lines(told).isEmpty && process.isRunning {
            try await Task.sleep(for: .milliseconds(10))
        }
        try await Task.sleep(for: patience)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        return try lines(told).last ?? 0
    }

    /// Without the last line, where it is not whole.
    private func lines(_ path: String) throws -> [Int64] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().compactMap {
            Int64($0)
        }
    }

    /// It is built beside the tests, whose bundle may be some folders deep.
    private func builtHub() throws -> URL {
        let test = try #require(Bundle.main.executableURL ?? URL(string: CommandLine.arguments[0]))
        let folders = sequence(first: test.deletingLastPathComponent()) { $0.deletingLastPathComponent() }
        let places = folders.prefix(4).map { $0.appendingPathComponent("DovetailTestCommitter") }
        return try #require(places.first { FileManager.default.isExecutableFile(atPath: $0.path) })
    }
}
