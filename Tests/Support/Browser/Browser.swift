import Foundation

/// A real browser, driven by WebDriver over HTTP.
///
/// ```swift
/// try await Browser.with { browser in
///     try await browser.open(URL(fileURLWithPath: path))
///     let title: String = try await browser.evaluate("return document.title")
/// }
/// ```
public final class Browser: Sendable {
    private let driver: Driver
    private let session: String

    private init(driver: Driver, session: String) {
        self.driver = driver
        self.session = session
    }

    /// Starts a browser, does `work`, and ends the browser whatever happens.
    /// - Throws: ``BrowserError`` when no browser can be had, and what `work` throws.
    public static func with<Result: Sendable>(
        width: Int = 1280, height: Int = 900, _ work: (Browser) async throws -> Result
    ) async throws -> Result {
        let driver = try await Driver.start()
        defer { driver.stop() }
        var arguments = [
            "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=\(width),\(height)",
            "--hide-scrollbars",
        ]
        // Chromium's sandbox refuses root, which is what tests in a container run as.
        if geteuid() == 0 { arguments.append("--no-sandbox") }
        let wanted: JSON = [
            "capabilities": [
                "alwaysMatch": [
                    "goog:chromeOptions": ["args": .array(arguments.map { .string($0) })],
                    "goog:loggingPrefs": ["browser": "ALL"],
                ]
            ]
        ]
        let answer = try await driver.send("POST", "/session", wanted)
        guard let id = answer["sessionId"]?.string else { throw BrowserError("no session: \(answer)") }
        let browser = Browser(driver: driver, session: "/session/\(id)")
        do {
            let result = try await work(browser)
            try await browser.end()
            return result
        } catch {
            try? await browser.end()
            throw error
        }
    }

    private func end() async throws { _ = try await driver.send("DELETE", session, nil) }

    private func post(_ path: String, _ body: JSON) async throws -> JSON {
        try await driver.send("POST", "\(session)/\(path)", body)
    }

    // MARK: Pages

    public func open(_ page: URL) async throws {
        _ = try await post("url", ["url": .string(page.absoluteString)])
    }

    /// Runs a script in the page and returns what it returns.
    public func evaluate<Result: Decodable>(_ script: String) async throws -> Result {
        let answer = try await post("execute/sync", ["script": .string(script), "args": []])
        return try JSONDecoder().decode(Result.self, from: try JSONEncoder().encode(answer))
    }

    /// Runs a script in the page.
    public func run(_ script: String) async throws {
        _ = try await post("execute/sync", ["script": .string(script), "args": []])
    }

    /// Waits until a script returns true.
    public func wait(_ script: String, seconds: Double = 10) async throws {
        let end = Date().addingTimeInterval(seconds)
        while Date() < end {
            if try await evaluate("return Boolean(\(script))") as Bool { return }
            try await Task.sleep(for: .milliseconds(25))
        }
        throw BrowserError("waited in vain for \(script)")
    }

    /// What the console was told since the last time, errors of the page and of its policy among it.
    public func console() async throws -> [String] {
        guard case .array(let entries) = try await post("se/log", ["type": "browser"]) else { return [] }
        return entries.map { "\($0["level"]?.string ?? ""): \($0["message"]?.string ?? "")" }
    }

    // MARK: Hands

    /// Keys as WebDriver names those that write nothing.
    public enum Key {
        public static let escape = "\u{E00C}", enter = "\u{E007}", tab = "\u{E004}"
        public static let left = "\u{E012}", up = "\u{E013}", right = "\u{E014}", down = "\u{E015}"
        public static let home = "\u{E011}", end = "\u{E010}"
    }

    /// Types, into whatever has the focus.
    public func type(_ text: String) async throws {
        let strokes: [JSON] = text.flatMap { character -> [JSON] in
            let value = JSON.string(String(character))
            return [["type": "keyDown", "value": value], ["type": "keyUp", "value": value]]
        }
        _ = try await post(
            "actions", ["actions": [["type": "key", "id": "keys", "actions": .array(strokes)]]])
    }

    /// Clicks on the first element that a selector finds.
    public func click(_ selector: String) async throws {
        let found = try await post("element", ["using": "css selector", "value": .string(selector)])
        guard case .object(let names) = found, let id = names.values.first?.string else {
            throw BrowserError("there is no \(selector)")
        }
        _ = try await post("element/\(id)/click", [:])
    }

    /// Drags with the mouse, in pixels of the window.
    public func drag(from: (x: Int, y: Int), to: (x: Int, y: Int)) async throws {
        func move(_ place: (x: Int, y: Int)) -> JSON {
            [
                "type": "pointerMove", "duration": 40, "x": .number(Double(place.x)),
                "y": .number(Double(place.y)),
            ]
        }
        let moves: [JSON] = [
            move(from), ["type": "pointerDown", "button": 0],
            move(((from.x + to.x) / 2, (from.y + to.y) / 2)),
            move(to), ["type": "pointerUp", "button": 0],
        ]
        _ = try await post(
            "actions",
            [
                "actions": [
                    [
                        "type": "pointer", "id": "mouse", "parameters": ["pointerType": "mouse"],
                        "actions": .array(moves),
                    ]
                ]
            ])
    }

    /// Spreads two fingers around a place of the window.
    public func pinch(at place: (x: Int, y: Int), from: Int, to: Int) async throws {
        func finger(_ id: String, _ sign: Int) -> JSON {
            func move(_ distance: Int) -> JSON {
                [
                    "type": "pointerMove", "duration": 60, "x": .number(Double(place.x + sign * distance)),
                    "y": .number(Double(place.y)),
                ]
            }
            return [
                "type": "pointer", "id": .string(id), "parameters": ["pointerType": "touch"],
                "actions": [
                    move(from), ["type": "pointerDown", "button": 0], move((from + to) / 2), move(to),
                    ["type": "pointerUp", "button": 0],
                ],
            ]
        }
        _ = try await post("actions", ["actions": [finger("one", -1), finger("two", 1)]])
    }

    /// Turns the wheel over a place of the window.
    public func wheel(at place: (x: Int, y: Int), by: Int) async throws {
        let turn: JSON = [
            "type": "scroll", "x": .number(Double(place.x)), "y": .number(Double(place.y)), "deltaX": 0,
            "deltaY": .number(Double(by)),
        ]
        _ = try await post("actions", ["actions": [["type": "wheel", "id": "wheel", "actions": [turn]]]])
    }

    // MARK: Surroundings

    /// Pretends to be a screen of another size.
    public func screen(width: Int, height: Int, isPhone: Bool) async throws {
        try await devTools(
            "Emulation.setDeviceMetricsOverride",
            [
                "width": .number(Double(width)), "height": .number(Double(height)),
                "deviceScaleFactor": isPhone ? 2 : 1, "mobile": .bool(isPhone),
            ])
        if isPhone { try await devTools("Emulation.setTouchEmulationEnabled", ["enabled": true]) }
    }

    /// Pretends to be paper, or a reader who likes the dark.
    public func media(_ media: String = "", isDark: Bool = false) async throws {
        try await devTools(
            "Emulation.setEmulatedMedia",
            [
                "media": .string(media),
                "features": [["name": "prefers-color-scheme", "value": isDark ? "dark" : "light"]],
            ])
    }

    /// Turns scripts off or on, for pages that are opened from now on.
    public func scripts(areOn: Bool) async throws {
        try await devTools("Emulation.setScriptExecutionDisabled", ["value": .bool(!areOn)])
    }

    /// A command of Chromium's own protocol.
    @discardableResult
    public func devTools(_ command: String, _ parameters: JSON) async throws -> JSON {
        try await post("goog/cdp/execute", ["cmd": .string(command), "params": parameters])
    }

    // MARK: Pictures

    /// What is seen, as PNG.
    public func screenshot() async throws -> Data {
        let answer = try await driver.send("GET", "\(session)/screenshot", nil)
        return try Self.data(answer)
    }

    /// The page on paper, as PDF.
    public func pdf() async throws -> Data { try Self.data(try await post("print", ["background": true])) }

    private static func data(_ answer: JSON) throws -> Data {
        guard let text = answer.string, let data = Data(base64Encoded: text) else {
            throw BrowserError("no picture")
        }
        return data
    }
}

/// The browser could not do what it was asked to.
public struct BrowserError: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
