import Testing

@testable import Dovetail

@Suite("Packed records and keys")
struct KeyAndRecordTests {
    private static func value(_ random: inout SeededGenerator) -> Value {
        let texts = ["", "a", "ab", "a\0", "a\0b", "\u{e9}", "e\u{301}", "😀", "\u{7f}", "b"]
        return switch Int.random(in: 0..<14, using: &random) {
        case 0: .null
        case 1: .bool(Bool.random(using: &random))
        case 2: .int(random.pick([.min, -1, 0, 1, 255, 256, .max]))
        case 3: .double(random.pick([-.infinity, -1.5, -0.0, 0, 1e-300, 1.5, .infinity, .nan]))
        case 4:
            .decimal(
                random.pick(
                    ["-10.5", "-1", "0", "0.001", "1", "10", "123456789012345678901234567890"].compactMap {
                        ExactDecimal($0)
                    }))
        case 5: .text(random.pick(texts))
        case 6: .bytes(Array(random.pick(texts).utf8))
        case 7: .date(CalendarDate(days: Int32.random(in: -800_000...800_000, using: &random)))
        case 8:
            TimeOfDay(microseconds: Int64.random(in: 0...86_400_000_000, using: &random)).map { .time($0) }
                ?? .null
        case 9: .timestamp(Timestamp(microseconds: Int64.random(in: -1_000_000...1_000_000, using: &random)))
        case 10: .uuid(UUID128(high: random.next(), low: random.next()))
        case 11: .json(random.pick(["{}", "[1]", "null"]))
        case 12: .list([.int(1), .text("x"), .null])
        default: .interval(CalendarInterval(months: -1, days: 3, microseconds: 5))
        }
    }

    @Test("a packed record gives back its values, and its slices are its fields")
    func roundTrip() throws {
        for seed in 1...10_000 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            let values = (0..<Int.random(in: 0...6, using: &random)).map { _ in Self.value(&random) }
            let record = PackedRecord(values)
            #expect(try record.values() == values, "seed \(seed)")
            #expect(try record.slices().count == values.count, "seed \(seed)")
        }
    }

    @Test("a key gives back its values, and the order of its bytes is the order of the values")
    func keyOrder() throws {
        for seed in 1...10_000 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            let a = [Self.value(&random), Self.value(&random)]
            let b = [Self.value(&random), Self.value(&random)]
            #expect(try RecordKey(a).values() == a, "seed \(seed)")
            #expect((RecordKey(a) == RecordKey(b)) == (a == b), "seed \(seed)")
            if case .int(let x) = a[0], case .int(let y) = b[0], x != y {
                #expect((RecordKey(a) < RecordKey(b)) == (x < y), "seed \(seed)")
            }
            if case .text(let x) = a[0], case .text(let y) = b[0], !x.utf8.elementsEqual(y.utf8) {
                let order = x.utf8.lexicographicallyPrecedes(y.utf8)
                #expect((RecordKey(a) < RecordKey(b)) == order, "seed \(seed)")
            }
        }
    }

    @Test("damaged bytes are refused, never read beyond their end")
    func damaged() throws {
        let record = PackedRecord([
            .text("hello"), .int(5), .geometry(Geometry(srid: 4326, canonicalWKB: [1, 2, 3])),
        ])
        for cut in 0..<record.bytes.count {
            let part = PackedRecord(bytes: Array(record.bytes.prefix(cut)))
            if let values = try? part.values() { #expect(values.count < 3) }
            if let slices = try? part.slices() { #expect(slices.count < 3) }
        }
        #expect(throws: PackingError.self) { try PackedRecord(bytes: [0xee]).values() }
    }

    @Test("composed and decomposed text differ, one NaN equals another, and minus zero is zero")
    func canonicalForms() {
        #expect(Value.text("\u{e9}") != Value.text("e\u{301}"))
        #expect(PackedRecord([.text("\u{e9}")]) != PackedRecord([.text("e\u{301}")]))
        #expect(PackedRecord([.double(.nan)]) == PackedRecord([.double(-.nan)]))
        #expect(PackedRecord([.double(-0.0)]) == PackedRecord([.double(0)]))
        #expect(FieldOptions(unicode: .nfc).equal(.text("\u{e9}"), .text("e\u{301}")))
    }

    @Test("two equal differences do not cancel out in a set digest")
    func setDigestAdds() {
        var twice = SetDigest()
        let digest = Digest(of: [1, 2, 3])
        twice.add(digest)
        twice.add(digest)
        #expect(twice != SetDigest())
        #expect(twice.hex.hasSuffix("/2"))
    }

    @Test("plan entries survive their binary and their JSON form")
    func planEntries() throws {
        for seed in 1...300 as ClosedRange<UInt64> {
            for entry in try Triple.random(seed).plan() {
                var writer = ByteWriter()
                entry.encode(to: &writer)
                var reader = ByteReader(writer.bytes)
                #expect(try PlanEntry(from: &reader) == entry, "seed \(seed)")
                let line = try PlanLine(entry, schema: Triple.schema, labels: Sides(left: "l", right: "r"))
                let again = try line.entry(schema: Triple.schema, base: entry.base, now: entry.seen)
                if case .write = entry.decision { #expect(again == entry, "seed \(seed)") }
            }
        }
    }
}
