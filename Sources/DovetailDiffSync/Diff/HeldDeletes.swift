/// Deletes that would leave an object behind that nothing lists, or would lose an edit, and why they are held back.
struct HeldDeletes {
    enum Reason: Hashable {
        /// Something below stays, so that this has to.
        case keeps(String)
        /// It was changed since the diff was made.
        case changed(String)
        /// The source has it where it is not looked at.
        case hidden

        var text: String {
            switch self {
            case .keeps(let text), .changed(let text): text
            case .hidden: "the source has it where it is not looked at"
            }
        }
    }

    /// By the place of the element.
    private(set) var reasons: [Int: Reason] = [:]
    private let created: Set<DiffSyncIdentity>

    /// Whether an object is to be created elsewhere, so that it is moved when it can't be deleted.
    func isCreated(_ identity: DiffSyncIdentity) -> Bool { created.contains(identity) }

    /// Complexity: O(elements, and children of those to be deleted).
    init(_ diff: [DiffSyncElement], in destination: DiffSyncAdapter, flags: DiffSyncFlags = []) {
        let isCreating = !flags.contains(.skipUnmatchedSource)
        created = Set(
            diff.lazy.filter { isCreating && $0.action == .create && $0.heldBack == nil }.map(\.identity))
        var below: [[Int]] = Array(repeating: [], count: (diff.map(\.depth).max() ?? 0) + 2)
        for (place, element) in diff.enumerated().reversed() {
            let children = below[element.depth + 1]
            below[element.depth + 1] = []
            below[element.depth].append(place)
            if element.isHidden { reasons[place] = .hidden }
            guard element.action == .delete, !element.isRepeated,
                let object = destination.get(element.identity)
            else { continue }
            if let seen = element.destinationAttributes, seen != object.attributes {
                reasons[place] = .changed("\(element.identity) was changed since the diff was made")
                continue
            }
            let isWhole = object.flags.contains(.skipChildrenOnDelete)
            for child in children.reversed() where !created.contains(diff[child].identity) {
                switch reasons[child] {
                case .changed(let text): reasons[place] = .keeps(text)
                case .keeps(let text) where !isWhole: reasons[place] = .keeps(text)
                case .keeps, .hidden, nil: break
                }
            }
            if reasons[place] != nil { continue }
            let covered = Set(children.map { diff[$0].identity })
            for child in object.allChildren
            where !covered.contains(child) && !created.contains(child) {
                guard let left = destination.get(child), left.parents == [element.identity] else { continue }
                if left.flags.isDisjoint(with: [.ignore, .skipUnmatchedDestination]) {
                    reasons[place] = .changed("\(child) came below it since the diff was made")
                } else if !isWhole, reasons[place] == nil {
                    let cause = left.flags.contains(.ignore) ? "ignored" : "left alone"
                    reasons[place] = .keeps("\(child) below it is to be \(cause)")
                }
            }
        }
        dropWhatGoesWhole(diff, destination)
        // What is below an object in several places stands in one of them.
        if reasons.isEmpty { return }
        let known = Dictionary(
            diff.enumerated().compactMap { place, element in reasons[place].map { (element.identity, $0) } },
            uniquingKeysWith: { first, _ in first })
        for (place, element) in diff.enumerated()
        where element.isRepeated && !element.isHidden && element.action == .delete {
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
}
