import BrowserSupport
import Dovetail
import DovetailDocuments
import DovetailHub
import DovetailTestHub
import Foundation
import Synchronization
import Testing

/// The page of a hub in a real browser, as people use it.
///
/// With `DOVETAIL_SCREENSHOTS=FOLDER` the tests leave pictures there, to be looked at.
@Suite(.serialized, .timeLimit(.minutes(3))) struct HubPageTests {
    private static let list = DocumentName.known("shopping/list.txt")
    private static let hostile = DocumentName.known("<img src=x onerror=alert(1)>.txt")

    private func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// Opens the page of a server with some documents, logs in, does `work`, and sees that the browser had nothing to complain of.
    private func open(
        width: Int = 1280, height: Int = 900, _ work: @Sendable (Browser, RunningServer) async throws -> Void
    ) async throws {
        try await RunningServer.with { server async throws in
            let hub = server.hub()
            try await hub.write(text("apples\npears\nbread\nmilk\n"), to: Self.list, author: "anna")
            try await hub.write(
                text("apples\nripe pears\nbread\nmilk\neggs\n"), to: Self.list, author: "bert")
            try await hub.write(
                text("<script>alert(1)</script>\n\u{202e}evil\u{0007}\n"), to: Self.hostile,
                author: "<b>carl</b>")
            try await Browser.with(width: width, height: height) { browser async throws in
                try await browser.open(try #require(URL(string: "http://127.0.0.1:\(server.port)/")))
                try await browser.wait("document.activeElement.id === 'set'")
                try keep(try await browser.screenshot(), "hub-login-\(width).png")
                try await browser.type("notes\u{E004}write\u{E007}")
                try await browser.wait("document.querySelectorAll('#documents button').length === 2")
                try await work(browser, server)
                let complaints = try await browser.console().filter { !$0.contains("status of 4") }
                #expect(complaints == [])
            }
        }
    }

    private func keep(_ picture: Data, _ name: String) throws {
        guard let place = ProcessInfo.processInfo.environment["DOVETAIL_SCREENSHOTS"] else { return }
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try picture.write(to: URL(fileURLWithPath: place).appendingPathComponent(name))
    }

    @Test func theAddressOfASetAsksForATokenOnly() async throws {
        try await RunningServer.with { server async throws in
            try await server.hub().write(text("apples\n"), to: Self.list)
            try await Browser.with { browser async throws in
                try await browser.open(try #require(URL(string: "http://127.0.0.1:\(server.port)/notes")))
                try await browser.wait("document.activeElement.id === 'token'")
                try await browser.type("write\u{E007}")
                try await browser.wait("document.querySelectorAll('#documents button').length === 1")
                #expect(try await browser.console() == [])
            }
        }
    }

    private func chooseList(_ browser: Browser) async throws {
        try await browser.click("#documents button[data-document='shopping/list.txt']")
        try await browser.wait("document.querySelectorAll('.commit').length === 2")
    }

    private func conflict(_ hub: MemoryHub, id: String = "one") async throws {
        try await hub.access().report(
            DocumentConflict(
                id: id, document: Self.list, client: "bert's laptop", base: text("apples\npears\n"),
                mine: text("apples\nyellow pears\n"), theirs: text("apples\nripe pears\n"),
                position: LogPosition(epoch: hub.epoch, sequence: 2), time: 1_790_000_000_000_000))
    }

    @Test func aLogIsShownWithWhatChanged() async throws {
        try await open { browser, _ async throws in
            try await chooseList(browser)
            try await browser.click(".commit[data-sequence='2'] summary")
            try await browser.wait("document.querySelector('.diff')")
            let lines: [String] = try await browser.evaluate(
                "return [...document.querySelectorAll('.diff .line')].map((line) => line.dataset.sign + line.lastChild.textContent)"
            )
            #expect(lines.contains("-pears"))
            #expect(lines.contains("+eggs"))
            #expect(
                try await browser.evaluate("return document.querySelector('.added mark').textContent.trim()")
                    == "ripe")
            try keep(try await browser.screenshot(), "hub-log.png")
            try await browser.media(isDark: true)
            try keep(try await browser.screenshot(), "hub-log-dark.png")
        }
    }

    @Test func commitsAppearAsTheyComeIn() async throws {
        try await open { browser, server async throws in
            try await chooseList(browser)
            try await browser.wait("document.querySelector('#live').textContent === 'live'")
            try await server.hub().write(
                text("apples\nripe pears\nbread\noat milk\neggs\n"), to: Self.list, author: "dora")
            try await browser.wait("document.querySelector('.commit.fresh .diff .added mark')")
            #expect(
                try await browser.evaluate(
                    "return document.querySelector('.commit.fresh .added').textContent")
                    == "added: oat milk")
            let named = try DocumentName("new.txt")
            try await server.hub().write(text("x"), to: named, author: "dora")
            try await browser.wait("document.querySelectorAll('#documents button').length === 3")
            try keep(try await browser.screenshot(), "hub-live.png")
        }
    }

    @Test func hostileTextIsOnlyText() async throws {
        try await open { browser, server async throws in
            try await conflict(server.hub(), id: "<svg onload=alert(1)>")
            try await browser.wait("document.querySelector('.conflict')")
            try await browser.click("#documents button:not([data-document='shopping/list.txt'])")
            try await browser.wait("document.querySelectorAll('.commit').length === 1")
            try await browser.click(".commit summary")
            try await browser.wait("document.querySelector('.commit .diff .line')")
            #expect(
                try await browser.evaluate(
                    "return document.querySelectorAll('img, script:not([src]), b, svg').length") == 0)
            let shown: String = try await browser.evaluate(
                "return document.querySelector('.commit .diff').textContent")
            #expect(shown.contains("<script>alert(1)</script>"))
            #expect(shown.contains("‹202e›evil‹0007›"))
            try keep(try await browser.screenshot(), "hub-hostile.png")
        }
    }

    @Test(arguments: [
        ("theirs", DocumentConflict.Resolution.theirs), ("mine", .mine), ("both", .both),
    ]) func aConflictIsDecided(_ way: String, _ resolution: DocumentConflict.Resolution) async throws {
        try await open { browser, server async throws in
            try await conflict(server.hub())
            try await browser.wait("document.querySelector('.conflict .added mark')")
            #expect(
                try await browser.evaluate(
                    "return [...document.querySelectorAll('.conflict mark')].map((mark) => mark.textContent).join()"
                )
                    == "ripe,yellow")
            if way == "both" { try keep(try await browser.screenshot(), "hub-conflict.png") }
            try await browser.click(".conflict [data-way='\(way)']")
            try await browser.wait("document.querySelector('.conflict').textContent.includes('Decided')")
            #expect(try await server.hub().access().conflicts().first?.resolution == resolution)
            try await server.hub().access().settle("one")
            try await browser.wait("document.querySelector('#conflicts').hidden")
        }
    }

    @Test func aConflictIsDecidedByATextOfOnesOwn() async throws {
        try await open { browser, server async throws in
            try await conflict(server.hub())
            try await browser.wait("document.querySelector('.conflict [data-way=edit]')")
            try await browser.click(".conflict [data-way='edit']")
            #expect(try await browser.evaluate("return document.activeElement.tagName") == "TEXTAREA")
            try await browser.type("ü ")
            // Someone else writes meanwhile: what is being typed stays.
            try await server.hub().write(text("x\n"), to: Self.list, author: "dora")
            try await browser.wait("document.querySelector('#documents').textContent.includes('dora')")
            let typed: String = try await browser.evaluate("return document.querySelector('textarea').value")
            #expect(typed.contains("ü ") && typed.contains("yellow pears"))
            try await browser.click(".conflict [data-way='text']")
            try await browser.wait("document.querySelector('.conflict').textContent.includes('Decided')")
            #expect(try await server.hub().access().conflicts().first?.resolution == .text(text(typed)))
        }
    }

    @Test func anOldVersionIsRestored() async throws {
        try await open { browser, server async throws in
            try await chooseList(browser)
            try await browser.click(".commit[data-sequence='1'] summary")
            try await browser.wait("document.querySelector('.actions button')")
            try await browser.click(".commit[data-sequence='1'] .actions button")
            try await browser.click(".commit[data-sequence='1'] .actions button")
            try await browser.wait("document.querySelectorAll('.commit').length === 3")
            let restored = try await server.hub().access().text(of: Self.list, at: nil)
            #expect(restored.position.sequence == 3)
            #expect(restored.text == text("apples\npears\nbread\nmilk\n"))
        }
    }

    @Test func theKeyboardIsEnough() async throws {
        try await open { browser, _ async throws in
            try await browser.run("document.querySelector('#filter').focus()")
            try await browser.type("shop")
            try await browser.wait("document.querySelectorAll('#documents button').length === 1")
            try await browser.type(Browser.Key.tab + Browser.Key.enter)
            try await browser.wait("document.activeElement.id === 'log-title'")
            try await browser.wait("document.querySelectorAll('.commit').length === 2")
            try await browser.type(Browser.Key.tab + Browser.Key.enter)
            try await browser.wait("document.querySelector('.commit[data-sequence=\"2\"] .diff')")
            #expect(
                try await browser.evaluate("return getComputedStyle(document.activeElement).outlineStyle")
                    == "solid")
        }
    }

    @Test func aPhoneShowsItWithoutScrollingAside() async throws {
        try await open { browser, server async throws in
            try await browser.screen(width: 360, height: 740, isPhone: true)
            try await conflict(server.hub())
            try await browser.wait("document.querySelector('.conflict')")
            try await chooseList(browser)
            try await browser.click(".commit[data-sequence='2'] summary")
            try await browser.wait("document.querySelector('.commit .diff')")
            #expect(try await browser.evaluate("return document.documentElement.scrollWidth") == 360)
            try keep(try await browser.screenshot(), "hub-phone.png")
        }
    }

    @Test func aWrongTokenIsSaidAndARevokedOneLogsOut() async throws {
        try await open { browser, server async throws in
            server.tokens.withLock { $0["write"]?.revoked = 1 }
            try await browser.run("location.reload()")
            try await browser.wait("!document.querySelector('#problem').hidden")
            #expect(try await browser.evaluate("return document.querySelector('#login').hidden") == false)
            #expect(try await browser.evaluate("return document.querySelector('#hub').hidden") == true)
            #expect(try await browser.evaluate("return sessionStorage.length") == 0)
            #expect(try await browser.evaluate("return location.href.includes('write')") == false)
        }
    }
}
