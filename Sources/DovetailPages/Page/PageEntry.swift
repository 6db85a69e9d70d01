import Dovetail

/// What is said about a record in one line of a page.
enum EntryKind: String, CaseIterable, Sendable {
    /// In the order in which a page lists them: first what waits for a person.
    case conflict, refused, duplicated, unwritten, insert, update, delete, different, onlyLeft, onlyRight

    /// A sign beside the word and the colour: none of them alone has to carry the meaning.
    var sign: HTML {
        switch self {
        case .conflict: "!"
        case .refused, .duplicated: "✗"
        case .unwritten: "○"
        case .insert: "+"
        case .update: "~"
        case .delete: "−"
        case .different: "≠"
        case .onlyLeft: "‹"
        case .onlyRight: "›"
        }
    }

    /// The word for one of them.
    func word(_ labels: Sides<String>) -> String {
        switch self {
        case .conflict, .insert, .update, .delete, .refused: rawValue
        case .duplicated: "several"
        case .unwritten: "not written"
        case .different: "different"
        case .onlyLeft: "only on \(labels.left)"
        case .onlyRight: "only on \(labels.right)"
        }
    }

    /// The word for many of them.
    func plural(_ labels: Sides<String>) -> String {
        switch self {
        case .conflict, .insert, .update, .delete: rawValue + "s"
        case .duplicated: "keys of several records"
        default: word(labels)
        }
    }
}

/// One line of a page: a record, and what is said about it.
struct PageEntry {
    struct Field {
        enum Content {
            /// From what to what.
            case change(old: Value, new: Value)
            /// What it is, or was.
            case value(Value)
            /// Both sides, and the base where one is known.
            case sides(base: Value?, left: Value, right: Value)
            /// That it takes part, without its values.
            case name
        }
        var name: String
        var content: Content
        var note: String?
    }

    var table: String
    /// The key in words.
    var key: String
    var kind: EntryKind
    /// The side that is written to.
    var side: Side?
    var fields: [Field] = []
    var reason: String?
    var notes: [String] = []
    /// What the map draws.
    var shapes: [MapShape] = []
}

/// A geometry on the map, and which one of a record's geometries it is.
struct MapShape {
    enum Role: String, Sendable {
        case before = "b"
        case after = "a"
        /// Where the record is, while other fields change.
        case place = "p"
        case base = "o"
        case left = "l"
        case right = "r"
    }
    var role: Role
    var geometry: Geometry
}

extension [MapShape] {
    /// The geometries of a change from what to what.
    init(old: [Value], new: [Value]) {
        self = []
        for index in 0..<Swift.max(old.count, new.count) {
            let before = index < old.count ? old[index].drawn : nil
            let after = index < new.count ? new[index].drawn : nil
            if let before, before == after {
                append(MapShape(role: .place, geometry: before))
                continue
            }
            if let before { append(MapShape(role: .before, geometry: before)) }
            if let after { append(MapShape(role: .after, geometry: after)) }
        }
    }

    /// Where a record is.
    init(place values: [Value]) {
        self = values.compactMap { $0.drawn.map { MapShape(role: .place, geometry: $0) } }
    }
}

extension Value {
    fileprivate var drawn: Geometry? {
        if case .geometry(let geometry) = self { geometry } else { nil }
    }
}

/// What receives the lines of a page.
typealias EntryReceiver = (PageEntry) throws -> Void

/// The lines of a page, which can be gone through more than once.
protocol EntrySource {
    func entries(_ receive: EntryReceiver) async throws
    /// How many of each kind there are, without making them.
    func counts() async throws -> [EntryGroup: Int]
}

/// The lines of one table and kind.
struct EntryGroup: Hashable {
    var table: String
    var kind: EntryKind
}
