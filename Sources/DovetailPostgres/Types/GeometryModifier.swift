import Dovetail

/// What PostGIS keeps in the type modifier of a column: `geometry(PointZ, 25832)`.
///
/// It is read here by its bits, so that a catalog with PostGIS in any schema, or none, is read by one query.
struct GeometryModifier: Sendable, Hashable {
    /// In capitals; `GEOMETRY` when any is allowed.
    let typeName: String
    /// 0 when any is allowed.
    let srid: Int32
    let hasZ: Bool
    let hasM: Bool
    /// Nothing is said about type, reference system and dimensions.
    let isOpen: Bool
    let isGeography: Bool

    /// Whether a type is PostGIS's, under whatever schema.
    static func isGeometry(_ type: TypeFacts) -> Bool {
        type.sender == "geometry_send" && type.name == "geometry"
            || type.sender == "geography_send" && type.name == "geography"
    }

    init(_ modifier: Int32, of type: TypeFacts) {
        isGeography = type.name == "geography"
        isOpen = modifier < 0
        guard modifier >= 0 else {
            typeName = "GEOMETRY"
            srid = isGeography ? 4326 : 0
            hasZ = true
            hasM = true
            return
        }
        srid = ((modifier & 0x0fff_ff00) - (modifier & 0x1000_0000)) >> 8
        let code = Int((modifier & 0xfc) >> 2)
        typeName = code < Self.names.count ? Self.names[code] : "GEOMETRY"
        hasZ = modifier & 2 != 0
        hasM = modifier & 1 != 0
    }

    /// By PostGIS's own numbers, which are not those of well-known binary.
    private static let names = [
        "GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
        "GEOMETRYCOLLECTION", "CIRCULARSTRING", "COMPOUNDCURVE", "CURVEPOLYGON", "MULTICURVE",
        "MULTISURFACE", "POLYHEDRALSURFACE", "TRIANGLE", "TIN",
    ]

    var kind: GeometryKind { GeometryKind(type: typeName, srid: srid, hasZ: hasZ, hasM: hasM) }

    /// Whether PostGIS lets a geometry of this type into the column.
    func allows(_ type: String) -> Bool {
        if typeName == "GEOMETRY" || typeName == type { return true }
        return typeName == "GEOMETRYCOLLECTION"
            && ["MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON"].contains(type)
    }
}
