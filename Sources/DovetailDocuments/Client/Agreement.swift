import Dovetail

/// What is to be done with a document, of which a client has one text and the hub another.
///
/// A function of the texts alone: without a clock, files or a network. Nil is the text of a document that does not exist.
public enum Agreement: Sendable, Hashable {
    /// Both have the last text that they had in common.
    case nothing
    /// Both have the same other text: that is now what they have in common.
    case adopt
    /// Only the client has another text; nil: it was deleted here.
    case push
    /// Only the hub has another text; nil: it was deleted there.
    case take
    /// Both have another text, and this one has the changes of both.
    case merge([UInt8])
    /// Both have another text, and someone has to decide.
    case conflict(Reason)

    /// Why texts can't be brought together.
    public enum Reason: String, Sendable, Hashable, Codable {
        /// The same lines were changed.
        case lines
        /// Made on both sides, with different texts.
        case bothNew
        /// Changed here, deleted at the hub.
        case deletedThere
        /// Deleted here, changed at the hub.
        case deletedHere
        /// Changed on both sides, and not a text that has lines.
        case binary
        /// It is not known which text both had: the hub was restored from a backup or repaired, it is another one, or the client's
        /// memory is damaged.
        case baseUnknown
    }
}

/// The texts of a document that are to be brought together.
public struct DocumentTexts: Sendable, Hashable {
    /// The last text that client and hub had in common.
    public var base: [UInt8]?
    /// Whether the hub's text came of the base. If not, the base only says what the client had.
    public var isBaseKnown: Bool
    public var local: [UInt8]?
    public var hub: [UInt8]?

    public init(base: [UInt8]?, isBaseKnown: Bool = true, local: [UInt8]?, hub: [UInt8]?) {
        self.base = base
        self.isBaseKnown = isBaseKnown
        self.local = local
        self.hub = hub
    }

    /// What is to be done. It takes the time of a ``TextMerge`` where both sides changed.
    public func agreement(_ rules: DocumentRules) -> Agreement {
        if local == hub { return local == base ? .nothing : .adopt }
        // Here both have different texts.
        if hub == base { return .push }
        guard isBaseKnown else {
            // Nothing is lost by a text that appears again, and much by one that disappears.
            if local == nil { return .take }
            return hub == nil ? .push : .conflict(.baseUnknown)
        }
        if local == base { return .take }
        // Here both differ from the base as well.
        guard local != nil else { return .conflict(.deletedHere) }
        guard hub != nil else { return .conflict(.deletedThere) }
        guard base != nil else { return .conflict(.bothNew) }
        guard hasLines else { return .conflict(.binary) }
        return merge(rules).merged.map(Agreement.merge) ?? .conflict(.lines)
    }

    /// The merge of the two, the client's on the left; a text that does not exist is taken for an empty one.
    public func merge(_ rules: DocumentRules) -> TextMerge {
        TextMerge(
            base: isBaseKnown ? base ?? [] : [], left: local ?? [], right: hub ?? [],
            options: TextMerge.Options(rules.merge))
    }

    /// Whether all of them can be merged by line.
    public var hasLines: Bool { [base, local, hub].allSatisfy { $0.map(Self.hasLines) ?? true } }

    /// False of what holds NUL or begins as UTF-16 does: there bytes that look like line ends are none.
    static func hasLines(_ text: [UInt8]) -> Bool {
        if text.starts(with: [0xff, 0xfe]) || text.starts(with: [0xfe, 0xff]) { return false }
        return !text.contains(0)
    }

    /// Whether a decision says what the text is to be: two texts that have no lines can't both be it.
    public func allows(_ resolution: DocumentConflict.Resolution) -> Bool {
        resolution != .both || hasLines || local == nil || hub == nil
    }

    /// The text that follows from what someone decided: of what is in conflict the decided side, of all else the merge.
    public func resolved(_ resolution: DocumentConflict.Resolution, _ rules: DocumentRules) -> [UInt8]? {
        if case .text(let text) = resolution { return text }
        // Whole texts stand against each other where one is missing or has no lines.
        guard local != nil, hub != nil, hasLines else {
            switch resolution {
            case .mine: return local
            case .theirs: return hub
            case .both, .text: return local ?? hub
            }
        }
        let merge = merge(rules)
        return merge.text { piece in
            let (mine, theirs) = (Array(merge.left[piece.left]), Array(merge.right[piece.right]))
            return switch resolution {
            case .mine: mine
            case .theirs: theirs
            case .both, .text: Self.joined(theirs, mine)
            }
        }
    }

    /// One after the other, on lines of their own.
    private static func joined(_ first: [UInt8], _ second: [UInt8]) -> [UInt8] {
        guard let last = first.last, !second.isEmpty, last != UInt8(ascii: "\n") else {
            return first + second
        }
        let withReturn = second.last == UInt8(ascii: "\n") && second.dropLast().last == UInt8(ascii: "\r")
        return first + (withReturn ? [UInt8(ascii: "\r")] : []) + [UInt8(ascii: "\n")] + second
    }
}

extension TextMerge.Options {
    /// The options that a document's rules ask for, where the hub's text is on the right.
    init(_ merge: DocumentRules.Merge) {
        switch merge {
        case .lines: self.init()
        case .words: self.init(insideLines: true)
        case .append: self.init(policy: .append(first: .right))
        }
    }
}
