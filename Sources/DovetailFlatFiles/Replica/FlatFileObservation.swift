import Dovetail
import DovetailEngine

/// One look at a file: it is open, and what another program puts in its place is not seen.
final class FlatFileObservation: Observation {
    private let file: OpenFile
    private let format: any FlatFormat
    private let survey: Survey
    private let written: WrittenPlaces

    init(_ file: OpenFile, _ format: any FlatFormat, _ survey: Survey, written: WrittenPlaces) {
        self.file = file
        self.format = format
        self.survey = survey
        self.written = written
    }

    /// A file of text has no place for a mark. Its time of change counts up, and goes back where a backup was put in
    /// its place that kept its own.
    func identity(job: String) async throws -> ReplicaIdentity {
        ReplicaIdentity(marks: [], changeCounter: file.stamp.microseconds)
    }

    func snapshot(of view: TableView) async throws -> any RecordCursor {
        let view = try FlatView(view, survey, file.place)
        return FlatSnapshotCursor(file, format, survey, view, index: try index(view))
    }

    private func index(_ view: FlatView) throws -> RecordIndex {
        var index = RecordIndex(reserving: survey.recordCount)
        let coder = format.coder(survey, view.columns)
        var key = KeyBuffer()
        var ordinal = 0
        try file.place.reading(file) {
            try format.scan(file, survey) { record in
                if ordinal & 0xffff == 0 { try Task.checkCancellation() }
                try coder.load(record)
                view.makeKey(coder, ordinal: ordinal, in: &key)
                index.append(key.bytes, offset: record.offset, length: record.bytes.count)
                ordinal += 1
            }
        }
        index.sort()
        return index
    }

    func read(_ references: [RecordReference], of view: TableView) async throws -> [Record] {
        let view = try FlatView(view, survey, file.place)
        let coder = format.coder(survey, view.columns)
        var records: [Record] = []
        var missing: Set<RecordKey> = []
        var key = KeyBuffer()
        for reference in references {
            guard let place = written[reference.key] else {
                missing.insert(reference.key)
                continue
            }
            guard let range = place else { continue }
            try file.bytes(range).withUnsafeBytes { bytes in
                try coder.load(RawRecord(bytes: bytes, offset: range.lowerBound))
                view.makeKey(coder, ordinal: -1, in: &key)
                if key.bytes == reference.key.bytes {
                    records.append(coder.record(key: key.bytes, columns: view.columns.count))
                } else {
                    missing.insert(reference.key)
                }
            }
        }
        guard !missing.isEmpty else { return records }
        var ordinal = 0
        try file.place.reading(file) {
            try format.scan(file, survey) { record in
                try coder.load(record)
                view.makeKey(coder, ordinal: ordinal, in: &key)
                ordinal += 1
                guard missing.contains(RecordKey(bytes: key.bytes)) else { return }
                records.append(coder.record(key: key.bytes, columns: view.columns.count))
            }
        }
        return records
    }

    func changes(of view: TableView, since cursor: FeedCursor) async throws -> ChangedKeys? {
        _ = try FlatView(view, survey, file.place)
        return nil
    }

    func feedPosition(of view: TableView) async throws -> FeedCursor? {
        _ = try FlatView(view, survey, file.place)
        return nil
    }

    func isEmpty(_ view: TableView) async throws -> Bool {
        _ = try FlatView(view, survey, file.place)
        return survey.recordCount == 0
    }

    func finish() async {}
}

/// Where the records of the last batch are in the file that it wrote; nil for those that it deleted.
///
/// What was just written is read again, to see that it is there. Without this each time would be a pass over the file.
/// Records carry no locators: one that leads into a file has to change whenever the file is written.
struct WrittenPlaces: Sendable {
    private var ranges: [RecordKey: Range<Int>?] = [:]
    private var doubtful: Set<RecordKey> = []

    mutating func note(_ key: RecordKey, _ range: Range<Int>?) {
        if ranges.updateValue(range, forKey: key) != nil { doubt(key) }
    }

    /// A key of which another record may have come to be.
    mutating func doubt(_ key: RecordKey) { doubtful.insert(key) }

    /// Nil when it is not known; otherwise the range, or nil within for a record that is not there.
    subscript(_ key: RecordKey) -> Range<Int>?? { doubtful.contains(key) ? nil : ranges[key] }
}

extension FilePlace {
    /// Reads something of a file, and makes sure that nobody wrote into it meanwhile. Content that is wrong is named with
    /// its line.
    func reading<Result>(_ file: OpenFile, _ body: () throws -> Result) throws -> Result {
        do {
            let result = try body()
            try file.checkUnchanged()
            return result
        } catch let problem as ContentProblem {
            throw explained(problem, file)
        }
    }

    /// A problem with its line; a file that someone wrote into meanwhile has no other problem than that.
    func explained(_ problem: ContentProblem, _ file: OpenFile) -> ReplicaError {
        do {
            try file.checkUnchanged()
        } catch let error as ReplicaError {
            return error
        } catch {
            return self.error(.failed, "\(error)")
        }
        var problem = problem
        if problem.line == nil { problem.line = LineCount.line(of: problem.offset, in: file) }
        return damaged(problem)
    }
}

/// Counts lines, for messages only.
enum LineCount {
    /// The line in which an offset is, counted from one; nil when the file can't be read.
    static func line(of offset: Int, in file: OpenFile) -> Int? {
        var line = 1
        var position = 0
        var last: UInt8 = 0
        while position < offset {
            let end = min(position + (1 << 20), offset, file.size)
            guard end > position, let bytes = try? file.bytes(position..<end) else { break }
            for byte in bytes {
                // A line ends with LF, CR LF, or CR alone.
                if byte == 0x0a, last != 0x0d { line += 1 }
                if byte == 0x0d { line += 1 }
                last = byte
            }
            position = end
        }
        return line
    }
}
