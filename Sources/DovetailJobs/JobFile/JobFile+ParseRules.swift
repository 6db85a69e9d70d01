extension ItemReader {
    private static let policyWords = JobFile.Policy.names + ["{newest: FIELD}"]

    /// `ask · left · right · merge · {newest: FIELD}`
    mutating func policy(_ item: Item) -> JobFile.Policy? {
        if case .map = item.node.content {
            guard let map = map(item, keys: ["newest"], form: "{newest: FIELD}") else { return nil }
            guard let field = map["newest"] else {
                if map.items.isEmpty { report(item, "the map is empty", hint: "write {newest: FIELD}") }
                return nil
            }
            return text(field, "the name of a field").map { .newest(field: $0) }
        }
        guard let word = text(item, Self.policyWords.joined(separator: ", ")) else { return nil }
        switch word {
        case "ask": return .ask
        case "left": return .left
        case "right": return .right
        case "merge": return .merge
        case "newest":
            report(item, "“newest” needs the field that tells the time", hint: "write {newest: FIELD}")
        default:
            reportWord(item, Self.policyWords)
        }
        return nil
    }

    /// A single policy, or `{default: POLICY, FIELD: POLICY}`.
    ///
    /// A map with the one key `newest` is the policy; a field of that name is told by a `default` beside it.
    mutating func conflicts(_ item: Item) -> JobFile.Conflicts? {
        guard case .map(let entries) = item.node.content, entries.map(\.key) != ["newest"] else {
            return policy(item).map { JobFile.Conflicts(default: $0) }
        }
        guard let map = anyMap(item, form: "{default: POLICY, FIELD: POLICY}") else { return nil }
        var conflicts = JobFile.Conflicts()
        for entry in map.items {
            guard let policy = policy(entry.item) else { continue }
            if entry.key == "default" {
                conflicts.default = policy
            } else {
                conflicts.fields[entry.key] = policy
            }
        }
        return conflicts
    }

    mutating func limits(_ item: Item) -> JobFile.Limits? {
        let form = "{deletes: 20%, changes: 50000, on_empty_side: stop}"
        guard let map = map(item, keys: ["deletes", "changes", "on_empty_side"], form: form) else {
            return nil
        }
        var limits = JobFile.Limits()
        limits.deletes = map["deletes"].flatMap { deleteLimit($0) }
        limits.changes = map["changes"].flatMap { integer($0, "a number of records") }
        if let item = map["on_empty_side"], let choice = choice(item, JobFile.OnEmptySide.self) {
            limits.onEmptySide = choice
        }
        return limits
    }

    private mutating func deleteLimit(_ item: Item) -> JobFile.DeleteLimit? {
        if case .scalar(let raw, _) = item.node.content {
            // Which of the two it is can only be seen once the environment is read.
            let filled = (try? Substitution.fill(raw, from: environment)) ?? raw
            if filled.contains("%") {
                return share(item).map { JobFile.DeleteLimit(share: $0) }
            }
            return integer(item, "a share such as 20% or a number").map { JobFile.DeleteLimit(number: $0) }
        }
        let form = "{share: 20%, number: 500}"
        guard let map = map(item, keys: ["share", "number"], form: form) else { return nil }
        guard !map.items.isEmpty else {
            report(item, "the map is empty", hint: "write \(form)")
            return nil
        }
        return JobFile.DeleteLimit(
            share: map["share"].flatMap { share($0) },
            number: map["number"].flatMap { integer($0, "a number of records") })
    }

    mutating func history(_ item: Item) -> JobFile.History? {
        let form = "{runs: 50, days: 30, values: full}"
        guard let map = map(item, keys: ["runs", "days", "values", "masked"], form: form) else { return nil }
        var history = JobFile.History()
        if let item = map["runs"], let runs = integer(item, "a number of runs") { history.runs = runs }
        if let item = map["days"], let days = integer(item, "a number of days") { history.days = days }
        if let item = map["values"], let values = choice(item, JobFile.HistoryValues.self) {
            history.values = values
        }
        if let item = map["masked"], let names = names(item, of: "field name", form: "[FIELD, FIELD]") {
            history.masked = names
        }
        return history
    }
}
