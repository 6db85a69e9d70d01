/// Reads typed values out of a YAML tree and collects what is wrong on the way.
///
/// Each function gives nil when it has reported a problem, so that reading goes on and one run names them
/// all. A message quotes what the file says, with `${NAME}` as it is written, never what the environment
/// holds.
struct ItemReader {
    let file: String
    let folder: String
    let environment: [String: String]
    private(set) var problems: [JobFileError.Problem] = []
    private(set) var positions: [String: JobFile.Position] = [:]

    init(file: String, folder: String, environment: [String: String]) {
        self.file = file
        self.folder = folder
        self.environment = environment
    }

    mutating func report(_ item: Item, _ message: String, hint: String? = nil) {
        report(at: item.position, item.path, message, hint: hint)
    }

    mutating func report(
        at position: JobFile.Position, _ path: NodePath, _ message: String, hint: String? = nil
    ) {
        problems.append(
            JobFileError.Problem(
                file: file, line: position.line, column: position.column, keyPath: path.text,
                message: message,
                hint: hint))
    }

    mutating func add(_ others: [JobFileError.Problem]) {
        problems += others
    }

    // MARK: - Maps and lists

    /// A map whose keys are words of the job file; any other key is reported.
    mutating func map(_ item: Item, keys: [String], form: String) -> MapReader? {
        guard let map = anyMap(item, form: form) else { return nil }
        for entry in map.items where !keys.contains(entry.key) {
            let hint = Spelling.hint(for: entry.key, in: keys, otherwise: "the keys here are")
            report(entry.item, "unknown key", hint: hint)
        }
        return map
    }

    /// A map whose keys are names of the user's choice.
    mutating func anyMap(_ item: Item, form: String) -> MapReader? {
        guard case .map(let entries) = item.node.content else {
            if item.node.isEmpty {
                report(item, "has no value", hint: "write \(form)")
            } else {
                report(item, "expected a map, found \(item.node.kind)", hint: "write \(form)")
            }
            return nil
        }
        let map = MapReader(item: item, entries: entries)
        for entry in map.items { positions[entry.item.path.text] = entry.item.position }
        return map
    }

    /// The items of a list that holds at least one.
    mutating func list(_ item: Item, of what: String, form: String) -> [Item]? {
        guard case .list(let nodes) = item.node.content else {
            if item.node.isEmpty {
                report(item, "has no value", hint: "write \(form)")
            } else {
                report(item, "expected a list of \(what), found \(item.node.kind)", hint: "write \(form)")
            }
            return nil
        }
        guard !nodes.isEmpty else {
            report(item, "the list is empty", hint: "write \(form), or remove the key")
            return nil
        }
        return nodes.enumerated().map { index, node in
            Item(node: node, path: item.path.index(index), position: node.position)
        }
    }

    /// A list of names, none of them twice.
    mutating func names(_ item: Item, of what: String, form: String) -> [String]? {
        guard let items = list(item, of: "\(what)s", form: form) else { return nil }
        var names: [String] = []
        var known: Set<String> = []
        for item in items {
            guard let name = text(item, article(what)) else { continue }
            guard known.insert(name).inserted else {
                report(item, "\(quote(item)) is in the list twice", hint: "remove one of them")
                continue
            }
            names.append(name)
        }
        return names.count == items.count ? names : nil
    }

    // MARK: - Scalars

    /// A text that is not empty, with the environment read.
    mutating func text(_ item: Item, _ what: String) -> String? {
        guard let raw = item.node.scalar else {
            report(item, "expected \(what), found \(item.node.kind)")
            return nil
        }
        guard !item.node.isEmpty else {
            let isWord = raw.lowercased() == "null"
            let hint = isWord ? "put quotes around it to mean the word \(raw)" : "give \(what)"
            report(item, "has no value", hint: hint)
            return nil
        }
        let text: String
        do {
            text = try Substitution.fill(raw, from: environment)
        } catch {
            report(item, error.message, hint: error.hint)
            return nil
        }
        guard !text.contains("\0") else {
            report(item, "contains a NUL character", hint: "remove it")
            return nil
        }
        guard !text.allSatisfy(\.isWhitespace) else {
            let isRead = raw.contains("${")
            report(
                item, isRead ? "\(quote(item)) is empty in the environment" : "is empty", hint: "give \(what)"
            )
            return nil
        }
        return text
    }

    mutating func bool(_ item: Item) -> Bool? {
        guard let text = text(item, "true or false") else { return nil }
        switch text {
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": return true
        case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": return false
        default:
            report(item, "\(quote(item)) is not true or false", hint: "write true or false")
            return nil
        }
    }

    /// A whole number, zero or more. `50_000` is read as 50000.
    mutating func integer(_ item: Item, _ what: String) -> Int? {
        guard let text = text(item, what) else { return nil }
        let digits = text.replacing("_", with: "")
        if let number = Int(digits), text.first != "_" {
            guard number >= 0 else {
                report(item, "\(quote(item)) is negative", hint: "write 0 or more")
                return nil
            }
            return number
        }
        let isHuge = !digits.isEmpty && digits.allSatisfy { $0.isASCII && $0.isNumber }
        report(
            item, "\(quote(item)) is \(isHuge ? "too large" : "not a whole number")",
            hint: isHuge ? "write a smaller number" : "write digits only, such as 500")
        return nil
    }

    /// A number, zero or more.
    mutating func number(_ item: Item, _ what: String) -> Double? {
        guard let text = text(item, what) else { return nil }
        guard let number = Self.decimal(text) else {
            report(item, "\(quote(item)) is not a number", hint: "write a number such as 0.5")
            return nil
        }
        guard number >= 0 else {
            report(item, "\(quote(item)) is negative", hint: "write 0 or more")
            return nil
        }
        return number
    }

    /// `20%` as 0.2.
    mutating func share(_ item: Item) -> Double? {
        guard let text = text(item, "a share such as 20%") else { return nil }
        guard text.hasSuffix("%"), let percent = Self.decimal(text.dropLast().filter { $0 != " " }) else {
            report(item, "\(quote(item)) is not a share", hint: "write it in percent, such as 20%")
            return nil
        }
        guard (0...100).contains(percent) else {
            report(item, "\(quote(item)) is not between 0% and 100%", hint: "write a share such as 20%")
            return nil
        }
        return percent / 100
    }

    /// One of a few words.
    mutating func choice<Choice>(_ item: Item, _ type: Choice.Type) -> Choice?
    where Choice: CaseIterable & RawRepresentable<String> {
        let words = Choice.allCases.map(\.rawValue)
        guard let text = text(item, words.joined(separator: ", ")) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        reportWord(item, words)
        return nil
    }

    mutating func reportWord(_ item: Item, _ words: [String]) {
        let raw = item.node.scalar ?? ""
        let hint = Spelling.nearest(to: raw, in: words).map { "did you mean “\($0)”?" }
        report(item, "\(quote(item)) is not one of \(words.joined(separator: ", "))", hint: hint)
    }

    /// What the file says, in quotes, on one line and without a password that came to the wrong place.
    func quote(_ item: Item) -> String {
        let raw = Masking.mask(item.node.scalar ?? item.node.kind)
        let line = raw.prefix { !$0.isNewline }.prefix(60)
        return "“\(line)\(line.endIndex < raw.endIndex ? "…" : "")”"
    }

    private func article(_ noun: String) -> String {
        "a \(noun)"
    }

    private static func decimal(_ text: some StringProtocol) -> Double? {
        guard text.allSatisfy({ $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }) else { return nil }
        guard let number = Double(String(text)), number.isFinite else { return nil }
        return number
    }
}

/// The entries of one map, by key.
struct MapReader {
    let item: Item
    let items: [(key: String, item: Item)]

    init(item: Item, entries: [YAMLTree.Entry]) {
        self.item = item
        self.items = entries.map { entry in
            let path = item.path.key(entry.key)
            return (entry.key, Item(node: entry.value, path: path, position: entry.position))
        }
    }

    subscript(key: String) -> Item? {
        items.first { $0.key == key }?.item
    }
}
