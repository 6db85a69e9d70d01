extension ItemReader {
    private static let tableKeys = [
        "left", "right", "match", "assigned", "fields", "ignore", "where", "conflicts", "deletes",
        "references",
        "change_feed",
    ]
    private static let fieldKeys = [
        "left", "right", "only", "convert", "tolerance", "unordered", "unicode", "conflicts",
    ]

    /// `tables:` as a map, a list of names, or the word `all`.
    mutating func tables(_ job: MapReader) -> JobFile.Tables? {
        let form = "tables: {NAME: {match: [FIELD]}}, a list of names, or tables: all"
        guard let item = job["tables"] else {
            report(at: job.item.position, NodePath().key("tables"), "is missing", hint: "write \(form)")
            return nil
        }
        switch item.node.content {
        case .scalar where item.node.isEmpty:
            report(item, "has no value", hint: "write \(form)")
            return nil
        case .scalar(let word, _):
            if word == "all" { return .all }
            report(item, "expected a map or a list of tables, found \(quote(item))", hint: "write \(form)")
            return nil
        case .list:
            guard let names = names(item, of: "table name", form: "[NAME, NAME]") else { return nil }
            return .listed(names.map { JobFile.Table(name: $0) })
        case .map:
            guard let map = anyMap(item, form: form) else { return nil }
            guard !map.items.isEmpty else {
                report(item, "names no table", hint: "write \(form)")
                return nil
            }
            let names = map.items.map(\.key)
            return .listed(map.items.compactMap { table($0.key, $0.item, among: names) })
        }
    }

    private mutating func table(_ name: String, _ item: Item, among names: [String]) -> JobFile.Table? {
        var table = JobFile.Table(name: name)
        if item.node.isEmpty { return table }
        guard let map = map(item, keys: Self.tableKeys, form: "\(name): {match: [FIELD]}") else { return nil }
        if let item = map["left"], let left = text(item, "the table's name") { table.left = left }
        if let item = map["right"], let right = text(item, "the table's name") { table.right = right }
        table.match = map["match"].flatMap { match($0) }
        table.assigned = map["assigned"].flatMap { assigned($0) }
        if let item = map["fields"], let fields = fields(item) { table.fields = fields }
        if let item = map["ignore"], let names = self.names(item, of: "field name", form: "[FIELD, FIELD]") {
            table.ignore = names
        }
        if let item = map["where"], let filter = filter(item) { table.filter = filter }
        if let item = map["conflicts"], let conflicts = conflicts(item) { table.conflicts = conflicts }
        table.deletes = map["deletes"].flatMap { choice($0, JobFile.DeleteRule.self) }
        if let item = map["references"], let references = references(item, among: names) {
            table.references = references
        }
        table.changeFeed = map["change_feed"].flatMap { bool($0) }
        checkTable(table, map)
        return table
    }

    private mutating func match(_ item: Item) -> JobFile.Match? {
        let form = "a list of fields, id or content"
        switch item.node.content {
        case .scalar:
            guard let word = text(item, form) else { return nil }
            switch word {
            case "id": return .id
            case "content": return .content
            default: return .fields([word])
            }
        case .list:
            return names(item, of: "field name", form: "[FIELD, FIELD]").map { .fields($0) }
        case .map:
            report(item, "expected \(form), found a map", hint: "write match: [FIELD]")
            return nil
        }
    }

    private mutating func assigned(_ item: Item) -> JobFile.Assigned? {
        let form = "{by: right, fields: [FIELD]}"
        guard let map = map(item, keys: ["by", "fields"], form: form) else { return nil }
        for key in ["by", "fields"] where map[key] == nil {
            report(at: item.position, item.path.key(key), "is missing", hint: "write assigned: \(form)")
        }
        let side = map["by"].flatMap { choice($0, JobFile.Side.self) }
        let fields = map["fields"].flatMap { names($0, of: "field name", form: "[FIELD, FIELD]") }
        guard let side, let fields else { return nil }
        return JobFile.Assigned(by: side, fields: fields)
    }

    private mutating func filter(_ item: Item) -> JobFile.Filter? {
        if item.node.scalar != nil {
            return text(item, "a condition").map { JobFile.Filter(left: $0, right: $0) }
        }
        let form = "where: CONDITION, or where: {left: CONDITION}"
        guard let map = map(item, keys: ["left", "right"], form: form) else { return nil }
        return JobFile.Filter(
            left: map["left"].flatMap { text($0, "a condition") },
            right: map["right"].flatMap { text($0, "a condition") })
    }

    // MARK: - References

    private mutating func references(_ item: Item, among tables: [String]) -> [JobFile.Reference]? {
        guard let map = anyMap(item, form: "references: {FIELD: TABLE.FIELD}") else { return nil }
        return map.items.compactMap { reference($0.key, $0.item, among: tables) }
    }

    private mutating func reference(
        _ field: String, _ item: Item, among tables: [String]
    ) -> JobFile.Reference? {
        var table: String?
        var tableField: String?
        var tableItem = item
        if item.node.scalar != nil {
            guard let target = text(item, "TABLE.FIELD") else { return nil }
            guard let dot = target.lastIndex(of: "."), dot != target.startIndex,
                target.index(after: dot) != target.endIndex
            else {
                report(item, "\(quote(item)) names no table and field", hint: "write TABLE.FIELD")
                return nil
            }
            table = String(target[..<dot])
            tableField = String(target[target.index(after: dot)...])
        } else {
            let form = "{table: TABLE, field: FIELD}"
            guard let map = map(item, keys: ["table", "field"], form: form) else { return nil }
            for key in ["table", "field"] where map[key] == nil {
                report(at: item.position, item.path.key(key), "is missing", hint: "write \(form)")
            }
            tableItem = map["table"] ?? item
            table = map["table"].flatMap { text($0, "the name of a table") }
            tableField = map["field"].flatMap { text($0, "the name of a field") }
        }
        guard let table, let tableField else { return nil }
        guard tables.contains(table) else {
            let near = Spelling.nearest(to: table, in: tables)
            let hint =
                near.map { "did you mean “\($0)”?" } ?? "the tables are \(tables.joined(separator: ", "))"
            report(tableItem, "\(quote(tableItem)) refers to a table that this job does not have", hint: hint)
            return nil
        }
        return JobFile.Reference(field: field, table: table, tableField: tableField)
    }

    // MARK: - Fields

    private mutating func fields(_ item: Item) -> JobFile.Fields? {
        let form = "fields: [FIELD], or fields: {FIELD: {right: NAME}}"
        if case .map = item.node.content {
            guard let map = anyMap(item, form: form) else { return nil }
            return .mapped(map.items.compactMap { field($0.key, $0.item) })
        }
        return names(item, of: "field name", form: form).map { .only($0) }
    }

    private mutating func field(_ name: String, _ item: Item) -> JobFile.Field? {
        if item.node.isEmpty { return JobFile.Field(name: name) }
        if item.node.scalar != nil {
            return text(item, "the field's name on the right").map { JobFile.Field(name: name, right: $0) }
        }
        guard let map = map(item, keys: Self.fieldKeys, form: "\(name): {right: NAME}") else { return nil }
        let only = map["only"].flatMap { choice($0, JobFile.Side.self) }
        if let only {
            let other = only == .left ? "right" : "left"
            if map[other] != nil {
                report(
                    map[other] ?? item, "the field is on the \(only.rawValue) only, so it has no name here",
                    hint: "remove only: \(only.rawValue) or \(other):")
            }
        }
        let left = map["left"].flatMap { text($0, "the field's name") }
        let right = map["right"].flatMap { text($0, "the field's name") }
        var field = JobFile.Field(name: name, left: left, right: right, only: only)
        field.convert = map["convert"].flatMap { choice($0, JobFile.Conversion.self) }
        field.tolerance = map["tolerance"].flatMap { number($0, "a number") }
        field.unordered = map["unordered"].flatMap { bool($0) } ?? false
        field.unicode = map["unicode"].flatMap { choice($0, JobFile.Unicode.self) }
        field.conflicts = map["conflicts"].flatMap { policy($0) }
        return field
    }

    // MARK: - What can only be seen together

    private mutating func checkTable(_ table: JobFile.Table, _ map: MapReader) {
        guard case .mapped(let fields) = table.fields, let fieldsItem = map["fields"] else { return }
        if case .fields(let keys) = table.match, let matchItem = map["match"] {
            for field in fields where keys.contains(field.name) {
                guard let only = field.only else { continue }
                report(
                    matchItem,
                    "the field “\(field.name)” is on the \(only.rawValue) only and can't be the key",
                    hint: "match by fields that both sides have")
            }
        }
        for side in JobFile.Side.allCases {
            var owners: [String: String] = [:]
            for field in fields {
                guard let name = side == .left ? field.left : field.right else { continue }
                if let owner = owners.updateValue(field.name, forKey: name) {
                    let path = fieldsItem.path.key(field.name)
                    report(
                        at: positions[path.text] ?? fieldsItem.position, path,
                        "has the same name on the \(side.rawValue) as the field “\(owner)”",
                        hint: "give each field a name of its own")
                }
            }
        }
        for field in fields where field.conflicts != nil && table.conflicts.fields[field.name] != nil {
            let path = (map["conflicts"]?.path ?? fieldsItem.path).key(field.name)
            report(
                at: positions[path.text] ?? fieldsItem.position, path,
                "the field has a policy under “fields” too", hint: "keep one of them")
        }
    }
}
