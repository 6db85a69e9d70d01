import Dovetail
import DovetailEngine

/// A table in a description.
struct WireTable: Codable, Sendable {
    struct Column: Codable, Sendable {
        var name: String
        /// As `FieldType.name`.
        var type: String
        var declared: String?
        var required: Bool?
        var generated: Bool?
        var typeReason: String?
    }

    struct ForeignKey: Codable, Sendable {
        var columns: [String]
        var table: String
        var targets: [String]
    }

    var name: String
    var columns: [Column]
    /// The columns that identify a record.
    var key: [String]?
    var idColumn: String?
    var references: [ForeignKey]?
    var unique: [[String]]?
    /// Why it can't be written to.
    var readOnly: String?
    var contentReason: String?

    init(_ table: TableDescription) {
        name = table.name
        columns = table.columns.map {
            Column(
                name: $0.name, type: $0.type.name, declared: $0.declaredType, required: !$0.isNullable,
                generated: $0.isGenerated, typeReason: $0.typeReason)
        }
        key = table.primaryKey
        idColumn = table.idColumn
        references = table.foreignKeys.map {
            ForeignKey(columns: $0.columns, table: $0.table, targets: $0.targetColumns)
        }
        unique = table.uniqueKeys
        readOnly = table.readOnlyReason
        contentReason = table.contentReason
    }

    /// - Throws: ``WireProblem`` for a type that is none, and for names that are not there.
    func description() throws -> TableDescription {
        let columns = try columns.map { column in
            ColumnDescription(
                name: column.name, type: try WireView.type(column.type, "\(name).\(column.name)"),
                declaredType: column.declared ?? column.type, isNullable: !(column.required ?? false),
                isGenerated: column.generated ?? false, typeReason: column.typeReason)
        }
        var names: Set<String> = []
        for column in columns where !names.insert(column.name).inserted {
            throw WireProblem("describes two columns “\(column.name)” of “\(name)”; one has to go")
        }
        let named = (key ?? []) + (references ?? []).flatMap(\.columns) + (unique ?? []).flatMap { $0 }
        if let unknown = named.first(where: { !names.contains($0) }) {
            throw WireProblem(
                "names “\(unknown)” in the key, a reference or a unique set of “\(name)”, which has no such column"
            )
        }
        return TableDescription(
            name: name, columns: columns, primaryKey: key ?? [], idColumn: idColumn,
            foreignKeys: (references ?? []).map {
                TableDescription.ForeignKey(columns: $0.columns, table: $0.table, targetColumns: $0.targets)
            },
            uniqueKeys: unique ?? [], readOnlyReason: readOnly, contentReason: contentReason)
    }
}

/// A message that says something that can't be. The words go on after “the program”.
struct WireProblem: Error {
    let words: String
    init(_ words: String) { self.words = words }
}

/// A table as a job looks at it.
struct WireView: Codable, Sendable {
    struct Column: Codable, Sendable {
        /// On the program's side.
        var column: String
        /// In the job.
        var field: String
        var type: String
        var conversion: Conversion?
        var tolerance: Double?
        var unordered: Bool?
        var unicode: String?
    }

    /// On the program's side.
    var table: String
    /// In the job.
    var name: String
    /// In the order in which records hold their values.
    var columns: [Column]
    /// The columns that identify a record, by their places among ``columns``; nil: the store's own ids do.
    var key: [Int]?
    /// Records are linked by content; ``key`` is nil then.
    var byContent: Bool?
    var condition: String?
    var feed: Bool?

    init(_ view: TableView) {
        table = view.table
        name = view.schema.name
        columns = zip(view.columns, view.schema.fields).map { binding, field in
            Column(
                column: binding.column, field: field.name, type: field.type.name,
                conversion: binding.conversion, tolerance: field.options.tolerance,
                unordered: field.options.unordered ? true : nil,
                unicode: field.options.unicode == .exact ? nil : field.options.unicode.rawValue)
        }
        switch view.schema.identity {
        case .match: key = view.keyFields
        case .id: break
        case .content: byContent = true
        }
        condition = view.filter
        feed = view.wantsChangeFeed ? true : nil
    }

    /// - Throws: ``WireProblem`` for what no view can be.
    func view() throws -> TableView {
        let fields = try columns.map { column in
            Field(
                column.field, try Self.type(column.type, column.field),
                options: FieldOptions(
                    tolerance: column.tolerance, unordered: column.unordered ?? false,
                    unicode: column.unicode.flatMap { FieldOptions.UnicodeForm(rawValue: $0) } ?? .exact))
        }
        guard (key ?? []).allSatisfy(fields.indices.contains) else {
            throw WireProblem("asks by a key that is not among the columns of \(table)")
        }
        let identity: Identity =
            key.map { .match($0.map { fields[$0].name }) } ?? (byContent == true ? .content : .id)
        return TableView(
            schema: TableSchema(name, fields: fields, identity: identity), table: table,
            columns: columns.map { ColumnBinding($0.column, conversion: $0.conversion) }, filter: condition,
            wantsChangeFeed: feed ?? false)
    }

    static func type(_ words: String, _ place: String) throws -> FieldType {
        guard let type = FieldType(words: words) else {
            throw WireProblem(
                "gives “\(words)” as the type of \(place); types are bool, int, double, text, …")
        }
        return type
    }
}
