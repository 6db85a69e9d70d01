/// A YAML document as values: maps with text keys, lists and scalars, each with its place.
///
/// Scalars stay text: whether `no` is a word or a false is decided by what is expected there.
struct YAMLTree: Sendable {
    var position: JobFile.Position
    var content: Content

    indirect enum Content: Sendable {
        case scalar(String, isPlain: Bool)
        case list([YAMLTree])
        case map([Entry])
    }

    struct Entry: Sendable {
        var key: String
        var position: JobFile.Position
        var value: YAMLTree
    }

    /// What to call it in a message.
    var kind: String {
        switch content {
        case .scalar where isEmpty: "nothing"
        case .scalar: "a single value"
        case .list: "a list"
        case .map: "a map"
        }
    }

    /// A plain `null`, `~` or nothing at all.
    var isEmpty: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// The text of a scalar.
    var scalar: String? {
        guard case .scalar(let text, _) = content else { return nil }
        return text
    }
}

/// A path of keys such as `tables.benches.match[0]`.
struct NodePath {
    var text = ""

    func key(_ name: String) -> NodePath {
        let isPlain = !name.isEmpty && name.allSatisfy { $0.isLetter || $0.isNumber || "_-".contains($0) }
        let part = isPlain ? name : name.debugDescription
        return NodePath(text: text.isEmpty ? part : text + "." + part)
    }

    func index(_ index: Int) -> NodePath {
        NodePath(text: "\(text)[\(index)]")
    }
}

/// A node together with where it stands.
struct Item {
    var node: YAMLTree
    var path: NodePath
    /// Where its key is, or itself in a list.
    var position: JobFile.Position
}
