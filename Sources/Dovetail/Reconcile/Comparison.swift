/// A key at which two sides differ.
public struct Difference: Sendable, Hashable {
    public var table: String
    public var key: RecordKey
    public var left: Record?
    public var right: Record?
    /// Positions of the fields that differ when both are there.
    public var fields: [Int]
    /// More than one record carries the key on a side.
    public var isDuplicated: Bool

    public init(
        table: String, key: RecordKey, left: Record?, right: Record?, fields: [Int],
        isDuplicated: Bool = false
    ) {
        self.table = table
        self.key = key
        self.left = left
        self.right = right
        self.fields = fields
        self.isDuplicated = isDuplicated
    }

    /// Why its values can't be shown: a text that is none. Nil: they can.
    public func refusal(_ schema: TableSchema) -> Refusal? {
        for (side, record) in [(Side.left, left), (.right, right)] {
            guard let field = record?.fields.firstInvalidText, schema.fields.indices.contains(field) else {
                continue
            }
            return .invalidText(side, field: schema.fields[field].name)
        }
        return nil
    }
}

/// How two tables compare, in numbers.
public struct ComparisonCounts: Sendable, Hashable, Codable {
    public var equal = 0
    public var onlyLeft = 0
    public var onlyRight = 0
    public var differing = 0
    public var duplicated = 0

    public init() {}

    public var differences: Int { onlyLeft + onlyRight + differing + duplicated }
}

/// Compares two sides completely, without a base: what `verify` and `diff` do.
public struct Comparison: JoinSink {
    private let schema: TableSchema
    private let digesting: Bool
    private let receive: (Difference) throws -> Void
    public private(set) var counts = ComparisonCounts()
    /// Digests of everything each side holds: the proof, when they are equal.
    public private(set) var digests = Sides(left: SetDigest(), right: SetDigest())

    /// - Parameters:
    ///   - digesting: whether to add up the digests of all records.
    ///   - receive: called for each difference, in key order.
    public init(schema: TableSchema, digesting: Bool, receive: @escaping (Difference) throws -> Void) {
        self.schema = schema
        self.digesting = digesting
        self.receive = receive
    }

    /// Takes over what a join counted without visiting it.
    public mutating func finish(_ join: MergeJoin) { counts.equal += join.equal }

    public mutating func visit(_ joined: borrowing JoinedRecords) throws {
        if digesting {
            if let digest = joined.leftDigest { digests.left.add(digest) }
            if let digest = joined.rightDigest { digests.right.add(digest) }
        }
        let isDuplicated = max(joined.leftCount, joined.rightCount) > 1
        if joined.sidesAreEqual, !isDuplicated {
            counts.equal += 1
            return
        }
        let left = joined.left
        let right = joined.right
        var fields: [Int] = []
        if let left, let right {
            fields = try schema.differingFields(left.fields, right.fields)
            if fields.isEmpty, !isDuplicated {
                counts.equal += 1
                return
            }
        }
        switch (left, right) {
        case _ where isDuplicated: counts.duplicated += 1
        case (.some, nil): counts.onlyLeft += 1
        case (nil, .some): counts.onlyRight += 1
        default: counts.differing += 1
        }
        try receive(
            Difference(
                table: schema.name, key: joined.key, left: left, right: right, fields: fields,
                isDuplicated: isDuplicated))
    }
}
