/// Where a diff speaks of objects that are in several places, or that go from one to another.
struct Places {
    /// An object below another one, or at the top level.
    struct Place: Hashable {
        let parent: DiffSyncIdentity?
        let child: DiffSyncIdentity
    }

    /// Where each object is to be deleted.
    let deletes: [DiffSyncIdentity: [Int]]
    /// Places that both sides have, of objects that are to be created or deleted in others.
    private let kept: Set<Place>
    private let keptObjects: Set<DiffSyncIdentity>
    private let parentsOfDeletes: Set<Place>

    /// Complexity: O(elements).
    init(_ elements: [DiffSyncElement]) {
        var deletes: [DiffSyncIdentity: [Int]] = [:]
        var isMentioned: Set<DiffSyncIdentity> = []
        var parents: Set<Place> = []
        for (place, element) in elements.enumerated() {
            switch element.action {
            case .delete:
                deletes[element.identity, default: []].append(place)
                parents.insert(Place(parent: element.parent, child: element.identity))
                isMentioned.insert(element.identity)
            case .create where element.elsewhere != nil: isMentioned.insert(element.identity)
            default: break
            }
        }
        self.deletes = deletes
        parentsOfDeletes = parents
        kept = Set(
            elements.lazy.filter {
                $0.action != .create && $0.action != .delete && isMentioned.contains($0.identity)
            }.map { Place(parent: $0.parent, child: $0.identity) })
        keptObjects = Set(kept.map(\.child))
    }

    /// Whether both sides have the object in some place.
    func isKept(_ identity: DiffSyncIdentity) -> Bool { keptObjects.contains(identity) }

    /// Whether both sides have the object below this parent.
    func isKept(_ identity: DiffSyncIdentity, below parent: DiffSyncIdentity?) -> Bool {
        kept.contains(Place(parent: parent, child: identity))
    }

    /// Whether an object that is deleted below one parent is to stay below another one.
    func isKeptBeside(_ object: DiffSyncObject, _ parent: DiffSyncIdentity?) -> Bool {
        object.parents.contains {
            $0 != parent && !parentsOfDeletes.contains(Place(parent: $0, child: object.identity))
        }
    }
}
