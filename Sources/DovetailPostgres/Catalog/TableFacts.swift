import Dovetail
import DovetailEngine

/// What PostgreSQL knows about one table: read from the catalog anew for every look, never cached across them.
struct TableFacts: Sendable {
    /// `pg_class.relkind`.
    enum Form: String, Sendable {
        case table = "r"
        case partitioned = "p"
        case view = "v"
        case materializedView = "m"
        case foreign = "f"
    }

    var number: UInt32
    var schema: String
    var relation: String
    /// The name under which it is described and found; see ``TableName``.
    var name: String
    var form: Form
    /// The server of a foreign table.
    var foreignServer: String?
    /// What the role may do to all of its columns.
    var mayInsert = true
    var mayUpdate = true
    var mayDelete = true
    /// The database, in SQL, when the role may make no temporary tables in it.
    var closedDatabase: String?
    var columns: [ColumnFacts] = []
    var primaryKey: [String] = []
    var uniqueKeys: [UniqueKey] = []
    var foreignKeys: [ForeignKey] = []
    /// The first columns of each index that is not partial, in order, as far as they are no expressions.
    var indexes: [[String]] = []

    struct UniqueKey: Sendable, Hashable {
        var name: String
        var columns: [String]
        /// Can be checked at the end of the transaction.
        var isDeferrable: Bool
    }

    struct ForeignKey: Sendable, Hashable {
        var name: String
        var columns: [String]
        /// As ``TableFacts/name``.
        var table: String
        var targetColumns: [String]
        var isDeferrable: Bool
    }

    /// In SQL, whatever the search path is.
    var sql: String { "\(schema.quotedIdentifier).\(relation.quotedIdentifier)" }

    func column(_ name: String) -> ColumnFacts? { columns.first { $0.name == name } }

    /// The column that is the records' id: the whole primary key, an integer, given by the store itself.
    var idColumn: String? {
        guard primaryKey.count == 1, let column = column(primaryKey[0]), column.form.fieldType == .int,
            column.isIdentity || column.hasDefault
        else { return nil }
        return column.name
    }

    var readOnlyReason: String? {
        switch form {
        case .view: return "it is a view; write to the tables it is made of"
        case .materializedView: return "it is a materialized view, made anew from its query"
        case .foreign:
            return
                "it is a foreign table, kept by the server \(foreignServer ?? "it comes from"); write to it there"
        case .table, .partitioned:
            guard
                mayInsert || mayUpdate || mayDelete
                    || columns.contains(where: { $0.mayInsert || $0.mayUpdate })
            else {
                return "this role may not write to it; its owner can GRANT INSERT, UPDATE, DELETE ON \(sql)"
            }
            return closedDatabase.map {
                "writing needs temporary tables, which this role may not make; the database's owner can"
                    + " GRANT TEMPORARY ON DATABASE \($0)"
            }
        }
    }

    /// Nil when the role may read none of its columns.
    var description: TableDescription? {
        let readable = columns.filter(\.mayRead)
        guard !readable.isEmpty else { return nil }
        return TableDescription(
            name: name, columns: readable.map(\.description), primaryKey: primaryKey, idColumn: idColumn,
            foreignKeys: foreignKeys.map {
                TableDescription.ForeignKey(
                    columns: $0.columns, table: $0.table, targetColumns: $0.targetColumns)
            },
            uniqueKeys: uniqueKeys.map(\.columns), readOnlyReason: readOnlyReason)
    }
}

/// One column.
struct ColumnFacts: Sendable {
    enum Identity: String, Sendable {
        case none = ""
        case always = "a"
        case byDefault = "d"
    }

    var name: String
    /// As a person would write it: `character varying(20)`.
    var declared: String
    var form: TypeForm
    /// By itself or by its domain.
    var isNotNull: Bool
    var hasDefault: Bool
    var identity: Identity
    /// `GENERATED ALWAYS AS (…)`.
    var isGenerated: Bool
    var mayRead = true
    var mayInsert = true
    var mayUpdate = true

    var isIdentity: Bool { identity != .none }

    var description: ColumnDescription {
        ColumnDescription(
            name: name, type: form.fieldType, declaredType: declared, isNullable: !isNotNull,
            isGenerated: isGenerated)
    }
}

/// Names of tables as people write them: `benches`, and `fkg.benches` for a schema that is not in the search path.
enum TableName {
    /// A part with a point or a quote in it stands in quotes, so that each name means one table.
    static func text(schema: String, relation: String, isVisible: Bool) -> String {
        isVisible ? part(relation) : "\(part(schema)).\(part(relation))"
    }

    private static func part(_ name: String) -> String {
        name.contains(".") || name.contains("\"") || name.isEmpty ? name.quotedIdentifier : name
    }

    /// The parts of a name, without quotes; nil when it has more than two, or a quote without an end.
    static func parts(_ text: String) -> [String]? {
        var parts: [String] = []
        var part = ""
        var isQuoted = false
        var rest = text[...]
        while let character = rest.popFirst() {
            switch character {
            case "\"" where isQuoted && rest.first == "\"":
                part.append("\"")
                rest.removeFirst()
            case "\"": isQuoted.toggle()
            case "." where !isQuoted:
                parts.append(part)
                part = ""
            default: part.append(character)
            }
        }
        parts.append(part)
        return isQuoted || parts.count > 2 ? nil : parts
    }
}
