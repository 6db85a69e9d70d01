import Dovetail

/// Reads a geometry object: all types of RFC 7946, positions of two to four numbers.
struct GeoJSONGeometryReader {
    private var cursor: JSONCursor
    private var builder = WKBBuilder()
    /// Where type codes stand: the dimensions, known with the first position, are added to each.
    private var codes: [(place: Int, code: UInt32)] = []
    private var ordinates = 0
    private var shape: GeometryShape?
    private static let depthLimit = 32

    /// The geometry of an object; nil when it is none: an unknown type, coordinates of another shape, positions of
    /// different lengths.
    static func geometry(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, srid: Int32
    ) -> (geometry: Geometry, shape: GeometryShape)? {
        var reader = GeoJSONGeometryReader(
            cursor: JSONCursor(
                UnsafeRawBufferPointer(rebasing: bytes[..<range.upperBound]), at: range.lowerBound))
        guard (try? reader.object(1)) == true, var shape = reader.shape else { return nil }
        shape.hasZ = reader.ordinates > 2
        shape.hasM = reader.ordinates > 3
        let dimensions: UInt32 = (shape.hasZ ? 1000 : 0) + (shape.hasM ? 2000 : 0)
        for code in reader.codes { reader.builder.set(code.code + dimensions, at: code.place) }
        // Points without a position were written before it was known how many numbers one has.
        guard dimensions == 0 || !reader.hasEmptyPoint else { return nil }
        return (Geometry(srid: srid, canonicalWKB: reader.builder.bytes), shape)
    }

    private init(cursor: JSONCursor) { self.cursor = cursor }

    private var hasEmptyPoint = false

    private mutating func header(_ code: UInt32) {
        builder.header(code)
        codes.append((builder.bytes.count - 4, code))
    }

    /// False, or an error, for what is no geometry.
    private mutating func object(_ depth: Int) throws(ContentProblem) -> Bool {
        guard depth <= Self.depthLimit else { return false }
        var type: JSONToken?
        var coordinates: JSONToken?
        var geometries: JSONToken?
        let look = cursor
        try cursor.members(depth: depth) { (cursor, name) throws(ContentProblem) in
            let token = try cursor.value(depth: depth + 1)
            if look.says(name, "type") { type = token }
            if look.says(name, "coordinates") { coordinates = token }
            if look.says(name, "geometries") { geometries = token }
        }
        let end = cursor.at
        guard let type, type.kind == .string,
            let kind = FlatGeometry.kinds.first(where: { look.says(type, $0.geoJSON) }),
            let content = kind.code == 7 ? geometries : coordinates, content.kind == .array
        else { return false }
        header(kind.code)
        cursor.at = content.range.lowerBound
        let parts = try self.content(kind.code, depth)
        cursor.at = end
        guard let parts else { return false }
        if depth == 1 { shape = GeometryShape(type: kind.name, hasZ: false, hasM: false, parts: parts) }
        return true
    }

    /// The coordinates of one geometry; the number of its parts, nil for another shape.
    private mutating func content(_ code: UInt32, _ depth: Int) throws(ContentProblem) -> Int? {
        switch code {
        case 1: return try point() ? 1 : nil
        case 2: return try list { (reader) throws(ContentProblem) in try reader.position() }
        case 3:
            return try list { (reader) throws(ContentProblem) in
                try reader.list { (reader) throws(ContentProblem) in try reader.position() } != nil
            }
        case 4...6:
            return try list { (reader) throws(ContentProblem) in
                reader.header(code - 3)
                return try reader.content(code - 3, depth) != nil
            }
        default: return try list { (reader) throws(ContentProblem) in try reader.object(depth + 1) }
        }
    }

    private mutating func list(
        _ part: (inout GeoJSONGeometryReader) throws(ContentProblem) -> Bool
    ) throws(ContentProblem) -> Int? {
        guard cursor.next == UInt8(ascii: "[") else { return nil }
        let place = builder.placeholder()
        var count: UInt32 = 0
        cursor.at += 1
        cursor.skipSpace()
        if !cursor.take(UInt8(ascii: "]")) {
            while true {
                cursor.skipSpace()
                guard try part(&self) else { return nil }
                count += 1
                cursor.skipSpace()
                if cursor.take(UInt8(ascii: "]")) { break }
                guard cursor.take(UInt8(ascii: ",")) else { return nil }
            }
        }
        builder.set(count, at: place)
        return Int(count)
    }

    /// A point may have no position: `[]`.
    private mutating func point() throws(ContentProblem) -> Bool {
        var look = cursor
        guard look.take(UInt8(ascii: "[")) else { return false }
        look.skipSpace()
        guard look.take(UInt8(ascii: "]")) else { return try position() }
        cursor = look
        hasEmptyPoint = true
        builder.append(Double.nan)
        builder.append(Double.nan)
        return true
    }

    private mutating func position() throws(ContentProblem) -> Bool {
        guard cursor.take(UInt8(ascii: "[")) else { return false }
        var count = 0
        while true {
            cursor.skipSpace()
            let token = try cursor.value()
            guard token.kind == .number, let number = CellCodec.double(cursor.lent(token.range)) else {
                return false
            }
            builder.append(number)
            count += 1
            cursor.skipSpace()
            if cursor.take(UInt8(ascii: "]")) { break }
            guard cursor.take(UInt8(ascii: ",")) else { return false }
        }
        guard (2...4).contains(count), ordinates == 0 || ordinates == count else { return false }
        ordinates = count
        return true
    }
}
