/// What a client remembers of a document, besides its texts, which are kept by their hashes.
struct DocumentRecord: Sendable, Hashable, Codable {
    let document: DocumentName
    /// Its file, from the folder: the same name, but perhaps in another form of Unicode.
    var path: String
    /// Moved only by what the hub acknowledged or gave.
    var agreed: Agreed
    /// What was sent and not answered yet. As long as it is there, `agreed` stays.
    var pending: Pending?
    /// A file that is about to be written, or was when the process died.
    var write: PlannedWrite?
    var conflict: HeldConflict?
    var refused: RefusedText?
    /// Conflicts that are over, of which the hub has not heard.
    var settled: [DocumentConflict.ID] = []

    /// The last text that client and hub had in common, and where it is in the hub's log.
    struct Agreed: Sendable, Hashable, Codable {
        /// Nil: no document.
        var text: TextHash?
        var position: LogPosition
        /// False: the hub's text may not have come of this one.
        var isKnown = true
    }

    struct Pending: Sendable, Hashable, Codable {
        var key: CommitKey
        /// Nil: a delete.
        var text: TextHash?
    }

    struct PlannedWrite: Sendable, Hashable, Codable {
        /// Where the new text is until it has the file's name, and the old one afterwards.
        var draft: String
        /// What was in the file; nil: there was none.
        var old: TextHash?
        var new: TextHash
        /// What holds once it is written.
        var agreed: Agreed
        var conflict: HeldConflict?
        var settled: [DocumentConflict.ID]
    }

    struct HeldConflict: Sendable, Hashable, Codable {
        enum State: String, Sendable, Hashable, Codable {
            /// Nothing is sent or taken until it is decided.
            case waits
            /// Both texts are in the file, between marks.
            case marked
            /// The document goes on; there is only something to know.
            case noted
        }

        var id: DocumentConflict.ID
        var reason: Agreement.Reason
        var state: State
        var base: TextHash?
        var mine: TextHash?
        var theirs: TextHash?
        var position: LogPosition
        /// Microseconds since 1970.
        var time: Int64
        /// Whether the hub knows it as it is.
        var isReported: Bool
    }

    struct RefusedText: Sendable, Hashable, Codable {
        var text: TextHash
        /// The hub's words.
        var reason: String
        /// Where a copy is kept.
        var copy: String
    }

    /// Equal to the byte: texts are equal in whatever form of Unicode, and the file systems' names are not.
    func isSame(as other: DocumentRecord) -> Bool { self == other && path.isSameName(as: other.path) }

    /// The texts that it needs.
    var texts: Set<TextHash> {
        var texts: Set<TextHash?> = [agreed.text, pending?.text]
        for held in [conflict, write?.conflict] {
            if let held { texts.formUnion([held.base, held.mine, held.theirs]) }
        }
        if let write { texts.formUnion([write.new, write.agreed.text]) }
        return Set(texts.compactMap { $0 })
    }
}

extension String {
    /// Whether a file system takes the two for one name.
    func isSameName(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
