import DovetailTestPostgres
import Foundation
import Testing

/// The short form of `script/torture`, which goes on for a hundred kills: the real binary, killed at random moments and
/// run against other writers.
@Suite("The command under fire")
struct TortureTests {
    @Test("a killed sync is healed by the next one, and other writers lose nothing")
    func files() async throws {
        try await torture("--pair", "gpkg-gpkg", "--kills", "6", "--writer-runs", "5")
    }

    @Test(
        "so it is with PostgreSQL, whose writers think long and lock backwards",
        arguments: ["gpkg-postgres", "postgres-postgres"])
    func servers(pair: String) async throws {
        let server = try await TestServer.shared().conninfo
        try await torture(
            "--pair", pair, "--kills", "3", "--writer-runs", "2", "--thinking", "0.6", "--server", server)
    }

    @Test("a sync whose server crashes says so, and the next one heals it")
    func crashes() async throws {
        try await torture("--pair", "gpkg-postgres", "--kills", "3", "--writer-runs", "0", "--bounce")
    }

    private func torture(_ words: String...) async throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../script/torture").standardizedFileURL
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let seed = UInt16.random(in: 1...9999)
        process.arguments =
            ["python3", script.path, "--rows", "3000", "--changes", "1000", "--seed", "\(seed)"]
            + ["--binary", try Workplace.binary().path] + words
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        // It takes seconds: not on a thread that other tests wait for.
        let text = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let told = output.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                continuation.resume(returning: String(decoding: told, as: UTF8.self))
            }
        }
        #expect(process.terminationStatus == 0, "seed \(seed): \(text)")
    }
}
