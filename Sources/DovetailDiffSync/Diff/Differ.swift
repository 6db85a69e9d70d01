/// Compares two adapters: DiffSync's algorithm, without its recursion.
///
/// Complexity: O(objects of both sides).
struct Differ {
    private let source: DiffSyncAdapter
    private let destination: DiffSyncAdapter
    private let flags: DiffSyncFlags
    private let progress: DiffSyncProgressHandler?
    private let total: Int

    private var nodes: [DiffTreeNode] = []
    private var open: [Step] = []
    /// What was looked at: a pair costs two, and what is skipped one.
    private var done = 0
    private var deviations: Set<DiffSyncDeviation> = []
    /// The objects that the walk is below, of each side.
    private var path = (source: Set<DiffSyncIdentity>(), destination: Set<DiffSyncIdentity>())
    private var expanded: Set<Expansion> = []
    private var created: Set<DiffSyncIdentity> = []

    private enum Step {
        /// Objects of a type in one place of both sides.
        case group(source: [DiffSyncIdentity], destination: [DiffSyncIdentity], Place)
        case pair(DiffSyncObject?, DiffSyncObject?, Place)
        /// All that is below a pair has been looked at.
        case leave(source: DiffSyncIdentity?, destination: DiffSyncIdentity?)
    }

    /// Below which element, and below which object.
    private struct Place {
        var node: Int?
        var object: DiffSyncIdentity?
        /// Nothing lists the object, and the source has it where it is not looked at.
        var isHidden = false
    }

    /// A pair that may come again in another place.
    private struct Expansion: Hashable {
        let identity: DiffSyncIdentity
        let isSource: Bool
        let isDestination: Bool
    }

    init(
        _ source: DiffSyncAdapter, _ destination: DiffSyncAdapter, _ flags: DiffSyncFlags,
        _ progress: DiffSyncProgressHandler?
    ) {
        self.source = source
        self.destination = destination
        self.flags = flags
        self.progress = progress
        total = source.count + destination.count
    }

    mutating func diff(in order: DiffSyncOrder) throws(DiffSyncError) -> DiffSyncDiff {
        if source.hasSharedUIDs || destination.hasSharedUIDs { deviations.insert(.uidShared) }
        let (here, there) = (destination.schema.topLevel, source.schema.topLevel)
        for type in Set(here).symmetricDifference(there).sorted() {
            tick(here.contains(type) ? destination.count(type) : source.count(type))
        }
        for type in here where there.contains(type) {
            open.append(
                .group(
                    source: source.objects(type).map(\.identity),
                    destination: destination.objects(type).map(\.identity), Place()))
            try walk()
        }
        let unattached = try compareUnattached()
        var tree = DiffTree(nodes, order)
        let elements = tree.elements(heldBackIn: destination)
        return DiffSyncDiff(
            source: source.name, destination: destination.name, order: order.name, elements: elements,
            summary: summary(elements), deviations: deviations.union(tree.deviations), unattached: unattached)
    }

    private func summary(_ elements: [DiffSyncElement]) -> DiffSyncSummary {
        var summary = DiffSyncSummary()
        for element in elements {
            switch element.action {
            case .create: summary.create += 1
            case .update: summary.update += 1
            case .delete: summary.delete += 1
            case nil: summary.noChange += 1
            }
        }
        summary.skip =
            done - summary.create - summary.delete - 2 * summary.update - 2 * summary.noChange
        return summary
    }

    private mutating func tick(_ count: Int) {
        guard count > 0 else { return }
        done += count
        progress?(DiffSyncProgress(stage: .diff, done: done, total: total))
    }

    private mutating func walk() throws(DiffSyncError) {
        while let step = open.popLast() {
            switch step {
            case .group(let source, let destination, let place): try pair(source, destination, place)
            case .pair(let source, let destination, let place): try compare(source, destination, place)
            case .leave(let source, let destination):
                if let source { path.source.remove(source) }
                if let destination { path.destination.remove(destination) }
            }
        }
    }

    // MARK: Pairs

    /// Pairs in the order of the source, then what only the destination has.
    private mutating func pair(_ here: [DiffSyncIdentity], _ there: [DiffSyncIdentity], _ place: Place)
        throws(DiffSyncError)
    {
        let sources = try find(here, in: source, place)
        let destinations = try find(there, in: destination, place)
        var left: [DiffSyncIdentity: DiffSyncObject] = [:]
        for object in destinations { left[object.identity] = object }
        var pairs: [Step] = []
        for object in sources {
            let counterpart = left.removeValue(forKey: object.identity)
            if let counterpart { try check(object, counterpart) }
            // Where both sides have it, the adapters know themselves whether another one has its uid.
            if counterpart == nil, destination.otherOfSameUID(object.identity) != nil {
                deviations.insert(.uidShared)
            }
            pairs.append(.pair(object, counterpart, place))
        }
        for object in destinations where left[object.identity] != nil {
            pairs.append(.pair(nil, object, place))
        }
        open += pairs.reversed()
    }

    private func find(_ identities: [DiffSyncIdentity], in adapter: DiffSyncAdapter, _ place: Place)
        throws(DiffSyncError) -> [DiffSyncObject]
    {
        var objects: [DiffSyncObject] = []
        objects.reserveCapacity(identities.count)
        for identity in identities {
            guard let object = adapter.get(identity) else {
                throw .notFound(identity, parent: place.object, adapter: adapter.name)
            }
            objects.append(object)
        }
        return objects
    }

    private mutating func check(_ source: DiffSyncObject, _ destination: DiffSyncObject)
        throws(DiffSyncError)
    {
        let models = (self.source.schema[source.type], self.destination.schema[source.type])
        // By identifiers alone, both are called alike.
        if models.0?.shortname.isEmpty == true, models.1?.shortname.isEmpty == true {
            return checkNaN(source)
        }
        let names = (source.shortname(models.0), destination.shortname(models.1))
        guard names.0.utf8.elementsEqual(names.1.utf8) else {
            throw .shortnamesDiffer(source.identity, source: names.0, destination: names.1)
        }
        checkNaN(source)
    }

    /// NaN identifies an object here, and equals nothing in DiffSync.
    private mutating func checkNaN(_ object: DiffSyncObject) {
        if !object.identity.values.allSatisfy({ $0.equals($0) }) { deviations.insert(.uidShared) }
    }

    // MARK: A pair

    private mutating func compare(_ source: DiffSyncObject?, _ destination: DiffSyncObject?, _ place: Place)
        throws(DiffSyncError)
    {
        guard let object = source ?? destination else { return }
        guard !isSkipped(source, destination) else { return tick(1) }
        let children = try self.children(source, destination)
        let isRepeated = place.isHidden ? true : try isRepeated(source, destination, children)
        let model = (source == nil ? self.destination : self.source).schema[object.type]
        let elsewhere = destination == nil ? self.destination.get(object.identity)?.attributes : nil
        let node = nodes.count
        nodes.append(
            DiffTreeNode(
                element: DiffSyncElement(
                    source: source, destination: destination, object: object, name: object.shortname(model),
                    parent: place.object, elsewhere: elsewhere, isRepeated: isRepeated,
                    isHidden: place.isHidden),
                parent: place.node))
        if destination == nil { noteCreated(object.identity, node) }
        tick((source == nil ? 0 : 1) + (destination == nil ? 0 : 1))
        tick(children.uncompared)
        guard !isRepeated, !children.groups.isEmpty else { return }
        if let source { path.source.insert(source.identity) }
        if let destination { path.destination.insert(destination.identity) }
        open.append(.leave(source: source?.identity, destination: destination?.identity))
        let below = Place(node: node, object: object.identity)
        open += children.groups.reversed().map {
            .group(source: $0.source, destination: $0.destination, below)
        }
    }

    private mutating func noteCreated(_ identity: DiffSyncIdentity, _ node: Int) {
        created.insert(identity)
        guard nodes[node].element.elsewhere != nil, let ignored = destination.ignored(above: identity) else {
            return
        }
        nodes[node].element.heldBack = "\(ignored) is to be ignored, so that it can't be moved"
        deviations.insert(.moved)
    }

    private func isSkipped(_ source: DiffSyncObject?, _ destination: DiffSyncObject?) -> Bool {
        switch (source, destination) {
        case (let source?, nil):
            flags.contains(.skipUnmatchedSource) || source.flags.contains(.skipUnmatchedSource)
                || source.flags.contains(.ignore)
        case (nil, let destination?):
            flags.contains(.skipUnmatchedDestination) || destination.flags.contains(.skipUnmatchedDestination)
                || destination.flags.contains(.ignore)
        default: [source, destination].contains { $0?.flags.contains(.ignore) ?? false }
        }
    }

    private struct ChildGroups {
        var groups: [(source: [DiffSyncIdentity], destination: [DiffSyncIdentity])] = []
        /// How many children are of types that only one side has a place for.
        var uncompared = 0
    }

    /// Of a pair the child types that both know, in the order of the source; else those of the side that has it.
    private mutating func children(_ source: DiffSyncObject?, _ destination: DiffSyncObject?)
        throws(DiffSyncError) -> ChildGroups
    {
        var found = ChildGroups()
        guard let type = (source ?? destination)?.type else { return found }
        let (here, there) = (self.source.schema[type], self.destination.schema[type])
        for child in (source == nil ? there : here)?.children ?? [] {
            let sources = source?.children(of: child.type) ?? []
            if source != nil {
                let field = there?.field(of: child.type)
                guard field != nil, self.destination.schema[child.type] != nil else {
                    found.uncompared += sources.count
                    // Of a pair DiffSync leaves them alone, too, unless it is only the class that is missing.
                    if destination == nil || field != nil, !sources.isEmpty {
                        deviations.insert(.childTypeLeftOut)
                    }
                    continue
                }
                if destination != nil, let field, field != child.field {
                    throw .childFieldsDiffer(
                        type: type, child: child.type, source: child.field, destination: field)
                }
            }
            let destinations = destination?.children(of: child.type) ?? []
            if sources.isEmpty, destinations.isEmpty { continue }
            found.groups.append((sources, destinations))
        }
        if source != nil, let destination {
            for child in there?.children ?? [] where here?.field(of: child.type) == nil {
                found.uncompared += destination.children(of: child.type).count
            }
        }
        return found
    }

    /// Whether the same pair was looked at in another place, with all that is below it.
    private mutating func isRepeated(
        _ source: DiffSyncObject?, _ destination: DiffSyncObject?, _ children: ChildGroups
    ) throws(DiffSyncError) -> Bool {
        for (object, path, adapter) in [
            (source, path.source, self.source), (destination, path.destination, self.destination),
        ] {
            if let object, path.contains(object.identity) {
                throw .cycle(object.identity, adapter: adapter.name)
            }
        }
        guard let object = source ?? destination else { return false }
        let places = [(source, self.source), (destination, self.destination)].map { object, adapter in
            guard let object else { return 0 }
            return object.parents.count + (adapter.schema.topLevel.contains(object.type) ? 1 : 0)
        }
        guard places.contains(where: { $0 > 1 }) else { return false }
        let expansion = Expansion(
            identity: object.identity, isSource: source != nil, isDestination: destination != nil)
        guard !expanded.insert(expansion).inserted else { return false }
        if !children.groups.isEmpty { deviations.insert(.handledOnce) }
        return true
    }

    // MARK: What nothing lists

    /// What nothing lists stands at the top level if it is in the destination, where it waits to be deleted or listed. In the source it
    /// is only reported: it has no place yet.
    private mutating func compareUnattached() throws(DiffSyncError) -> [DiffSyncUnattached] {
        let (here, there) = (destination.unattached, source.unattached)
        if here.isEmpty, there.isEmpty { return [] }
        deviations.insert(.unattached)
        for identity in here {
            guard let object = destination.get(identity) else { continue }
            let counterpart = source.get(identity)
            if let counterpart, source.isUnattached(identity) {
                try check(counterpart, object)
                open.append(.pair(counterpart, object, Place()))
            } else {
                let isHidden = counterpart != nil && !created.contains(identity)
                open.append(.pair(nil, object, Place(isHidden: isHidden)))
            }
            try walk()
        }
        return here.map { DiffSyncUnattached(identity: $0, adapter: destination.name) }
            + there.map { DiffSyncUnattached(identity: $0, adapter: source.name) }
    }
}
