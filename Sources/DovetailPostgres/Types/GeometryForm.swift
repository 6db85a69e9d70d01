import Dovetail

/// PostGIS's binary form of geometries and geographies: EWKB, well-known binary with the reference system inside.
///
/// The memory is for geometries whose header has to be written anew.
struct GeometryForm: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private var capacity = 256

    init() { base = .allocate(byteCount: capacity, alignment: 8) }

    deinit { base.deallocate() }

    static let sridFlag: UInt32 = 0x2000_0000
    private static let dimensionFlags: UInt32 = 0xc000_0000

    /// Appends a geometry in its canonical form; what can't be read as one is kept as bytes.
    @inline(__always)
    mutating func pack(_ raw: UnsafeRawBufferPointer, _ builder: inout BatchBuilder) {
        if let point = Point(raw) {
            // Most layers of a million rows hold plain points.
            withUnsafeBytes(of: point.wkb) { wkb in
                builder.put(srid: point.srid, canonicalWKB: UnsafeRawBufferPointer(rebasing: wkb[..<21]))
            }
        } else if !packPlain(raw, &builder) {
            Self.packAny(raw, &builder)
        }
    }

    /// Appends a little-endian XY geometry: but for the reference system in its header, it is canonical as it comes.
    private mutating func packPlain(_ raw: UnsafeRawBufferPointer, _ builder: inout BatchBuilder) -> Bool {
        guard raw.count > 9, raw[0] == 1, Self.word(raw, 1) & Self.dimensionFlags == 0 else { return false }
        let code = Self.word(raw, 1) & ~Self.sridFlag
        guard code != Self.word(raw, 1) else {
            guard WKB.isCanonical(raw) else { return false }
            builder.put(srid: 0, canonicalWKB: raw)
            return true
        }
        if raw.count > capacity {
            base.deallocate()
            capacity = 2 * raw.count
            base = .allocate(byteCount: capacity, alignment: 8)
        }
        let rest = UnsafeRawBufferPointer(rebasing: raw[9...])
        base.storeBytes(of: 1, as: UInt8.self)
        base.storeBytes(of: code.littleEndian, toByteOffset: 1, as: UInt32.self)
        if let start = rest.baseAddress { (base + 5).copyMemory(from: start, byteCount: rest.count) }
        let wkb = UnsafeRawBufferPointer(start: base, count: raw.count - 4)
        guard WKB.isCanonical(wkb) else { return false }
        builder.put(srid: Int32(bitPattern: Self.word(raw, 5)), canonicalWKB: wkb)
        return true
    }

    @inline(never)
    private static func packAny(_ raw: UnsafeRawBufferPointer, _ builder: inout BatchBuilder) {
        guard let (srid, wkb) = try? WKB.canonicalWithSRID(raw) else { return builder.put(bytes: raw) }
        wkb.withUnsafeBytes { builder.put(srid: srid ?? 0, canonicalWKB: $0) }
    }

    /// The same for a column of multi geometries whose field holds single ones.
    static func packPart(_ raw: UnsafeRawBufferPointer, _ builder: inout BatchBuilder) {
        guard let (srid, wkb) = try? WKB.canonicalWithSRID(raw) else { return builder.put(bytes: raw) }
        wkb.withUnsafeBytes { builder.put(srid: srid ?? 0, canonicalWKB: MultiGeometry.onlyPart(of: $0)) }
    }

    /// Appends the EWKB of a geometry. Codes of the ISO standard are read by PostGIS as its own are.
    static func append(_ geometry: Geometry, to bytes: inout [UInt8]) {
        guard geometry.srid != 0, geometry.wkb.count >= 5 else {
            bytes.append(contentsOf: geometry.wkb)
            return
        }
        let code = geometry.wkb.withUnsafeBytes { word($0, 1) }
        bytes.append(1)
        withUnsafeBytes(of: (code | sridFlag).littleEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: geometry.srid.littleEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: geometry.wkb[5...])
    }

    /// The type of canonical well-known binary: its kind, and 1000 for Z and 2000 for M.
    static func code(_ wkb: UnsafeRawBufferPointer) -> UInt32 { wkb.count >= 5 ? word(wkb, 1) : 0 }

    /// The code of a type without Z and M, 0 for any; nil for a type beyond those of simple features.
    static func planarCode(of name: String) -> UInt32? {
        if name == "GEOMETRY" { return 0 }
        return names[1...7].firstIndex(of: name).map { UInt32($0) }
    }

    static func typeName(_ code: UInt32) -> String {
        let kind = Int(code % 1000)
        return kind < names.count ? names[kind] : "no geometry"
    }

    private static let names = [
        "no geometry", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
        "GEOMETRYCOLLECTION", "CIRCULARSTRING", "COMPOUNDCURVE", "CURVEPOLYGON", "MULTICURVE", "MULTISURFACE",
        "CURVE", "SURFACE", "POLYHEDRALSURFACE", "TIN", "TRIANGLE",
    ]

    @inline(__always)
    private static func word(_ raw: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
        UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// A little-endian XY point with a reference system that is not empty.
    private struct Point {
        var srid: Int32
        /// The first 21 bytes are its well-known binary.
        var wkb: (UInt64, UInt64, UInt64)

        @inline(__always)
        init?(_ raw: UnsafeRawBufferPointer) {
            guard raw.count == 25, raw[0] == 1, GeometryForm.word(raw, 1) == 1 | sridFlag else { return nil }
            let x = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 9, as: UInt64.self))
            let y = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 17, as: UInt64.self))
            if Double(bitPattern: x).isNaN || Double(bitPattern: y).isNaN { return nil }
            srid = Int32(bitPattern: GeometryForm.word(raw, 5))
            // Byte order 1, type 1, then the ordinates from the fifth byte on.
            wkb = (
                (0x01_01 | x << 40).littleEndian, (x >> 24 | y << 40).littleEndian, (y >> 24).littleEndian
            )
        }
    }
}
