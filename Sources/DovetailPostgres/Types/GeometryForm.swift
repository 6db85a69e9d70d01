import Dovetail

/// PostGIS's binary form of geometries and geographies: EWKB, well-known binary with the reference system inside.
enum GeometryForm {
    private static let sridFlag: UInt32 = 0x2000_0000
    private static let dimensionFlags: UInt32 = 0xc000_0000

    /// Appends a geometry in its canonical form; what can't be read as one is kept as bytes.
    @inline(__always)
    static func pack(_ raw: UnsafeRawBufferPointer, _ builder: inout BatchBuilder) {
        if let point = Point(raw) {
            // Most layers of a million rows hold plain points.
            withUnsafeBytes(of: point.wkb) { wkb in
                builder.put(srid: point.srid, canonicalWKB: UnsafeRawBufferPointer(rebasing: wkb[..<21]))
            }
        } else if raw.count > 5, raw[0] == 1, word(raw, 1) & (sridFlag | dimensionFlags) == 0,
            WKB.isCanonical(raw)
        {
            builder.put(srid: 0, canonicalWKB: raw)
        } else {
            packAny(raw, &builder)
        }
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
