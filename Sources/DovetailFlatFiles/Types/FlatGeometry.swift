import Dovetail

/// Well-known binary in the canonical form, built part by part.
struct WKBBuilder {
    private(set) var bytes: [UInt8] = []

    mutating func header(_ code: UInt32) {
        bytes.append(1)
        append(code)
    }

    mutating func append(_ number: UInt32) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ ordinate: Double) {
        withUnsafeBytes(of: ordinate.canonicalOrdinate.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Leaves room for a number that is known later.
    mutating func placeholder() -> Int {
        append(0 as UInt32)
        return bytes.count - 4
    }

    mutating func set(_ number: UInt32, at place: Int) {
        withUnsafeBytes(of: number.littleEndian) { source in
            for (index, byte) in source.enumerated() { bytes[place + index] = byte }
        }
    }
}

extension Double {
    fileprivate var canonicalOrdinate: UInt64 { isNaN ? 0x7ff8_0000_0000_0000 : bitPattern }
}

/// The kinds of geometry that text formats know, by their codes.
enum FlatGeometry {
    static let kinds: [(name: String, geoJSON: String, code: UInt32)] = [
        ("POINT", "Point", 1), ("LINESTRING", "LineString", 2), ("POLYGON", "Polygon", 3),
        ("MULTIPOINT", "MultiPoint", 4), ("MULTILINESTRING", "MultiLineString", 5),
        ("MULTIPOLYGON", "MultiPolygon", 6), ("GEOMETRYCOLLECTION", "GeometryCollection", 7),
    ]

    /// The part of a multi geometry that has just one; anything else as it is.
    static func onlyPart(of geometry: Geometry) -> Geometry {
        let wkb = geometry.wkb
        guard wkb.count > 9, (4...6).contains(code(wkb) % 1000), wkb[5...8].elementsEqual([1, 0, 0, 0]) else {
            return geometry
        }
        return Geometry(srid: geometry.srid, canonicalWKB: Array(wkb[9...]))
    }

    /// The multi geometry of one part; what is no single geometry stays as it is.
    static func multi(of geometry: Geometry) -> Geometry {
        let code = code(geometry.wkb)
        guard (1...3).contains(code % 1000) else { return geometry }
        var builder = WKBBuilder()
        builder.header(code + 3)
        builder.append(1 as UInt32)
        return Geometry(srid: geometry.srid, canonicalWKB: builder.bytes + geometry.wkb)
    }

    private static func code(_ wkb: [UInt8]) -> UInt32 {
        guard wkb.count >= 5 else { return 0 }
        return UInt32(wkb[1]) | UInt32(wkb[2]) << 8 | UInt32(wkb[3]) << 16 | UInt32(wkb[4]) << 24
    }
}
