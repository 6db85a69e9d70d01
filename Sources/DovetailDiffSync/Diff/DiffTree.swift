/// An element while the tree grows, and the element that it stands below.
struct DiffTreeNode {
    var element: DiffSyncElement
    let parent: Int?
}

/// Names, orders and flattens what was compared.
struct DiffTree {
    private var nodes: [DiffTreeNode]
    private let order: DiffSyncOrder
    private(set) var deviations: Set<DiffSyncDeviation> = []

    /// - Parameter nodes: parents before what is below them.
    init(_ nodes: [DiffTreeNode], _ order: DiffSyncOrder) {
        self.nodes = nodes
        self.order = order
    }

    /// All elements, each followed by those below it, with the deletes that can't be done as `destination` is.
    mutating func elements(heldBackIn destination: DiffSyncAdapter) -> [DiffSyncElement] {
        for place in nodes.indices.reversed() where nodes[place].element.hasDiffs {
            if let parent = nodes[place].parent { nodes[parent].element.hasDiffs = true }
        }
        var below: [[Int]] = Array(repeating: [], count: nodes.count)
        var top: [Int] = []
        for (place, node) in nodes.enumerated() {
            if let parent = node.parent { below[parent].append(place) } else { top.append(place) }
        }
        var flat: [DiffSyncElement] = []
        flat.reserveCapacity(nodes.count)
        var open: [(place: Int, isEntered: Bool, flat: Int)] = arranged(top).reversed().map { ($0, false, 0) }
        while let (place, isEntered, entry) = open.popLast() {
            if isEntered {
                flat[entry].end = flat.count
                continue
            }
            open.append((place, true, flat.count))
            flat.append(nodes[place].element)
            for child in arranged(below[place]).reversed() {
                nodes[child].element.depth = nodes[place].element.depth + 1
                open.append((child, false, 0))
            }
        }
        holdBackDeletes(of: &flat, destination)
        return flat
    }

    private mutating func holdBackDeletes(of flat: inout [DiffSyncElement], _ destination: DiffSyncAdapter) {
        let held = HeldDeletes(flat, in: destination)
        for (place, reason) in held.reasons where !held.isCreated(flat[place].identity) {
            flat[place].heldBack = reason.text
            deviations.insert(.deleteHeldBack)
        }
        // What can't be moved is not deleted where it is, either.
        let unmoved = Dictionary(
            flat.lazy.filter { $0.action == .create }.compactMap { element in
                element.heldBack.map { (element.identity, $0) }
            }, uniquingKeysWith: { first, _ in first })
        if unmoved.isEmpty { return }
        for place in flat.indices where flat[place].action == .delete {
            if let reason = unmoved[flat[place].identity] { flat[place].heldBack = reason }
        }
    }

    /// The nodes of one place in the order that is asked for, each once, with names that tell them apart.
    private mutating func arranged(_ places: [Int]) -> [Int] {
        if places.isEmpty { return [] }
        var names: [String: UniqueNames] = [:]
        for (position, place) in places.enumerated() {
            let element = nodes[place].element
            let name = names[element.type, default: UniqueNames()].take(element.name, for: element.identity)
            if !name.utf8.elementsEqual(element.name.utf8) { deviations.insert(.shortnameShared) }
            nodes[place].element.name = name
            nodes[place].element.position = position
        }
        var left = Set(places.indices)
        var arranged = order.order(places.map { nodes[$0].element }).map(\.position).filter {
            left.remove($0) != nil
        }
        if !left.isEmpty {
            deviations.insert(.orderCompleted)
            arranged += left.sorted()
        }
        return arranged.map { places[$0] }
    }
}
