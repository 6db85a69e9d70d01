import Dovetail

extension Value {
    /// The value as a page shows it: text in quotation marks, and apart from its surroundings whichever way it is
    /// written.
    var html: HTML {
        switch self {
        case .null: "<i class=null>null</i>"
        case .text(let text): "<bdi class=text>“\(VisibleText.html(text))”</bdi>"
        case .json(let text): "<bdi class=json>\(VisibleText.html(text))</bdi>"
        case .list: "<bdi class=json>\(VisibleText.html(words(limit: 400)))</bdi>"
        case .geometry(let geometry):
            geometry.srid == 0
                ? "<bdi class=geo>\(words(limit: 90))</bdi>"
                : "<bdi class=geo>\(words(limit: 90)) <small>EPSG:\(String(geometry.srid))</small></bdi>"
        default: "<bdi>\(words(limit: 200))</bdi>"
        }
    }

    /// Two values with what differs between them marked, where they are long enough for that to help.
    static func pair(_ old: Value, _ new: Value) -> (old: HTML, new: HTML) {
        switch (old, new) {
        case (.text(let a), .text(let b)):
            guard let difference = TextDifference(a, b) else { break }
            return (
                "<bdi class=text>“\(difference.old)”</bdi>", "<bdi class=text>“\(difference.new)”</bdi>"
            )
        case (.json(let a), .json(let b)):
            guard let difference = TextDifference(a, b) else { break }
            return ("<bdi class=json>\(difference.old)</bdi>", "<bdi class=json>\(difference.new)</bdi>")
        case (.geometry(let a), .geometry(let b)) where a.srid == b.srid:
            // What both share says nothing about the change.
            return (
                "<bdi class=geo>\(old.words(limit: 90))</bdi>", "<bdi class=geo>\(new.words(limit: 90))</bdi>"
            )
        default: break
        }
        return (old.html, new.html)
    }
}
