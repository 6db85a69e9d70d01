import Dovetail

/// The rules of one table, once its fields are known.
struct RulesMapper {
    let file: JobFile
    let table: JobFile.Table
    /// Names of the fields that take part.
    let fields: [String]
    private(set) var problems: [JobFileError.Problem] = []

    init(_ file: JobFile, _ table: JobFile.Table, fields: [String]) {
        self.file = file
        self.table = table
        self.fields = fields
    }

    mutating func map() -> TableRules {
        let policy: ConflictPolicy
        if let own = table.conflicts.default {
            policy = checked(own, at: path("conflicts"))
        } else {
            policy = checked(file.conflicts, at: "conflicts")
        }
        var single: [String: ConflictPolicy] = [:]
        for (name, said) in table.conflicts.fields.sorted(by: { $0.key < $1.key }) {
            guard known(name, at: path("conflicts", name)) else { continue }
            single[name] = checked(said, at: path("conflicts", name))
        }
        if case .mapped(let mapped) = table.fields {
            for field in mapped {
                guard let said = field.conflicts else { continue }
                guard known(field.name, at: path("fields", field.name)) else { continue }
                single[field.name] = checked(said, at: path("fields", field.name))
            }
        }
        return TableRules(
            direction: file.direction.engineDirection, conflicts: policy, fieldConflicts: single,
            deletes: deletes)
    }

    private var deletes: DeletePolicy {
        switch file.deletes(of: table) {
        case .propagate: .propagate
        case .keep: .keep
        case .ask: .ask
        }
    }

    private mutating func checked(_ said: JobFile.Policy, at path: String) -> ConflictPolicy {
        switch said {
        case .ask: return .ask
        case .left: return .left
        case .right: return .right
        case .merge: return .merge
        case .newest(let field):
            if known(field, at: path) { return .newest(field: field) }
            return .ask
        }
    }

    private mutating func known(_ name: String, at path: String) -> Bool {
        if fields.contains(name) { return true }
        problems.append(
            file.problem(
                at: path, "\(table.name) has no shared field “\(name)”",
                hint: Spelling.hint(for: name, in: fields, otherwise: "the shared fields are")))
        return false
    }

    private func path(_ parts: String...) -> String {
        (["tables", table.name] + parts).reduce(NodePath()) { $0.key($1) }.text
    }
}
