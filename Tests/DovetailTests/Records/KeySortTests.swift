import Dovetail
import Testing

@Suite("Batches in key order")
struct KeySortTests {
    /// Keys that have much in common, end within it, are empty, or hold zeros.
    private static func keys(_ random: inout SeededGenerator, count: Int) -> [[UInt8]] {
        let stems: [[UInt8]] = [
            [], Array("site-1\u{0}switch-".utf8), Array(repeating: 0, count: 20),
            Array(repeating: 0xff, count: 8),
        ]
        return (0..<count).map { _ in
            let stem = stems.randomElement(using: &random) ?? []
            let tail = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                UInt8.random(in: 0...2, using: &random)
            }
            return Array(stem.prefix(Int.random(in: 0...24, using: &random))) + tail
        }
    }

    private static func batch(_ keys: [[UInt8]]) -> RecordBatch {
        var builder = BatchBuilder()
        for (place, key) in keys.enumerated() {
            builder.beginRecord()
            builder.put(raw: key)
            builder.endKey()
            builder.put(byte: UInt8(truncatingIfNeeded: place))
            builder.endLocator()
            builder.put(int: Int64(place))
            builder.endRecord()
        }
        return builder.seal()
    }

    @Test("stand by the bytes of their keys; those with one key stay as they were", arguments: 0..<60)
    func likeAPlainSort(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let keys = Self.keys(&random, count: [0, 1, 2, 11, 12, 13, 100, 3000][seed % 8])
        let expected = keys.indices.sorted { a, b in
            keys[a] == keys[b] ? a < b : keys[a].lexicographicallyPrecedes(keys[b])
        }
        let batch = Self.batch(keys)

        let sorted = batch.sortedByKey().records()
        #expect(sorted.map(\.key.bytes) == expected.map { keys[$0] })
        #expect(sorted.map(\.locator) == expected.map { [UInt8(truncatingIfNeeded: $0)] })
        #expect(try sorted.map { try $0.fields.value(at: 0) } == expected.map { .int(Int64($0)) })

        var visited: [Int] = []
        batch.forEachInKeyOrder { place, key in
            visited.append(place)
            #expect(Array(key) == keys[place])
        }
        #expect(visited == expected)
        #expect(batch.sortedByKey().sortedByKey().records() == sorted)
    }
}
