import Dovetail
import Testing

@Suite("Batches as bytes")
struct BatchFramesTests {
    private let records = (0..<50).map { number in
        Record(
            key: RecordKey([Value.int(number)]), locator: number % 3 == 0 ? [] : [UInt8(number)],
            fields: PackedRecord([.int(number), .text(String(repeating: "é", count: Int(number)))]))
    }

    @Test("come back as they were, in pieces of any size", arguments: [1, 100, 1000, .max])
    func pieces(limit: Int) throws {
        let batch = RecordBatch(records)
        var found: [Record] = []
        var start: Int? = 0
        while let from = start {
            let (bytes, next) = batch.frames(from: from, limit: limit)
            let piece = try RecordBatch(frames: bytes)
            #expect(piece.count > 0)
            found += piece.records()
            start = next
        }
        #expect(found == records)
        let none = RecordBatch([Record]()).frames(limit: limit)
        #expect(none.bytes.isEmpty && none.next == nil)
        #expect(try RecordBatch(frames: []).count == 0)
    }

    @Test("that end too early are refused")
    func damaged() throws {
        let bytes = RecordBatch(records.prefix(2)).frames(limit: .max).bytes
        let whole = RecordBatch(records.prefix(1)).frames(limit: .max).bytes.count
        for length in 1..<bytes.count where length != whole {
            #expect(throws: PackingError.self) { _ = try RecordBatch(frames: Array(bytes.prefix(length))) }
        }
        #expect(throws: PackingError.self) { _ = try RecordBatch(frames: Array(repeating: 0xff, count: 64)) }
    }

    @Test("lose their locators, and nothing else")
    func withoutLocators() {
        let bare = RecordBatch(records).withoutLocators().records()
        #expect(bare == records.map { Record(key: $0.key, fields: $0.fields) })
    }
}

@Suite("The words of types")
struct TypeWordsTests {
    @Test("are read as they are written")
    func roundTrip() {
        let types: [FieldType] = [
            .bool, .int, .double, .decimal, .text, .bytes, .date, .time, .timestamp, .timestampWithZone,
            .interval, .uuid,
            .json, .blob, .any, .list(.list(.timestampWithZone)),
            .geometry(GeometryKind(type: "MULTIPOLYGON", srid: 25832, hasZ: true, hasM: true)),
            .geometry(GeometryKind(type: "POINT", srid: 0)),
        ]
        for type in types { #expect(FieldType(words: type.name) == type) }
        #expect(FieldType(words: "point") == .geometry(GeometryKind(type: "POINT", srid: 4326)))
        for words in ["", "number", "list of", "list of things", "point z z", "point 1 2"] {
            #expect(FieldType(words: words) == nil)
        }
    }
}
