/// Pairs records that share no key, by their content.
///
/// Equal records pair as a multiset: n equal records with n equal records, in key order, never n × n. What is left
/// over may pair with its nearest counterpart, but only where the caller says so (at first meeting), only when few fields differ, and only
/// when the choice is the same seen from both sides; anything else would guess.
public struct Pairing {
    public struct Result: Sendable {
        public var equal: [(left: Record, right: Record)] = []
        /// Pairs that differ in a few fields.
        public var near: [(left: Record, right: Record)] = []
        public var leftOnly: [Record] = []
        public var rightOnly: [Record] = []
    }

    /// Candidates sharing a group of fields beyond this number are too common to tell anything.
    private static let commonGroup = 32

    private let fieldCount: Int
    private let pairsNear: (_ left: RecordKey, _ right: RecordKey) -> Bool

    /// - Parameter pairsNear: whether two records that differ in a few fields may pair.
    public init(fieldCount: Int, pairsNear: @escaping (_ left: RecordKey, _ right: RecordKey) -> Bool) {
        self.fieldCount = fieldCount
        self.pairsNear = pairsNear
    }

    /// Pairs the records of both sides. Complexity: O(n) expected, plus the candidates of near pairs.
    /// - Throws: ``PackingError`` when a record is damaged.
    public func pair(left: [Record], right: [Record]) throws -> Result {
        var result = Result()
        var waiting: [Digest: [Record]] = [:]
        for record in right.sorted(by: { $0.key < $1.key }).reversed() {
            waiting[record.fields.digest, default: []].append(record)
        }
        for record in left.sorted(by: { $0.key < $1.key }) {
            if let match = waiting[record.fields.digest]?.popLast() {
                result.equal.append((record, match))
            } else {
                result.leftOnly.append(record)
            }
        }
        result.rightOnly = waiting.values.flatMap { $0 }.sorted { $0.key < $1.key }
        try pairNearest(&result)
        return result
    }

    /// Fields in which a near pair may differ: one, and one more for every five fields.
    private var allowedDifferences: Int { fieldCount < 3 ? 0 : 1 + fieldCount / 5 }

    private func pairNearest(_ result: inout Result) throws {
        guard allowedDifferences > 0, !result.leftOnly.isEmpty, !result.rightOnly.isEmpty else { return }
        // Split the fields into one group more than may differ: a near pair shares at least one group whole.
        let groups = allowedDifferences + 1
        let left = try result.leftOnly.map { try $0.fields.slices() }
        let right = try result.rightOnly.map { try $0.fields.slices() }
        var byGroup: [Digest: [Int]] = [:]
        for (index, slices) in right.enumerated() {
            for digest in groupDigests(slices, groups) { byGroup[digest, default: []].append(index) }
        }
        var forLeft: [Int: Nearest] = [:]
        var forRight: [Int: Nearest] = [:]
        for (l, slices) in left.enumerated() {
            var candidates: Set<Int> = []
            for digest in groupDigests(slices, groups) {
                guard let found = byGroup[digest], found.count <= Self.commonGroup else { continue }
                candidates.formUnion(found)
            }
            for r in candidates {
                let distance = zip(slices, right[r]).count { $0 != $1 }
                guard distance <= allowedDifferences else { continue }
                forLeft[l, default: Nearest()].offer(r, distance)
                forRight[r, default: Nearest()].offer(l, distance)
            }
        }
        var takenLeft: Set<Int> = []
        var takenRight: Set<Int> = []
        for l in left.indices {
            guard let r = forLeft[l]?.only, forRight[r]?.only == l,
                pairsNear(result.leftOnly[l].key, result.rightOnly[r].key)
            else { continue }
            result.near.append((result.leftOnly[l], result.rightOnly[r]))
            takenLeft.insert(l)
            takenRight.insert(r)
        }
        result.leftOnly = result.leftOnly.enumerated().filter { !takenLeft.contains($0.offset) }.map(
            \.element)
        result.rightOnly = result.rightOnly.enumerated().filter { !takenRight.contains($0.offset) }.map(
            \.element)
    }

    private func groupDigests(_ slices: [ArraySlice<UInt8>], _ groups: Int) -> [Digest] {
        (0..<groups).map { group in
            var writer = ByteWriter()
            writer.put(byte: UInt8(truncatingIfNeeded: group))
            for (index, slice) in slices.enumerated() where index % groups == group {
                writer.put(counted: slice)
            }
            return Digest(of: writer.bytes)
        }
    }

    /// The nearest counterpart seen so far, unless several are equally near.
    private struct Nearest {
        private var distance = Int.max
        private var index: Int?
        var only: Int? { index }

        mutating func offer(_ candidate: Int, _ distance: Int) {
            if distance < self.distance {
                self.distance = distance
                index = candidate
            } else if distance == self.distance {
                index = nil
            }
        }
    }
}
