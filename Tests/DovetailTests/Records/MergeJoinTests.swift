import Testing

@testable import Dovetail

@Suite("Joining three ordered streams")
struct MergeJoinTests {
    private struct Visits: JoinSink {
        var seen: [(key: Int64, base: Bool, left: Int, right: Int)] = []
        mutating func visit(_ joined: borrowing JoinedRecords) throws {
            guard case .int(let id)? = try joined.key.values().first else { return }
            seen.append((id, try joined.base() != nil, joined.leftCount, joined.rightCount))
        }
    }

    private func record(_ id: Int64, _ text: String) -> Record {
        Record(key: RecordKey([Value.int(id)]), fields: PackedRecord([.int(id), .text(text)]))
    }

    private func run(_ left: [[Record]], _ right: [[Record]], base: [[BaseRecord]] = []) throws -> (
        Visits, MergeJoin
    ) {
        var streams: [JoinStream: [RecordBatch]] = [
            .left: left.map { RecordBatch($0) }, .right: right.map { RecordBatch($0) },
            .base: base.map { RecordBatch(base: $0) },
        ]
        var visits = Visits()
        var join = MergeJoin()
        while let stream = try join.run(into: &visits) {
            try join.feed(streams[stream]?.first, to: stream)
            streams[stream] = Array((streams[stream] ?? []).dropFirst())
        }
        return (visits, join)
    }

    @Test("records that share a key with more records of their side are seen together, across batches too")
    func duplicates() throws {
        let twice = [
            [record(1, "a")], [record(2, "b"), record(2, "c")], [record(2, "d")], [record(2, "e")],
            [record(3, "f")],
        ]
        let (visits, join) = try run(twice, [[record(1, "a"), record(2, "b")], [record(3, "f")]])
        #expect(visits.seen.map(\.key) == [1, 2, 3])
        #expect(visits.seen.map(\.left) == [1, 2, 1])
        #expect(join.leftCount == 6)
        #expect(join.rightCount == 3)
    }

    @Test("duplicates at the very end are all skipped")
    func duplicatesAtTheEnd() throws {
        let (visits, join) = try run(
            [[record(1, "a")], [record(1, "b")], [record(1, "c")]], [[record(1, "a")]])
        #expect(visits.seen.count == 1)
        #expect(visits.seen.first?.left == 2)
        #expect(join.leftCount == 3)
    }

    @Test("keys out of order are an error, not a wrong plan")
    func outOfOrder() throws {
        #expect(throws: JoinError.self) { try run([[record(2, "a")], [record(1, "b")]], []) }
    }

    @Test("records as the base says are counted and not visited")
    func unchanged() throws {
        let fields = record(1, "a").fields
        let base = BaseRecord(key: record(1, "a").key, left: fields, right: fields)
        let (visits, join) = try run([[record(1, "a")]], [[record(1, "a")]], base: [[base]])
        #expect(visits.seen.isEmpty)
        #expect(join.unchanged == 1)
    }

    @Test("each side is compared with its own form of the base")
    func formsPerSide() throws {
        let base = BaseRecord(
            key: record(1, "a").key, left: record(1, "a").fields, right: record(1, "A").fields,
            rightLocator: [7])
        let (visits, join) = try run([[record(1, "a")]], [[record(1, "A")]], base: [[base]])
        #expect(visits.seen.isEmpty)
        #expect(join.unchanged == 1)
        let (edited, _) = try run([[record(1, "a")]], [[record(1, "a")]], base: [[base]])
        #expect(edited.seen.count == 1)
    }

    @Test("empty streams end at once", arguments: [0, 1])
    func empty(records: Int) throws {
        let left = records == 0 ? [] : [[record(1, "a")]]
        let (visits, _) = try run(left, [[]])
        #expect(visits.seen.count == records)
    }
}
