extension DiffSyncAdapter {
    /// Adds a forest: a list of `{"type", "ids", "attrs", "flags", "children"}`, depth first. A node with `"ref": true` stands for an object
    /// that was added before, one with `"attach": false` is not listed with its parent, and one with `"stored": false` is listed and not added.
    /// - Throws: ``DiffSyncError``; what was added before it stays.
    public mutating func load(_ forest: DiffSyncValue) throws(DiffSyncError) {
        var open: [(node: DiffSyncValue, parent: DiffSyncIdentity?)] = (forest.list ?? []).reversed().map {
            ($0, nil)
        }
        while let (node, parent) = open.popLast() {
            guard let type = node["type"]?.text, let identifiers = node["ids"]?.fields else {
                throw .malformed("a node of a forest has a “type” and “ids”")
            }
            let object = try make(
                type, identifiers, node["attrs"]?.fields ?? [:],
                flags: node["flags"] == nil ? nil : try DiffSyncModelFlags(json: node["flags"]))
            if node["ref"] == true {
                guard get(object.identity) != nil else { throw .notFound(object.identity, adapter: name) }
            } else if node["stored"] != false {
                try insert(object)
            }
            let isListed = node["attach"] != false
            // What is below an object that was not added has nothing to be listed with.
            if let parent, isListed, get(parent) != nil { try addChild(object.identity, to: parent) }
            open += (node["children"]?.list ?? []).reversed().map { ($0, object.identity) }
        }
    }

    /// All objects by type and uid, as DiffSync's `dict()` shows them: identifiers, attributes, and the uids of children.
    /// An object whose uid another one has is shown under its values, each apart.
    public func dict() -> DiffSyncValue {
        .object(
            DiffSyncFields(
                schema.models.lazy.filter { count($0.type) > 0 }.map { model in
                    var names = UniqueNames()
                    return (
                        model.type,
                        .object(
                            DiffSyncFields(
                                objects(model.type).map { object in
                                    (
                                        names.take(object.identity.uid, for: object.identity),
                                        fields(object, model)
                                    )
                                }))
                    )
                }))
    }

    private func fields(_ object: DiffSyncObject, _ model: DiffSyncSchema.Model) -> DiffSyncValue {
        let own = (Array(object.identifiers) + Array(object.attributes)).map { ($0.name, $0.value) }
        let children: [(String, DiffSyncValue)] = model.children.compactMap {
            let children = object.children(of: $0.type)
            return children.isEmpty ? nil : ($0.field, .list(children.map { .text($0.uid) }))
        }
        return .object(DiffSyncFields(own + children))
    }
}

/// Names that are to be told apart in one place.
struct UniqueNames {
    /// By their bytes.
    private var taken: Set<DiffSyncValue> = []

    /// The name; when it is taken, the uid; when that is taken, the values each apart.
    mutating func take(_ name: String, for identity: DiffSyncIdentity) -> String {
        for candidate in [name, identity.uid] where taken.insert(.text(candidate)).inserted {
            return candidate
        }
        let apart = DiffSyncValue.list(identity.values).json
        taken.insert(.text(apart))
        return apart
    }
}
