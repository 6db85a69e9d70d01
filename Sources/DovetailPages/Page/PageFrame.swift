import Dovetail

/// What surrounds the lines of a page.
struct PageFrame {
    let facts: PageFacts
    let nonce: String

    var head: HTML {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; base-uri 'none'; form-action 'none'">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="referrer" content="no-referrer">
        <meta name="generator" content="Dovetail">
        <title>\(facts.title)</title>
        <style nonce="\(nonce)">
        \(HTML(markup: Assets.style))</style>
        </head>
        <body>
        <a class="skip" href="#list">Skip to the list</a>

        """
    }

    /// Everything above the list.
    func top(hasMap: Bool, listed: Int, total: Int) -> HTML {
        var html: HTML = """
            <header>
            <p class="brand" aria-hidden="true">Dovetail</p>
            <h1>\(facts.heading)</h1>
            <p class="sides">\(facts.sides)</p>
            <dl class="facts">\(facts.lines.map { "<div><dt>\($0.word)</dt><dd><bdi>\($0.text)</bdi></dd></div>" as HTML }.joined())</dl>
            </header>
            <main>

            """
        if !facts.stops.isEmpty {
            let stops = facts.stops.map { "<li>\(VisibleText.html($0))</li>" as HTML }.joined()
            html += """
                <section class="stops" aria-labelledby="stops"><h2 id="stops"><span class="sign" aria-hidden="true">■</span> A sync would stop before its first write</h2><ul>\(stops)</ul></section>

                """
        }
        html += counts
        if !facts.notes.isEmpty {
            let notes = facts.notes.map { "<li>\(VisibleText.html($0))</li>" as HTML }.joined()
            html += """
                <section class="notes" aria-labelledby="notes"><h2 id="notes">Worth knowing</h2><ul>\(notes)</ul></section>

                """
        }
        if listed < total {
            html +=
                "<p class=\"capped\"><b>\(listed) of \(total) lines are listed here</b>, so that a browser can show them: small groups whole, and the first ones of large groups. The counts above are of everything.</p>\n"
        }
        guard total > 0 else {
            return html + "<p class=\"quiet\" id=\"list\" tabindex=\"-1\">\(facts.quiet)</p>\n"
        }
        return html + (hasMap ? "<div class=\"both\">\n\(map)" : "<div class=\"one\">\n") + listTop
    }

    private var counts: HTML {
        let tiles = facts.tiles.map {
            "<div class=\"tile k-\($0.kind)\($0.count == 0 ? " none" : "")\"><dt><span class=\"sign\" aria-hidden=\"true\">\($0.sign)</span> \($0.word)</dt><dd>\($0.count)</dd></div>"
                as HTML
        }.joined()
        let head = facts.columns.map { "<th scope=\"col\">\($0)</th>" as HTML }.joined()
        var rows: HTML = ""
        for row in facts.rows {
            let numbers = row.numbers.map {
                ($0 == 0 ? "<td class=\"zero\">0</td>" : "<td>\($0)</td>") as HTML
            }.joined()
            let side: HTML = row.side.map { "<td class=\"side\"><bdi>\($0)</bdi></td>" } ?? ""
            rows +=
                "<tr><th scope=\"row\"><bdi>\(row.table)</bdi></th>\(side)\(numbers)</tr>\n"
        }
        let hasSides = facts.rows.contains { $0.side != nil }
        let side: HTML = hasSides ? "<th scope=\"col\" class=\"side\">Side</th>" : ""
        let caption = hasSides ? "By table and side" : "By table"
        let table: HTML =
            facts.rows.isEmpty
            ? ""
            : """
            <details class="counts" open><summary>\(caption)</summary>
            <div class="scroll" role="region" aria-label="Counts by table" tabindex="0"><table>
            <thead><tr><th scope="col">Table</th>\(side)\(head)</tr></thead>
            <tbody>
            \(rows)</tbody></table></div></details>
            """
        return """
            <section aria-labelledby="counts"><h2 id="counts" class="vh">Counts</h2>
            <dl class="tiles">\(tiles)</dl>
            \(table)
            </section>

            """
    }

    private var map: HTML {
        """
        <section class="map" aria-labelledby="map-title" hidden>
        <div class="map-head"><h2 id="map-title">Map</h2>
        <label class="plane" hidden><span class="vh">Reference system</span><select id="plane"></select></label>
        <fieldset class="when"><legend class="vh">What the map shows</legend>
        <label><input type="radio" name="when" value="b"><span><bdi>\(facts.states.first)</bdi></span></label><label><input type="radio" name="when" value="" checked><span>both</span></label><label><input type="radio" name="when" value="a"><span><bdi>\(facts.states.second)</bdi></span></label></fieldset></div>
        <div class="stage"><svg id="map" tabindex="0" role="application" aria-roledescription="map" aria-describedby="map-help"></svg>
        <div class="zoom"><button type="button" id="zoom-in" aria-label="Zoom in">+</button><button type="button" id="zoom-out" aria-label="Zoom out">−</button><button type="button" id="zoom-all" aria-label="Show everything">⤢</button></div></div>
        <ul class="legend" id="legend" aria-label="Legend"></ul>
        <p id="map-help" class="help">Drag or use the arrow keys to move, <kbd>+</kbd> and <kbd>−</kbd> to zoom, <kbd>0</kbd> for everything. Choose a mark to find its line.</p>
        <p id="map-note" class="help" hidden></p>
        </section>

        """
    }

    private var listTop: HTML {
        """
        <section class="changes" aria-labelledby="list-title">
        <h2 id="list-title">Line by line</h2>
        <div class="controls" role="search" hidden>
        <div class="find"><label for="filter" class="vh">Filter the lines by words of theirs</label><input id="filter" type="search" placeholder="Filter by words" autocomplete="off" spellcheck="false" enterkeyhint="search" aria-keyshortcuts="/" aria-describedby="found"><kbd aria-hidden="true">/</kbd></div>
        <label class="table" hidden><span class="vh">Table</span><select id="table"></select></label>
        <div class="kinds" role="group" aria-label="Kinds" id="kinds"></div>
        <p id="found" role="status" aria-live="polite"></p>
        </div>
        <nav class="pager" aria-label="Pages of the list" hidden></nav>
        <div id="list" tabindex="-1">

        """
    }

    func afterList(plain: Int, listed: Int) -> HTML {
        guard listed > 0 else { return "</main>\n" }
        let note: HTML =
            plain < listed
            ? "<noscript><p class=\"note\">Scripts are off: \(plain) of \(listed) lines are shown, without filter and map.</p></noscript>\n"
            : ""
        return """
            </div>
            \(note)<nav class="pager" aria-label="Pages of the list, below it" hidden></nav>
            </section>
            </div>
            </main>

            """
    }

    /// - Parameter hasDegrees: whether the map shows degrees, so that coasts help.
    func end(hasDegrees: Bool) -> HTML {
        """
        <script nonce="\(nonce)">
        \(HTML(markup: hasDegrees ? Assets.land : ""))\(HTML(markup: Assets.script))</script>
        </body>
        </html>

        """
    }
}

/// What is built in of the page's own.
enum Assets {
    static let style = text(PackageResources.page_css) + text(PackageResources.print_css)
    /// One script, because nothing may be loaded: what each file needs stands in one before it.
    static let script = [
        PackageResources.list_js, PackageResources.projection_js, PackageResources.drawing_js,
        PackageResources.map_js, PackageResources.page_js,
    ].map(text).joined(separator: "\n")

    static let land = text(PackageResources.land_js)

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
