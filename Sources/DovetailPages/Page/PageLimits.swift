/// How much a page holds. Beyond that it says so, with the true counts: a browser has to open it.
struct PageLimits {
    /// Lines in all.
    var lines = 20_000
    /// Bytes of lines.
    var bytes = 32 << 20
    /// Lines that stand in the page itself, for readers without scripts: of a group, and in all.
    var plainPerGroup = 25
    var plain = 200
    /// Bytes of those.
    var plainBytes = 1 << 20
    /// Points on the map.
    var points = 400_000

    /// Shares the lines among the groups: small groups are listed whole, and large ones get the same number each.
    func shares(_ counts: [EntryGroup: Int]) -> [EntryGroup: Int] {
        var shares: [EntryGroup: Int] = [:]
        var left = lines
        let order = counts.sorted {
            ($0.value, $0.key.table, $0.key.kind.rawValue) < ($1.value, $1.key.table, $1.key.kind.rawValue)
        }
        for (index, (group, count)) in order.enumerated() {
            let share = min(count, left / (order.count - index))
            shares[group] = share
            left -= share
        }
        return shares
    }
}
