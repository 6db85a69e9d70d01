import Dovetail
import DovetailEngine

/// Reads the schema of a database: a handful of questions, however many tables there are.
struct Catalog {
    private let session: Session
    /// Everything there is, without columns, in the order of schemas and names.
    private let relations: [TableFacts]

    /// Names that Dovetail keeps for itself.
    static func isOwn(_ relation: String) -> Bool { relation.hasPrefix("dovetail_") }

    init(_ session: Session) throws {
        self.session = session
        let rows = try session.execute(CatalogQueries.relations)
        relations = (0..<rows.count).compactMap { row in
            guard let number = rows.oid(row, 0), let schema = rows.text(row, 1),
                let relation = rows.text(row, 2),
                let form = TableFacts.Form(rawValue: rows.text(row, 3) ?? ""),
                !Self.isOwn(relation)
            else { return nil }
            let isVisible = rows.bool(row, 4) ?? false
            return TableFacts(
                number: number, schema: schema, relation: relation,
                name: TableName.text(schema: schema, relation: relation, isVisible: isVisible), form: form,
                foreignServer: rows.text(row, 5), mayInsert: rows.bool(row, 6) ?? false,
                mayUpdate: rows.bool(row, 7) ?? false, mayDelete: rows.bool(row, 8) ?? false,
                closedDatabase: rows.text(row, 9))
        }
    }

    /// All tables, by name.
    func tables() throws -> [TableFacts] { try detailed(relations).sorted { $0.name < $1.name } }

    /// The names of all tables, for a message about one that is not there.
    var names: [String] { relations.map(\.name).sorted() }

    /// One table: by the name it is described under, by schema and name, or else by a name that differs only in case.
    func table(_ name: String) throws -> TableFacts? {
        let found = relations.first { $0.name == name } ?? qualified(name) ?? likewise(name)
        return try found.flatMap { try detailed([$0]).first }
    }

    private func qualified(_ name: String) -> TableFacts? {
        guard let parts = TableName.parts(name), parts.count == 2 else { return nil }
        return relations.first { $0.schema == parts[0] && $0.relation == parts[1] }
    }

    private func likewise(_ name: String) -> TableFacts? {
        let same = relations.filter { $0.name.lowercased() == name.lowercased() }
        return same.count == 1 ? same[0] : nil
    }
}

extension Catalog {
    private struct Details {
        var columns: [UInt32: [Int: ColumnFacts]] = [:]
        /// Names of columns by table and place, of targets of foreign keys too.
        var names: [UInt32: [Int: String]] = [:]
    }

    /// The same tables with what is known about them.
    private func detailed(_ tables: [TableFacts]) throws -> [TableFacts] {
        let numbers = Self.parameter(tables.map(\.number))
        var details = Details()
        details.columns = try columns(numbers)
        let indexes = try session.execute(CatalogQueries.indexes, [numbers])
        let foreignKeys = try session.execute(CatalogQueries.foreignKeys, [numbers])
        let targets = Set((0..<foreignKeys.count).compactMap { foreignKeys.oid($0, 2) })
        let names = try session.execute(
            CatalogQueries.columnNames, [Self.parameter(tables.map(\.number) + targets)])
        for row in 0..<names.count {
            guard let table = names.oid(row, 0), let place = names.int(row, 1) else { continue }
            details.names[table, default: [:]][place] = names.text(row, 2)
        }
        var found = Dictionary(uniqueKeysWithValues: tables.map { ($0.number, $0) })
        for (table, columns) in details.columns {
            found[table]?.columns = columns.sorted { $0.key < $1.key }.map(\.value)
        }
        for row in 0..<indexes.count { addIndex(indexes, row, details, &found) }
        for row in 0..<foreignKeys.count { addForeignKey(foreignKeys, row, details, &found) }
        return tables.compactMap { found[$0.number] }
    }

    private func columns(_ numbers: Parameter) throws -> [UInt32: [Int: ColumnFacts]] {
        let types = try types(numbers)
        let rows = try session.execute(CatalogQueries.columns, [numbers])
        var columns: [UInt32: [Int: ColumnFacts]] = [:]
        for row in 0..<rows.count {
            guard let table = rows.oid(row, 0), let place = rows.int(row, 1), let name = rows.text(row, 2),
                let type = rows.oid(row, 3), let modifier = rows.int(row, 4)
            else { continue }
            let identity = ColumnFacts.Identity(rawValue: rows.text(row, 8) ?? "") ?? .none
            let isGenerated = rows.bool(row, 9) ?? false
            columns[table, default: [:]][place] = ColumnFacts(
                name: name, declared: rows.text(row, 5) ?? "",
                form: TypeForm(type, modifier: Int32(truncatingIfNeeded: modifier), types: types),
                isNotNull: (rows.bool(row, 6) ?? false) || Self.isNotNull(type, types),
                hasDefault: (rows.bool(row, 7) ?? false) && !isGenerated, identity: identity,
                isGenerated: isGenerated, mayRead: rows.bool(row, 10) ?? false,
                mayInsert: rows.bool(row, 11) ?? false, mayUpdate: rows.bool(row, 12) ?? false)
        }
        return columns
    }

    private static func isNotNull(_ number: UInt32, _ types: [UInt32: TypeFacts]) -> Bool {
        var next = types[number]
        while let type = next {
            if type.isNotNull { return true }
            next = type.base.flatMap { types[$0] }
        }
        return false
    }

    private func types(_ numbers: Parameter) throws -> [UInt32: TypeFacts] {
        let rows = try session.execute(CatalogQueries.types, [numbers])
        var types: [UInt32: TypeFacts] = [:]
        for row in 0..<rows.count {
            guard let number = rows.oid(row, 0), let schema = rows.text(row, 1),
                let name = rows.text(row, 2)
            else { continue }
            types[number] = TypeFacts(
                number: number, schema: schema, name: name,
                kind: TypeFacts.Kind(rawValue: rows.text(row, 3) ?? "") ?? .pseudo,
                element: rows.oid(row, 4), base: rows.oid(row, 5),
                modifier: Int32(truncatingIfNeeded: rows.int(row, 6) ?? -1),
                isNotNull: rows.bool(row, 7) ?? false, sender: rows.text(row, 8) ?? "")
        }
        let enumerations = types.values.filter { $0.kind == .enumeration }.map(\.number)
        guard !enumerations.isEmpty else { return types }
        let labels = try session.execute(CatalogQueries.labels, [Self.parameter(enumerations)])
        for row in 0..<labels.count {
            guard let number = labels.oid(row, 0), let label = labels.text(row, 1) else { continue }
            types[number]?.labels.append(label)
        }
        return types
    }

    private func addIndex(
        _ rows: ResultRows, _ row: Int, _ details: Details, _ tables: inout [UInt32: TableFacts]
    ) {
        guard let table = rows.oid(row, 0), let name = rows.text(row, 1) else { return }
        let places = Self.places(rows.text(row, 5))
        let columns = places.prefix { $0 > 0 }.compactMap { details.names[table]?[$0] }
        tables[table]?.indexes.append(columns)
        guard columns.count == places.count, rows.bool(row, 3) == true else { return }
        if rows.bool(row, 2) == true {
            tables[table]?.primaryKey = columns
        } else {
            tables[table]?.uniqueKeys.append(
                TableFacts.UniqueKey(name: name, columns: columns, isDeferrable: rows.bool(row, 4) ?? false))
        }
    }

    private func addForeignKey(
        _ rows: ResultRows, _ row: Int, _ details: Details, _ tables: inout [UInt32: TableFacts]
    ) {
        guard let table = rows.oid(row, 0), let name = rows.text(row, 1), let target = rows.oid(row, 2),
            let targetName = relations.first(where: { $0.number == target })?.name
        else { return }
        tables[table]?.foreignKeys.append(
            TableFacts.ForeignKey(
                name: name, columns: Self.places(rows.text(row, 3)).compactMap { details.names[table]?[$0] },
                table: targetName,
                targetColumns: Self.places(rows.text(row, 4)).compactMap { details.names[target]?[$0] },
                isDeferrable: rows.bool(row, 5) ?? false))
    }

    /// Numbers as the literal of an array.
    private static func parameter(_ numbers: [UInt32]) -> Parameter {
        .text("{\(numbers.map(String.init).joined(separator: ","))}")
    }

    private static func places(_ text: String?) -> [Int] {
        (text ?? "").split(separator: " ").compactMap { Int($0) }
    }
}

extension ResultRows {
    /// A number of the catalog.
    func oid(_ row: Int, _ column: Int) -> UInt32? { int(row, column).flatMap { UInt32(exactly: $0) } }
}

extension Session {
    /// Holds still what the form of values depends on, and says what the server is. To be called once, before values
    /// are read or written.
    func settle() throws -> ServerFacts {
        let rows = try execute(CatalogQueries.server)
        let facts = ServerFacts(
            version: Int(rows.text(0, 0) ?? "") ?? serverVersion, encoding: rows.text(0, 1) ?? "UTF8")
        try execute(SessionSettings.sql())
        try execute(
            """
            SELECT pg_catalog.set_config('client_encoding', '\(facts.clientEncoding)', false),
                (\(CatalogQueries.ownSchemasLast))
            """)
        return facts
    }
}
