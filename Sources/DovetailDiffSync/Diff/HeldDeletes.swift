/// Deletes that would leave an object behind that nothing lists, or would lose an edit, and why they are held back.
struct HeldDeletes {
    enum Reason: Hashable {
        /// Something below stays, so that this has to.
        case keeps(String)
        /// It was changed since the diff was made.
        case changed(String)

        var text: String {
            switch self {
            case .keeps(let text), .changed(let text): text
            }
        }
    }

    /// By the place of the element.
    private(set) var reasons: [Int: Reason] = [:]

    /// Complexity: O(elements, and children of those to be deleted).
    init(_ diff: [DiffSyncElement], in destination: DiffSyncAdapter) {
        let created = Set(diff.lazy.filter { $0.action == .create }.map(\.identity))
        var below: [[Int]] = Array(repeating: [], count: (diff.map(\.depth).max() ?? 0) + 2)
        for (place, element) in diff.enumerated().reversed() {
            let children = below[element.depth + 1]
            below[element.depth + 1] = []
            below[element.depth].append(place)
            guard element.action == .delete, !element.isRepeated,
                let object = destination.get(element.identity)
            else { continue }
            if let seen = element.destinationAttributes, seen != object.attributes {
                reasons[place] = .changed("\(element.identity) was changed since the diff was made")
                continue
            }
            let isWhole = object.flags.contains(.skipChildrenOnDelete)
            for child in children.reversed() {
                switch reasons[child] {
                case .changed(let text): reasons[place] = .keeps(text)
                case .keeps(let text) where !isWhole: reasons[place] = .keeps(text)
                case .keeps, nil: break
                }
            }
            if isWhole || reasons[place] != nil { continue }
            let covered = Set(children.map { diff[$0].identity })
            for child in object.children.values.flatMap(\.keys)
            where !covered.contains(child) && !created.contains(child) {
                guard let left = destination.get(child), left.parents == [element.identity] else { continue }
                reasons[place] = .keeps("\(child) below it \(Self.cause(left.flags))")
            }
        }
        dropWhatGoesWhole(diff, destination)
        // What is below an object in several places stands in one of them.
        let known = Dictionary(
            reasons.map { (diff[$0.key].identity, $0.value) }, uniquingKeysWith: { first, _ in first })
        if known.isEmpty { return }
        for (place, element) in diff.enumerated() where element.isRepeated && element.action == .delete {
            reasons[place] = known[element.identity]
        }
    }

    /// What is below an object that is deleted with all that is below it is kept by nothing.
    private mutating func dropWhatGoesWhole(_ diff: [DiffSyncElement], _ destination: DiffSyncAdapter) {
        if reasons.isEmpty { return }
        var end = 0
        for (place, element) in diff.enumerated() {
            if place < end {
                reasons[place] = nil
            } else if element.action == .delete, reasons[place] == nil,
                destination.get(element.identity)?.flags.contains(.skipChildrenOnDelete) ?? false
            {
                end = element.end
            }
        }
    }

    private static func cause(_ flags: DiffSyncModelFlags) -> String {
        if flags.contains(.ignore) { return "is to be ignored" }
        if flags.contains(.skipUnmatchedDestination) { return "is not to be deleted" }
        return "is not part of the diff"
    }
}
