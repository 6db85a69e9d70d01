import Dovetail
import DovetailEngine

/// A table of a scenario.
struct ScenarioTable: Sendable {
    let schema: TableSchema
    let rules: TableRules
    /// The position of the field by which edits name a row.
    let address: Int
    /// Whether the stores make the match their primary key.
    let isKeyed: Bool
    private let constraints: Sides<Constraints>

    var isLinked: Bool { schema.identity == .content }

    /// What a store asks of the rows.
    struct Constraints: Sendable {
        var unique: [[String]] = []
        var references: [TableDescription.ForeignKey] = []
        var required: Set<String> = []
    }

    init(_ part: ScenarioPart, jobRules: ScenarioPart?) throws {
        let own: Set<String> = ["unique", "references", "required"]
        let parts = try part.object(
            own.union(["name", "fields", "match", "identity", "address", "keyed", "rules", "left", "right"]))
        guard let name = parts["name"], let fieldParts = parts["fields"] else {
            throw part.failure("name and fields are due")
        }
        let fields = try fieldParts.list().map(Self.field)
        let identity = try Self.identity(parts, part)
        var both = Constraints()
        try both.take(parts)
        var sides = Sides(left: both, right: both)
        for side in Side.allCases {
            guard let part = parts[side.rawValue] else { continue }
            try sides[side].take(try part.object(own))
        }
        constraints = sides
        schema = TableSchema(
            try name.text(), fields: fields, identity: identity,
            references: both.references.map {
                Reference(fields: $0.columns, table: $0.table, targetFields: $0.targetColumns)
            })
        var rules = TableRules()
        for rulesPart in [jobRules, parts["rules"]] { try rulesPart.map { try rules.take($0) } }
        self.rules = rules
        let matched: [String] = if case .match(let names) = identity { names } else { [] }
        let addressed = try parts["address"]?.text() ?? matched.first ?? fields.first?.name ?? ""
        let names = fields.map(\.name)
        guard let index = names.firstIndex(of: addressed), matched.allSatisfy(names.contains) else {
            throw part.failure("match and address name fields of the table")
        }
        address = index
        isKeyed = try parts["keyed"]?.flag() ?? (matched.count == 1)
    }

    private static func identity(_ parts: [String: ScenarioPart], _ table: ScenarioPart) throws -> Identity {
        if let match = parts["match"] { return .match(try match.texts()) }
        switch try parts["identity"]?.text() {
        case "id": return .id
        case "content": return .content
        default: throw table.failure("match, or identity id or content, is due")
        }
    }

    private static func field(_ part: ScenarioPart) throws -> Field {
        let words = try part.text().split(separator: " ").map(String.init)
        guard words.count >= 2, let type = type(words[1]) else {
            throw part.failure("a field is written as name and type")
        }
        var options = FieldOptions()
        for word in words.dropFirst(2) {
            if word == "nfc" {
                options.unicode = .nfc
            } else if word == "unordered" {
                options.unordered = true
            } else if word.hasPrefix("tolerance="), let tolerance = Double(word.dropFirst("tolerance=".count))
            {
                options.tolerance = tolerance
            } else {
                throw part.failure("“\(word)” is no option of a field")
            }
        }
        return Field(words[0], type, options: options)
    }

    private static func type(_ word: String) -> FieldType? {
        if word.hasSuffix("[]") { return type(String(word.dropLast(2))).map { .list($0) } }
        let plain: [FieldType] = [.int, .double, .text, .bool, .date, .time, .timestamp, .decimal, .uuid]
        if word == "point" { return .geometry(GeometryKind(type: "POINT", srid: 4326)) }
        return plain.first { $0.name == word }
    }

    func constraints(of side: Side) -> Constraints { constraints[side] }

    /// What a store is asked to make on one side.
    func description(of side: Side) -> TableDescription {
        let constraints = constraints[side]
        let matched: [String] = if case .match(let names) = schema.identity { names } else { [] }
        return TableDescription(
            name: schema.name,
            columns: schema.fields.map {
                ColumnDescription(
                    name: $0.name, type: $0.type, isNullable: !constraints.required.contains($0.name))
            },
            primaryKey: isKeyed ? matched : [], foreignKeys: constraints.references,
            uniqueKeys: constraints.unique)
    }

    /// How plans and edits call a record.
    func name(of key: RecordKey, _ records: PackedRecord?...) -> String {
        if case .match = schema.identity { return key.words }
        let value = records.lazy.compactMap { $0 }.first.flatMap { try? $0.value(at: address) }
        return value?.words ?? key.words
    }

    func row(_ part: ScenarioPart) throws -> [Value] {
        let parts = try part.list()
        guard parts.count == schema.fields.count else {
            throw part.failure("\(parts.count) values where \(schema.name) has \(schema.fields.count) fields")
        }
        return try zip(parts, schema.fields).map { try $0.value(of: $1.type) }
    }
}

extension ScenarioTable.Constraints {
    fileprivate mutating func take(_ parts: [String: ScenarioPart]) throws {
        if let part = parts["unique"] { unique += try part.list().map { try $0.texts() } }
        if let part = parts["required"] { required.formUnion(try part.texts()) }
        for part in try parts["references"]?.list() ?? [] {
            // "fields -> table.fields"
            let sides = try part.text().split(separator: " -> ")
            let target = sides.last?.split(separator: ".") ?? []
            guard sides.count == 2, target.count == 2 else {
                throw part.failure("a reference is written as field -> table.field")
            }
            references.append(
                TableDescription.ForeignKey(
                    columns: [String(sides[0])], table: String(target[0]), targetColumns: [String(target[1])])
            )
        }
    }
}

extension TableRules {
    fileprivate mutating func take(_ part: ScenarioPart) throws {
        let parts = try part.object(["direction", "conflicts", "fieldConflicts", "deletes"])
        if let part = parts["direction"] {
            guard let direction = Direction(rawValue: try part.text()) else {
                throw part.failure("no direction")
            }
            self.direction = direction
        }
        if let part = parts["conflicts"] { conflicts = try Self.policy(part) }
        for (field, part) in try parts["fieldConflicts"]?.entries() ?? [] {
            fieldConflicts[field] = try Self.policy(part)
        }
        if let part = parts["deletes"] {
            guard let deletes = DeletePolicy(rawValue: try part.text()) else {
                throw part.failure("no rule for deletes")
            }
            self.deletes = deletes
        }
    }

    private static func policy(_ part: ScenarioPart) throws -> ConflictPolicy {
        let words = try part.text().split(separator: " ").map(String.init)
        switch words.first {
        case "ask": return .ask
        case "left": return .left
        case "right": return .right
        case "merge": return .merge
        case "newest" where words.count == 2: return .newest(field: words[1])
        default: throw part.failure("a policy is ask, left, right, merge or newest with a field")
        }
    }
}
