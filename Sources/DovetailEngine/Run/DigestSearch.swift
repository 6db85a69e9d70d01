import Dovetail

/// Finds the keys at which two sides differ by their digests, so that equal records stay where they are.
///
/// One wide level first, which both sides add up at once, then parts of the parts that differ, eight at a time or more,
/// until few records are left; these give their digests one by one. With `d` differences among `n` records that
/// is one scan on each side, about `log8(n / ranges)` small questions, and bytes in proportion to `d`.
///
/// On the way half of each sum will do: in the end the digests of what was found are taken from those of everything, and
/// what is left has to be equal in all 128 bits.
struct DigestSearch {
    let views: Sides<TableView>
    let observations: Sides<any DigestingObservation>
    /// How many ranges the first level has: enough that a range has a few hundred records of a million.
    var rangeCount = 8192
    /// Up to this many records of a side in an average part, their own digests cost less than another level.
    var leafSize = 4
    /// How many parts an answer may have, unless that would be less than eight of each.
    var answerSize = 8192

    /// What was found.
    struct Found {
        /// The keys at which the sides differ, in key order.
        var keys: [RecordKey]
        /// The digests of everything both sides hold.
        var digests: Sides<SetDigest>
    }

    /// Both sides with digests that can be compared; nil where a side has none, or others.
    static func between(_ observations: Sides<any Observation>, views: Sides<TableView>) async throws
        -> DigestSearch?
    {
        guard let left = observations.left as? any DigestingObservation,
            let right = observations.right as? any DigestingObservation,
            let dialect = try await left.digestDialect(of: views.left),
            try await right.digestDialect(of: views.right) == dialect
        else { return nil }
        return DigestSearch(views: views, observations: Sides(left: left, right: right))
    }

    /// The differences; nil when there are so many that reading both sides costs less, or when they are not all.
    /// - Throws: ``ReplicaError``.
    func run() async throws -> Found? {
        var parts = KeyParts(bounds: try await bounds())
        var answers = try await ask(parts)
        let totals = answers.map { Self.sum($0) }
        let records = Int(totals.left.count + totals.right.count)
        var depth = 0
        while true {
            let open = Self.differing(answers)
            if open.positions.isEmpty { break }
            // A record that travels one by one costs about as much as three in a scan.
            if open.records > records / 3, records > 10_000 { return nil }
            parts = KeyParts(bounds: parts.bounds, depth: depth, wanted: open.positions, isBrief: true)
            let size = open.records / (2 * open.positions.count)
            // Some bits of a hash have to do: keys that have as many in common are told apart one by one.
            guard size > leafSize, depth < 32 else { break }
            parts.splits = Self.splits(size, max(3, Self.log2(answerSize / open.positions.count)))
            answers = try await ask(parts)
            depth += parts.splits
        }
        parts.splits = 0
        let (keys, differing) = parts.wanted == nil ? ([], nil) : try await differences(parts)
        var rest = totals
        if let differing {
            rest.left.remove(differing.left)
            rest.right.remove(differing.right)
        }
        guard rest.left == rest.right else { return nil }
        return Found(keys: keys, digests: totals)
    }

    /// So often that about one record is left in each, but not more often than `most`.
    private static func splits(_ size: Int, _ most: Int) -> Int { min(log2(size) + 1, most, 8) }

    private static func log2(_ number: Int) -> Int { Int.bitWidth - 1 - max(1, number).leadingZeroBitCount }

    /// Bounds that cut both sides into ranges of about the same size.
    private func bounds() async throws -> [RecordKey] {
        let (views, observations, count) = (views, observations, rangeCount)
        async let left = observations.left.sampleKeys(of: views.left, count: count)
        async let right = observations.right.sampleKeys(of: views.right, count: count)
        let keys = Set(try await left + right).sorted()
        guard keys.count > count else { return keys }
        return (0..<count).map { keys[$0 * keys.count / count] }
    }

    private func ask(_ parts: KeyParts) async throws -> Sides<[PartDigest]> {
        let (views, observations) = (views, observations)
        async let left = observations.left.digests(of: views.left, parts: parts)
        async let right = observations.right.digests(of: views.right, parts: parts)
        return Sides(left: try await left, right: try await right)
    }

    private static func sum(_ parts: [PartDigest]) -> SetDigest {
        var sum = SetDigest()
        for part in parts { sum.add(part.digest) }
        return sum
    }

    /// The parts that are not alike, and how many records they have on both sides.
    private static func differing(_ answers: Sides<[PartDigest]>) -> (
        positions: [PartPosition], records: Int
    ) {
        var positions: [PartPosition] = []
        var records = 0
        merge(answers.left, answers.right, by: \.position) { left, right in
            guard left?.digest != right?.digest, let position = left?.position ?? right?.position else {
                return
            }
            positions.append(position)
            records += Int((left?.digest.count ?? 0) + (right?.digest.count ?? 0))
        }
        return (positions, records)
    }

    /// The keys at which the sides differ, and the digests of what each side holds there.
    private func differences(_ parts: KeyParts) async throws -> (keys: [RecordKey], digests: Sides<SetDigest>)
    {
        let (views, observations) = (views, observations)
        async let left = observations.left.keyDigests(of: views.left, parts: parts)
        async let right = observations.right.keyDigests(of: views.right, parts: parts)
        var keys: [RecordKey] = []
        var digests = Sides(left: SetDigest(), right: SetDigest())
        Self.merge(try await left, try await right, by: \.key) { left, right in
            guard left?.digest != right?.digest, let key = left?.key ?? right?.key else { return }
            keys.append(key)
            if let left { digests.left.add(left.digest) }
            if let right { digests.right.add(right.digest) }
        }
        return (keys, digests)
    }

    /// Walks over two ascending lists side by side.
    private static func merge<Item, Order: Comparable>(
        _ left: [Item], _ right: [Item], by order: (Item) -> Order, _ visit: (Item?, Item?) -> Void
    ) {
        var (i, j) = (0, 0)
        while i < left.count || j < right.count {
            if j == right.count || i < left.count && order(left[i]) < order(right[j]) {
                visit(left[i], nil)
                i += 1
            } else if i == left.count || order(right[j]) < order(left[i]) {
                visit(nil, right[j])
                j += 1
            } else {
                visit(left[i], right[j])
                i += 1
                j += 1
            }
        }
    }
}
