import Dovetail

/// Finds the type of a column by looking at all of its values.
struct TypeInference {
    private(set) var type = GuessedType.nothing
    private(set) var count = 0
    /// Whether values of different kinds make the column text, as in CSV, or leave each its own, as in JSON.
    let mixesIntoText: Bool
    /// The value that ended the type the column had until then.
    private var breach: (value: String, offset: Int, before: GuessedType)?
    private var geometry = GeometryInference()

    init(mixesIntoText: Bool) { self.mixesIntoText = mixesIntoText }

    /// Takes a value in.
    @inline(__always)
    mutating func note(_ found: GuessedType, _ bytes: UnsafeRawBufferPointer, at offset: Int) {
        count += 1
        if found == type { return }
        join(found, bytes, offset)
    }

    private mutating func join(_ found: GuessedType, _ bytes: UnsafeRawBufferPointer, _ offset: Int) {
        // Text and several kinds are the end of all guessing.
        if type == .mixed || type == .text && mixesIntoText { return }
        if let wider = type.joined(found) {
            type = wider
            return
        }
        let before = type
        type =
            mixesIntoText || isTime(type) && (isTime(found) || found == .text)
                || type == .text && isTime(found)
            ? .text : .mixed
        let odd = before == .text ? "" : String(decoding: bytes.prefix(40), as: UTF8.self)
        breach = odd.isEmpty ? nil : (odd, offset, before)
    }

    private func isTime(_ type: GuessedType) -> Bool {
        type == .date || type == .timestamp || type == .timestampWithZone
    }

    mutating func note(_ geometry: GeometryShape, at offset: Int) {
        count += 1
        self.geometry.note(geometry)
    }

    /// Whether all values so far are integers.
    var isInteger: Bool { count > 0 && (type == .int || type == .wideInt) }

    /// The type, and in words why.
    /// - Parameter line: tells the line of an offset.
    func verdict(_ line: (Int) -> Int?) -> (type: FieldType, reason: String) {
        if type == .nothing { return (.any, "it has no values yet") }
        let values = count == 1 ? "its one value" : "all \(count) values"
        guard let breach else { return (type.fieldType, "by \(values)") }
        let place = line(breach.offset).map { "line \($0)" } ?? "byte \(breach.offset)"
        return (type.fieldType, "“\(breach.value)” (\(place)) is no \(breach.before.fieldType.name)")
    }

    /// The type of a column of geometries.
    func geometryVerdict(srid: Int32) -> (type: FieldType, reason: String) {
        geometry.verdict(srid: srid)
    }
}

/// What is to be known of a geometry to tell the type of its column.
struct GeometryShape {
    var type: String
    var hasZ: Bool
    var hasM: Bool
    /// The number of parts, where it is a multi geometry.
    var parts: Int
}

/// Finds the kind of a column of geometries.
private struct GeometryInference {
    private var types: Set<String> = []
    private var hasZ = false
    private var hasM = false
    private var count = 0
    private var hasMultiOfOne = false

    mutating func note(_ shape: GeometryShape) {
        count += 1
        types.insert(shape.type)
        hasZ = hasZ || shape.hasZ
        hasM = hasM || shape.hasM
        if shape.type.hasPrefix("MULTI"), shape.parts == 1 { hasMultiOfOne = true }
    }

    func verdict(srid: Int32) -> (type: FieldType, reason: String) {
        var type = "GEOMETRY"
        if types.count == 1, let only = types.first {
            type = only
        } else if types.count == 2, let single = types.first(where: { types.contains("MULTI" + $0) }),
            !hasMultiOfOne
        {
            // A layer of multi geometries on the other side then holds the single ones as multis of one.
            type = single
        }
        let kind = GeometryKind(type: type, srid: srid, hasZ: hasZ, hasM: hasM)
        let found = types.sorted().joined(separator: ", ").lowercased()
        return (.geometry(kind), count == 0 ? "it has no values yet" : "by all \(count) values: \(found)")
    }
}
