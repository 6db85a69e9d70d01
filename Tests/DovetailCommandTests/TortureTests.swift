import Foundation
import Testing

/// The short form of `script/torture`, which goes on for a hundred kills: the real binary, killed at random moments and
/// run against a second writer.
@Suite("The command under fire")
struct TortureTests {
    @Test("a killed sync is healed by the next one, and a second writer loses nothing")
    func torture() throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../script/torture").standardizedFileURL
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let seed = UInt16.random(in: 1...9999)
        process.arguments = [
            "python3", script.path, "--kills", "6", "--writer-runs", "5", "--rows", "3000", "--changes",
            "1000",
            "--seed", "\(seed)", "--binary", try Workplace.binary().path,
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "seed \(seed): \(text)")
    }
}
