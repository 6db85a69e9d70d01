public import Dovetail

/// A table as its replica describes it.
public struct TableDescription: Sendable, Hashable {
    public var name: String
    public var columns: [ColumnDescription]
    /// The columns of the primary key, in order; empty when there is none.
    public var primaryKey: [String]
    /// The column that is the store's own row id, when it is one; an `id` match uses it.
    public var idColumn: String?
    public var foreignKeys: [ForeignKey]
    /// Other sets of columns that the store keeps unique.
    public var uniqueKeys: [[String]]
    /// Why it can't be written to, in words; nil when it can.
    public var readOnlyReason: String?
    /// Why its records can't be matched by content over several runs, in words; nil when they can.
    public var contentReason: String?

    public struct ForeignKey: Sendable, Hashable {
        public var columns: [String]
        public var table: String
        public var targetColumns: [String]

        public init(columns: [String], table: String, targetColumns: [String]) {
            self.columns = columns
            self.table = table
            self.targetColumns = targetColumns
        }
    }

    public init(
        name: String, columns: [ColumnDescription], primaryKey: [String] = [], idColumn: String? = nil,
        foreignKeys: [ForeignKey] = [], uniqueKeys: [[String]] = [], readOnlyReason: String? = nil,
        contentReason: String? = nil
    ) {
        self.name = name
        self.columns = columns
        self.primaryKey = primaryKey
        self.idColumn = idColumn
        self.foreignKeys = foreignKeys
        self.uniqueKeys = uniqueKeys
        self.readOnlyReason = readOnlyReason
        self.contentReason = contentReason
    }

    public func column(_ name: String) -> ColumnDescription? { columns.first { $0.name == name } }
}

/// A column as its replica describes it.
public struct ColumnDescription: Sendable, Hashable {
    public var name: String
    public var type: FieldType
    /// The store's own word for the type.
    public var declaredType: String
    public var isNullable: Bool
    /// The store computes it; it can be read but not written.
    public var isGenerated: Bool
    /// Where the store declares no types: why the column is taken to be of this one. Such a column holds other numbers
    /// and geometries too. Nil where the store itself says the type.
    public var typeReason: String?

    public init(
        name: String, type: FieldType, declaredType: String = "", isNullable: Bool = true,
        isGenerated: Bool = false, typeReason: String? = nil
    ) {
        self.name = name
        self.type = type
        self.declaredType = declaredType
        self.isNullable = isNullable
        self.isGenerated = isGenerated
        self.typeReason = typeReason
    }
}

/// A table as one side shows it to a job: which columns stand for the fields of the shared schema.
public struct TableView: Sendable, Hashable {
    /// The fields both sides share; packed records hold them in this order.
    public var schema: TableSchema
    /// The table's name on this side.
    public var table: String
    /// One per field of the schema.
    public var columns: [ColumnBinding]
    /// A condition in the replica's own language that records must meet to take part.
    public var filter: String?
    /// Whether the job asks for a change feed on this table.
    public var wantsChangeFeed: Bool

    public init(
        schema: TableSchema, table: String, columns: [ColumnBinding], filter: String? = nil,
        wantsChangeFeed: Bool = false
    ) {
        self.schema = schema
        self.table = table
        self.columns = columns
        self.filter = filter
        self.wantsChangeFeed = wantsChangeFeed
    }

    /// Positions of the key's fields in the schema; empty when records are known by the store's own id.
    public var keyFields: [Int] {
        if case .match(let names) = schema.identity { names.compactMap(schema.index(of:)) } else { [] }
    }
}

/// A column of one side that stands for a shared field.
public struct ColumnBinding: Sendable, Hashable {
    public var column: String
    public var conversion: Conversion?

    public init(_ column: String, conversion: Conversion? = nil) {
        self.column = column
        self.conversion = conversion
    }
}

/// A declared conversion between a column and the shared field. Each round-trips, or refuses the value.
public enum Conversion: String, Sendable, Hashable, Codable, CaseIterable {
    /// The column holds 0 and 1 (or `f`/`t`, `false`/`true`), the field is a bool.
    case bool
    /// The column holds the text form of the field's values.
    case text
    /// The column holds multi geometries, the field single ones.
    case multi
}
