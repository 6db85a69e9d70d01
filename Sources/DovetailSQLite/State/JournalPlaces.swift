import Dovetail
import DovetailEngine

/// Where the entries of the run stand that were journalled and have no outcome yet, in their order. Outcomes come in the
/// same order, so that each finds its entry without a search.
///
/// It is a hint: what is not found here is looked up by its key. Where older runs left entries open it is not used at all:
/// an outcome is then one of several entries.
struct JournalPlaces: Sendable {
    private struct Entry: Sendable {
        let table: Int64
        let key: RecordKey
        let place: Int64
    }

    private let isTrusted: Bool
    /// Of the left side, then of the right one: an array of arrays is changed in place.
    private var entries: [[Entry]] = [[], []]
    /// Up to where they have been asked for.
    private var next = [0, 0]

    init(isTrusted: Bool) { self.isTrusted = isTrusted }

    /// How far ahead an outcome may be of the one before: those in between had none.
    private static let reach = 16

    mutating func append(_ key: RecordKey, _ side: Side, table: Int64, at place: Int64) {
        guard isTrusted else { return }
        entries[side == .left ? 0 : 1].append(Entry(table: table, key: key, place: place))
    }

    /// Forgets what was asked for.
    mutating func tidy() {
        for side in next.indices where next[side] > 0 {
            entries[side].removeFirst(next[side])
            next[side] = 0
        }
    }

    mutating func take(_ key: RecordKey, _ side: Side, table: Int64) -> Int64? {
        let side = side == .left ? 0 : 1
        let first = next[side]
        for index in first..<min(first + Self.reach, entries[side].count) {
            if entries[side][index].key == key, entries[side][index].table == table {
                next[side] = index + 1
                return entries[side][index].place
            }
        }
        return nil
    }
}
