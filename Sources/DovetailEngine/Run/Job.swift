public import Dovetail

/// A job as the engine runs it: two replicas, the tables they share, and the rules.
public struct SyncJob: Sendable {
    public var name: String
    /// What output calls the sides.
    public var labels: Sides<String>
    public var replicas: Sides<any Replica>
    public var tables: [JobTable]
    public var limits: Limits
    public var retention: HistoryRetention
    /// Seconds to wait for the job's lock.
    public var lockPatience: Double
    /// Tables that an earlier run knew and a replica no longer has.
    public var vanished: [(table: String, side: Side)]

    public init(
        name: String, labels: Sides<String> = Sides(left: "left", right: "right"),
        replicas: Sides<any Replica>,
        tables: [JobTable], limits: Limits = Limits(), retention: HistoryRetention = HistoryRetention(),
        lockPatience: Double = 0, vanished: [(table: String, side: Side)] = []
    ) {
        self.name = name
        self.labels = labels
        self.replicas = replicas
        self.tables = tables
        self.limits = limits
        self.retention = retention
        self.lockPatience = lockPatience
        self.vanished = vanished
    }

    public func table(_ name: String) -> JobTable? { tables.first { $0.schema.name == name } }
}

/// One table of a job.
public struct JobTable: Sendable {
    public var schema: TableSchema
    public var rules: TableRules
    public var views: Sides<TableView>
    /// The fields that other tables use to refer to records of this one, when they are its key.
    public var keyFields: [String]

    public init(schema: TableSchema, rules: TableRules, views: Sides<TableView>, keyFields: [String]? = nil) {
        self.schema = schema
        self.rules = rules
        self.views = views
        let matched: [String] = if case .match(let fields) = schema.identity { fields } else { [] }
        self.keyFields = keyFields ?? matched
    }

    /// Both sides under the field names of the schema: for tables that are called the same everywhere.
    public init(_ schema: TableSchema, rules: TableRules = TableRules(), wantsChangeFeed: Bool = false) {
        let view = TableView(
            schema: schema, table: schema.name, columns: schema.fields.map { ColumnBinding($0.name) },
            wantsChangeFeed: wantsChangeFeed)
        self.init(schema: schema, rules: rules, views: Sides(left: view, right: view))
    }

    /// What the base of this table was made under.
    public var layout: TableLayout {
        let fields = schema.fields.indices.map { index in
            let columns = Side.allCases.map { side in
                let column = views[side].columns[index]
                return column.column + (column.conversion.map { " as \($0.rawValue)" } ?? "")
            }
            return TableLayout.FieldLayout(
                name: schema.fields[index].name, type: schema.fields[index].type.name,
                columns: columns.joined(separator: " = "))
        }
        let scope = Side.allCases.map { views[$0].table + (views[$0].filter.map { " where \($0)" } ?? "") }
        return TableLayout(schema, fields: fields, scope: scope.joined(separator: " = "), rules: rules.words)
    }
}
