import Dovetail
import DovetailEngine
import DovetailFlatFiles
import Foundation
import Testing

@Suite("A GeoJSON file")
struct GeoJSONTests {
    private static let pretty = """
        {
          "type": "FeatureCollection",
          "name": "benches", "x": {"kept": [1, 2]},
          "features": [
            { "type": "Feature", "id": "a", "bbox": [1, 2, 1, 2], "extra": {"z":1}, "geometry": {"type":"Point","coordinates":[1.0, 2e0]}, "properties": { "name" : "Oak\\u00e9", "n": 1.50, "more": {"b": [1], "a": null} } },
            { "type": "Feature", "id": "b", "geometry": null, "properties": {"name": "elm"} },
            { "type": "Feature", "id": "c", "geometry": {"type":"Point","coordinates":[3,4]}, "properties": null }
          ],
          "after": true
        }

        """

    @Test("has the columns of its properties, the geometry, and the id of its features")
    func columns() async throws {
        let file = try FlatFile("t.geojson", Self.pretty)
        #expect(
            try await file.types() == [
                "id text", "name text", "n double", "more json", "geometry point (EPSG:4326)",
            ])
        let values = try await file.values(key: ["id"])
        #expect(values[0][1] == .text("Oaké") && values[0][2] == .double(1.5))
        #expect(values[0][3] == .json("{\"a\":null,\"b\":[1]}"))
        #expect(values[1][4] == .null && values[2][1] == .null)
    }

    @Test("what is not written keeps its bytes, in the collection and in a changed feature")
    func keepsBytes() async throws {
        let file = try FlatFile("t.geojson", Self.pretty)
        let records = try await file.records(key: ["id"])
        let point = try await file.values(key: ["id"])[2][4]
        _ = try await file.apply(
            [
                try file.updating(records[0], 4, to: point),
                try file.updating(records[2], 1, to: .text("a \"b\"\n")),
                file.deleting(records[1]),
                file.inserting([.text("d"), .text("ash"), .double(0.1), .json("[1]"), .null], key: [0]),
            ], key: ["id"])
        let expected = Self.pretty
            .replacing("\"bbox\": [1, 2, 1, 2]", with: "\"bbox\": [3,4,3,4]")
            .replacing(
                "{\"type\":\"Point\",\"coordinates\":[1.0, 2e0]}",
                with: "{\"type\":\"Point\",\"coordinates\":[3,4]}"
            )
            .replacing(
                "    { \"type\": \"Feature\", \"id\": \"b\", \"geometry\": null, \"properties\": {\"name\": \"elm\"} },\n",
                with: ""
            )
            .replacing(
                "\"properties\": null }",
                with: "\"properties\": {\"name\":\"a \\\"b\\\"\\n\"} },\n    "
                    + "{\"type\":\"Feature\",\"id\":\"d\",\"properties\":{\"name\":\"ash\",\"n\":0.1,\"more\":[1]},\"geometry\":null}"
            )
        #expect(try file.text == expected)
        #expect(try await file.records(key: ["id"]).count == 3)
    }

    @Test(
        "all features can go, and others come after",
        arguments: [
            (
                "t.geojson", "{\"type\":\"FeatureCollection\",\"features\":[\nF(1),\nF(2)\n]}",
                "{\"type\":\"FeatureCollection\",\"features\":[\n\n]}"
            ),
            ("t.geojsonl", "F(1)\nF(2)\n", "\n"), ("t.geojsons", "\u{1e}F(1)\n\u{1e}F(2)\n", "\u{1e}\n"),
        ])
    func empties(name: String, content: String, empty: String) async throws {
        func feature(_ id: Int) -> String {
            "{\"type\":\"Feature\",\"id\":\(id),\"properties\":{\"a\":\"x\"},\"geometry\":null}"
        }
        let text = content.replacing("F(1)", with: feature(1)).replacing("F(2)", with: feature(2))
        let file = try FlatFile(name, text)
        _ = try await file.apply(try await file.records(key: ["id"]).map(file.deleting), key: ["id"])
        #expect(try file.text == empty)
        _ = try await file.apply(
            [
                file.inserting([.int(3), .text("y")], key: [0]),
                file.inserting([.int(4), .text("z")], key: [0]),
            ], key: ["id"])
        #expect(try await file.values(key: ["id"]) == [[.int(3), .text("y")], [.int(4), .text("z")]])
    }

    @Test(
        "geometries of all types come back as they were written",
        arguments: [
            "{\"type\":\"Point\",\"coordinates\":[1,2]}", "{\"type\":\"Point\",\"coordinates\":[]}",
            "{\"type\":\"LineString\",\"coordinates\":[[1,2,3],[4,5,6]]}",
            "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]}",
            "{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[3,4]]}",
            "{\"type\":\"MultiLineString\",\"coordinates\":[[[1,2],[3,4]]]}",
            "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,0],[1,1],[0,0]]]]}",
            "{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\",\"coordinates\":[1,2]},{\"type\":\"Point\",\"coordinates\":[0.1,-2.5]}]}",
        ])
    func geometries(text: String) async throws {
        let file = try FlatFile(
            "t.geojsonl", "{\"type\":\"Feature\",\"id\":1,\"geometry\":\(text),\"properties\":{}}\n")
        let value = try await file.values(key: ["id"])[0][1]
        guard case .geometry = value else {
            Issue.record("\(value)")
            return
        }
        _ = try await file.apply([file.inserting([.int(2), value], key: [0])], key: ["id"])
        #expect(try file.text.hasSuffix("\"geometry\":\(text)}\n"))
        #expect(try await file.values(key: ["id"])[1][1] == value)
    }

    @Test("numbers beyond 64 bits and beyond doubles are decimals")
    func numbers() async throws {
        func feature(_ numbers: String) -> String {
            "{\"type\":\"Feature\",\"geometry\":null,\"properties\":{\(numbers)}}\n"
        }
        let file = try FlatFile(
            "t.ndjson",
            feature(
                "\"k\":1,\"a\":123456789012345678901,\"b\":0.1234567890123456789,\"c\":55.883879999999998,\"d\":1e400,\"e\":1,\"f\":1"
            )
                + feature("\"k\":2,\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":\"x\",\"f\":2.5"))
        #expect(
            try await file.types() == [
                "k int", "a decimal", "b decimal", "c double", "d decimal", "e any", "f double",
            ])
        #expect(
            try await file.values(key: ["k"])[0][1]
                == ExactDecimal("123456789012345678901").map { .decimal($0) })
    }

    @Test("an old crs member tells the reference system, and a strange one is refused")
    func crs() async throws {
        func text(_ name: String) -> String {
            "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"properties\":{},\"geometry\":"
                + "{\"type\":\"Point\",\"coordinates\":[1,2]}}],\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"\(name)\"}}}"
        }
        #expect(
            try await FlatFile("t.geojson", text("urn:ogc:def:crs:EPSG::25832")).types() == [
                "geometry point (EPSG:25832)"
            ])
        #expect(
            try await FlatFile("t.geojson", text("urn:ogc:def:crs:OGC:1.3:CRS84")).types() == [
                "geometry point (EPSG:4326)"
            ])
        #expect(
            try await FlatFile("t.geojson", text("my own")).complaint().contains(
                "the crs is none with an EPSG number"))
    }

    @Test(
        "hostile and broken files are refused with line and byte",
        arguments: [
            (
                "{\"type\":\"FeatureCollection\",\"features\":[\n{\"type\":\"Feature\"",
                "line 2 (byte 41): the file ends inside the value"
            ),
            (
                "{\"type\":\"FeatureCollection\",\"features\":[",
                "the file ends where a feature or ] is due; it is cut off"
            ),
            ("{\"type\":\"FeatureCollection\",\"features\":[]", "the file ends where a comma or } is due"),
            (
                "{\"type\":\"FeatureCollection\",\"features\":[]} x",
                "the end of the file is due where “x” stands"
            ),
            (
                "{\"type\":\"FeatureCollection\",\"features\":[],\"features\":[]}",
                "the name “features” stands twice"
            ),
            ("{\"type\":\"FeatureCollection\"}", "the collection has no list of features"),
            (
                "{\"type\":\"Feature\",\"properties\":{\"a\":1,\"a\":2}}",
                "line 1 (byte 38): the name \"a\" stands twice"
            ),
            ("{\"type\":\"Feature\",\"properties\":{\"a\":01}}", "a comma or } is due where “1” stands"),
            ("{\"type\":\"Feature\",\"properties\":{\"a\":\"\\ud800\"}}", "half of a surrogate pair"),
            ("{\"type\":\"Feature\",\"properties\":[]}", "properties are an object or null"),
            (
                "{\"type\":\"Point\",\"coordinates\":[1,2]}",
                "a FeatureCollection, or a Feature on each line, is needed"
            ),
            ("[1]", "a feature, which begins with {, is due where “[” stands"),
            ("nonsense", "is due where “n” stands"),
            (
                "{\"type\":\"Feature\",\"properties\":{\"a\":" + String(repeating: "[", count: 100_000),
                "more than 512 levels of nesting"
            ),
        ])
    func refused(content: String, words: String) async throws {
        let complaint = try await FlatFile("t.json", content).complaint()
        #expect(complaint.contains(words), "\(complaint)")
    }

    @Test("bytes that are no UTF-8 are refused with their line")
    func encoding() async throws {
        let file = try FlatFile("t.json", "")
        try file.write(
            Array("\n{\"type\":\"Feature\",\"properties\":{\"a\":\"".utf8) + [0xc3, 0x28] + Array("\"}}".utf8)
        )
        #expect(await file.complaint().contains("line 2 (byte 38): a byte that is no UTF-8"))
    }

    @Test("a geometry that is none stays JSON, and holds up no other feature")
    func oddGeometry() async throws {
        let file = try FlatFile(
            "t.ndjson",
            "{\"type\":\"Feature\",\"id\":1,\"geometry\":{\"type\":\"Point\",\"coordinates\":[1]},\"properties\":{}}\n"
                + "{\"type\":\"Feature\",\"id\":2,\"geometry\":{\"type\":\"Point\",\"coordinates\":[1,2]},\"properties\":{}}\n"
        )
        let values = try await file.values(key: ["id"])
        #expect(values[0][1] == .json("{\"coordinates\":[1],\"type\":\"Point\"}"))
        guard case .geometry = values[1][1] else {
            Issue.record("\(values)")
            return
        }
    }

    @Test("properties that are called like a feature's own members leave these another name")
    func names() async throws {
        let file = try FlatFile(
            "t.ndjson",
            "{\"type\":\"Feature\",\"id\":7,\"geometry\":{\"type\":\"Point\",\"coordinates\":[1,2]},\"properties\":{\"id\":\"x\",\"geometry\":1}}\n"
        )
        #expect(
            try await file.types() == [
                "feature_id int", "id text", "geometry int", "feature_geometry point (EPSG:4326)",
            ])
    }
}
