import Dovetail
import DovetailEngine

/// Decides how the records of one table find each other.
///
/// What the file says is checked. Where it says nothing, a key that both sides declare is taken; a number
/// that each store gives to its own rows never is, because the sides number differently and would
/// overwrite each other.
struct IdentityMapper {
    let file: JobFile
    let table: JobFile.Table
    let descriptions: Sides<TableDescription>
    let fields: [MappedField]
    /// Whether no run follows, in which records would have to be known again.
    let onlyLooks: Bool
    private(set) var problems: [JobFileError.Problem] = []

    init(
        _ file: JobFile, _ table: JobFile.Table, _ descriptions: Sides<TableDescription>,
        _ fields: [MappedField], onlyLooks: Bool = false
    ) {
        self.onlyLooks = onlyLooks
        self.file = file
        self.table = table
        self.descriptions = descriptions
        self.fields = fields
    }

    /// The identity; nil when a problem was reported.
    mutating func map() -> Identity? {
        switch table.match {
        case .fields(let names): return checked(names)
        case .id: return byID()
        case .content: return byContent()
        case nil:
            if let names = sharedKey() { return .match(names) }
            report(
                nil, "no match is given, and the sides share no key that identifies a record",
                hint: "write match: [FIELD, …] with fields that are unique on both sides"
                    + (candidates.isEmpty ? "" : " (\(candidates.joined(separator: ", "))?)")
                    + ", match: id if both sides use the same ids, or match: content")
            return nil
        }
    }

    // MARK: What the file says

    private mutating func checked(_ names: [String]) -> Identity? {
        let known = fields.map(\.field.name)
        var isSound = true
        for name in names where !known.contains(name) {
            isSound = false
            if table.ignore.contains(name) {
                report(
                    "match", "the field “\(name)” is ignored and can't be the key",
                    hint: "remove it from ignore")
                continue
            }
            let missing = Side.allCases.filter { descriptions[$0].column(name) == nil }
            // One that both have was refused for its types already.
            guard !missing.isEmpty else { continue }
            let labels = missing.map { file.replica($0.fileSide).label }.joined(separator: " and ")
            report(
                "match", "\(labels) \(missing.count == 1 ? "has" : "have") no field “\(name)”",
                hint: Spelling.hint(for: name, in: known, otherwise: "the shared fields are"))
        }
        for field in fields where names.contains(field.field.name) {
            switch field.field.type {
            case .geometry, .list, .blob:
                isSound = false
                report(
                    "match", "“\(field.field.name)” is a \(field.field.type.name) and can't be the key",
                    hint: "match by numbers or text")
            default: break
            }
            if !field.field.options.isExact {
                isSound = false
                report(
                    "match", "“\(field.field.name)” is compared with tolerance and can't be the key",
                    hint: "remove tolerance, unordered and unicode from it")
            }
        }
        return isSound ? .match(names) : nil
    }

    private mutating func byID() -> Identity? {
        var isSound = true
        for side in Side.allCases where descriptions[side].idColumn == nil {
            isSound = false
            report(
                "match",
                "\(file.replica(side.fileSide).label): \(descriptions[side].name) has no id of its own "
                    + "(an INTEGER PRIMARY KEY)", hint: "write match: [FIELD] or match: content")
        }
        return isSound ? .id : nil
    }

    private mutating func byContent() -> Identity? {
        var isSound = true
        for side in Side.allCases {
            let label = file.replica(side.fileSide).label
            if let reason = descriptions[side].readOnlyReason {
                isSound = false
                report(
                    "match",
                    "\(label): records of \(descriptions[side].name) "
                        + "can't be told apart by content: \(reason)",
                    hint: "write match: [FIELD]")
            }
            if let reason = descriptions[side].contentReason, !onlyLooks {
                isSound = false
                report(
                    "match",
                    "\(label): records of \(descriptions[side].name) can't be matched by content: \(reason)",
                    hint: "write match: [FIELD] with fields that identify a record")
            }
            if file.changeFeed(of: table, on: side.fileSide) {
                isSound = false
                report(
                    table.changeFeed == nil ? nil : "change_feed",
                    "a change feed can't be used with match: content, "
                        + "because every record has to be looked at",
                    hint: "write change_feed: false for this table")
                break
            }
        }
        return isSound ? .content : nil
    }

    // MARK: What both sides declare

    /// The fields of a key that both sides declare and that is no row number.
    private func sharedKey() -> [String]? {
        let keys = Side.allCases.map { side -> [[String]] in
            let description = descriptions[side]
            return ([description.primaryKey] + description.uniqueKeys).compactMap { names(of: $0, on: side) }
        }
        return keys[0].first { key in
            guard keys[1].contains(where: { Set($0) == Set(key) }) else { return false }
            // A primary key that is a single integer counts rows, whatever it is called.
            return key.count > 1 || type(of: key[0]) != .int
                || !(isPrimary(key, .left) || isPrimary(key, .right))
        }
    }

    private func isPrimary(_ key: [String], _ side: Side) -> Bool {
        names(of: descriptions[side].primaryKey, on: side) == key
    }

    /// Field names of some columns; nil when one takes no part, or is the store's own row id.
    private func names(of columns: [String], on side: Side) -> [String]? {
        guard !columns.isEmpty else { return nil }
        var names: [String] = []
        for column in columns {
            guard column != descriptions[side].idColumn,
                let field = fields.first(where: { $0.bindings[side].column == column })
            else { return nil }
            names.append(field.field.name)
        }
        return names
    }

    private func type(of name: String) -> FieldType? {
        fields.first { $0.field.name == name }?.field.type
    }

    /// Fields whose names sound like a key.
    private var candidates: [String] {
        fields.map(\.field.name).filter(KeyNames.soundsLikeKey).prefix(3).map(\.self)
    }

    private mutating func report(_ key: String?, _ message: String, hint: String) {
        let path = (["tables", table.name] + (key.map { [$0] } ?? [])).reduce(NodePath()) { $0.key($1) }.text
        problems.append(file.problem(at: path, message, hint: hint))
    }
}

/// What keys tend to be called.
enum KeyNames {
    private static let endings = [
        "uuid", "guid", "_id", "id", "code", "kode", "icao", "iata", "key", "nr", "ref",
    ]

    static func soundsLikeKey(_ name: String) -> Bool {
        let name = name.lowercased()
        return endings.contains { name.hasSuffix($0) }
    }
}
