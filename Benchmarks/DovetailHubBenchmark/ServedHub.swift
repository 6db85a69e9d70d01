import DovetailDocuments
import Foundation

/// `dovetail serve` in a process of its own, on a file in a temporary folder, with a token for each set.
final class ServedHub {
    let port: Int
    private let process = Process()
    private let folder: URL
    private var tokens: [String: String] = [:]

    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    /// - Parameter binary: the built command.
    init(_ binary: String, sets: [String]) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("hub-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let store = folder.appendingPathComponent("hub.db").path
        for set in sets {
            tokens[set] = try Self.run(
                binary, ["serve", "token", "add", set, "--set", set, "--store", store])
        }
        let said = folder.appendingPathComponent("said")
        _ = FileManager.default.createFile(atPath: said.path, contents: nil)
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = ["serve", "--store", store, "--port", "0", "--json"]
        process.standardOutput = try FileHandle(forWritingTo: said)
        try process.run()
        var text = ""
        for _ in 0..<200 where !text.contains("}") {
            Thread.sleep(forTimeInterval: 0.05)
            text = (try? String(contentsOf: said, encoding: .utf8)) ?? ""
        }
        guard let number = text.firstMatch(of: /"port":([0-9]+)/).flatMap({ Int($0.1) }) else {
            throw Failed(description: "the hub did not start: \(text)")
        }
        port = number
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }

    func client(_ set: String) throws -> HTTPHub {
        try HTTPHub(HubAddress("http://127.0.0.1:\(port)/\(set)"), token: tokens[set] ?? "")
    }

    /// Bytes of memory that it has in use.
    var residentBytes: Int {
        guard
            let text = try? String(
                contentsOfFile: "/proc/\(process.processIdentifier)/statm", encoding: .utf8)
        else { return 0 }
        return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * Int(getpagesize())
    }

    private static func run(_ binary: String, _ words: [String]) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: binary)
        process.arguments = words
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failed(description: "\(words.joined(separator: " ")) failed")
        }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
