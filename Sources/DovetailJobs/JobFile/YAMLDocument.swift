import Yams

/// Reads YAML text into a ``YAMLTree``: syntax, duplicate keys, merge keys, and the caps.
///
/// The caps keep a hostile file from costing more than its size: aliases are resolved by Yams without a copy,
/// but whoever walks the tree pays for each of them.
struct YAMLDocument {
    static let maximumBytes = 1 << 20
    static let maximumNodes = 100_000
    static let maximumDepth = 64

    let file: String
    private(set) var problems: [JobFileError.Problem] = []
    private var nodes = 0
    private var composed = ComposedYAML()

    init(file: String) {
        self.file = file
    }

    /// The tree, or nil for a file that holds nothing. Problems that allow reading on are in `problems`.
    mutating func read(_ yaml: String) throws(JobFileError) -> YAMLTree? {
        guard yaml.utf8.count <= Self.maximumBytes else {
            throw JobFileError(
                problem("the file is larger than 1 MB", "a job file names tables, not records"))
        }
        composed = ComposedYAML(text: yaml)
        guard let root = try composed.compose(file: file) else { return nil }
        return try convert(root, at: NodePath(), depth: 0)
    }

    private mutating func convert(
        _ node: Node, at path: NodePath, depth: Int
    ) throws(JobFileError) -> YAMLTree {
        let position = position(of: node)
        nodes += 1
        guard nodes <= Self.maximumNodes else {
            throw JobFileError(
                problem(
                    "the file holds more than 100,000 nodes once its aliases are resolved",
                    "write the parts out, with fewer aliases", position))
        }
        guard depth <= Self.maximumDepth else {
            throw JobFileError(
                problem("nested more than 64 levels deep", "remove some levels", position))
        }
        checkTag(node, position, path)
        switch node {
        case .scalar(let scalar):
            return YAMLTree(
                position: position, content: .scalar(scalar.string, isPlain: scalar.style == .plain))
        case .sequence(let sequence):
            var list: [YAMLTree] = []
            for (index, element) in sequence.enumerated() {
                list.append(try convert(element, at: path.index(index), depth: depth + 1))
            }
            return YAMLTree(position: position, content: .list(list))
        case .mapping(let mapping):
            let entries = try entries(of: mapping, at: path, depth: depth)
            return YAMLTree(position: position, content: .map(entries))
        case .alias:
            throw JobFileError(problem("an alias was not resolved", "write the value out", position, path))
        }
    }

    private mutating func entries(
        of mapping: Node.Mapping, at path: NodePath, depth: Int
    ) throws(JobFileError) -> [YAMLTree.Entry] {
        var entries: [YAMLTree.Entry] = []
        var lines: [String: Int] = [:]
        var merged: [YAMLTree] = []
        for (keyNode, valueNode) in mapping {
            let position = position(of: keyNode)
            guard let scalar = keyNode.scalar else {
                report("a key must be a single word or text", "write KEY: VALUE", position, path)
                continue
            }
            let key = composed.original(of: scalar.string, at: position)
            if key == "<<", scalar.style == .plain {
                merged.append(try convert(valueNode, at: path.key(key), depth: depth + 1))
                continue
            }
            guard !key.isEmpty, !key.contains("\0") else {
                let what = key.isEmpty ? "a key is empty" : "a key contains a NUL character"
                report(what, "give it a name", position, path)
                continue
            }
            let value = try convert(valueNode, at: path.key(key), depth: depth + 1)
            if let line = lines[key] {
                report("given twice, first in line \(line)", "keep one of them", position, path.key(key))
                continue
            }
            lines[key] = position.line
            entries.append(YAMLTree.Entry(key: key, position: position, value: value))
        }
        for tree in merged { merge(tree, into: &entries, at: path) }
        return entries
    }

    /// `<<: *defaults` gives the keys that the map itself does not give; of several, the first wins.
    private mutating func merge(_ tree: YAMLTree, into entries: inout [YAMLTree.Entry], at path: NodePath) {
        switch tree.content {
        case .map(let others):
            let known = Set(entries.map(\.key))
            entries += others.filter { !known.contains($0.key) }
        case .list(let trees):
            for tree in trees { merge(tree, into: &entries, at: path) }
        case .scalar:
            report(
                "“<<” merges a map into this one, found \(tree.kind)", "write <<: *NAME", tree.position, path)
        }
    }

    private mutating func checkTag(_ node: Node, _ position: JobFile.Position, _ path: NodePath) {
        let tag =
            switch node {
            case .scalar(let scalar): scalar.tag.rawValue
            case .sequence(let sequence): sequence.tag.rawValue
            case .mapping(let mapping): mapping.tag.rawValue
            case .alias: ""
            }
        guard !tag.isEmpty, tag != "!", !tag.hasPrefix("tag:yaml.org,2002:") else { return }
        report("the tag \(tag) has no meaning in a job file", "remove it, or quote the value", position, path)
    }

    private func position(of node: Node) -> JobFile.Position {
        JobFile.Position(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    private mutating func report(
        _ message: String, _ hint: String, _ position: JobFile.Position, _ path: NodePath
    ) {
        problems.append(problem(message, hint, position, path))
    }

    private func problem(
        _ message: String, _ hint: String, _ position: JobFile.Position? = nil, _ path: NodePath = NodePath()
    ) -> JobFileError.Problem {
        JobFileError.Problem(
            file: file, line: position?.line, column: position?.column, keyPath: path.text, message: message,
            hint: hint)
    }
}
