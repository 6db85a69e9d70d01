import Dovetail
import DovetailEngine

/// A table whose fields and identity are known.
struct MappedTable {
    var said: JobFile.Table
    var descriptions: Sides<TableDescription>
    var fields: [MappedField]
    var identity: Identity

    func field(_ name: String) -> MappedField? { fields.first { $0.field.name == name } }

    func field(of column: String, on side: Side) -> String? {
        fields.first { $0.bindings[side].column == column }?.field.name
    }

    /// The fields by which other tables refer to records of this one.
    var keyFields: [String] {
        switch identity {
        case .match(let names): names
        case .id: [descriptions.left.idColumn ?? "id"]
        case .content: []
        }
    }
}

/// Finds which fields hold the key of a record in another table: as the file says, or as foreign keys of
/// either side do.
struct ReferenceMapper {
    let file: JobFile
    let tables: [MappedTable]
    private(set) var problems: [JobFileError.Problem] = []
    private(set) var notes: [JobNote] = []

    init(_ file: JobFile, _ tables: [MappedTable]) {
        self.file = file
        self.tables = tables
    }

    /// The references of a table, declared ones first.
    mutating func references(of table: MappedTable) -> [Reference] {
        var references: [Reference] = []
        for said in table.said.references {
            if let reference = declared(said, table) { references.append(reference) }
        }
        for side in Side.allCases {
            for key in table.descriptions[side].foreignKeys {
                guard let reference = foreign(key, table, side),
                    !references.contains(where: { $0.fields == reference.fields })
                else { continue }
                references.append(reference)
            }
        }
        return references
    }

    // MARK: Declared

    private mutating func declared(_ said: JobFile.Reference, _ table: MappedTable) -> Reference? {
        let path = ["tables", table.said.name, "references", said.field].reduce(NodePath()) { $0.key($1) }
            .text
        guard table.field(said.field) != nil else {
            let names = table.fields.map(\.field.name)
            problems.append(
                file.problem(
                    at: path, "the table has no shared field “\(said.field)”",
                    hint: Spelling.hint(for: said.field, in: names, otherwise: "the shared fields are")))
            return nil
        }
        guard let parent = tables.first(where: { $0.said.name == said.table }) else { return nil }
        if parent.identity == .id,
            Side.allCases.contains(where: { parent.descriptions[$0].idColumn == said.tableField })
        {
            return Reference(fields: [said.field], table: said.table, targetFields: parent.keyFields)
        }
        guard parent.field(said.tableField) != nil else {
            let names = parent.fields.map(\.field.name)
            problems.append(
                file.problem(
                    at: path, "\(said.table) has no shared field “\(said.tableField)”",
                    hint: Spelling.hint(for: said.tableField, in: names, otherwise: "its shared fields are")))
            return nil
        }
        return Reference(fields: [said.field], table: said.table, targetFields: [said.tableField])
    }

    // MARK: Foreign keys

    private mutating func foreign(
        _ key: TableDescription.ForeignKey, _ table: MappedTable, _ side: Side
    ) -> Reference? {
        let fields = key.columns.compactMap { table.field(of: $0, on: side) }
        // A reference that takes no part holds nobody up.
        guard fields.count == key.columns.count, key.columns.count == key.targetColumns.count else {
            return nil
        }
        guard !table.said.references.contains(where: { fields.contains($0.field) }) else { return nil }
        guard
            let parent = tables.first(where: {
                $0.descriptions[side].name.lowercased() == key.table.lowercased()
            })
        else {
            notes.append(
                JobNote(
                    table: table.said.name,
                    "\(fields.joined(separator: ", ")) refers to \(key.table), which is not in this job; "
                        + "records that need one missing there are refused by \(label(side))"))
            return nil
        }
        let isOwnID =
            key.targetColumns.count == 1 && key.targetColumns.first == parent.descriptions[side].idColumn
        if isOwnID, parent.identity == .id {
            return Reference(fields: fields, table: parent.said.name, targetFields: parent.keyFields)
        }
        let targets = key.targetColumns.compactMap { parent.field(of: $0, on: side) }
        guard targets.count == key.targetColumns.count else {
            refuse(key, fields, table, parent, side, isOwnID: isOwnID)
            return nil
        }
        return inKeyOrder(fields, targets, parent)
    }

    /// A reference in the order of the parent's key, when it names just that.
    private func inKeyOrder(_ fields: [String], _ targets: [String], _ parent: MappedTable) -> Reference {
        let pairs = Dictionary(zip(targets, fields), uniquingKeysWith: { first, _ in first })
        let ordered = parent.keyFields.compactMap { pairs[$0] }
        guard Set(targets) == Set(parent.keyFields), ordered.count == fields.count else {
            return Reference(fields: fields, table: parent.said.name, targetFields: targets)
        }
        return Reference(fields: ordered, table: parent.said.name, targetFields: parent.keyFields)
    }

    private mutating func refuse(
        _ key: TableDescription.ForeignKey, _ fields: [String], _ table: MappedTable, _ parent: MappedTable,
        _ side: Side, isOwnID: Bool
    ) {
        let columns = key.columns.joined(separator: ", ")
        let target = "\(parent.said.name).\(key.targetColumns.joined(separator: ", "))"
        let leaveOut = "leave it out with ignore: [\(fields.joined(separator: ", "))]"
        let path = ["tables", table.said.name].reduce(NodePath()) { $0.key($1) }.text
        let message =
            isOwnID
            ? "\(columns) refers to \(target), an id that each side gives to its own records: "
                + "on the other side it would name another record"
            : "\(columns) refers to \(target), which takes no part"
        let hint =
            isOwnID
            ? "write match: id for \(parent.said.name) if both sides use the same ids, "
                + "refer to a field that both share, or \(leaveOut)"
            : "let it take part, or \(leaveOut)"
        problems.append(file.problem(at: path, message, hint: hint))
    }

    private func label(_ side: Side) -> String { file.replica(side.fileSide).label }
}
