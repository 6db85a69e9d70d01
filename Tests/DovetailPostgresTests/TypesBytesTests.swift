import Dovetail
import DovetailEngine
import Testing

@testable import DovetailPostgres

/// The parts that need no server, on bytes.
struct TypesBytesTests {
    @Test("numeric, there and back") func numeric() throws {
        var g = TypesGenerator(seed: 41)
        var text = TextScratch()
        for _ in 0..<20_000 {
            guard case .decimal(let number) = g.decimal() else { continue }
            var bytes: [UInt8] = []
            if let parts = DecimalParts(number) {
                NumericForm.append(parts, to: &bytes)
            } else {
                NumericForm.append(special: number, to: &bytes)
            }
            let isRead = bytes.withUnsafeBytes { NumericForm.write($0, to: &text) }
            #expect(isRead)
            let written = String(decoding: text.bytes, as: UTF8.self)
            #expect(written == number.text)
        }
    }

    @Test(
        "numeric as servers send it",
        arguments: [
            ([0, 0, 0, 0, 0, 0, 0, 3], "0"), ([0, 2, 0, 0, 0, 0, 0, 2, 0, 1, 0x13, 0x88], "1.5"),
            ([0, 1, 0, 2, 0x40, 0, 0, 0, 0, 7], "-700000000"),
            ([0, 1, 0xff, 0xfd, 0, 0, 0, 12, 0, 1], "0.000000000001"),
            ([0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5], "5"), ([0, 0, 0, 0, 0xc0, 0, 0, 0], "NaN"),
            ([0, 1, 0, 0], nil), ([0, 2, 0, 0, 0, 0, 0, 0, 0, 1], nil), ([0, 0, 0, 0, 0x12, 0, 0, 0], nil),
        ] as [([UInt8], String?)]) func numericBytes(bytes: [UInt8], expected: String?)
    {
        var text = TextScratch()
        let isRead = bytes.withUnsafeBytes { NumericForm.write($0, to: &text) }
        let written = String(decoding: text.bytes, as: UTF8.self)
        #expect((isRead ? written : nil) == expected)
    }

    /// Two rows of an `int8` and a `text`, and the end.
    private static let stream: [UInt8] =
        Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0] + [0, 0, 0, 0] + [0, 0, 0, 2, 9, 9]
        + [0, 2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0x61, 0x62]
        + [0, 2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff] + [0xff, 0xff]

    private func read(_ pieces: [ArraySlice<UInt8>], _ codecs: [ColumnCodec]) throws -> [Record] {
        var builder = BatchBuilder()
        var reader = CopyReader(RowPacker(codecs, layout: RowLayout(fields: 2, key: [0], locator: 0)))
        for piece in pieces { try piece.withUnsafeBytes { try reader.read($0, into: &builder) } }
        try reader.finish()
        return builder.seal().records()
    }

    @Test("a stream cut anywhere") func pieces() throws {
        let codecs = [ColumnCodec(.int8), ColumnCodec(.text)]
        let whole = try read([Self.stream[...]], codecs)
        #expect(whole.map(\.key) == [RowKey(1), RowKey(2)])
        #expect(try whole.map { try $0.fields.values() } == [[.int(1), .text("ab")], [.int(2), .null]])
        #expect(whole[1].locator == [0, 0, 0, 0, 0, 0, 0, 2])
        for cut in 0...Self.stream.count {
            for other in cut...Self.stream.count {
                let pieces = [Self.stream[..<cut], Self.stream[cut..<other], Self.stream[other...]]
                #expect(try read(pieces, codecs) == whole)
            }
        }
        #expect(try read(Self.stream.indices.map { Self.stream[$0...$0] }, codecs) == whole)
    }

    private func RowKey(_ number: Int64) -> RecordKey { RecordKey([Value.int(number)]) }

    @Test("streams that are damaged are refused") func damaged() {
        let codecs = [ColumnCodec(.int8), ColumnCodec(.text)]
        for end in 0..<Self.stream.count {
            #expect(throws: CopyFormatError.self) { try read([Self.stream[..<end]], codecs) }
        }
        #expect(throws: CopyFormatError.self) { try read([(Self.stream + [0])[...]], codecs) }
        #expect(throws: CopyFormatError.self) {
            try read([Self.stream[...]], [ColumnCodec(.int4), ColumnCodec(.text)])
        }
        #expect(throws: CopyFormatError.self) { try read([Self.stream[...]], [ColumnCodec(.int8)]) }
        // Any byte may be any other: never a crash.
        var g = TypesGenerator(seed: 42)
        let rules: [ColumnCodec.Rule] = [
            .int8, .numeric, .array, .inet, .jsonb, .geometry, .interval, .uuid, .date,
        ]
        for _ in 0..<20_000 {
            var bytes = Self.stream
            for _ in 0..<3 {
                bytes[Int.random(in: 21..<bytes.count, using: &g)] = UInt8(truncatingIfNeeded: g.next())
            }
            let rule = rules.randomElement(using: &g) ?? .text
            _ = try? read(
                [bytes[...]], [ColumnCodec(rule, element: .int4), ColumnCodec(rule, element: .text)])
        }
    }

    @Test("times beyond canonical values are held as texts") func far() {
        for microseconds in [9_223_371_331_199_999_999, 9_222_425_352_054_775_807, 9_222_425_352_054_775_808]
            as [Int64]
        {
            for withZone in [false, true] {
                #expect(PostgresTime.timestamp(microseconds) == nil)
                let text = PostgresTime.farText(microseconds, withZone: withZone)
                #expect(PostgresTime.far(text, withZone: withZone) == microseconds)
                #expect(PostgresTime.far(text, withZone: !withZone) == nil)
            }
        }
        #expect(PostgresTime.timestamp(9_222_425_352_054_775_806)?.microseconds == Int64.max - 1)
    }

    @Test("names of tables") func names() {
        #expect(TableName.text(schema: "a", relation: "b", isVisible: false) == "a.b")
        #expect(TableName.text(schema: "a.x", relation: "b\"", isVisible: false) == "\"a.x\".\"b\"\"\"")
        for (schema, relation) in [("a", "b"), ("a.x", "b\""), ("A b", "c.d"), ("", "x")] {
            let text = TableName.text(schema: schema, relation: relation, isVisible: false)
            #expect(TableName.parts(text) == [schema, relation])
        }
        #expect(TableName.parts("a.b.c") == nil && TableName.parts("\"a") == nil)
    }
}
