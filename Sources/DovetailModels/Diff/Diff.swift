public import Dovetail

/// What would have to be done to one dataset so that it holds what another holds, as a tree in the terms of the models.
///
/// Memory: O(differences), and the records under which they stand.
public struct Diff: Sendable, Hashable {
    /// The dataset that is followed, and the one that would change.
    public let source: String
    public let destination: String
    /// Types in the order of the destination, records of a type in the order of their identifiers.
    public let elements: [DiffElement]
    public let summary: DiffSummary
    /// Types that only one of the datasets holds: they are not compared.
    public let uncompared: [String]
    /// Why nothing is deleted: the source says that records of it may be missing.
    public let incomplete: String?

    /// Whether there is nothing to do.
    public var isEmpty: Bool { summary.create + summary.update + summary.delete == 0 }

    /// All elements with their depth, parents before what stands under them.
    public var flattened: [(depth: Int, element: DiffElement)] {
        var flat: [(Int, DiffElement)] = []
        var open = elements.reversed().map { (0, $0) }
        while let (depth, element) = open.popLast() {
            flat.append((depth, element))
            open.append(contentsOf: element.children.reversed().map { (depth + 1, $0) })
        }
        return flat
    }

    /// The elements that fit, with those under which they stand; the summary counts what is left.
    public func filter(_ fits: (DiffElement) -> Bool) -> Diff {
        let left = elements.compactMap { $0.filtered(fits) }
        var counts = DiffSummary()
        counts.unchanged = summary.unchanged
        counts.skipped = summary.skipped - elements.reduce(0) { $0 + $1.protectedCount }
        for element in left { element.count(into: &counts) }
        return Diff(
            source: source, destination: destination, elements: left, summary: counts, uncompared: uncompared,
            incomplete: incomplete)
    }
}

/// How many records are to be created, updated and deleted.
public struct DiffSummary: Sendable, Hashable, Codable {
    public var create = 0
    public var update = 0
    public var delete = 0
    /// Equal on both sides.
    public var unchanged = 0
    /// Left alone: records that can't be told apart, what an incomplete source does not hold, and what rules speak against.
    public var skipped = 0

    public init(create: Int = 0, update: Int = 0, delete: Int = 0, unchanged: Int = 0, skipped: Int = 0) {
        self.create = create
        self.update = update
        self.delete = delete
        self.unchanged = unchanged
        self.skipped = skipped
    }

    private enum CodingKeys: String, CodingKey {
        case create, update, delete, unchanged = "no-change", skipped = "skip"
    }
}

/// One record that differs, or under which others stand that do.
public struct DiffElement: Sendable, Hashable {
    public enum Action: String, Sendable, Hashable, Codable, CaseIterable { case create, update, delete }

    /// An attribute: of an update one that changes, else each.
    public struct Attribute: Sendable, Hashable {
        public let name: String
        /// What the destination holds; nil when it has no such record.
        public let old: Value?
        /// What the source holds; nil when it has no such record.
        public let new: Value?
    }

    public let type: String
    public let identifiers: [(name: String, value: Value)]
    /// Nil: the record itself is alike on both sides.
    public let action: Action?
    public let attributes: [Attribute]
    /// The rule because of which it will not be done; nil: it will.
    public let protectedBy: String?
    public internal(set) var children: [DiffElement]

    /// The identifiers for a person, separated by commas.
    public var name: String { identifiers.map(\.value.words).joined(separator: ", ") }

    public static func == (a: DiffElement, b: DiffElement) -> Bool {
        a.type == b.type && a.action == b.action && a.protectedBy == b.protectedBy
            && a.attributes == b.attributes && a.children == b.children
            && a.identifiers.elementsEqual(b.identifiers) { $0.name == $1.name && $0.value == $1.value }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        hasher.combine(action)
        for identifier in identifiers { hasher.combine(identifier.value) }
    }

    fileprivate func filtered(_ fits: (DiffElement) -> Bool) -> DiffElement? {
        var element = self
        element.children = children.compactMap { $0.filtered(fits) }
        if fits(self) { return element }
        guard !element.children.isEmpty else { return nil }
        // It only shows where the others stand.
        return DiffElement(
            type: type, identifiers: identifiers, action: nil, attributes: [], protectedBy: nil,
            children: element.children)
    }

    /// How many of it and what stands under it are shown and will not be done.
    fileprivate var protectedCount: Int {
        children.reduce(protectedBy == nil ? 0 : 1) { $0 + $1.protectedCount }
    }

    func count(into summary: inout DiffSummary) {
        switch action {
        case .some where protectedBy != nil: summary.skipped += 1
        case .create: summary.create += 1
        case .update: summary.update += 1
        case .delete: summary.delete += 1
        case nil: break
        }
        for child in children { child.count(into: &summary) }
    }
}
