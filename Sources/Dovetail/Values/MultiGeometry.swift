/// Multi geometries of one part, and the part.
public enum MultiGeometry {
    /// The part of a multi geometry that has just one; anything else as it is.
    public static func onlyPart(of wkb: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard wkb.count > 9, let kind = kind(wkb), [4, 5, 6, 11, 12].contains(kind % 1000) else { return wkb }
        let count = wkb.loadUnaligned(fromByteOffset: 5, as: UInt32.self)
        let parts = wkb[0] == 1 ? UInt32(littleEndian: count) : UInt32(bigEndian: count)
        return parts == 1 ? UnsafeRawBufferPointer(rebasing: wkb[9...]) : wkb
    }

    /// The multi geometry of one part for a layer of this type; what is no single geometry stays as it is.
    public static func wrapping(_ geometry: Geometry, for type: String) -> Geometry {
        let code = geometry.wkb.withUnsafeBytes { kind($0) } ?? 0
        let multi: UInt32
        switch code % 1000 {
        case 1: multi = 4
        case 2: multi = type == "MULTICURVE" ? 11 : 5
        case 3: multi = type == "MULTISURFACE" ? 12 : 6
        case 8, 9: multi = 11
        case 10: multi = 12
        default: return geometry
        }
        var bytes: [UInt8] = [1]
        bytes.reserveCapacity(geometry.wkb.count + 9)
        for word in [code - code % 1000 + multi, 1] {
            withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
        }
        bytes.append(contentsOf: geometry.wkb)
        return Geometry(srid: geometry.srid, canonicalWKB: bytes)
    }

    /// The type code of ISO well-known binary; nil for the codes of EWKB.
    private static func kind(_ wkb: UnsafeRawBufferPointer) -> UInt32? {
        guard wkb.count >= 5 else { return nil }
        let raw = wkb.loadUnaligned(fromByteOffset: 1, as: UInt32.self)
        let code = wkb[0] == 1 ? UInt32(littleEndian: raw) : UInt32(bigEndian: raw)
        return code < 4000 ? code : nil
    }
}
