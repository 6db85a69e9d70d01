/// Why bytes are not well-known binary, or not a GeoPackage geometry.
public struct WKBError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    public enum Reason: Sendable, Hashable {
        /// The bytes end inside a geometry.
        case truncated
        /// Bytes follow the geometry.
        case trailingBytes
        /// Neither 0 nor 1 where the byte order belongs.
        case byteOrder(UInt8)
        /// A type code that is unknown, or that the enclosing geometry cannot hold.
        case type(UInt32), member(UInt32)
        /// A count that the bytes left cannot hold.
        case count(UInt32)
        /// More than 32 geometries inside each other.
        case tooDeep
        /// A part with other dimensions, or another SRID, than the whole.
        case mixedDimensions, mixedSRID
        /// Well-known binary, but not in the canonical form.
        case notCanonical
        /// A GeoPackage header that cannot be read.
        case geoPackageHeader
        /// A GeoPackage extension type, whose bytes are anybody's.
        case geoPackageExtension
    }

    /// Where, in bytes from the start.
    public let offset: Int
    /// What is wrong there.
    public let reason: Reason

    /// An error at a byte offset.
    public init(offset: Int, reason: Reason) {
        self.offset = offset
        self.reason = reason
    }

    /// One line for a person.
    public var description: String {
        let what =
            switch reason {
            case .truncated: "it ends too early"
            case .trailingBytes: "bytes follow the geometry"
            case .byteOrder(let order): "unknown byte order \(order)"
            case .type(let code): "unknown geometry type \(code)"
            case .member(let code): "geometry type \(code) cannot stand here"
            case .count(let count): "a count of \(count) is more than the bytes can hold"
            case .tooDeep: "more than \(WKBReader.depthLimit) nested geometries"
            case .mixedDimensions: "a part has other dimensions than the whole"
            case .mixedSRID: "a part has another SRID than the whole"
            case .notCanonical: "not in canonical form"
            case .geoPackageHeader: "no GeoPackage geometry header"
            case .geoPackageExtension: "a GeoPackage extension type"
            }
        return "geometry not readable at byte \(offset): \(what)"
    }
}

/// A geometry in a spatial reference system, as bytes that are equal when the geometries are.
public struct Geometry: Sendable, Hashable {
    /// The spatial reference system, 0 for unknown.
    public let srid: Int32
    /// Canonical well-known binary; see `WKB`.
    public let wkb: [UInt8]

    /// Takes well-known binary of any kind. An SRID inside it wins over the one given.
    public init(srid: Int32 = 0, parsing bytes: UnsafeRawBufferPointer) throws(WKBError) {
        let (embedded, wkb) = try WKB.canonicalWithSRID(bytes)
        self.srid = embedded ?? srid
        self.wkb = wkb
    }

    /// Takes bytes the caller knows to be canonical, without looking at them.
    public init(srid: Int32, canonicalWKB wkb: [UInt8]) {
        self.srid = srid
        self.wkb = wkb
    }
}

/// The smallest upright rectangle around the points of a geometry. An arc may bulge out of it.
public struct Envelope: Sendable, Hashable {
    /// Bounds in the units of the spatial reference system.
    public var minX, maxX, minY, maxY: Double

    /// A rectangle; nothing is checked.
    public init(minX: Double, maxX: Double, minY: Double, maxY: Double) {
        self.minX = minX
        self.maxX = maxX
        self.minY = minY
        self.maxY = maxY
    }
}

/// Canonical well-known binary: ISO type codes (Z +1000, M +2000), little endian throughout, no SRID,
/// and every NaN the quiet one 0x7ff8000000000000.
///
/// Types 1–12 and 15–17 are read. Structure alone is judged: rings need not close, nor curves bend.
public enum WKB {
    /// The canonical form of ISO or EWKB bytes in any byte order; an SRID in them is dropped.
    public static func canonical(_ bytes: UnsafeRawBufferPointer) throws(WKBError) -> [UInt8] {
        try canonicalWithSRID(bytes).wkb
    }

    /// The canonical form, and the SRID that EWKB carries, nil if there is none.
    public static func canonicalWithSRID(
        _ bytes: UnsafeRawBufferPointer
    ) throws(WKBError) -> (srid: Int32?, wkb: [UInt8]) {
        // The canonical form is never longer than the input.
        var outcome: Result<Int32?, WKBError> = .success(nil)
        let wkb = [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, count in
            var writer = CanonicalWriter(source: bytes, target: UnsafeMutableRawBufferPointer(buffer))
            var reader = WKBReader(bytes)
            do throws(WKBError) {
                try reader.walk(&writer)
                outcome = .success(writer.srid)
                count = writer.length
            } catch {
                outcome = .failure(error)
                count = 0
            }
        }
        return (try outcome.get(), wkb)
    }

    /// A cheap test, without allocating, for bytes that `canonical` would give back as they are.
    ///
    /// It steps over the coordinates of everything but points, so a NaN with another spelling within a
    /// line or a ring goes unseen.
    public static func isCanonical(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // Most layers of a million rows hold plain points.
        if bytes.count == 21, bytes[0] == 1,
            bytes.loadUnaligned(fromByteOffset: 1, as: UInt32.self).littleEndian == 1
        {
            let x = Double(bitPattern: bytes.loadUnaligned(fromByteOffset: 5, as: UInt64.self).littleEndian)
            let y = Double(bitPattern: bytes.loadUnaligned(fromByteOffset: 13, as: UInt64.self).littleEndian)
            if !x.isNaN, !y.isNaN { return true }
        }
        var check = CanonicalCheck(source: bytes)
        var reader = WKBReader(bytes)
        return (try? reader.walk(&check)) != nil
    }

    /// The bounds of all points; points with NaN for X or Y are passed over. Nil when none are left,
    /// and for bytes that are not well-known binary.
    public static func envelope(_ bytes: UnsafeRawBufferPointer) -> Envelope? {
        var finder = EnvelopeFinder(source: bytes)
        var reader = WKBReader(bytes)
        guard (try? reader.walk(&finder)) != nil else { return nil }
        return finder.found
    }

    /// True if there is no point but such as are NaN in X and Y, which is how POINT EMPTY is written.
    /// True as well for bytes that are not well-known binary.
    public static func isEmpty(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var search = PointSearch(source: bytes)
        var reader = WKBReader(bytes)
        return (try? reader.walk(&search)) == nil || !search.found
    }

    /// True if both have the same structure and every ordinate is within `tolerance` of its partner.
    /// NaN is equal to NaN alone. Both must be canonical; bytes that are not are compared as bytes.
    public static func equal(_ a: [UInt8], _ b: [UInt8], tolerance: Double) -> Bool {
        if a == b { return true }
        guard a.count == b.count else { return false }
        return a.withUnsafeBytes { left in
            b.withUnsafeBytes { right in
                var comparison = WKBComparison(source: left, other: right, tolerance: tolerance)
                var reader = WKBReader(left)
                return (try? reader.walk(&comparison)) != nil
            }
        }
    }
}
