/// The groups of changed parts of two lists, and their moving.
///
/// A group that begins with the same part that follows it can as well stand one place further down. Of the places where
/// a group can stand, git takes the last at which it faces a group of the other list, or else the last of all, and
/// joins groups that touch on the way. So does this, so that two sides that made the same change are seen to have.
struct ChangeGroups {
    private var old: Flagged
    private var new: Flagged

    init(_ old: [Int32], _ new: [Int32], _ isRemoved: [Bool], _ isAdded: [Bool]) {
        self.old = Flagged(parts: old, isChanged: isRemoved)
        self.new = Flagged(parts: new, isChanged: isAdded)
    }

    /// Moves the groups of one list and then those of the other, and gives what is changed.
    mutating func compacted() -> [TextHunk] {
        Self.compact(&old, facing: new)
        Self.compact(&new, facing: old)
        var hunks: [TextHunk] = []
        var (oldGroup, newGroup) = (old.firstGroup, new.firstGroup)
        while true {
            if !oldGroup.isEmpty || !newGroup.isEmpty { hunks.append(TextHunk(old: oldGroup, new: newGroup)) }
            // As many parts are unchanged here as there, so that both lists end together.
            guard let nextOld = old.group(after: oldGroup), let nextNew = new.group(after: newGroup) else {
                return hunks
            }
            (oldGroup, newGroup) = (nextOld, nextNew)
        }
    }

    private static func compact(_ list: inout Flagged, facing other: Flagged) {
        var group = list.firstGroup
        var facing = other.firstGroup
        while true {
            if !group.isEmpty { settle(&group, &facing, in: &list, other) }
            guard let next = list.group(after: group), let nextFacing = other.group(after: facing) else {
                return
            }
            (group, facing) = (next, nextFacing)
        }
    }

    private static func settle(
        _ group: inout Range<Int>, _ facing: inout Range<Int>, in list: inout Flagged, _ other: Flagged
    ) {
        var highest = group.upperBound
        var lastFacing: Int?
        var size: Int
        repeat {
            size = group.count
            lastFacing = nil
            while let before = other.group(before: facing), list.slideUp(&group) { facing = before }
            highest = group.upperBound
            if !facing.isEmpty { lastFacing = group.upperBound }
            while let after = other.group(after: facing), list.slideDown(&group) {
                facing = after
                if !facing.isEmpty { lastFacing = group.upperBound }
            }
        } while size != group.count
        if group.upperBound == highest || lastFacing == nil { return }
        while facing.isEmpty, let before = other.group(before: facing), list.slideUp(&group) {
            facing = before
        }
    }
}

/// A list of parts and which of them are changed. A group is a longest run of changed parts, or the empty place between
/// two unchanged ones: there is one before, between and behind all unchanged parts.
private struct Flagged {
    let parts: [Int32]
    var isChanged: [Bool]

    var firstGroup: Range<Int> { group(startingAt: 0) }

    func group(after group: Range<Int>) -> Range<Int>? {
        group.upperBound < parts.count ? self.group(startingAt: group.upperBound + 1) : nil
    }

    func group(before group: Range<Int>) -> Range<Int>? {
        guard group.lowerBound > 0 else { return nil }
        let end = group.lowerBound - 1
        return start(ofGroupEndingAt: end)..<end
    }

    /// Moves a group down by a part, and joins it with the group that it then touches; false if it can't move.
    mutating func slideDown(_ group: inout Range<Int>) -> Bool {
        guard group.upperBound < parts.count, parts[group.lowerBound] == parts[group.upperBound] else {
            return false
        }
        isChanged[group.lowerBound] = false
        isChanged[group.upperBound] = true
        group = group.lowerBound + 1..<self.group(startingAt: group.upperBound + 1).upperBound
        return true
    }

    /// Moves a group up by a part, and joins it with the group that it then touches; false if it can't move.
    mutating func slideUp(_ group: inout Range<Int>) -> Bool {
        guard group.lowerBound > 0, parts[group.lowerBound - 1] == parts[group.upperBound - 1] else {
            return false
        }
        isChanged[group.lowerBound - 1] = true
        isChanged[group.upperBound - 1] = false
        group = start(ofGroupEndingAt: group.lowerBound - 1)..<group.upperBound - 1
        return true
    }

    private func group(startingAt start: Int) -> Range<Int> {
        var end = start
        while end < parts.count, isChanged[end] { end += 1 }
        return start..<end
    }

    private func start(ofGroupEndingAt end: Int) -> Int {
        var start = end
        while start > 0, isChanged[start - 1] { start -= 1 }
        return start
    }
}
