import Dovetail
import DovetailEngine

/// Two tables that belong together.
struct TablePair {
    var name: String
    var descriptions: Sides<TableDescription>
}

/// Finds which tables of two sources belong together.
struct TablePairing {
    private(set) var pairs: [TablePair] = []
    /// What was left out, and why.
    private(set) var notes: [String] = []

    /// - Parameters:
    ///   - labels: how notes call the sides.
    ///   - onlyLooks: whether nothing will be written: then what can only be read takes part as well, as far as it says what
    ///     identifies its records. Views don't.
    init(_ descriptions: Sides<[TableDescription]>, labels: Sides<String>, onlyLooks: Bool) {
        let usable = Sides(
            left: usable(descriptions.left, labels.left, onlyLooks),
            right: usable(descriptions.right, labels.right, onlyLooks))
        var taken: Set<String> = []
        for left in usable.left {
            let right =
                usable.right.first { $0.name == left.name }
                ?? usable.right.first {
                    $0.name.lowercased() == left.name.lowercased() && !taken.contains($0.name)
                }
            guard let right, taken.insert(right.name).inserted else { continue }
            pairs.append(TablePair(name: left.name, descriptions: Sides(left: left, right: right)))
        }
        if pairs.isEmpty, usable.left.count == 1, usable.right.count == 1 {
            pairs = [
                TablePair(
                    name: usable.left[0].name,
                    descriptions: Sides(left: usable.left[0], right: usable.right[0]))
            ]
            notes.append(
                "\(usable.left[0].name) and \(usable.right[0].name) are the only tables of their sides")
        }
        for side in Side.allCases {
            let alone = usable[side].map(\.name).filter { name in
                !pairs.contains { $0.descriptions[side].name == name }
            }
            if !alone.isEmpty { notes.append("only on \(labels[side]): \(alone.joined(separator: ", "))") }
        }
    }

    private mutating func usable(
        _ tables: [TableDescription], _ label: String, _ onlyLooks: Bool
    ) -> [TableDescription] {
        tables.filter { table in
            guard let reason = table.readOnlyReason, !onlyLooks || table.primaryKey.isEmpty else {
                return true
            }
            notes.append("\(table.name) on \(label) can only be read: \(reason)")
            return false
        }
    }
}
