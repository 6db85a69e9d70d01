/// The geometry types of well-known binary that a database stores; the raw value is the ISO code.
///
/// ISO 19125 and SQL/MM define 0, 13 and 14 as abstract, and no database here writes 18 and above.
enum WKBKind: UInt32 {
    case point = 1
    case lineString, polygon, multiPoint, multiLineString, multiPolygon, geometryCollection
    case circularString, compoundCurve, curvePolygon, multiCurve, multiSurface
    case polyhedralSurface = 15
    case tin, triangle

    enum Content {
        case point, points, rings, geometries
    }

    var content: Content {
        switch self {
        case .point: .point
        case .lineString, .circularString: .points
        case .polygon, .triangle: .rings
        default: .geometries
        }
    }

    /// Whether a geometry of this type may stand inside one of `parent`'s.
    func mayStand(in parent: WKBKind) -> Bool {
        switch parent {
        case .geometryCollection: true
        case .multiPoint: self == .point
        case .multiLineString: self == .lineString
        case .multiPolygon, .polyhedralSurface: self == .polygon
        case .compoundCurve: self == .lineString || self == .circularString
        case .curvePolygon, .multiCurve:
            self == .lineString || self == .circularString || self == .compoundCurve
        case .multiSurface: self == .polygon || self == .curvePolygon
        case .tin: self == .triangle
        default: false
        }
    }

    var name: String {
        switch self {
        case .point: "POINT"
        case .lineString: "LINESTRING"
        case .polygon: "POLYGON"
        case .multiPoint: "MULTIPOINT"
        case .multiLineString: "MULTILINESTRING"
        case .multiPolygon: "MULTIPOLYGON"
        case .geometryCollection: "GEOMETRYCOLLECTION"
        case .circularString: "CIRCULARSTRING"
        case .compoundCurve: "COMPOUNDCURVE"
        case .curvePolygon: "CURVEPOLYGON"
        case .multiCurve: "MULTICURVE"
        case .multiSurface: "MULTISURFACE"
        case .polyhedralSurface: "POLYHEDRALSURFACE"
        case .tin: "TIN"
        case .triangle: "TRIANGLE"
        }
    }
}

/// The byte order, type and SRID in front of every geometry.
struct WKBHeader {
    var littleEndian: Bool
    /// The type as written, ISO or EWKB.
    var code: UInt32
    var kind: WKBKind
    var hasZ: Bool
    var hasM: Bool
    var srid: Int32?

    var pointSize: Int { 16 + (hasZ ? 8 : 0) + (hasM ? 8 : 0) }
    var isoCode: UInt32 { kind.rawValue + (hasZ ? 1000 : 0) + (hasM ? 2000 : 0) }

    /// The least that one part of this geometry takes: bounds a count before it is believed.
    var smallestPart: Int {
        switch kind.content {
        case .point, .points: pointSize
        case .rings: 4
        // Everything but a point can be a header and a count of none.
        case .geometries: kind == .multiPoint ? 5 + pointSize : 9
        }
    }
}

/// What a walk over well-known binary meets, in order. Throwing ends the walk.
protocol WKBVisitor {
    mutating func header(_ header: WKBHeader, at bytes: Range<Int>) throws(WKBError)
    mutating func count(_ count: Int, at bytes: Range<Int>) throws(WKBError)
    /// The points of one geometry or ring, any number of them.
    mutating func points(_ bytes: Range<Int>, of header: WKBHeader) throws(WKBError)
}

/// Reads well-known binary, ISO or EWKB in either byte order, checking every length. It allocates
/// nothing; a walk steps over coordinates unless the visitor looks at them.
struct WKBReader {
    static let depthLimit = 32
    static let canonicalNaN: UInt64 = 0x7ff8_0000_0000_0000

    let bytes: UnsafeRawBufferPointer
    var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var remaining: Int { bytes.count - position }

    func failure(_ reason: WKBError.Reason) -> WKBError {
        WKBError(offset: position, reason: reason)
    }

    /// Walks the one geometry that is all of the bytes.
    mutating func walk(_ visitor: inout some WKBVisitor) throws(WKBError) {
        try walk(&visitor, parent: nil, depth: 1)
        guard remaining == 0 else { throw failure(.trailingBytes) }
    }

    private mutating func walk(
        _ visitor: inout some WKBVisitor, parent: WKBHeader?, depth: Int
    ) throws(WKBError) {
        let start = position
        let header = try header(parent: parent, depth: depth)
        try visitor.header(header, at: start..<position)
        if header.kind == .point {
            try points(1, of: header, &visitor)
            return
        }
        let parts = try count(header, &visitor)
        switch header.kind.content {
        case .point: break
        case .points: try points(parts, of: header, &visitor)
        case .rings:
            for _ in 0..<parts {
                let at = position
                let length = try count(of: header.pointSize, header)
                try visitor.count(length, at: at..<position)
                try points(length, of: header, &visitor)
            }
        case .geometries:
            for _ in 0..<parts {
                try walk(&visitor, parent: header, depth: depth + 1)
            }
        }
    }

    private mutating func count(
        _ header: WKBHeader, _ visitor: inout some WKBVisitor
    ) throws(WKBError) -> Int {
        let at = position
        let parts = try count(of: header.smallestPart, header)
        try visitor.count(parts, at: at..<position)
        return parts
    }

    private mutating func points(
        _ count: Int, of header: WKBHeader, _ visitor: inout some WKBVisitor
    ) throws(WKBError) {
        let range = try pointRange(count, of: header)
        try visitor.points(range, of: header)
    }

    /// Passes over this many points.
    mutating func pointRange(_ count: Int, of header: WKBHeader) throws(WKBError) -> Range<Int> {
        // A count is below 2³², so the product fits.
        let size = count * header.pointSize
        guard size <= remaining else { throw failure(.truncated) }
        position += size
        return position - size..<position
    }

    /// Reads a header and checks it against the geometry it stands in.
    mutating func header(parent: WKBHeader?, depth: Int) throws(WKBError) -> WKBHeader {
        guard depth <= Self.depthLimit else { throw failure(.tooDeep) }
        guard remaining >= 5 else { throw failure(.truncated) }
        let order = bytes[position]
        guard order <= 1 else { throw failure(.byteOrder(order)) }
        let littleEndian = order == 1
        let code = word(at: position + 1, littleEndian)
        let plain = code & 0x1FFF_FFFF
        guard plain < 4000, let kind = WKBKind(rawValue: plain % 1000) else { throw failure(.type(code)) }
        var header = WKBHeader(
            littleEndian: littleEndian, code: code, kind: kind,
            hasZ: code & 0x8000_0000 != 0 || plain / 1000 & 1 != 0,
            hasM: code & 0x4000_0000 != 0 || plain / 1000 & 2 != 0)
        var length = 5
        if code & 0x2000_0000 != 0 {
            guard remaining >= 9 else { throw failure(.truncated) }
            header.srid = Int32(bitPattern: word(at: position + 5, littleEndian))
            length = 9
        }
        if let parent {
            guard kind.mayStand(in: parent.kind) else { throw failure(.member(code)) }
            guard header.hasZ == parent.hasZ, header.hasM == parent.hasM else {
                throw failure(.mixedDimensions)
            }
            guard header.srid == nil || header.srid == parent.srid else { throw failure(.mixedSRID) }
            header.srid = parent.srid
        }
        position += length
        return header
    }

    /// Reads a count and refuses it unless that many parts of `size` bytes can still follow.
    mutating func count(of size: Int, _ header: WKBHeader) throws(WKBError) -> Int {
        guard remaining >= 4 else { throw failure(.truncated) }
        let count = word(at: position, header.littleEndian)
        guard Int64(count) * Int64(size) <= Int64(remaining - 4) else { throw failure(.count(count)) }
        position += 4
        return Int(count)
    }

    /// Four bytes that the caller knows to be there.
    private func word(at offset: Int, _ littleEndian: Bool) -> UInt32 {
        let raw = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        return littleEndian ? UInt32(littleEndian: raw) : UInt32(bigEndian: raw)
    }

    /// The bits of one ordinate that the caller knows to be there.
    static func bits(_ bytes: UnsafeRawBufferPointer, at offset: Int, _ littleEndian: Bool) -> UInt64 {
        let raw = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        return littleEndian ? UInt64(littleEndian: raw) : UInt64(bigEndian: raw)
    }

    static func ordinate(_ bytes: UnsafeRawBufferPointer, at offset: Int, _ header: WKBHeader) -> Double {
        Double(bitPattern: bits(bytes, at: offset, header.littleEndian))
    }

    static func isNaN(_ bits: UInt64) -> Bool {
        bits & 0x7fff_ffff_ffff_ffff > 0x7ff0_0000_0000_0000
    }
}
