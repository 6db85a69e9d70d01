/// Which rules are whose: the first entry that fits a document counts.
///
/// ```swift
/// RuleBook([.init(pattern: "**.log", rules: DocumentRules(merge: .append, appendOnly: true))])
/// ```
public struct RuleBook: Sendable, Hashable, Codable {
    public struct Entry: Sendable, Hashable, Codable {
        /// Nil: every set.
        public var set: String?
        /// Of the whole name: `?` is one character, `*` any of them but “/”, and `**` any.
        public var pattern: String
        public var rules: DocumentRules

        public init(set: String? = nil, pattern: String, rules: DocumentRules) {
            self.set = set
            self.pattern = pattern
            self.rules = rules
        }
    }

    public var entries: [Entry]
    /// For documents that no entry fits.
    public var otherwise: DocumentRules

    public init(_ entries: [Entry] = [], otherwise: DocumentRules = DocumentRules()) {
        self.entries = entries
        self.otherwise = otherwise
    }

    /// Takes time in proportion to the lengths of name and patterns, multiplied.
    public func rules(of document: DocumentName, in set: String) -> DocumentRules {
        entries.first {
            ($0.set == nil || $0.set == set) && Pattern($0.pattern).fits(document.text)
        }?.rules ?? otherwise
    }
}

private struct Pattern {
    private enum Part {
        case exactly(Unicode.Scalar)
        case one
        case withinName
        case any
    }

    private var parts: [Part] = []

    init(_ text: String) {
        for scalar in text.unicodeScalars {
            switch (scalar, parts.last) {
            case ("*", .withinName): parts[parts.count - 1] = .any
            case ("*", .any): break
            case ("*", _): parts.append(.withinName)
            case ("?", _): parts.append(.one)
            default: parts.append(.exactly(scalar))
            }
        }
    }

    /// Follows all ways at once: `reached[i]` says that the first i parts may have made what was read.
    func fits(_ text: String) -> Bool {
        var reached = [Bool](repeating: false, count: parts.count + 1)
        reached[0] = true
        skip(&reached)
        for scalar in text.unicodeScalars {
            var next = [Bool](repeating: false, count: parts.count + 1)
            for (place, part) in parts.enumerated() where reached[place] {
                switch part {
                case .exactly(let wanted): if scalar == wanted { next[place + 1] = true }
                case .one: if scalar != "/" { next[place + 1] = true }
                case .withinName: if scalar != "/" { next[place] = true }
                case .any: next[place] = true
                }
            }
            skip(&next)
            reached = next
        }
        return reached[parts.count]
    }

    /// Stars stand for nothing, too.
    private func skip(_ reached: inout [Bool]) {
        for (place, part) in parts.enumerated() where reached[place] {
            switch part {
            case .withinName, .any: reached[place + 1] = true
            case .exactly, .one: break
            }
        }
    }
}
