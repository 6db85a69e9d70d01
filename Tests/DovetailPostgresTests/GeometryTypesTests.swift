import Dovetail
import DovetailEngine
import DovetailTestPostgres
import Testing

@testable import DovetailPostgres

/// Geometries of PostGIS, and PostGIS in a schema of its own.
struct GeometryTypesTests {
    /// Every type of PostGIS, with and without Z and M, and empty ones.
    private static let texts = [
        "POINT (1 2)", "POINT Z (1 2 3)", "POINT M (1 2 4)", "POINT ZM (1 2 3 4)", "POINT EMPTY",
        "POINT Z EMPTY",
        "LINESTRING (0 0, 1 1.5)", "LINESTRING Z (0 0 1, 1 1 2)", "LINESTRING EMPTY",
        "POLYGON ((0 0, 4 0, 4 4, 0 0), (1 1, 2 1, 2 2, 1 1))",
        "POLYGON ZM ((0 0 1 1, 4 0 1 1, 4 4 1 1, 0 0 1 1))",
        "MULTIPOINT ((0 0), (1 1))", "MULTIPOINT (EMPTY, 1 1)",
        "MULTILINESTRING Z ((0 0 1, 1 1 1), (2 2 1, 3 3 1))",
        "MULTIPOLYGON M (((0 0 1, 4 0 1, 4 4 1, 0 0 1)))",
        "GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (0 0, 1 1), GEOMETRYCOLLECTION EMPTY)",
        "CIRCULARSTRING (0 0, 1 1, 2 0)", "COMPOUNDCURVE (CIRCULARSTRING (0 0, 1 1, 2 0), (2 0, 3 0))",
        "CURVEPOLYGON (CIRCULARSTRING (0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 3 3, 3 1, 1 1))",
        "MULTICURVE ((0 0, 5 5), CIRCULARSTRING (4 0, 4 4, 8 4))",
        "MULTISURFACE (CURVEPOLYGON (CIRCULARSTRING (0 0, 4 0, 4 4, 0 4, 0 0)), ((10 10, 14 12, 11 10, 10 10)))",
        "POLYHEDRALSURFACE Z (((0 0 0, 0 0 1, 0 1 1, 0 0 0)))", "TIN Z (((0 0 0, 0 0 1, 0 1 0, 0 0 0)))",
        "TRIANGLE ((0 0, 0 9, 9 0, 0 0))",
    ]

    @Test("geometries of every type come and go unchanged") func everyType() async throws {
        try await TypedDatabase.with(.postGIS) { it in
            for srid in [0, 25832] as [Int32] {
                let values = try await it.values(
                    "public.geometry", Self.texts.map { "public.ST_GeomFromEWKT('SRID=\(srid);\($0)')" })
                let expected = try await it.database.run(
                    "SELECT ST_AsBinary(value), ST_AsText(value) FROM things ORDER BY id")
                for (value, row) in zip(values, expected) {
                    guard case .geometry(let geometry) = value else {
                        Issue.record("\(row) is \(value.words)")
                        continue
                    }
                    #expect(geometry.srid == srid)
                    #expect(
                        "\\x" + geometry.wkb.map { hex($0) }.joined() == row[0]
                            || row[1]?.contains("EMPTY") == true)
                    let canonical = try geometry.wkb.withUnsafeBytes { try WKB.canonical($0) }
                    #expect(canonical == geometry.wkb, "\(row[1] ?? "") is not canonical")
                }
                try await it.database.run("ALTER TABLE things RENAME TO before")
                let plan = try await it.column("public.geometry")
                try await it.write(values, plan)
                #expect(try await it.read(plan) == values)
                let different = try await it.database.value(
                    "SELECT count(*) FROM things t JOIN before b USING (id) WHERE ST_AsEWKB(t.value) IS DISTINCT FROM ST_AsEWKB(b.value)"
                )
                #expect(different == "0")
                try await it.database.run("DROP TABLE before")
            }
        }
    }

    private func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

    private static func point(_ ordinates: [Double], code: UInt32 = 1, srid: Int32) -> Value {
        var wkb: [UInt8] = [1]
        withUnsafeBytes(of: code.littleEndian) { wkb.append(contentsOf: $0) }
        for ordinate in ordinates {
            withUnsafeBytes(of: ordinate.bitPattern.littleEndian) { wkb.append(contentsOf: $0) }
        }
        return .geometry(Geometry(srid: srid, canonicalWKB: wkb))
    }

    @Test("ten thousand points, in arrays too, and in geographies") func points() async throws {
        try await TypedDatabase.with(.postGIS) { it in
            var g = TypesGenerator(seed: 31)
            func coordinate(_ g: inout TypesGenerator, _ limit: Double) -> Double {
                Double.random(in: -limit...limit, using: &g)
            }
            let points = g.many(10_000) {
                Self.point([coordinate(&$0, 1e7), coordinate(&$0, 1e7)], srid: 25832)
            }
            try await it.roundTrip("geometry(Point,25832)", points)
            try await it.roundTrip("geometry[]", [.list(Array(points[..<50])), .list([])])
            let degrees = g.many(10_000) {
                Self.point([coordinate(&$0, 180), coordinate(&$0, 90)], srid: 4326)
            }
            try await it.roundTrip("geography(Point,4326)", degrees)
            try await it.roundTrip("geography", degrees)
            try await it.roundTrip(
                "geometry(MultiPoint,25832)", points, conversion: .multi,
                field: .geometry(GeometryKind(type: "POINT", srid: 25832)))
        }
    }

    @Test("what a column says about its geometries, and what it refuses") func modifiers() async throws {
        try await TypedDatabase.with(.postGIS) { it in
            let kinds: [(String, GeometryKind)] = [
                ("geometry", GeometryKind(type: "GEOMETRY", srid: 0, hasZ: true, hasM: true)),
                ("geometry(Point,25832)", GeometryKind(type: "POINT", srid: 25832)),
                ("geometry(GeometryZ,4326)", GeometryKind(type: "GEOMETRY", srid: 4326, hasZ: true)),
                (
                    "geometry(MultiSurfaceZM)",
                    GeometryKind(type: "MULTISURFACE", srid: 0, hasZ: true, hasM: true)
                ),
                ("geometry(Triangle,998999)", GeometryKind(type: "TRIANGLE", srid: 998_999)),
                ("geography(PolygonM,4258)", GeometryKind(type: "POLYGON", srid: 4258, hasM: true)),
                ("geography", GeometryKind(type: "GEOMETRY", srid: 4326, hasZ: true, hasM: true)),
            ]
            for (type, kind) in kinds {
                let form = try await it.column(type).column.form
                #expect(form.fieldType == .geometry(kind), "\(type) is \(form.fieldType.name)")
            }
            let flat = Self.point([1, 2], srid: 25832)
            let deep = Self.point([1, 2, 3], code: 1001, srid: 25832)
            let refusals: [(String, Value, String?)] = [
                ("geometry(Point,25832)", flat, nil), ("geometry", deep, nil),
                (
                    "geometry(Point,25832)", Self.point([1, 2], srid: 0),
                    "reference system 25832, the geometry in 0"
                ),
                ("geometry(Point,25832)", deep, "no Z values"),
                ("geometry(PointZ,25832)", flat, "asks for Z values"),
                ("geometry(Polygon,25832)", flat, "holds POLYGON, the geometry is POINT"),
                ("geometry", Self.point([1, 2], srid: 1_000_000), "no reference system 1000000"),
                ("geography", Self.point([181, 2], srid: 4326), "within ±180"),
                ("geography", Self.point([181, 2], srid: 0), "reference system 4326"),
                ("geometry(Point,25832)", .text("POINT (1 2)"), "can't hold a text"),
            ]
            for (type, value, words) in refusals {
                let reason = try await it.refusal(type, value)
                #expect(
                    words.map { reason?.contains($0) == true } ?? (reason == nil),
                    "\(type): \(reason ?? "taken")")
            }
        }
    }

    @Test("PostGIS in another schema, outside the search path") func elsewhere() async throws {
        let setup = "CREATE SCHEMA gis; CREATE EXTENSION postgis SCHEMA gis;"
        try await TypedDatabase.with(setup: setup) { it in
            try await it.roundTrip("gis.geometry(Point,25832)", [Self.point([1, 2], srid: 25832), .null])
            let tables = try await it.connection.perform { try Catalog($0).tables() }
            #expect(tables.map(\.name) == ["things"], "PostGIS's own tables show")
        }
    }
}
