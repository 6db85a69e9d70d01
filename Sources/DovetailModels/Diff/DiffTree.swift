import Dovetail
import DovetailEngine

/// Puts what differs under the records that it belongs to.
struct DiffTree {
    private let types: [String: Shape]
    /// A record of either dataset, to find where an ancestor that does not differ stands.
    private let lookUp: (RecordKey, _ type: String) -> PackedRecord?
    private var nodes: [Node] = []
    private var places: [RecordName: Int] = [:]

    struct Shape {
        let order: Int
        let schema: TableSchema
        /// How many of the fields are identifiers.
        let identifierCount: Int
        let parent: Reference?
    }

    private struct Node {
        let name: RecordName
        var parent: Int?
        var action: DiffElement.Action?
        var attributes: [DiffElement.Attribute] = []
        var protection: String?
        var children: [Int] = []
    }

    init(_ types: [String: Shape], lookUp: @escaping (RecordKey, String) -> PackedRecord?) {
        self.types = types
        self.lookUp = lookUp
    }

    /// - Parameters:
    ///   - new: the source's record.
    ///   - old: the destination's.
    ///   - rule: the rule because of which it will not be written.
    mutating func add(
        _ key: RecordKey, of type: String, new: PackedRecord?, old: PackedRecord?,
        protectedBy rule: String? = nil
    ) throws {
        guard let known = types[type] else { return }
        let place = try node(RecordName(type: type, key: key), new ?? old)
        let (n, o) = (try new?.values(), try old?.values())
        nodes[place].protection = rule
        nodes[place].action = old == nil ? .create : new == nil ? .delete : .update
        let changed: [Int] =
            if let new, let old { try known.schema.differingFields(new, old) } else {
                Array(known.identifierCount..<known.schema.fields.count)
            }
        nodes[place].attributes = changed.map {
            DiffElement.Attribute(name: known.schema.fields[$0].name, old: o?[$0], new: n?[$0])
        }
    }

    /// The node of a record, under its ancestors.
    private mutating func node(_ name: RecordName, _ record: PackedRecord?) throws -> Int {
        if let place = places[name] { return place }
        let place = nodes.count
        nodes.append(Node(name: name))
        places[name] = place
        var (child, held) = (place, record)
        while true {
            guard let parent = try parent(of: nodes[child].name, held) else { return place }
            if let known = places[parent] {
                // Records that stand under each other in a circle begin at the one that came last.
                if !stands(known, under: child) { link(child, under: known) }
                return place
            }
            let next = nodes.count
            nodes.append(Node(name: parent))
            places[parent] = next
            link(child, under: next)
            (child, held) = (next, nil)
        }
    }

    private mutating func link(_ child: Int, under parent: Int) {
        nodes[child].parent = parent
        nodes[parent].children.append(child)
    }

    private func stands(_ place: Int, under other: Int) -> Bool {
        var ancestor: Int? = place
        while let now = ancestor {
            if now == other { return true }
            ancestor = nodes[now].parent
        }
        return false
    }

    /// The record under which another one stands; nil when it names none.
    private func parent(of name: RecordName, _ record: PackedRecord?) throws -> RecordName? {
        guard let type = types[name.type], let reference = type.parent, types[reference.table] != nil,
            let record = record ?? lookUp(name.key, name.type)
        else { return nil }
        let key = try record.key(of: reference.fields.compactMap(type.schema.index(of:)))
        return key.map { RecordName(type: reference.table, key: $0) }
    }

    /// The tree.
    func elements() throws -> [DiffElement] {
        // Children have been made before or after their parents, so the depth is walked without recursion.
        var made: [DiffElement?] = Array(repeating: nil, count: nodes.count)
        var open = nodes.indices.filter { nodes[$0].parent == nil }.map { (place: $0, isEntered: false) }
        while let (place, isEntered) = open.popLast() {
            if !isEntered {
                open.append((place, true))
                open.append(contentsOf: nodes[place].children.map { ($0, false) })
                continue
            }
            let children = ordered(nodes[place].children).compactMap { made[$0] }
            made[place] = try element(nodes[place], children)
        }
        return ordered(nodes.indices.filter { nodes[$0].parent == nil }).compactMap { made[$0] }
    }

    private func ordered(_ places: [Int]) -> [Int] {
        places.sorted { a, b in
            let (x, y) = (nodes[a].name, nodes[b].name)
            if x.type == y.type { return x.key < y.key }
            return types[x.type]?.order ?? 0 < types[y.type]?.order ?? 0
        }
    }

    private func element(_ node: Node, _ children: [DiffElement]) throws -> DiffElement {
        let names = types[node.name.type]?.schema.fields.map(\.name) ?? []
        return DiffElement(
            type: node.name.type,
            identifiers: zip(names, try node.name.key.values()).map { (name: $0, value: $1) },
            action: node.action, attributes: node.attributes, protectedBy: node.protection, children: children
        )
    }
}
