import Foundation

/// The process that speaks WebDriver.
final class Driver: Sendable {
    let port: UInt16
    private let process: Process
    /// As long as this end is open, the driver lives: it ends with the tests, however they end.
    private let life: Pipe

    /// Starts the driver and waits for the end of its own input; then ends the driver and its browsers, which are in
    /// one group of processes. Not with a gentle signal: tests run with signals blocked, and so does what they start.
    private static let keeper = """
        "$0" --port=0 & read -r _
        if [ "$(ps -o pgid= -p $$ | tr -d ' ')" = $$ ]; then kill -9 0; else kill -9 $!; fi
        """

    private init(port: UInt16, process: Process, life: Pipe) {
        self.port = port
        self.process = process
        self.life = life
    }

    static func start() async throws -> Driver {
        guard
            let path = [
                "/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver", "/opt/homebrew/bin/chromedriver",
            ]
            .first(where: FileManager.default.isExecutableFile)
        else { throw BrowserError("there is no chromedriver; script/setup --tests installs it") }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", Self.keeper, path]
        let (life, output) = (Pipe(), Pipe())
        process.standardInput = life
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        do {
            let port = try await port(from: output.fileHandleForReading)
            return Driver(port: port, process: process, life: life)
        } catch {
            try? life.fileHandleForWriting.close()
            throw error
        }
    }

    func stop() {
        try? life.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// “ChromeDriver was started successfully on port 38913.”
    private static func port(from output: FileHandle) async throws -> UInt16 {
        var text = ""
        while let chunk = try output.read(upToCount: 1), !chunk.isEmpty {
            text += String(decoding: chunk, as: UTF8.self)
            if let found = text.firstMatch(of: /successfully on port (\d+)/), text.hasSuffix("\n"),
                let port = UInt16(found.1)
            {
                return port
            }
        }
        throw BrowserError("chromedriver did not start: \(text)")
    }

    /// One command.
    func send(_ method: String, _ path: String, _ body: JSON?) async throws -> JSON {
        let answer = try await LocalHTTP.send(
            method, port: port, path: path, body: try body.map { try JSONEncoder().encode($0) })
        let value = try JSONDecoder().decode(JSON.self, from: answer)["value"] ?? .null
        if let error = value["error"]?.string {
            throw BrowserError("\(error): \(value["message"]?.string?.prefix(400) ?? "")")
        }
        return value
    }
}
