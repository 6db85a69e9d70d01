import Dovetail
import DovetailEngine
import DovetailFlatFiles
import Foundation
import Testing

@Suite("A CSV file")
struct CSVTests {
    @Test(
        "is read whatever its delimiter, line breaks, quotes and byte order mark",
        arguments: [
            "nr,name\n1,oak\n2,\"elm, old\"\n", "nr,name\r\n1,oak\r\n2,\"elm, old\"",
            "\u{feff}nr,name\r1,oak\r2,\"elm, old\"\r",
            "nr;name\n1;oak\n2;elm, old\n", "nr\tname\n1\toak\n2\telm, old\n",
            "\"nr\"|\"name\"\n1|oak\n\n2|elm, old\n\n",
        ])
    func dialects(content: String) async throws {
        let file = try FlatFile("t.csv", content)
        #expect(try await file.types() == ["nr int", "name text"])
        #expect(
            try await file.values(key: ["nr"]) == [[.int(1), .text("oak")], [.int(2), .text("elm, old")]])
    }

    @Test("tells null from the empty text, and keeps quotes and line breaks inside values")
    func nullAndEmpty() async throws {
        let file = try FlatFile("t.csv", "nr,name,size\n1,,\n2,\"\",\"\"\n3,\"a\"\"b\r\nc\",0\n")
        #expect(
            try await file.values(key: ["nr"]) == [
                [.int(1), .null, .null], [.int(2), .text(""), .null], [.int(3), .text("a\"b\r\nc"), .int(0)],
            ])
    }

    @Test("a column is of the narrowest type that loses nothing")
    func inference() async throws {
        let file = try FlatFile(
            "t.csv",
            """
            int,double,decimal,wide,bool,date,time,zoned,zip,code,phone,mixed,quoted,empty
            1,1,1,9007199254740993,true,2024-02-29,2024-02-29T12:00:00,2024-02-29 12:00:00Z,0800,12E3,+45,1,"1",
            -5,2.5,12345678901234567890.5,0.5,false,1999-12-31,2024-02-29 12:00,2024-02-29T12:00:00+02:00,7100,1,5,x,2,
            """)
        #expect(
            try await file.types() == [
                "int int", "double double", "decimal decimal", "wide decimal", "bool bool", "date date",
                "time timestamp", "zoned timestamp with zone", "zip text", "code text", "phone text",
                "mixed text",
                "quoted text", "empty any",
            ])
        let reasons = try await file.replica.describe()[0].columns.map { $0.typeReason ?? "" }
        #expect(reasons[0] == "by all 2 values")
        #expect(reasons[11] == "“x” (line 3) is no int")
    }

    @Test("quotes say nothing about types in a file that has them around everything")
    func quotesAll() async throws {
        let file = try FlatFile("t.csv", "\"nr\",\"name\"\n\"1\",\"oak\"\n")
        #expect(try await file.types() == ["nr int", "name text"])
        let record = try await file.records(key: ["nr"])[0]
        _ = try await file.apply(
            [
                try file.updating(record, 1, to: .text("elm")),
                file.inserting([.int(2), .text("ash")], key: [0]),
            ], key: ["nr"])
        #expect(try file.text == "\"nr\",\"name\"\n\"1\",\"elm\"\n\"2\",\"ash\"\n")
    }

    @Test("what is not written keeps its bytes, down to quotes and line breaks")
    func keepsBytes() async throws {
        let file = try FlatFile(
            "t.csv", "\u{feff}nr;name;note\r\n\"1\";oak ;\"x\"\r\n2; elm;\r\n\r\n3;ash;\"y;z\"")
        let records = try await file.records(key: ["nr"])
        #expect(records.count == 3)
        let outcomes = try await file.apply(
            [
                try file.updating(records[0], 1, to: .text("new; oak")), file.deleting(records[1]),
                file.inserting([.text("4"), .text("007"), .null], key: [0]),
            ], key: ["nr"])
        #expect(outcomes.allSatisfy { if case .applied = $0 { true } else { false } })
        #expect(
            try file.text
                == "\u{feff}nr;name;note\r\n\"1\";\"new; oak\";\"x\"\r\n\r\n3;ash;\"y;z\"\r\n\"4\";007;")
        #expect(try file.files == ["t.csv"])
    }

    @Test("the first and the last row can go, and all of them, and others come after")
    func empties() async throws {
        let file = try FlatFile("t.csv", "nr,name\n1,a\n2,b")
        _ = try await file.apply(try await file.records(key: ["nr"]).map(file.deleting), key: ["nr"])
        #expect(try file.text == "nr,name")
        _ = try await file.apply([file.inserting([.int(3), .text("c")], key: [0])], key: ["nr"])
        #expect(try file.text == "nr,name\n3,c")
        #expect(try await file.values(key: ["nr"]) == [[.int(3), .text("c")]])
    }

    @Test(
        "what is no CSV is refused with its line",
        arguments: [
            ("", "line 1 (byte 0): the file is empty; its first line has to name the columns"),
            ("\n1\n", "the first line is empty"),
            ("a,b\n1,2\n3\n", "line 3 (byte 8): the row has 1 value, the first line names 2 columns"),
            ("a,b\n1,\"x\ny\n", "line 2 (byte 6): the quote that opens here is never closed"),
            ("a,b\n1,\"x\"y\n", "line 2 (byte 9): after the closing quote comes “y”"),
            ("a,a\n", "two columns are called “a”"), ("a,,b\n", "column 2 has no name"),
        ])
    func refused(content: String, words: String) async throws {
        let complaint = try await FlatFile("t.csv", content).complaint()
        #expect(complaint.contains(words), "\(complaint)")
    }

    @Test("bytes that are no UTF-8 are refused with their line, and UTF-16 by its name")
    func encodings() async throws {
        let file = try FlatFile("t.csv", "")
        try file.write(Array("a,b\n1,K".utf8) + [0xf8] + Array("benhavn\n".utf8))
        #expect(await file.complaint().contains("line 2 (byte 7): a byte that is no UTF-8"))
        try file.write([0xff, 0xfe, 0x61, 0x00])
        #expect(await file.complaint().contains("the file is UTF-16"))
    }

    @Test(
        "declared types win over found ones, remembered ones stay, and a value that does not fit stays what it is"
    )
    func declared() async throws {
        let file = try FlatFile(
            "t.csv", "nr,zip,count,place\n1,800,5,POINT Z (9.5 55.7 3)\n2,7100,many,\n",
            types: ["zip": .text, "place": .geometry(GeometryKind(type: "POINT", srid: 25832, hasZ: true))],
            remembered: ["count": .int])
        #expect(try await file.types() == ["nr int", "zip text", "count int", "place point z (EPSG:25832)"])
        let values = try await file.values(key: ["nr"])
        #expect(values[0][1] == .text("800") && values[1][2] == .text("many"))
        let outcome = try await file.apply(
            [try file.updating(try await file.records(key: ["nr"])[0], 2, to: .text("few"))], key: ["nr"])
        guard case .rejected(let rejection) = outcome[0] else {
            Issue.record("\(outcome)")
            return
        }
        #expect(rejection.reason == "column count: “few” is no int")
    }

    @Test(
        "well-known text comes back as it was written",
        arguments: [
            "POINT (1 2)", "LINESTRING Z (1 2 3, 4 5 6)",
            "POLYGON ((0 0, 1 0, 1 1, 0 0), (0.2 0.1, 0.3 0.1, 0.3 0.2, 0.2 0.1))",
            "MULTIPOINT ((1 2), (3 4))", "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))", "POINT EMPTY",
            "GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (1 2, 3 4))",
            "MULTILINESTRING ZM ((1 2 3 4, 5 6 7 8))",
        ])
    func wellKnownText(text: String) async throws {
        let kind = GeometryKind(type: "GEOMETRY", srid: 25832, hasZ: true, hasM: true)
        let file = try FlatFile("t.csv", "nr,g\n1,\"\(text)\"\n", types: ["g": .geometry(kind)])
        let value = try await file.values(key: ["nr"])[0][1]
        #expect(value.words(limit: .max) == text)
        _ = try await file.apply([file.inserting([.int(2), value], key: [0])], key: ["nr"])
        #expect(try await file.values(key: ["nr"])[1][1] == value)
    }

    @Test("two thousand airports of the world are read whole, with the types they have")
    func airports() async throws {
        let data = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../Examples/data/airports-2000.csv")
        let replica = FlatFileReplica(path: data.path, kind: .csv(), name: "airports")
        let columns = try await replica.describe()[0].columns
        #expect(columns.first { $0.name == "elevation" }?.type == .double)
        #expect(columns.first { $0.name == "icao" }?.type == .text)
        let rows = try String(contentsOf: data, encoding: .utf8).split(whereSeparator: \.isNewline).count - 1
        let file = try FlatFile("airports.csv", try String(contentsOf: data, encoding: .utf8))
        #expect(rows == 2000)
        #expect(try await file.values(key: ["icao"]).count == rows)
    }
}
