import Foundation
import Testing

/// A hub in a folder of its own, with a token for each of some people. It ends with this object.
final class HubProcess {
    private struct TooLate: Error {}

    let place: Workplace
    private var process = Process()
    private let options: [String]
    private(set) var address = ""
    private var clients: [Process] = []

    /// - Parameter files: are written before it is started.
    init(
        people: [String] = ["anna"], configuration: String? = nil, files: [String: String] = [:]
    ) throws {
        place = try Workplace()
        for (name, text) in files { try place.write(name, text) }
        options = configuration == nil ? [] : ["--config", "hub.yaml"]
        if let configuration { try place.write("hub.yaml", configuration) }
        for name in people {
            let token = try place.run(words: ["serve", "token", "add", name, "--set", "notes"] + options)
            #expect(token.status == 0 && token.out.hasPrefix("dovetail_"), "\(token)")
            try place.write("\(name).token", token.out)
            try FileManager.default.createDirectory(
                at: place.folder.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        try serve(port: "0")
    }

    private func serve(port: String) throws {
        try start(process, ["serve", "--port", port, "--json"] + options, log: "hub.json")
        address = try until {
            let text = (try? String(contentsOfFile: place.path("hub.json"), encoding: .utf8)) ?? ""
            let said = text.split(separator: "\"listening\":\"").last?.split(separator: "\"").first
            return text.contains("\n") ? said.map { "\($0)/notes" } : nil
        }
    }

    /// As `kill -9` does.
    func kill() throws {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Starts the hub again where it was.
    func restart() throws {
        process = Process()
        try serve(port: String(address.split(separator: ":").last?.prefix { $0.isNumber } ?? ""))
    }

    deinit {
        for process in clients + [process] where process.isRunning {
            process.terminate()
            process.waitUntilExit()
        }
    }

    private func start(_ process: Process, _ words: [String], log: String) throws {
        process.executableURL = try Workplace.binary()
        process.arguments = words
        process.currentDirectoryURL = place.folder
        _ = FileManager.default.createFile(atPath: place.path(log), contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: place.path(log))
        process.standardError = FileHandle(forWritingAtPath: place.path(log + ".err"))
        try process.run()
    }

    /// Starts somebody's client.
    func watch(_ name: String) throws -> Process {
        let client = Process()
        clients.append(client)
        try start(
            client,
            [
                "doc", "watch", name, "--hub", address, "--token-file", "\(name).token", "--debounce",
                "50",
            ],
            log: "\(name).log")
        return client
    }

    func doc(_ words: String...) throws -> Workplace.Outcome { try place.run(words: ["doc"] + words) }

    /// Waits for something, at most a minute.
    @discardableResult
    func until<Result>(_ look: () throws -> Result?) throws -> Result {
        let end = Date.now.addingTimeInterval(60)
        while Date.now < end {
            if let result = try look() { return result }
            Thread.sleep(forTimeInterval: 0.05)
        }
        throw TooLate()
    }

    func read(_ file: String) -> String? {
        try? String(contentsOfFile: place.path(file), encoding: .utf8)
    }
}
