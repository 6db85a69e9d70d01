import Dovetail
import DovetailEngine
import DovetailMemory

/// What a simulated job looks like, drawn from a seed.
public struct Shape: Sendable {
    enum Layout: String, CaseIterable, Sendable {
        /// One table matched by one field, or by two.
        case single, double
        /// One table matched by the store's row id.
        case id
        /// One table whose sides share no key.
        case content
        /// Parents and children; a table that refers to itself; two that refer to each other.
        case family, tree, circle
    }

    enum Habit: String, Sendable { case upper, trim }

    var layout: Layout
    var rules = TableRules()
    var feed: Bool
    /// The sides whose stores add up digests, from which their feeds are made.
    var digestSides: Set<Side>
    var values: HistoryRetention.Values
    /// The side whose store makes something of titles.
    var habitSide: Side?
    var habit: Habit
    /// The side that refuses titles with "bad" in them.
    var checkSide: Side?
    var uniqueSides: Set<Side>
    var foreignSides: Set<Side>
    var marks: Sides<Bool>
    var limits = Limits()
    var isTolerant: Bool
    var chunkSize: Int
    /// The sides whose stores give the highest id anew once its record was deleted.
    var reusingSides: Set<Side>

    init(seed: UInt64) {
        var random = SplitMix64(seed: seed, stream: "shape")
        layout =
            random.pick(
                of: .single, .single, .double, .id, .content, .content, .family, .tree, .circle)
        rules.direction = random.pick(of: .both, .both, .both, .both, .leftToRight, .rightToLeft)
        rules.conflicts = random.pick(of: .ask, .ask, .left, .right, .newest(field: "stamp"), .merge)
        if random.chance(400) { rules.fieldConflicts["note"] = .merge }
        rules.deletes = random.pick(of: .propagate, .propagate, .propagate, .keep, .ask)
        feed = random.chance(500)
        values = random.pick(of: .full, .full, .masked, .none)
        habitSide = random.pick(of: nil, nil, .left, .right)
        habit = random.pick(of: .upper, .trim)
        checkSide = random.pick(of: nil, nil, .left, .right)
        uniqueSides = random.pick(of: [], [], [.left], [.right], [.left, .right])
        foreignSides = random.pick(of: [], [.left], [.right], [.left, .right])
        marks = Sides(left: random.chance(850), right: random.chance(850))
        if random.chance(200) { limits.deleteNumber = 2 + random.below(3) }
        if random.chance(100) { limits.changes = 4 + random.below(8) }
        isTolerant = random.chance(400)
        chunkSize = random.pick(of: 1, 2, 3, 5, 50)
        digestSides = random.pick(of: [], [], [], [.left], [.right], [.left, .right])
        // Drawn last, so that older seeds keep their shapes.
        reusingSides = random.pick(of: [], [], [.left], [.right], [.left, .right])
    }

    /// The same job with its sides exchanged.
    var mirrored: Shape {
        var shape = self
        shape.rules = rules.mirrored
        shape.habitSide = habitSide?.other
        shape.checkSide = checkSide?.other
        shape.uniqueSides = Set(uniqueSides.map(\.other))
        shape.foreignSides = Set(foreignSides.map(\.other))
        shape.marks = Sides(left: marks.right, right: marks.left)
        shape.digestSides = Set(digestSides.map(\.other))
        shape.reusingSides = Set(reusingSides.map(\.other))
        return shape
    }

    var words: String {
        var words = ["\(layout)", "\(rules.direction.rawValue)", "conflicts \(rules.conflicts)"]
        words += rules.fieldConflicts.isEmpty ? [] : ["notes merge"]
        words += [
            "deletes \(rules.deletes.rawValue)", feed ? "feed" : "no feed", "values \(values.rawValue)",
        ]
        words += digestSides.isEmpty ? [] : ["digests of \(digestSides.map(\.rawValue).sorted())"]
        words += habitSide.map { ["\($0.rawValue) makes titles \(habit)"] } ?? []
        words += checkSide.map { ["\($0.rawValue) refuses bad titles"] } ?? []
        words += [
            "unique \(uniqueSides.map(\.rawValue).sorted())",
            "foreign \(foreignSides.map(\.rawValue).sorted())",
        ]
        words += reusingSides.isEmpty ? [] : ["ids anew on \(reusingSides.map(\.rawValue).sorted())"]
        words += ["marks \(marks.left)/\(marks.right)", "chunks of \(chunkSize)"]
        return words.joined(separator: ", ")
    }

    // MARK: Tables

    var tableNames: [String] {
        switch layout {
        case .single, .double, .id, .content: ["items"]
        case .family: ["parents", "children"]
        case .tree: ["nodes"]
        case .circle: ["alphas", "betas"]
        }
    }

    /// The table that a table's `ref` refers to.
    func target(of table: String) -> String? {
        switch table {
        case "children": "parents"
        case "nodes": "nodes"
        case "alphas": "betas"
        case "betas": "alphas"
        default: nil
        }
    }

    var isCircular: Bool { layout == .tree || layout == .circle }

    var keyColumns: [String] {
        switch layout {
        case .id, .content: []
        case .double: ["k1", "k2"]
        default: ["k"]
        }
    }

    var identity: Identity {
        switch layout {
        case .id: .id
        case .content: .content
        default: .match(keyColumns)
        }
    }

    /// A table's schema. Mappings differ in their fields: 0 has them all, 1 leaves one out, 2 has another
    /// order.
    func schema(_ table: String, mapping: Int) -> TableSchema {
        var fields = keyColumns.map { Field($0, $0 == "k2" ? .int : .text) }
        fields += [Field("title", .text), Field("note", .text)]
        let options = FieldOptions(tolerance: isTolerant ? 0.01 : nil)
        if mapping != 1 { fields.append(Field("amount", .double, options: options)) }
        fields += [Field("stamp", .int), Field("code", .text)]
        var references: [Reference] = []
        if let target = target(of: table) {
            fields.append(Field("ref", .text))
            references = [Reference(fields: ["ref"], table: target, targetFields: ["k"])]
        }
        if mapping == 2 { fields.reverse() }
        return TableSchema(table, fields: fields, identity: identity, references: references)
    }

    func jobTables(mapping: Int) -> [JobTable] {
        tableNames.map { JobTable(schema($0, mapping: mapping), rules: rules, wantsChangeFeed: feed) }
    }

    /// The empty tables of one side.
    func memoryTables(_ side: Side) -> [MemoryTable] {
        tableNames.map { name in
            var table = MemoryTable(schema(name, mapping: 0))
            table.addsUpDigests = digestSides.contains(side)
            // Where rows are known by their ids, one that is given anew is the same record by rule.
            table.reusesIDs = layout == .content && reusingSides.contains(side)
            if uniqueSides.contains(side) { table.description.uniqueKeys = [["code"]] }
            if foreignSides.contains(side), let target = target(of: name) {
                table.description.foreignKeys = [
                    TableDescription.ForeignKey(columns: ["ref"], table: target, targetColumns: ["k"])
                ]
            }
            if checkSide == side {
                table.check = { row in
                    if case .text(let title)? = row["title"], title.contains("bad") {
                        "title must not be bad"
                    } else {
                        nil
                    }
                }
            }
            if habitSide == side {
                let habit = habit
                table.normalise = { row in
                    guard case .text(let title)? = row["title"] else { return row }
                    var row = row
                    row["title"] = .text(habit == .upper ? title.uppercased() : title.trimmed)
                    return row
                }
            }
            return table
        }
    }
}

extension String {
    /// Without spaces at its ends.
    var trimmed: String {
        var text = self[...]
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
