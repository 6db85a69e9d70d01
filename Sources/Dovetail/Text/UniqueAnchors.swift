/// Parts that occur exactly once in both lists: the pairs that are surest to belong together (the idea of Bram Cohen's
/// patience diff).
enum UniqueAnchors {
    /// As many such pairs as rise on both sides, in order.
    static func find(
        _ old: [Int32], _ oldRange: Range<Int>, _ new: [Int32], _ newRange: Range<Int>
    ) -> [(old: Int, new: Int)] {
        let inOld = places(old, oldRange)
        let inNew = places(new, newRange)
        var pairs: [(old: Int, new: Int)] = []
        for index in oldRange where inOld[old[index]] == index {
            if let place = inNew[old[index]], place >= 0 { pairs.append((index, place)) }
        }
        return longestRise(pairs)
    }

    /// Where each part is, -1 for one that is there more than once.
    private static func places(_ parts: [Int32], _ range: Range<Int>) -> [Int32: Int] {
        var places: [Int32: Int] = [:]
        places.reserveCapacity(range.count)
        for index in range {
            if places.updateValue(index, forKey: parts[index]) != nil { places[parts[index]] = -1 }
        }
        return places
    }

    /// The longest run of pairs that rises on both sides: piles topped by the lowest end of each length, with a link
    /// from each pair to the one below.
    private static func longestRise(_ pairs: [(old: Int, new: Int)]) -> [(old: Int, new: Int)] {
        var piles: [Int] = []
        var links = [Int](repeating: -1, count: pairs.count)
        for (index, pair) in pairs.enumerated() {
            var (low, high) = (0, piles.count)
            while low < high {
                let middle = (low + high) / 2
                if pairs[piles[middle]].new < pair.new { low = middle + 1 } else { high = middle }
            }
            if low > 0 { links[index] = piles[low - 1] }
            if low == piles.count { piles.append(index) } else { piles[low] = index }
        }
        var rise: [(old: Int, new: Int)] = []
        var link = piles.last ?? -1
        while link >= 0 {
            rise.append(pairs[link])
            link = links[link]
        }
        return rise.reversed()
    }
}
