/// How the values of one field are compared where equal bytes are too strict.
public struct FieldOptions: Sendable, Hashable {
    /// Doubles, and ordinates of geometries, are equal when they differ by at most this; nil: exactly equal.
    public var tolerance: Double?
    /// Lists are equal when they hold the same elements in any order.
    public var unordered: Bool
    /// Text is equal when its composed (NFC) forms are.
    public var unicode: UnicodeForm

    /// Which spellings of a text are the same text.
    public enum UnicodeForm: String, Sendable, Hashable {
        /// Only equal bytes.
        case exact
        /// Canonically equivalent spellings.
        case nfc
    }

    public init(tolerance: Double? = nil, unordered: Bool = false, unicode: UnicodeForm = .exact) {
        self.tolerance = tolerance
        self.unordered = unordered
        self.unicode = unicode
    }

    /// Whether equal bytes are the only equality.
    public var isExact: Bool { tolerance == nil && !unordered && unicode == .exact }

    /// Whether two values count as equal under these options. Symmetric; transitive except under a tolerance.
    public func equal(_ a: Value, _ b: Value) -> Bool {
        if a == b { return true }
        switch (a, b) {
        case (.double(let x), .double(let y)):
            guard let tolerance else { return false }
            return abs(x - y) <= tolerance
        case (.geometry(let x), .geometry(let y)):
            guard let tolerance, x.srid == y.srid else { return false }
            return WKB.equal(x.wkb, y.wkb, tolerance: tolerance)
        case (.text(let x), .text(let y)):
            // Swift compares strings by canonical equivalence, which is just what NFC asks for.
            return unicode == .nfc && x == y
        case (.list(let x), .list(let y)):
            guard x.count == y.count else { return false }
            return unordered ? sameElements(x, y) : zip(x, y).allSatisfy { equal($0, $1) }
        default: return false
        }
    }

    private func sameElements(_ a: [Value], _ b: [Value]) -> Bool {
        var rest = b
        for element in a {
            guard let found = rest.firstIndex(where: { equal(element, $0) }) else { return false }
            rest.remove(at: found)
        }
        return true
    }
}

extension TableSchema {
    /// Whether two records count as equal, by bytes or else field by field under their options.
    /// - Throws: ``PackingError`` when a record is damaged.
    public func equal(_ a: PackedRecord, _ b: PackedRecord) throws -> Bool {
        if a == b { return true }
        guard hasLenientFields else { return false }
        return try differingFields(a, b).isEmpty
    }

    /// The positions at which two records differ under the fields' options.
    /// - Throws: ``PackingError`` when a record is damaged or has another number of fields.
    public func differingFields(_ a: PackedRecord, _ b: PackedRecord) throws -> [Int] {
        let left = try a.slices()
        let right = try b.slices()
        guard left.count == fields.count, right.count == fields.count else {
            throw PackingError("it has \(left.count) and \(right.count) fields where \(fields.count) are due")
        }
        return try fields.indices.filter { index in
            if left[index] == right[index] { return false }
            let options = fields[index].options
            if options.isExact { return true }
            var a = ByteReader(left[index])
            var b = ByteReader(right[index])
            return !options.equal(try a.value(), try b.value())
        }
    }
}
