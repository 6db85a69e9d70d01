/// The blob a GeoPackage keeps a geometry in: a header with SRID and envelope, then well-known binary.
public enum GeoPackageGeometry {
    private static let envelopeSizes = [0, 32, 48, 48, 64]

    /// The SRID and the well-known binary inside a blob, which is lent, neither copied nor checked.
    ///
    /// The SRID is GeoPackage's: -1 and 0 are its undefined systems.
    /// - Throws: `WKBError` for a blob without a version 0 header, and for the extended type.
    public static func decode(
        _ bytes: UnsafeRawBufferPointer
    ) throws(WKBError) -> (srid: Int32, wkb: UnsafeRawBufferPointer) {
        guard bytes.count >= 8 else { throw WKBError(offset: bytes.count, reason: .truncated) }
        guard bytes[0] == UInt8(ascii: "G"), bytes[1] == UInt8(ascii: "P"), bytes[2] == 0 else {
            throw WKBError(offset: 0, reason: .geoPackageHeader)
        }
        let flags = bytes[3]
        if flags == 1 {
            // Little endian without an envelope: how points are written.
            let srid = Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: Int32.self))
            return (srid, UnsafeRawBufferPointer(rebasing: bytes[8...]))
        }
        guard flags & 0x20 == 0 else { throw WKBError(offset: 3, reason: .geoPackageExtension) }
        let indicator = Int(flags >> 1 & 7)
        guard indicator < envelopeSizes.count else { throw WKBError(offset: 3, reason: .geoPackageHeader) }
        let start = 8 + envelopeSizes[indicator]
        guard bytes.count >= start else { throw WKBError(offset: bytes.count, reason: .truncated) }
        let raw = bytes.loadUnaligned(fromByteOffset: 4, as: Int32.self)
        let srid = flags & 1 != 0 ? Int32(littleEndian: raw) : Int32(bigEndian: raw)
        return (srid, UnsafeRawBufferPointer(rebasing: bytes[start...]))
    }

    /// A blob, little endian, with an XY envelope for everything but points and empty geometries.
    public static func encode(_ geometry: Geometry) -> [UInt8] {
        let (isPoint, isEmpty, envelope) = geometry.wkb.withUnsafeBytes { bytes in
            var reader = WKBReader(bytes)
            let header = try? reader.header(parent: nil, depth: 1)
            return (header?.kind == .point, WKB.isEmpty(bytes), WKB.envelope(bytes))
        }
        let bounds = isPoint ? nil : envelope
        var blob: [UInt8] = []
        blob.reserveCapacity(40 + geometry.wkb.count)
        blob.append(contentsOf: "GP".utf8)
        blob.append(0)
        blob.append(1 | (bounds == nil ? 0 : 2) | (isEmpty ? 0x10 : 0))
        withUnsafeBytes(of: geometry.srid.littleEndian) { blob.append(contentsOf: $0) }
        if let bounds {
            for bound in [bounds.minX, bounds.maxX, bounds.minY, bounds.maxY] {
                withUnsafeBytes(of: bound.bitPattern.littleEndian) { blob.append(contentsOf: $0) }
            }
        }
        blob.append(contentsOf: geometry.wkb)
        return blob
    }
}
