import Dovetail
import Testing

@testable import DovetailPostgres

@Suite("Sorting in bounded memory")
struct KeySorterTests {
    private func records(_ count: Int) -> [Record] {
        (0..<count).map { number in
            // Some are longer than a block of the file, many share a key.
            let length = number % 97 == 0 ? 300_000 : number % 50
            return Record(
                key: RecordKey([.int(Int64(number &* 7919 % 1009))]), locator: [UInt8(number % 256)],
                fields: PackedRecord([.int(Int64(number)), .bytes(Array(repeating: 7, count: length))]))
        }
    }

    @Test(
        "what is beyond the memory goes to a file, and comes back whole and in order",
        arguments: [4096, 1 << 20, 1 << 30])
    func sorted(memory: Int) throws {
        let records = records(3000)
        let sorter = KeySorter(memory: memory)
        for start in stride(from: 0, to: records.count, by: 100) {
            var builder = BatchBuilder(capacity: 1 << 16)
            for record in records[start..<start + 100] { builder.append(record) }
            try sorter.add(builder.seal())
        }
        var sorted: [Record] = []
        while let batch = try sorter.next(target: 50_000) { sorted += batch.records() }
        #expect(try sorter.next(target: 50_000) == nil)
        #expect(sorter.runCount == (memory == 1 << 30 ? 0 : memory == 4096 ? 30 : sorter.runCount))
        #expect(memory == 1 << 30 || sorter.runCount > 1)
        #expect(sorted.map(\.key) == records.map(\.key).sorted())
        #expect(Set(sorted) == Set(records))
    }

    @Test("of nothing comes nothing") func empty() throws {
        #expect(try KeySorter(memory: 0).next(target: 1000) == nil)
    }
}
