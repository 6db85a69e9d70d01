import Dovetail
import DovetailEngine
import DovetailSQLite
import DovetailTestSQLite
import Foundation
import Testing

@Suite("GeoPackages")
struct ReplicaGeoPackageTests {
    private static let points = GeoPackageSQL.layer(
        "points", type: "POINT", columns: "name TEXT(40), seen DATETIME, open BOOLEAN, n MEDIUMINT")

    @Test("Layers are described with their geometry, and the tables of the standard are hidden")
    func describe() async throws {
        let fixture = try ReplicaFixture(
            .geoPackage,
            Self.points + GeoPackageSQL.layer("areas", type: "MULTIPOLYGON", srs: 4326, z: 2)
                + """
                CREATE TABLE tiles (id INTEGER PRIMARY KEY, tile_data BLOB);
                INSERT INTO gpkg_contents (table_name, data_type, identifier)
                    VALUES ('tiles', 'tiles', 'tiles');
                CREATE TABLE loose (id INTEGER PRIMARY KEY, "geom" POINT);
                """)
        let replica = fixture.replica()
        let tables = try await replica.describe()
        #expect(tables.map(\.name) == ["areas", "loose", "points"])
        #expect(
            tables[0].column("geom")?.type
                == .geometry(GeometryKind(type: "MULTIPOLYGON", srid: 4326, hasZ: true)))
        #expect(tables[1].column("geom")?.type == .bytes)
        #expect(
            tables[2].columns.map(\.type) == [
                .int, .geometry(GeometryKind(type: "POINT", srid: 25832)), .text, .timestampWithZone, .bool,
                .int,
            ])
        await replica.close()
    }

    @Test("Geometries come back as they were written, in any byte order and with any header")
    func geometries() async throws {
        let fixture = try ReplicaFixture(.geoPackage, Self.points)
        let replica = fixture.replica()
        let view = try await replica.view("points", .match(["fid"]))
        let at = Value.timestampWithZone(Timestamp(microseconds: 1_709_209_800_000_000))
        let rows: [[Value]] = [
            [.int(1), Shapes.point(1.5, 2.5), .text("a"), at, .bool(true), .int(3)],
            [.int(2), Shapes.point(.nan, .nan), .null, .null, .null, .null],
            [.int(3), .null, .null, .null, .bool(false), .null],
        ]
        #expect(try await replica.apply(rows.map { view.insert($0) }, to: view).outcomes.areApplied)
        #expect(try await replica.values(view) == rows)
        #expect(try fixture.text("SELECT seen FROM points WHERE fid = 1") == "2024-02-29T12:30:00.000Z")
        // Big endian, and an envelope where none is needed.
        try fixture.run(
            """
            DROP TRIGGER rtree_points_geom_insert;
            INSERT INTO points (fid, geom) VALUES
                (4, x'47500000000064E800000000013FF80000000000004004000000000000'),
                (5, x'0102');
            """)
        let more = try await replica.values(view)
        #expect(more[3][1] == Shapes.point(1.5, 2.5))
        #expect(more[4][1] == .bytes([1, 2]))
        await replica.close()
    }

    @Test("A geometry that the layer does not hold is refused in words")
    func refusals() async throws {
        let fixture = try ReplicaFixture(.geoPackage, Self.points)
        let replica = fixture.replica()
        let view = try await replica.view("points", .match(["fid"]), only: ["fid", "geom"])
        let withZ = Value.geometry(Geometry(srid: 25832, canonicalWKB: Shapes.wkb(1001, [], [1, 2, 3])))
        let bad = [Shapes.line(0, 0, 1, 1), Shapes.point(1, 2, srid: 4326), withZ]
        let writes = bad.enumerated().map { view.insert([.int(Int64($0) + 1), $1]) }
        let outcomes = try await replica.apply(
            writes + [view.insert([.int(9), Shapes.point(1, 2)])], to: view
        ).outcomes
        #expect(outcomes[0].reason?.contains("holds POINT, the geometry is LINESTRING") == true)
        #expect(outcomes[1].reason?.contains("reference system 25832, the geometry in 4326") == true)
        #expect(outcomes[2].reason?.contains("has no Z values") == true)
        #expect(outcomes[3].isApplied)
        await replica.close()
    }

    @Test("Single geometries live in a layer of multi geometries by a declared conversion")
    func multi() async throws {
        let fixture = try ReplicaFixture(.geoPackage, GeoPackageSQL.layer("roads", type: "MULTILINESTRING"))
        let replica = fixture.replica()
        let view = try await replica.view("roads", .match(["fid"]), conversions: ["geom": .multi])
        let row: [Value] = [.int(1), Shapes.line(0, 0, 1, 1)]
        #expect(
            try await replica.apply([view.insert(row)], to: view).outcomes.first?.record?.fields
                == PackedRecord(row))
        #expect(try await replica.values(view) == [row])
        let plain = try await replica.view("roads", .match(["fid"]))
        let part = Shapes.wkb(2, [2], [0, 0, 1, 1])
        #expect(
            try await replica.values(plain)[0][1]
                == .geometry(Geometry(srid: 25832, canonicalWKB: Shapes.wkb(5, [1], []) + part)))
        let two = Value.geometry(Geometry(srid: 25832, canonicalWKB: Shapes.wkb(5, [2], []) + part + part))
        #expect(try await replica.apply([plain.insert([.int(2), two])], to: plain).outcomes.areApplied)
        #expect(try await replica.values(view)[1][1] == two)
        await replica.close()
    }

    @Test("Index, extent, count and time of change are right after every batch")
    func upkeep() async throws {
        let fixture = try ReplicaFixture(.geoPackage, Self.points)
        let replica = fixture.replica()
        let view = try await replica.view("points", .match(["fid"]), only: ["fid", "geom"])
        let extent = "SELECT min_x || ' ' || min_y || ' ' || max_x || ' ' || max_y FROM gpkg_contents"
        let index = "SELECT count(*) || ' ' || min(minx) || ' ' || max(maxy) FROM rtree_points_geom"
        let count = "SELECT feature_count FROM gpkg_ogr_contents"
        try fixture.run("UPDATE gpkg_contents SET last_change = 'long ago'")

        let all: [(Int64, Double, Double)] = [(1, 0, 0), (2, 10, 20), (3, 5, 5)]
        let inserts = all.map { view.insert([.int($0.0), Shapes.point($0.1, $0.2)]) }
        #expect(try await replica.apply(inserts, to: view).outcomes.areApplied)
        #expect(try fixture.text(extent) == "0.0 0.0 10.0 20.0")
        #expect(try fixture.text(index) == "3 0.0 20.0")
        #expect(try fixture.text(count) == "3")
        #expect(try fixture.text("SELECT last_change FROM gpkg_contents") != "long ago")

        // One on the edge moves inward, one in the middle moves outward.
        let moves = try await replica.update(view, where: { $0[0] != .int(1) }) { values in
            values[1] = values[0] == .int(2) ? Shapes.point(6, 6) : Shapes.point(7, -1)
        }
        let moved = try await replica.apply(moves, to: view).outcomes
        #expect(moved.areApplied, "\(moved)")
        #expect(try fixture.text(extent) == "0.0 -1.0 7.0 6.0")
        #expect(try fixture.text(index) == "3 0.0 6.0")

        let deletes = try await replica.deletes(view) { $0[0] != .int(2) }
        #expect(try await replica.apply(deletes, to: view).outcomes == [.applied(nil), .applied(nil)])
        #expect(try fixture.text(extent) == "6.0 6.0 6.0 6.0")
        #expect(try fixture.text(index) == "1 6.0 6.0")
        #expect(try fixture.text(count) == "1")

        try fixture.run(
            "DROP TRIGGER trigger_insert_feature_count_points;"
                + "DROP TRIGGER trigger_delete_feature_count_points"
        )
        #expect(try await replica.apply([view.insert([.int(5), .null])], to: view).outcomes.areApplied)
        #expect(try fixture.text(count) == "2")
        try fixture.run("UPDATE gpkg_contents SET last_change = 'long ago'")
        #expect(
            try await replica.apply([view.insert([.int(5), .null])], to: view).outcomes.first?.isAlready
                == true)
        #expect(try fixture.text("SELECT last_change FROM gpkg_contents") == "long ago")
        await replica.close()
    }

    @Test("GDAL lists the layers and nothing of Dovetail's, and finds what was written")
    func ogrinfo() async throws {
        let tool = "/usr/bin/ogrinfo"
        guard FileManager.default.isExecutableFile(atPath: tool) else { return }
        let fixture = try ReplicaFixture(
            .geoPackage, Self.points + "CREATE TABLE loose (id INTEGER PRIMARY KEY, name TEXT);")
        let replica = fixture.replica()
        let view = try await replica.view("points", .match(["fid"]), feed: true)
        let loose = try await replica.view("loose", .match(["id"]), feed: true)
        try await replica.prepare([view, loose])
        _ = try await replica.stamp(ReplicaMark(job: "j", side: .left, state: "s", generation: 1))
        let rest = [Value](repeating: .null, count: 4)
        let writes = [
            view.insert([.int(1), Shapes.point(1, 2)] + rest),
            view.insert([.int(2), Shapes.point(3, 4)] + rest),
        ]
        #expect(try await replica.apply(writes, to: view).outcomes.areApplied)
        await replica.close()

        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = ["-al", "-so", fixture.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(output.contains("Layer name: points"))
        #expect(output.contains("Layer name: loose"))
        #expect(output.contains("Feature Count: 2"))
        #expect(output.contains("Extent: (1.000000, 2.000000) - (3.000000, 4.000000)"))
        #expect(!output.contains("dovetail"))
        #expect(!output.contains("Warning") && !output.contains("ERROR"))
    }
}
