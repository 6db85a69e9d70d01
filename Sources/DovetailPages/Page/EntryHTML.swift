import Dovetail

/// Writes one line of a page.
struct EntryHTML {
    let labels: Sides<String>
    /// Fields shown at once; the rest opens.
    private static let fieldsAtOnce = 6
    /// Fields shown at all: a page is for reading.
    private static let mostFields = 300

    func item(_ entry: PageEntry) -> HTML {
        let place: HTML =
            if let side = entry.side {
                " <span class=where><span aria-hidden=true>→</span><span class=vh>to</span> <bdi>\(labels[side])</bdi></span>"
            } else {
                ""
            }
        let word = entry.kind.word(labels)
        var html: HTML =
            "<li class=\"item k-\(entry.kind.rawValue)\"><h4><span class=sign aria-hidden=true>\(entry.kind.sign)</span><span class=word>\(word)</span> <bdi class=key>\(VisibleText.html(entry.key, limit: 300))</bdi>\(place)</h4>"
        if let reason = entry.reason { html += "<p class=reason>\(VisibleText.html(reason))</p>" }
        html += list(entry.fields)
        for note in entry.notes { html += "<p class=note>\(note)</p>" }
        html += "</li>"
        return html
    }

    private func list(_ fields: [PageEntry.Field]) -> HTML {
        guard !fields.isEmpty else { return "" }
        let known = fields.prefix(Self.mostFields)
        // One or two more are no reason to hide anything.
        let first = known.count <= Self.fieldsAtOnce + 2 ? known.count : Self.fieldsAtOnce
        var html: HTML = "<dl>\(known.prefix(first).map(row).joined())</dl>"
        let rest = known.dropFirst(first)
        if !rest.isEmpty {
            html +=
                "<details><summary>\(rest.count) more fields</summary><dl>\(rest.map(row).joined())</dl></details>"
        }
        if fields.count > known.count {
            html += "<p class=note>… and \((fields.count - known.count).counted("more field"))</p>"
        }
        return html
    }

    private func row(_ field: PageEntry.Field) -> HTML {
        let note: HTML = field.note.map { " <em class=rule>\($0)</em>" } ?? ""
        let name: HTML = "<dt><bdi>\(VisibleText.html(field.name, limit: 200))</bdi></dt>"
        switch field.content {
        case .change(let old, let new):
            let pair = Value.pair(old, new)
            return
                "<div>\(name)<dd><del><span class=vh>from </span>\(pair.old)</del> <span class=arrow aria-hidden=true>→</span> <ins><span class=vh>to </span>\(pair.new)</ins>\(note)</dd></div>"
        case .value(let value): return "<div>\(name)<dd>\(value.html)\(note)</dd></div>"
        case .name: return "<div>\(name)<dd class=gone>not kept\(note)</dd></div>"
        case .sides(let base, let left, let right):
            let pair = Value.pair(left, right)
            let known: HTML = base.map { "<span><b>base</b> \($0.html)</span>" } ?? ""
            return
                "<div>\(name)<dd class=sides>\(known)<span><b><bdi>\(labels.left)</bdi></b> \(pair.old)</span><span><b><bdi>\(labels.right)</bdi></b> \(pair.new)</span>\(note)</dd></div>"
        }
    }

    /// What stands above the lines of a group.
    func heading(_ group: EntryGroup, count: Int, listed: Int) -> HTML {
        let words = count == 1 ? group.kind.word(labels) : group.kind.plural(labels)
        let some: HTML = listed < count ? " <small>the first \(listed) are listed</small>" : ""
        return
            "<span class=tbl><bdi>\(group.table)</bdi></span> <span class=\"sign k-\(group.kind.rawValue)\" aria-hidden=true>\(group.kind.sign)</span> \(count) \(words)\(some)"
    }
}
