import Dovetail
import Synchronization

/// The rules of one run over two datasets.
final class RuleBook: Sendable {
    private let rules: [Rule]
    private let datasets: Sides<Dataset>
    /// The reference by which the records of each type stand in a tree.
    private let parents: [String: Reference]
    private let schemas: [String: TableSchema]
    /// What was found of records under which others stand.
    private let known = Mutex<[Question: [Int]]>([:])

    private struct Question: Hashable {
        let record: RecordName
        let side: Side
    }

    /// - Parameter rules: those that show least come first.
    init(_ rules: [Rule], _ datasets: Sides<Dataset>) {
        self.rules = rules.enumerated()
            .sorted { ($0.element.effect.rawValue, $0.offset) < ($1.element.effect.rawValue, $1.offset) }
            .map(\.element)
        self.datasets = datasets
        parents = datasets.right.parents
        schemas = Dictionary(
            datasets.right.schemas.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// What the engine asks about the records of one type; nil when no rule can be about them.
    func guards(of type: String) -> RecordGuard? {
        let ancestors = Set(ancestorTypes(of: type))
        let relevant = rules.filter { $0.type.map { $0 == type || ancestors.contains($0) } ?? true }
        guard !relevant.isEmpty, let schema = schemas[type], case .match(let identifiers) = schema.identity
        else { return nil }
        let positions = identifiers.compactMap(schema.index(of:))
        return RecordGuard(words: "rules: " + relevant.map(\.name).joined(separator: ", ")) { seen, writes in
            guard let record = seen.left ?? seen.right, let key = try record.key(of: positions) else {
                return nil
            }
            return self.reason(RecordName(type: type, key: key), seen, writes)
        }
    }

    /// Whether no rule keeps a record that only one dataset holds from being deleted there.
    func allowsDelete(of name: RecordName, in dataset: Dataset) -> Bool {
        let side: Side = dataset === datasets.left ? .left : .right
        guard let record = dataset.record(name.key, of: name.type) else { return true }
        var (seen, writes) = (
            Sides<PackedRecord?>(left: nil, right: nil), Sides<Write?>(left: nil, right: nil)
        )
        seen[side] = record
        writes[side] = .delete
        return reason(name, seen, writes) == nil
    }

    private func ancestorTypes(of type: String) -> [String] {
        var types: [String] = []
        var next = parents[type]?.table
        while let now = next, !types.contains(now) {
            types.append(now)
            next = parents[now]?.table
        }
        return types
    }

    private func reason(
        _ name: RecordName, _ seen: Sides<PackedRecord?>, _ writes: Sides<Write?>
    ) -> KeepReason? {
        for (index, rule) in rules.enumerated() {
            if rule.effect == .ignore {
                let isIgnored = Side.allCases.contains { side in
                    seen[side] != nil
                        && ([name] + datasets[side].ancestors(of: name)).contains { record in
                            Side.allCases.contains { fitting(record, $0).contains(index) }
                        }
                }
                if isIgnored { return rule.keepReason() }
                continue
            }
            for side in Side.allCases {
                guard let write = writes[side], rule.dataset.map({ $0 == datasets[side].name }) ?? true else {
                    continue
                }
                let action = DiffElement.Action(write)
                guard rule.actions.contains(action) else { continue }
                switch action {
                case .create:
                    if applies(index, to: name, on: side.other, missingOn: side) { return rule.keepReason() }
                case .delete:
                    if applies(index, to: name, on: side, missingOn: side.other) { return rule.keepReason() }
                case .update:
                    if Side.allCases.contains(where: { fitting(name, $0).contains(index) }) {
                        return rule.keepReason()
                    }
                }
            }
        }
        return nil
    }

    /// Whether a rule is about a record that one side alone holds, or about one above it that has the same lot.
    private func applies(_ index: Int, to name: RecordName, on side: Side, missingOn other: Side) -> Bool {
        if fitting(name, side).contains(index) { return true }
        return datasets[side].ancestors(of: name).contains { ancestor in
            !datasets[other].holds(ancestor) && fitting(ancestor, side).contains(index)
        }
    }

    /// The rules that are about a record, by the words of its own type and properties.
    private func fitting(_ name: RecordName, _ side: Side) -> [Int] {
        let question = Question(record: name, side: side)
        if let known = known.withLock({ $0[question] }) { return known }
        // Asked outside any lock: what a rule asks is the user's own code.
        var fitting: [Int] = []
        if let model = datasets[side].model(name) {
            fitting = rules.indices.filter { index in
                rules[index].type.map { $0 == name.type } ?? true && rules[index].fits(model)
            }
        }
        known.withLock { $0[question] = fitting }
        return fitting
    }
}

extension DiffElement.Action {
    init(_ write: Write) {
        switch write {
        case .insert: self = .create
        case .update: self = .update
        case .delete: self = .delete
        }
    }
}
