import Dovetail
import DovetailEngine
import Foundation

/// Maps the tables of a job file onto what both sides have, and collects everything that does not fit.
struct JobMapper {
    let file: JobFile
    let descriptions: Sides<[TableDescription]>
    /// The tables that an earlier run has seen.
    let known: Set<String>
    /// Whether the job is for one look, and no run follows.
    let onlyLooks: Bool
    private(set) var problems: [JobFileError.Problem] = []
    private(set) var notes: [JobNote] = []
    private(set) var vanished: [(table: String, side: Side)] = []

    init(
        _ file: JobFile, _ descriptions: Sides<[TableDescription]>, known: Set<String>,
        onlyLooks: Bool = false
    ) {
        self.onlyLooks = onlyLooks
        self.file = file
        self.descriptions = descriptions
        self.known = known
    }

    mutating func map() -> [JobTable] {
        let said: [JobFile.Table] = file.tables == .all ? common() : file.tables.listed
        let fitting = said.compactMap { mapped($0) }
        var references = ReferenceMapper(file, fitting)
        let tables = fitting.map { jobTable($0, references.references(of: $0)) }
        problems += references.problems
        notes += references.notes
        checkMasked(fitting)
        return tables
    }

    // MARK: Tables

    /// `tables: all`: what both sides have by name and can be written to where it has to be.
    private mutating func common() -> [JobFile.Table] {
        var tables: [JobFile.Table] = []
        for left in descriptions.left {
            guard let right = descriptions.right.first(where: { $0.name == left.name }) else {
                let twin = descriptions.right.first { $0.name.lowercased() == left.name.lowercased() }
                if let twin, !descriptions.left.contains(where: { $0.name == twin.name }) {
                    note(
                        left.name,
                        "\(left.name) and \(twin.name) differ only in case and are taken for two tables")
                }
                continue
            }
            let both = Sides(left: left, right: right)
            if let side = written.first(where: { both[$0].readOnlyReason != nil }) {
                note(left.name, "takes no part: on \(label(side)) \(both[side].readOnlyReason ?? "")")
                continue
            }
            tables.append(JobFile.Table(name: left.name))
        }
        for name in known.sorted() where !tables.contains(where: { $0.name == name }) {
            for side in Side.allCases where !descriptions[side].contains(where: { $0.name == name }) {
                vanished.append((name, side))
            }
        }
        if tables.isEmpty, vanished.isEmpty {
            let hint =
                "left has \(names(descriptions.left)), right has \(names(descriptions.right)); "
                + "write tables: {NAME: {left: TABLE, right: TABLE}}"
            problems.append(
                file.problem(at: "tables", "the sides have no table of the same name", hint: hint))
        }
        return tables
    }

    private mutating func mapped(_ table: JobFile.Table) -> MappedTable? {
        let found = Sides(left: description(table, .left), right: description(table, .right))
        guard let left = found.left, let right = found.right else { return nil }
        let both = Sides(left: left, right: right)
        let problemCount = problems.count
        checkSides(table, both)
        let keys: [String] = if case .fields(let names) = table.match { names } else { [] }
        var fieldMapper = FieldMapper(file, table, both, keys: keys)
        let fields = fieldMapper.map()
        problems += fieldMapper.problems
        notes += fieldMapper.notes
        var identityMapper = IdentityMapper(file, table, both, fields, onlyLooks: onlyLooks)
        let identity = identityMapper.map()
        problems += identityMapper.problems
        if table.assigned != nil {
            report(
                table, "assigned", "no kind of source that this version can use assigns fields",
                hint: "remove assigned:, and match by a field or by content")
        }
        guard let identity else { return nil }
        if fields.isEmpty, problems.count == problemCount {
            report(
                table, nil, "the sides share no field",
                hint: "write fields: {NAME: {left: FIELD, right: FIELD}}")
            return nil
        }
        return MappedTable(said: table, descriptions: both, fields: fields, identity: identity)
    }

    /// The table on a side; one that is missing is a halt when an earlier run saw it, else a mistake in
    /// the file.
    private mutating func description(_ table: JobFile.Table, _ side: Side) -> TableDescription? {
        let name = table.name(on: side.fileSide)
        if let found = descriptions[side].first(where: { $0.name == name }) { return found }
        if known.contains(table.name) {
            vanished.append((table.name, side))
            return nil
        }
        let names = descriptions[side].map(\.name)
        let isNamed = name != table.name
        report(
            table, isNamed ? side.rawValue : nil, "\(label(side)) has no table “\(name)”",
            hint: names.isEmpty
                ? "there is no table at all" : Spelling.hint(for: name, in: names, otherwise: "it has"))
        return nil
    }

    private mutating func checkSides(_ table: JobFile.Table, _ both: Sides<TableDescription>) {
        for side in written {
            guard let reason = both[side].readOnlyReason else { continue }
            report(
                table, nil, "\(both[side].name) can't be written to on \(label(side)): \(reason)",
                hint: "name another table, or make the job one-way with direction: "
                    + (side == .left ? "left-to-right" : "right-to-left"))
        }
        guard let left = file.left.source.resolvedPath, let right = file.right.source.resolvedPath,
            both.left.name.lowercased() == both.right.name.lowercased(), real(left) == real(right)
        else { return }
        report(
            table, nil, "both sides are the same table of the same file",
            hint: "name another source or another table on one side")
    }

    private func real(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }

    // MARK: Putting it together

    private mutating func jobTable(_ mapped: MappedTable, _ references: [Reference]) -> JobTable {
        var rulesMapper = RulesMapper(file, mapped.said, fields: mapped.fields.map(\.field.name))
        let rules = rulesMapper.map()
        for problem in rulesMapper.problems where !problems.contains(problem) { problems.append(problem) }
        let schema = TableSchema(
            mapped.said.name, fields: mapped.fields.map(\.field), identity: mapped.identity,
            references: references)
        func view(_ side: Side) -> TableView {
            TableView(
                schema: schema, table: mapped.descriptions[side].name,
                columns: mapped.fields.map { $0.bindings[side] },
                filter: side == .left ? mapped.said.filter.left : mapped.said.filter.right,
                wantsChangeFeed: file.changeFeed(of: mapped.said, on: side.fileSide))
        }
        return JobTable(
            schema: schema, rules: rules, views: Sides(left: view(.left), right: view(.right)),
            keyFields: mapped.keyFields)
    }

    private mutating func checkMasked(_ tables: [MappedTable]) {
        // Fields of tables that did not fit can't be known.
        guard problems.isEmpty, vanished.isEmpty else { return }
        let names = tables.flatMap { $0.fields.map(\.field.name) }
        for name in file.history.masked where !names.contains(name) {
            problems.append(
                file.problem(
                    at: "history.masked", "no table has a shared field “\(name)”",
                    hint: Spelling.hint(for: name, in: names, otherwise: "the shared fields are")))
        }
    }

    // MARK: Words

    private var written: [Side] { Side.allCases.filter { file.direction.engineDirection.source != $0 } }

    private func label(_ side: Side) -> String { file.replica(side.fileSide).label }

    private func names(_ tables: [TableDescription]) -> String {
        tables.isEmpty ? "no table" : tables.map(\.name).joined(separator: ", ")
    }

    private mutating func note(_ table: String, _ message: String) {
        notes.append(JobNote(table: table, message))
    }

    private mutating func report(_ table: JobFile.Table, _ key: String?, _ message: String, hint: String) {
        let path = (["tables", table.name] + (key.map { [$0] } ?? [])).reduce(NodePath()) { $0.key($1) }.text
        problems.append(file.problem(at: path, message, hint: hint))
    }
}
