import Dovetail
import DovetailModels
import Foundation
import Testing

@Suite("Loading a dataset")
struct LoadingTests {
    private struct Everything: Model, Equatable {
        enum Kind: String, FieldValue { case big, small }
        var id = 0
        var name = ""
        var note: String?
        var kind = Kind.big
        var size = 0.0
        var price: Decimal?
        var isOpen = false
        var built: Date?
        var key: UUID?
        var content: Data?
        var tags: [String] = []
        var local = 7

        static let definition = ModelDefinition<Self>(
            "thing", id: \.id,
            attributes: \.name, \.note, \.kind, \.size, \.price, \.isOpen, \.built, \.key, \.content, \.tags)
    }

    private struct Small: Model, Equatable {
        var id = 0
        var name = ""
        var note: String?
        var size: Double?
        static let definition = ModelDefinition<Self>("small", id: \.id, attributes: \.name, \.note, \.size)
    }

    private let id = "6A1B0C2E-0000-4000-8000-0123456789AB"
    private var full: Everything {
        Everything(
            id: 1, name: "é, \"x\"\nand more", note: "", kind: .small, size: 2,
            price: Decimal(string: "1.10"), isOpen: true,
            built: Date(timeIntervalSince1970: 1_772_366_400), key: UUID(uuidString: id),
            content: Data([0, 255]),
            tags: ["a", "b"])
    }

    private func file(_ name: String, _ text: String) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "loading-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appending(path: name)
        try text.write(to: file, atomically: true, encoding: .utf8)
        return file
    }

    private func complaint(_ load: () throws -> Void) -> String {
        do {
            try load()
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test("JSON: an array, one object a line, or an array in an object")
    func json() throws {
        let one =
            #"{"id": 1, "name": "é, \"x\"\nand more", "note": "", "kind": "small", "size": 2, "price": 1.10, "isOpen": true, "#
            + #""built": "2026-03-01T12:00:00Z", "key": "\#(id)", "content": "AP8=", "tags": ["a", "b"]}"#
        let two =
            #"{"id": 2, "name": "", "kind": "big", "size": -0.5, "isOpen": false, "tags": [], "note": null}"#
        for (text, key) in [
            ("[\(one),\n\(two)]", nil), ("\(one)\n\n\(two)\r\n", nil),
            (#"{"things": [\#(one), \#(two)], "x": 1}"#, "things"),
        ] {
            let dataset = try Dataset("d", Everything.self)
            try dataset.add(Everything.self, json: try file("things.json", text), under: key)
            #expect(dataset.all(Everything.self) == [full, Everything(id: 2, size: -0.5)])
        }
        let none = try Dataset("d", Everything.self)
        try none.add(Everything.self, json: try file("none.json", " \n"))
        #expect(none.all(Everything.self).isEmpty)
    }

    @Test(
        "JSON: what is wrong is named with file, record and key, and nothing is added",
        arguments: [
            (#"[{"id": 1, "name": "a"}, {"id": "2", "name": "b"}]"#, "small 2: id: “2” is no int"),
            (
                #"{"id": 1, "name": "a"}"# + "\n" + #"{"id": 2}"#,
                "small 2: “name” is missing, and is not optional"
            ),
            (#"[{"id": 1, "name": null}]"#, "small 1: name: nothing is no text"),
            (
                #"[{"id": 1, "name": "a", "nam": 1}]"#,
                "small 1: “nam” is no field of small, which has id, name, note, size"
            ),
            (#"[{"id": 1.5, "name": "a"}]"#, "small 1: id: 1.5 is no int"),
            (#"[{"id": 1, "name": "a", "size": {"m": 1}}]"#, "small 1: size: an object is no double"),
            (#"[{"id": 1, "name": ["a"]}]"#, "small 1: name: this list is no text"),
            (#"[{"id": 1, "name": "a"}, 5]"#, "record 2: "),
            (#"[{"id": 1, "name": "a""#, "it has to be an array of objects, or one a line"),
            (#"{"id": 1, "name": "a"}"# + "\nnonsense", "line 2: "),
        ])
    func wrongJSON(text: String, words: String) throws {
        let dataset = try Dataset("d", Small.self)
        let file = try file("small.json", text)
        let said = complaint { try dataset.add(Small.self, json: file) }
        #expect(said.contains("small.json") && said.contains(words), "\(said)")
        #expect(dataset.all(Small.self).isEmpty)
    }

    @Test("CSV: values are what their properties are; nothing is nil or the empty text")
    func csv() throws {
        let dataset = try Dataset("d", Everything.self, Small.self)
        try dataset.add(
            Everything.self,
            csv: try file(
                "things.csv",
                """
                name;id;note;kind;size;price;isOpen;built;key;content;tags
                "é, ""x""
                and more";1;"";small;2;1.10;1;2026-03-01T12:00:00Z;\(id);00ff;"[""a"", ""b""]"
                """))
        #expect(dataset.all(Everything.self) == [full])
        try dataset.add(
            Small.self, csv: try file("small.csv", "id,name,note,size\n1,,,\n2,\"\",\"\",1e3\n3,007,x,-1\n"))
        #expect(
            dataset.all(Small.self) == [
                Small(id: 1), Small(id: 2, note: "", size: 1000),
                Small(id: 3, name: "007", note: "x", size: -1),
            ])
    }

    @Test(
        "CSV: what is wrong is named with line and column, and nothing is added",
        arguments: [
            ("id,name\n1,a\n\"2\",b\nx,c\n", "line 4: id: “x” is no int"),
            ("id,name\n1,\"a\nb\"\n,c\n", "line 4: id: nothing is no int"),
            ("id,name,size\n1,a,1.5\n2,b,much\n", "line 3: size: “much” is no double"),
            ("id,note\n1,a\n", "line 1: “name” is missing, and is not optional"),
            ("id,name,nmae\n1,a,b\n", "line 1: “nmae” is no field of small"),
            ("id,name\n1,a\n2\n", "line 3"), ("", "the file is empty"),
            ("id,name\n1,\"a\n", "is never closed"),
        ])
    func wrongCSV(text: String, words: String) throws {
        let dataset = try Dataset("d", Small.self)
        let file = try file("small.csv", text)
        let said = complaint { try dataset.add(Small.self, csv: file) }
        #expect(said.contains("small.csv") && said.contains(words), "\(said)")
        #expect(dataset.all(Small.self).isEmpty)
    }

    @Test("fields that are unknown are passed over where that is said")
    func unknown() throws {
        let dataset = try Dataset("d", Small.self)
        try dataset.add(
            Small.self, json: try file("a.json", #"[{"id": 1, "name": "a", "more": {"x": []}}]"#),
            unknown: .ignore)
        try dataset.add(Small.self, csv: try file("a.csv", "more,id,name\n?,2,b\n"), unknown: .ignore)
        #expect(dataset.all(Small.self) == [Small(id: 1, name: "a"), Small(id: 2, name: "b")])
    }

    private enum Stop: Error { case now }

    /// A sequence with an error of its own type.
    private struct Failing: AsyncSequence, AsyncIteratorProtocol {
        var left = 1
        mutating func next() async throws(Stop) -> Small? {
            guard left > 0 else { throw .now }
            left -= 1
            return Small(id: 3)
        }
        mutating func next(isolation actor: isolated (any Actor)?) async throws(Stop) -> Small? {
            try await next()
        }
        func makeAsyncIterator() -> Failing { self }
    }

    @Test("any asynchronous sequence fills a dataset, and what it throws comes out")
    func sequences() async throws {
        let dataset = try Dataset("d", Small.self)
        let (stream, next) = AsyncStream<Small>.makeStream()
        next.yield(Small(id: 1))
        next.finish()
        try await dataset.add(contentsOf: stream)
        try await dataset.add(
            contentsOf: AsyncThrowingStream<Small, any Error> {
                $0.yield(Small(id: 2))
                $0.finish()
            })
        try await dataset.add(contentsOf: AsyncStream<Int> { $0.finish() }.map { Small(id: $0) })
        await #expect(throws: Stop.now) { try await dataset.add(contentsOf: Failing()) }
        #expect(dataset.all(Small.self).map(\.id) == [1, 2, 3])
    }
}
