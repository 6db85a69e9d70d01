import Dovetail
import DovetailEngine

/// All records of a file in the order of their keys' bytes, in batches of about 256 KB.
actor FlatSnapshotCursor: RecordCursor {
    private var reading: SnapshotReading

    init(
        _ file: OpenFile, _ format: any FlatFormat, _ survey: Survey, _ view: FlatView, index: RecordIndex
    ) {
        reading = SnapshotReading(file, format, survey, view, index: index)
    }

    func next() async throws -> RecordBatch? { try reading.next() }
}

/// A reading under way.
private struct SnapshotReading: ~Copyable {
    private static let batchBytes = 256 << 10

    private let file: OpenFile
    private let columns: Int
    private let index: RecordIndex
    private let coder: any RecordCoder
    private var fetcher: RecordFetcher
    private var position = 0

    init(
        _ file: OpenFile, _ format: any FlatFormat, _ survey: Survey, _ view: FlatView, index: RecordIndex
    ) {
        self.file = file
        self.index = index
        columns = view.columns.count
        coder = format.coder(survey, view.columns)
        fetcher = RecordFetcher(file)
    }

    mutating func next() throws -> RecordBatch? {
        guard position < index.entries.count else { return nil }
        var builder = BatchBuilder(capacity: Self.batchBytes + 4096)
        do {
            while position < index.entries.count, builder.byteCount < Self.batchBytes {
                let entry = index.entries[position]
                position += 1
                let bytes = try fetcher.bytes(at: entry.offset, length: Int(entry.length))
                try coder.load(RawRecord(bytes: bytes, offset: entry.offset))
                builder.beginRecord()
                index.withKey(entry) { builder.put(raw: $0) }
                builder.endKey()
                builder.endLocator()
                for column in 0..<columns { coder.put(column, into: &builder) }
                builder.endRecord()
            }
        } catch let problem as ContentProblem {
            throw file.place.explained(problem, file)
        }
        try file.checkUnchanged()
        return builder.seal()
    }
}
