import Dovetail
import DovetailDocuments

/// Says what happens to watched documents: on stdout, a line each; as JSON an object each.
struct NoticePrinter: Sendable {
    let json: Bool

    private struct NoticeJSON: Encodable {
        var notice: String
        var document: DocumentName?
        var commit: Int64?
        var conflict: String?
        var message: String?
    }

    func show(_ notice: ClientNotice) {
        let said = Self.said(notice)
        if json {
            Console.json(said.json)
        } else {
            Console.line(said.line)
        }
        Console.flush()
    }

    /// A conflict that waits since an earlier time.
    func showWaiting(_ conflict: DocumentConflict) {
        let message = "a conflict waits for a decision; see: dovetail doc conflicts"
        if json {
            Console.json(
                NoticeJSON(
                    notice: "waiting", document: conflict.document, conflict: conflict.id, message: message))
        } else {
            Console.line(Paint.stdout.red("!") + " \(Safe.line(conflict.document.text))  \(message)")
        }
    }

    private static func said(_ notice: ClientNotice) -> (line: String, json: NoticeJSON) {
        let paint = Paint.stdout
        func name(_ document: DocumentName) -> String { Safe.line(document.text) }
        switch notice {
        case .pushed(let document, let sequence):
            return (
                paint.green("↑") + " \(name(document))  commit \(sequence)",
                NoticeJSON(notice: "pushed", document: document, commit: sequence)
            )
        case .taken(let document):
            return (paint.green("↓") + " \(name(document))", NoticeJSON(notice: "taken", document: document))
        case .merged(let document):
            return (
                paint.green("⇅") + " \(name(document))  merged",
                NoticeJSON(notice: "merged", document: document)
            )
        case .trashed(let document):
            return (
                paint.yellow("✗") + " \(name(document))  deleted at the hub; the file is in the trash",
                NoticeJSON(notice: "trashed", document: document)
            )
        case .conflict(let document, let id, let reason):
            return (
                paint.red("!")
                    + " \(name(document))  in conflict: \(reason.words); see: dovetail doc conflicts",
                NoticeJSON(notice: "conflict", document: document, conflict: id, message: reason.words)
            )
        case .resolved(let document, let id):
            return (
                paint.green("✓") + " \(name(document))  decided",
                NoticeJSON(notice: "resolved", document: document, conflict: id)
            )
        case .refused(let document, let reason, let copy):
            return (
                paint.red("!")
                    + " \(name(document))  refused by the hub: \(Safe.line(reason)); a copy is \(Safe.line(copy))",
                NoticeJSON(notice: "refused", document: document, message: reason)
            )
        case .problem(let document, let reason):
            return (
                paint.yellow("!") + " \(document.map { name($0) + "  " } ?? "")\(Safe.line(reason))",
                NoticeJSON(notice: "problem", document: document, message: reason)
            )
        case .hubAway(let reason):
            return (
                paint.yellow("…") + " the hub is away: \(Safe.line(reason)); edits wait",
                NoticeJSON(notice: "hub-away", message: reason)
            )
        case .hubBack:
            return (paint.green("…") + " the hub is back", NoticeJSON(notice: "hub-back"))
        case .renewed:
            return (
                paint.yellow("!")
                    + " another client has a copy of this one's memory; this one goes on under a name of its own",
                NoticeJSON(notice: "renewed")
            )
        }
    }
}
