import BrowserSupport
import Dovetail
import DovetailEngine
import Foundation
import Testing

/// Pages in a real browser, as people use them.
///
/// With `DOVETAIL_SCREENSHOTS=FOLDER` the tests leave pictures there, to be looked at.
@Suite(.serialized) struct BrowserTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("pages-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    /// Opens a page, does `work`, and sees that the browser had nothing to complain of.
    private func open<Result: Sendable>(
        _ page: Page, width: Int = 1280, height: Int = 900, _ work: (Browser) async throws -> Result
    ) async throws -> Result {
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = folder.appendingPathComponent("page.html")
        try page.text.write(to: url, atomically: true, encoding: .utf8)
        return try await Browser.with(width: width, height: height) { browser in
            try await browser.open(url)
            let result = try await work(browser)
            #expect(try await browser.console() == [])
            return result
        }
    }

    private func keep(_ picture: Data, _ name: String) throws {
        guard let place = ProcessInfo.processInfo.environment["DOVETAIL_SCREENSHOTS"] else { return }
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try picture.write(to: URL(fileURLWithPath: place).appendingPathComponent(name))
    }

    @Test func theFilterNarrowsAndSaysSo() async throws {
        try await open(try await World.mixed().page()) { browser in
            try await browser.wait("document.querySelector('#found').textContent === '9 lines'")
            try keep(try await browser.screenshot(), "light.png")
            try await browser.type("/")
            #expect(try await browser.evaluate("return document.activeElement.id") == "filter")
            try await browser.type("billund")
            try await browser.wait("document.querySelector('#found').textContent === '1 of 9 lines'")
            #expect(try await browser.evaluate("return document.querySelectorAll('.item').length") == 1)
            #expect(
                try await browser.evaluate(
                    "return document.querySelector('#found').getAttribute('aria-live')") == "polite")
            try await browser.type(Browser.Key.escape)
            try await browser.wait("document.querySelector('#found').textContent === '9 lines'")
            try await browser.click("#kinds .k-delete")
            try await browser.wait("document.querySelector('#found').textContent === '2 of 9 lines'")
            #expect(
                try await browser.evaluate("return document.querySelector('#kinds .k-delete').ariaPressed")
                    == "true")
            try await browser.type("/nothing such")
            try await browser.wait("document.querySelector('#found').textContent === '0 of 9 lines'")
            #expect(
                try await browser.evaluate("return document.querySelector('#list').textContent")
                    == "No line fits the filter.")
        }
    }

    @Test func theKeyboardIsEnough() async throws {
        try await open(try await World.mixed().page()) { browser in
            try await browser.type(Browser.Key.tab)
            #expect(try await browser.evaluate("return document.activeElement.className") == "skip")
            #expect(
                try await browser.evaluate("return document.activeElement.getBoundingClientRect().left") == 8)
            try await browser.type(Browser.Key.enter)
            #expect(try await browser.evaluate("return document.activeElement.id") == "list")
            try await browser.type("/" + Browser.Key.down)
            let line = "return document.activeElement.dataset.line"
            let first: String = try await browser.evaluate(line)
            try await browser.type(Browser.Key.down)
            #expect(try await browser.evaluate(line) != first)
            #expect(
                try await browser.evaluate("return getComputedStyle(document.activeElement).outlineStyle")
                    == "solid")
            try await browser.type(Browser.Key.up)
            #expect(try await browser.evaluate(line) == first)
            try await browser.type(Browser.Key.end)
            #expect(
                try await browser.evaluate("return document.activeElement.querySelector('.word').textContent")
                    == "delete")
            try await browser.type(Browser.Key.enter)
            #expect(try await browser.evaluate("return document.querySelectorAll('#map .halo').length") == 1)
            #expect(
                try await browser.evaluate("return document.querySelectorAll('.item.chosen').length") == 1)
        }
    }

    @Test func theMapDrawsZoomsAndFinds() async throws {
        let world = try await World.mixed()
        await world.update([20], .left) {
            $0["geom"] = .geometry(Shape.circle(10, 55.5, 0.4, points: 90_000))
        }
        await world.update([21], .left) {
            $0["geom"] = .geometry(Shape.line([(9, 55), (9.5, 55.4), (10, 55.2)]))
        }
        try await open(try await world.page()) { browser in
            for layer in ["k-insert sym", "k-delete sym", "k-update solid", "move", "grid"] {
                let drawn: Int = try await browser.evaluate(
                    "return document.querySelector('#map [class^=\"\(layer)\"]')?.getAttribute('d').length ?? 0"
                )
                #expect(drawn > 0, "\(layer)")
            }
            let view = "return document.querySelector('#map .grid').getAttribute('d')"
            func changes(_ words: String, _ work: () async throws -> Void) async throws {
                let before: String = try await browser.evaluate(view)
                try await work()
                try await browser.wait("(() => { \(view) })() !== \(Self.quoted(before))", seconds: 3)
            }
            let box: [Double] = try await browser.evaluate(
                "const b = document.querySelector('#map').getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]"
            )
            let middle = (x: Int(box[0]), y: Int(box[1]))
            try await changes("button") { try await browser.click("#zoom-in") }
            try await changes("drag") {
                try await browser.drag(from: middle, to: (middle.x + 90, middle.y + 50))
            }
            try await changes("wheel") { try await browser.wheel(at: middle, by: -240) }
            try await changes("pinch") { try await browser.pinch(at: middle, from: 30, to: 90) }
            try await browser.run("document.querySelector('#map').focus()")
            try await changes("arrow") { try await browser.type(Browser.Key.left) }
            try await changes("plus") { try await browser.type("+") }
            try await changes("all") { try await browser.type("0") }
            // The sign of the only place that is still there at its new point leads to its line.
            let sign: [Double] = try await browser.evaluate(
                """
                const path = document.querySelector('#map [class="k-update sym fill dot"]').getAttribute('d');
                const [x, y] = path.match(/M([\\d.-]+) ([\\d.-]+)/).slice(1).map(Number);
                const b = document.querySelector('#map').getBoundingClientRect();
                return [b.left + x + 4.5, b.top + y];
                """)
            let place = (x: Int(sign[0]), y: Int(sign[1]))
            try await browser.drag(from: place, to: place)
            try await browser.wait("document.activeElement.matches('.item.chosen.k-update')")
            try keep(try await browser.screenshot(), "map.png")
            try await browser.click(".item.chosen .show")
            try keep(try await browser.screenshot(), "map-zoomed.png")
            let signs = "return document.querySelectorAll('#map [class*=\"ring\"]').length"
            try await browser.click(".when label:last-of-type")
            #expect(try await browser.evaluate(signs) == 0)
        }
    }

    @Test func planesStayApartAndTheAntimeridianJoins() async throws {
        let world = try await World.agreed(5)
        await world.insert(20...24, .left)
        await world.update([20], .left) { $0["geom"] = .geometry(Shape.point(179.5, -17)) }
        await world.update([21], .left) { $0["geom"] = .geometry(Shape.point(-179.5, -17)) }
        await world.update([22], .left) {
            $0["geom"] = .geometry(Shape.point(550_000, 6_200_000, srid: 25832))
        }
        await world.update([23], .left) { $0["geom"] = .geometry(Shape.point(.nan, .nan)) }
        await world.update([24], .left) {
            $0["geom"] = .geometry(
                Shape.polygon([[(179, -18), (-179, -18), (-179, -16), (179, -16), (179, -18)]]))
        }
        try await open(try await world.page()) { browser in
            let options: [String] = try await browser.evaluate(
                "return Array.from(document.querySelectorAll('#plane option'), (o) => o.textContent)")
            #expect(options == ["Longitude and latitude (3)", "EPSG:25832 (1)"])
            // Two points a degree apart are not drawn at the two ends of the world.
            let across: Double = try await browser.evaluate(
                """
                const xs = Array.from(document.querySelector('#map .plus').getAttribute('d').matchAll(/M([\\d.]+) [\\d.]+h/g), (m) => +m[1]);
                return Math.abs(xs[0] - xs[1]) / document.querySelector('#map').clientWidth;
                """)
            #expect(across > 0.3 && across < 0.6)
            for _ in 0..<8 { try await browser.click("#zoom-out") }
            try await browser.wait("document.querySelector('#map .land').getAttribute('d').length > 100")
            #expect(
                try await browser.evaluate("return document.querySelector('#map-note').textContent")
                    == "One geometry is empty, or has no place on a map.")
            try await browser.run(
                "const plane = document.querySelector('#plane'); plane.value = 1; plane.dispatchEvent(new Event('change'))"
            )
            #expect(try await browser.evaluate("return document.querySelectorAll('#map .plus').length") == 1)
            #expect(
                try await browser.evaluate(
                    "return document.querySelector('#map').textContent.includes('6,200,000')") as Bool)
        }
    }

    @Test func aPhoneNeedsNoSidewaysScrolling() async throws {
        let world = try await World.mixed()
        await world.update([30], .left) {
            $0["name"] = .text(String(repeating: "Donaudampfschifffahrtsgesellschaft", count: 30))
        }
        try await open(try await world.page()) { browser in
            try await browser.screen(width: 360, height: 740, isPhone: true)
            let overflow =
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
            #expect(try await browser.evaluate(overflow) == 0)
            try keep(try await browser.screenshot(), "phone.png")
            try await browser.run("document.querySelector('.map').scrollIntoView()")
            try keep(try await browser.screenshot(), "phone-map.png")
            try await browser.run("document.querySelector('.changes').scrollIntoView()")
            try keep(try await browser.screenshot(), "phone-list.png")
            let small: [String] = try await browser.evaluate(
                """
                return Array.from(document.querySelectorAll('button, select, input[type=search], .when label'))
                    .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 24).map((e) => e.outerHTML);
                """)
            #expect(small == [])
        }
    }

    @Test func theDarkIsDarkAndEverythingIsReadable() async throws {
        try await open(try await World.mixed().page()) { browser in
            for isDark in [false, true] {
                try await browser.media(isDark: isDark)
                let ground: [Double] = try await browser.evaluate(
                    "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
                #expect((ground[0] < 60) == isDark)
                let pale: [String] = try await browser.evaluate(Self.contrastScript)
                #expect(pale == [], "dark: \(isDark)")
                if isDark { try keep(try await browser.screenshot(), "dark.png") }
            }
        }
    }

    @Test func paperHoldsEverything() async throws {
        let world = try await World.agreed(300)
        await world.update(1...250, .left) { $0["size"] = .int(2) }
        await world.insert([901], .right)
        try await open(try await world.page()) { browser in
            let pdf = try await browser.pdf()
            #expect(pdf.starts(with: Data("%PDF".utf8)) && pdf.count > 40_000)
            try keep(pdf, "print.pdf")
            // As while printing.
            try await browser.run("dispatchEvent(new Event('beforeprint'))")
            try await browser.media("print")
            #expect(try await browser.evaluate("return document.querySelectorAll('.item').length") == 251)
            let controls: Int = try await browser.evaluate(
                "return Array.from(document.querySelectorAll('button, input, select, summary')).filter((e) => e.checkVisibility()).length"
            )
            #expect(controls == 0)
            try await browser.media()
            try await browser.run("dispatchEvent(new Event('afterprint'))")
            #expect(try await browser.evaluate("return document.querySelectorAll('.item').length") == 100)
        }
    }

    @Test func tenThousandChangesAreUsableAtOnce() async throws {
        let world = try await World.agreed(10_000)
        await world.update(1...7_000, .left) { $0["name"] = .text("another name \($0["id"] ?? .null)") }
        await world.update(7_001...9_000, .right) { $0["geom"] = .geometry(Shape.point(10, 56)) }
        await world.delete(9_001...9_500, .left)
        await world.insert(10_001...10_500, .right)
        try await open(try await world.page()) { browser in
            let ready: Double = try await browser.evaluate(
                "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
            print("10,000 changes: usable after \(Int(ready)) ms")
            #expect(ready < 3_000)
            #expect(try await browser.evaluate("return document.querySelectorAll('.item').length") == 100)
            try await browser.type("/place 77")
            try await browser.wait("document.querySelector('#found').textContent.startsWith('1')", seconds: 5)
            let again: Double = try await browser.evaluate(
                """
                const start = performance.now();
                const filter = document.querySelector('#filter');
                document.querySelector('#kinds button').click();
                return performance.now() - start;
                """)
            print("10,000 changes: filtered and drawn in \(Int(again)) ms")
            #expect(again < 1_000)
            try await browser.type(Browser.Key.escape)
            try await browser.run("document.querySelector('[aria-label=\"Last page\"]').click()")
            try await browser.wait("document.activeElement.matches('.item')", seconds: 5)
            try await browser.type(Browser.Key.home + Browser.Key.up)
            let page: String = try await browser.evaluate(
                "return document.querySelector('.pager span').textContent")
            #expect(page.hasPrefix("Page "))
        }
    }

    @Test func aFilterClearedWhileTypingDoesNotComeBack() async throws {
        let world = try await World.agreed(300)
        await world.update(1...250, .left) { $0["size"] = .int(2) }
        try await open(try await world.page()) { browser in
            try await browser.run(
                """
                const filter = document.querySelector('#filter');
                filter.value = 'place 7';
                filter.dispatchEvent(new Event('input'));
                filter.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
                document.querySelector('[aria-label="Last page"]').click();
                window.waited = false;
                setTimeout(() => { window.waited = true }, 300);
                """)
            try await browser.wait("window.waited")
            let page: String = try await browser.evaluate(
                "return document.querySelector('.pager span').textContent")
            #expect(page == "Page 3 of 3")
            #expect(try await browser.evaluate("return document.activeElement.matches('.item')") as Bool)
        }
    }

    @Test func hostileTextIsInert() async throws {
        let world = try await World.agreed(40, labels: Sides(left: World.hostile[0], right: World.hostile[1]))
        for (index, text) in World.hostile.enumerated() {
            await world.update([index + 1], .left) { $0["name"] = .text(text) }
            for side in Side.allCases {
                await world.update([index + 20], side) { $0["note"] = .text(text + " of \(side.rawValue)") }
            }
        }
        try await open(try await world.page()) { browser in
            #expect(try await browser.evaluate("return window.hacked === undefined") as Bool)
            #expect(
                try await browser.evaluate("return document.querySelectorAll('img, main script').length") == 0
            )
            let shown: String = try await browser.evaluate(
                "return document.querySelector('#list').textContent")
            for text in [
                World.hostile[0], World.hostile[1], World.hostile[6], World.hostile[7], "U+202E", "👩‍👩‍👧‍👦 🇩🇰",
            ] {
                #expect(shown.contains(text), "\(text.prefix(40))")
            }
            #expect(
                try await browser.evaluate("return document.documentElement.scrollWidth <= innerWidth")
                    as Bool)
            try await browser.type("/hacked = 3}")
            try await browser.wait("/^\\d+ of/.test(document.querySelector('#found').textContent)")
            #expect(try await browser.evaluate("return window.hacked === undefined") as Bool)
            try keep(try await browser.screenshot(), "hostile.png")
        }
    }

    @Test func withoutScriptsTheFirstPartIsThere() async throws {
        let page = try await World.mixed().page()
        defer { try? FileManager.default.removeItem(at: folder) }
        let url = folder.appendingPathComponent("page.html")
        try page.text.write(to: url, atomically: true, encoding: .utf8)
        try await Browser.with { browser in
            try await browser.scripts(areOn: false)
            try await browser.open(url)
            let tree = try await browser.devTools("DOMSnapshot.captureSnapshot", ["computedStyles": []])
            guard case .array(let strings)? = tree["strings"] else { throw Missing() }
            let words = strings.compactMap(\.string)
            #expect(words.contains("both sides changed name"))
            #expect(words.contains("By table and side"))
            try keep(try await browser.screenshot(), "no-scripts.png")
        }
    }

    private struct Missing: Error {}

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    /// Texts whose contrast with what is behind them is below what WCAG asks of normal text.
    private static let contrastScript = """
        const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
        const rgb = (color, under) => {
            canvas.fillStyle = `rgb(${under})`; canvas.fillRect(0, 0, 1, 1);
            canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
            return Array.from(canvas.getImageData(0, 0, 1, 1).data.slice(0, 3));
        };
        const behind = (e) => e ? rgb(getComputedStyle(e).backgroundColor, behind(e.parentElement)) : [255, 255, 255];
        const light = (c) => c.map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
        const pale = [];
        for (const e of document.querySelectorAll('body *')) {
            if (e.closest('svg, script, noscript, style') || !e.checkVisibility()) continue;
            if (!Array.from(e.childNodes).some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
            const back = behind(e);
            const [a, b] = [light(rgb(getComputedStyle(e).color, back)), light(back)];
            const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            if (contrast < 4.5) pale.push(`${e.className || e.tagName} “${e.textContent.slice(0, 20)}” ${contrast.toFixed(2)}`);
        }
        return pale;
        """
}
