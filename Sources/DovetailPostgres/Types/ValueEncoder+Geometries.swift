import Dovetail

extension ValueEncoder {
    /// PostGIS moves higher numbers of reference systems to others.
    private static let highestSRID: Int32 = 998_999

    func append(geometry: Geometry, to bytes: inout [UInt8]) throws(UnstorableValue) {
        let column = GeometryModifier(form.modifier, of: form.type)
        // Without a reference system, PostGIS would give it that of the column.
        if column.srid != 0, geometry.srid != column.srid,
            !(column.isGeography && column.isOpen && geometry.srid != 0)
        {
            throw refusal(
                "it is in the reference system \(column.srid), the geometry in \(geometry.srid)")
        }
        guard (0...Self.highestSRID).contains(geometry.srid) else {
            throw refusal("PostGIS has no reference system \(geometry.srid)")
        }
        let code = geometry.wkb.withUnsafeBytes { GeometryForm.code($0) }
        let type = GeometryForm.typeName(code)
        if !column.isOpen { try check(type, code, column) }
        if column.isGeography { try checkGeography(geometry, type) }
        GeometryForm.append(geometry, to: &bytes)
    }

    private func check(
        _ type: String, _ code: UInt32, _ column: GeometryModifier
    ) throws(UnstorableValue) {
        guard column.allows(type) else {
            throw refusal("it holds \(column.typeName), the geometry is \(type)")
        }
        for (name, has, isHeld) in [
            ("Z", code / 1000 & 1 != 0, column.hasZ), ("M", code / 1000 & 2 != 0, column.hasM),
        ] {
            if has, !isHeld { throw refusal("it has no \(name) values, the geometry has") }
            if !has, isHeld { throw refusal("it asks for \(name) values, the geometry has none") }
        }
    }

    private func checkGeography(_ geometry: Geometry, _ type: String) throws(UnstorableValue) {
        let plain: Set<String> = [
            "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
            "GEOMETRYCOLLECTION",
        ]
        guard plain.contains(type) else { throw refusal("geography has no \(type)") }
        // PostGIS would turn them around the globe until they fit.
        if let bounds = geometry.wkb.withUnsafeBytes({ WKB.envelope($0) }),
            bounds.minX < -180 || bounds.maxX > 180 || bounds.minY < -90 || bounds.maxY > 90
        {
            throw refusal("geography needs longitudes within ±180 and latitudes within ±90")
        }
    }
}
