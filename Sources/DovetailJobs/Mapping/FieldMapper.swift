import Dovetail
import DovetailEngine

/// Two columns that stand for one field.
struct MappedField {
    var field: Field
    var bindings: Sides<ColumnBinding>
}

/// Decides which fields of one table take part, and fits their types.
struct FieldMapper {
    let file: JobFile
    let table: JobFile.Table
    let descriptions: Sides<TableDescription>
    let direction: Dovetail.Direction
    /// The fields of the match; they take part even when a column is an id.
    let keys: [String]
    private(set) var problems: [JobFileError.Problem] = []
    private(set) var notes: [JobNote] = []

    /// A field before its types are fitted.
    private struct Candidate {
        var name: String
        var columns: Sides<ColumnDescription>
        var said: JobFile.Field?
    }

    init(
        _ file: JobFile, _ table: JobFile.Table, _ descriptions: Sides<TableDescription>, keys: [String]
    ) {
        self.file = file
        self.table = table
        self.descriptions = descriptions
        self.keys = keys
        direction = file.direction.engineDirection
    }

    /// The fields, in the order of the left table's columns.
    mutating func map() -> [MappedField] {
        let candidates: [Candidate]
        switch table.fields {
        case .only(let names): candidates = listed(names)
        case .shared: candidates = shared(saying: [])
        case .mapped(let fields): candidates = shared(saying: fields)
        }
        checkIgnored()
        return ordered(candidates).compactMap { fitted($0) }
    }

    // MARK: Which fields

    /// `fields: [a, b]`: these and no others.
    private mutating func listed(_ names: [String]) -> [Candidate] {
        (names + keys.filter { !names.contains($0) }).compactMap { name in
            guard !table.ignore.contains(name) else { return nil }
            let path = names.contains(name) ? path("fields") : path("match")
            guard let left = column(name, .left, field: name, at: path),
                let right = column(name, .right, field: name, at: path)
            else { return nil }
            return Candidate(name: name, columns: Sides(left: left, right: right))
        }
    }

    /// What both sides have by name, with what the file says about some of it.
    private mutating func shared(saying fields: [JobFile.Field]) -> [Candidate] {
        var candidates: [Candidate] = []
        var used = Sides<Set<String>>(left: [], right: [])
        for field in fields {
            let path = path("fields", field.name)
            if let name = field.left { used.left.insert(name) }
            if let name = field.right { used.right.insert(name) }
            guard let left = field.left, let right = field.right else {
                // On one side only: it must be there, and takes no part.
                if let only = field.only, let name = field.left ?? field.right {
                    _ = column(name, only.engineSide, field: field.name, at: path)
                }
                continue
            }
            guard !table.ignore.contains(field.name) else { continue }
            let columns = (
                column(left, .left, field: field.name, at: path),
                column(right, .right, field: field.name, at: path)
            )
            if let left = columns.0, let right = columns.1 {
                candidates.append(
                    Candidate(name: field.name, columns: Sides(left: left, right: right), said: field))
            }
        }
        for left in descriptions.left.columns where !used.left.contains(left.name) {
            guard !table.ignore.contains(left.name), !used.right.contains(left.name) else { continue }
            guard let right = descriptions.right.column(left.name) else {
                noteCase(left.name, used.right)
                continue
            }
            if takesPart(left, right) {
                candidates.append(Candidate(name: left.name, columns: Sides(left: left, right: right)))
            }
        }
        noteGeometries(candidates, used)
        return candidates
    }

    /// Ids that each side gives to its own records, and computed columns, are left out unless asked for.
    private mutating func takesPart(_ left: ColumnDescription, _ right: ColumnDescription) -> Bool {
        if keys.contains(left.name) { return true }
        if left.name == descriptions.left.idColumn || right.name == descriptions.right.idColumn {
            return false
        }
        for side in written where (side == .left ? left : right).isGenerated {
            note("\(left.name) is computed by \(label(side)) and takes no part")
            return false
        }
        return true
    }

    private mutating func noteCase(_ name: String, _ used: Set<String>) {
        let twin = descriptions.right.columns.first {
            $0.name != name && $0.name.lowercased() == name.lowercased() && !used.contains($0.name)
        }
        guard let twin, descriptions.left.column(twin.name) == nil else { return }
        note(
            "\(name) and \(twin.name) differ only in case and are taken for two fields; "
                + "if they are one, write fields: {\(name): {right: \(twin.name)}}")
    }

    private mutating func noteGeometries(_ candidates: [Candidate], _ used: Sides<Set<String>>) {
        let alone = Sides<[ColumnDescription]>(
            left: geometries(.left, used.left), right: geometries(.right, used.right))
        guard alone.left.count == 1, alone.right.count == 1, alone.left[0].name != alone.right[0].name,
            !candidates.contains(where: { if case .geometry = $0.columns.left.type { true } else { false } })
        else { return }
        let (left, right) = (alone.left[0].name, alone.right[0].name)
        guard !table.ignore.contains(left), !table.ignore.contains(right) else { return }
        note(
            "the geometries take no part, because they are called \(left) and \(right); "
                + "if they are one field, write fields: {\(left): {right: \(right)}}")
    }

    private func geometries(_ side: Dovetail.Side, _ used: Set<String>) -> [ColumnDescription] {
        descriptions[side].columns.filter { column in
            if case .geometry = column.type { !used.contains(column.name) } else { false }
        }
    }

    private func ordered(_ candidates: [Candidate]) -> [Candidate] {
        let names = descriptions.left.columns.map(\.name)
        let places = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
        return candidates.enumerated().sorted { a, b in
            let x = places[a.element.columns.left.name] ?? names.count
            let y = places[b.element.columns.left.name] ?? names.count
            return (x, a.offset) < (y, b.offset)
        }.map(\.element)
    }

    // MARK: Types

    private mutating func fitted(_ candidate: Candidate) -> MappedField? {
        let path = candidate.said == nil ? path() : path("fields", candidate.name)
        for side in written where candidate.columns[side].isGenerated {
            problems.append(
                file.problem(
                    at: path,
                    "\(candidate.columns[side].name) is computed by \(label(side)) and can't be written",
                    hint: "leave it out with ignore: [\(candidate.name)]"))
            return nil
        }
        do {
            let fit = try TypeFit.fit(
                candidate.columns.map(\.type), declared: candidate.said?.convert, direction: direction,
                field: candidate.name, isFound: candidate.columns.map { $0.typeReason != nil })
            let options = FieldOptions(
                tolerance: candidate.said?.tolerance, unordered: candidate.said?.unordered ?? false,
                unicode: candidate.said?.unicode == .nfc ? .nfc : .exact)
            return MappedField(
                field: Field(candidate.name, fit.type, options: options),
                bindings: Sides(
                    left: ColumnBinding(candidate.columns.left.name, conversion: fit.conversions.left),
                    right: ColumnBinding(candidate.columns.right.name, conversion: fit.conversions.right)))
        } catch {
            let named = candidate.said == nil ? "field \(candidate.name): \(error.message)" : error.message
            problems.append(file.problem(at: path, named + reasons(candidate), hint: error.hint))
            return nil
        }
    }

    /// How the types of columns came about that no store declares.
    private func reasons(_ candidate: Candidate) -> String {
        Dovetail.Side.allCases.compactMap { side in
            candidate.columns[side].typeReason.map { " (\(label(side)): \($0))" }
        }.joined()
    }

    // MARK: Words

    private var written: [Dovetail.Side] { Dovetail.Side.allCases.filter { direction.source != $0 } }

    private func label(_ side: Dovetail.Side) -> String { file.replica(side.fileSide).label }

    private func path(_ parts: String...) -> String {
        (["tables", table.name] + parts).reduce(NodePath()) { $0.key($1) }.text
    }

    private mutating func note(_ message: String) { notes.append(JobNote(table: table.name, message)) }

    /// A column that the file names; a missing one is reported.
    private mutating func column(
        _ name: String, _ side: Dovetail.Side, field: String, at path: String
    ) -> ColumnDescription? {
        if let column = descriptions[side].column(name) { return column }
        let names = descriptions[side].columns.map(\.name)
        let message = "\(label(side)) has no field “\(name)” in \(descriptions[side].name)"
        problems.append(
            file.problem(
                at: path, message, hint: Spelling.hint(for: name, in: names, otherwise: "its fields are")))
        return nil
    }

    private mutating func checkIgnored() {
        var known = Set(Dovetail.Side.allCases.flatMap { descriptions[$0].columns.map(\.name) })
        if case .mapped(let fields) = table.fields { known.formUnion(fields.map(\.name)) }
        for name in table.ignore where !known.contains(name) {
            problems.append(
                file.problem(
                    at: path("ignore"), "no side has a field “\(name)”",
                    hint: Spelling.hint(for: name, in: known.sorted(), otherwise: "the fields are")))
        }
    }
}
