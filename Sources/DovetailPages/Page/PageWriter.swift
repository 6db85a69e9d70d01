import Dovetail
import Foundation

/// Makes one page: goes through its lines once to write them aside, and then puts the whole together.
struct PageWriter {
    let facts: PageFacts
    var limits = PageLimits()
    /// What allows the page's own script and style; nobody who wrote a value could know it.
    var nonce = PageWriter.randomNonce()

    /// - Throws: ``PageFileError``, and what the source throws.
    func write(_ source: some EntrySource, to file: PageFile) async throws {
        let body = try await Body(source, facts, limits)
        try file.write { put in
            try write(body, to: put)
        }
    }

    /// The page as one text.
    func text(_ source: some EntrySource) async throws -> String {
        let body = try await Body(source, facts, limits)
        var data = Data()
        try write(body) { data += $0 }
        return String(decoding: data, as: UTF8.self)
    }

    private func write(_ body: Body, to put: (Data) throws -> Void) throws {
        func write(_ html: HTML) throws { try put(Data(html.text.utf8)) }
        let frame = PageFrame(facts: facts, nonce: nonce)
        try write(frame.head)
        try write(frame.top(hasMap: body.map.hasShapes, listed: body.listed, total: body.total))
        try write(body.plainList)
        try write(frame.afterList(plain: body.plainCount, listed: body.listed))
        try write("<script type=\"text/plain\" id=\"lines\">")
        try body.lines.copy(to: put)
        try write("</script>\n<script type=\"application/json\" id=\"shapes\">[")
        try body.shapes.copy(to: put)
        try write("]</script>\n<script type=\"application/json\" id=\"facts\">")
        try write(HTML(markup: try body.factsJSON()))
        try write("</script>\n")
        try write(frame.end(hasDegrees: body.map.planes.contains(.degrees)))
    }

    private static func randomNonce() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in String(generator.next() as UInt64, radix: 36) }.joined()
    }
}

/// The lines of a page, written aside.
private struct Body {
    private struct Group {
        var group: EntryGroup
        var count: Int
        var share: Int
        var listed = 0
        var plain: [HTML] = []
    }

    /// What the page's script has to know.
    private struct Facts: Encodable {
        struct Group: Encodable {
            var table: String
            var kind: String
            var sign: String
            var word: String
            var heading: String
            var count: Int
            var listed: Int
        }
        var groups: [Group]
        var total: Int
        var listed: Int
        var planes: [MapPlane]
        var undrawn: Int
        /// What the sides are called, left first.
        var labels: [String]
    }

    let lines: PageSpool
    let shapes: PageSpool
    private(set) var map: MapWriter
    private var groups: [Group] = []
    private(set) var listed = 0
    private(set) var plainCount = 0
    let labels: Sides<String>

    var total: Int { groups.reduce(0) { $0 + $1.count } }

    init(_ source: some EntrySource, _ facts: PageFacts, _ limits: PageLimits) async throws {
        lines = try PageSpool()
        shapes = try PageSpool()
        map = MapWriter(points: limits.points)
        labels = facts.labels
        let counts = try await source.counts()
        let shares = limits.shares(counts)
        groups = Self.ordered(counts, facts).map {
            Group(group: $0, count: counts[$0] ?? 0, share: shares[$0] ?? 0)
        }
        let places = Dictionary(
            groups.enumerated().map { ($1.group, $0) }, uniquingKeysWith: { first, _ in first })
        let expected = shares.values.reduce(0, +)
        let writer = EntryHTML(labels: labels)
        var plainBytes = 0
        var (groups, map, listed, plainCount) = (groups, map, 0, 0)
        try await source.entries { entry in
            guard let place = places[EntryGroup(table: entry.table, kind: entry.kind)],
                groups[place].listed < groups[place].share, lines.count < limits.bytes
            else { return }
            let html = writer.item(entry)
            try lines.append("\(place)\t\(html.text)\n")
            if let line = map.line(listed, entry.shapes, linesLeft: expected - listed) {
                try shapes.append((shapes.count == 0 ? "" : ",\n") + line)
            }
            if groups[place].plain.count < limits.plainPerGroup, plainCount < limits.plain,
                plainBytes < limits.plainBytes
            {
                groups[place].plain.append(html)
                plainCount += 1
                plainBytes += html.text.utf8.count
            }
            groups[place].listed += 1
            listed += 1
        }
        (self.groups, self.map, self.listed, self.plainCount) = (groups, map, listed, plainCount)
    }

    /// Tables as the counts have them, and within a table what waits for a person first.
    private static func ordered(_ counts: [EntryGroup: Int], _ facts: PageFacts) -> [EntryGroup] {
        var tables: [String] = []
        for row in facts.rows where tables.last != row.table { tables.append(row.table) }
        let others = Set(counts.keys.map(\.table)).subtracting(tables).sorted()
        return (tables + others).flatMap { table in
            EntryKind.allCases.map { EntryGroup(table: table, kind: $0) }
        }.filter { counts[$0, default: 0] > 0 }
    }

    private func heading(_ group: Group) -> HTML {
        EntryHTML(labels: labels).heading(group.group, count: group.count, listed: group.listed)
    }

    /// The first lines of each group, as a reader without scripts sees them.
    var plainList: HTML {
        var html: HTML = ""
        for group in groups where group.listed > 0 {
            let more = group.listed - group.plain.count
            let rest: HTML =
                more > 0 ? "<p class=note>… and \(more) more, which need scripts to be shown</p>" : ""
            html +=
                "<section class=group><h3>\(heading(group))</h3><ul class=items>\(group.plain.joined())</ul>\(rest)</section>\n"
        }
        return html
    }

    func factsJSON() throws -> String {
        let facts = Facts(
            groups: groups.map { group in
                Facts.Group(
                    table: group.group.table, kind: group.group.kind.rawValue,
                    sign: group.group.kind.sign.text, word: group.group.kind.plural(labels),
                    heading: heading(group).text, count: group.count, listed: group.listed)
            },
            total: total, listed: listed, planes: map.planes, undrawn: map.undrawn,
            labels: [labels.left, labels.right])
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // No tag can end a script that holds no “<”.
        return String(decoding: try encoder.encode(facts), as: UTF8.self).replacing("<", with: "\\u003c")
    }
}
