import Dovetail
import DovetailEngine

/// Carries out a batch of writes: looks for their records in one pass, decides about each, and writes the file anew once.
struct ApplyWrites {
    private let file: OpenFile
    private let format: any FlatFormat
    private let survey: Survey
    private let view: FlatView
    private let writes: [ReplicaWrite]
    private let coder: any RecordCoder

    private var outcomes: [WriteOutcome?]
    private var found: [RecordKey: [FoundRecord]] = [:]
    /// Where the last record ends: new ones come behind it.
    private var end: Int
    private var deleted: [FoundRecord] = []
    private var updated: [(write: Int, record: FoundRecord, bytes: [UInt8])] = []
    private var inserted: [(write: Int, bytes: [UInt8])] = []
    private var nextID: Int64

    /// A record that a write is about, and what stands around it.
    private struct FoundRecord {
        var ordinal: Int
        var range: Range<Int>
        /// The end of the record before; of what stands before all records for the first.
        var previousEnd: Int
        /// The beginning of the record behind; nil for the last.
        var nextStart: Int?
        var record: Record
    }

    /// What became of the writes, and of the file when it was written.
    struct Result {
        var outcomes: [WriteOutcome]
        var written: Written?
    }

    /// The file as it is after the batch.
    struct Written {
        var survey: Survey
        var stamp: FileStamp
        var places: WrittenPlaces
    }

    init(
        _ file: OpenFile, _ format: any FlatFormat, _ survey: Survey, _ view: FlatView,
        _ writes: [ReplicaWrite]
    ) {
        self.file = file
        self.format = format
        self.survey = survey
        self.view = view
        self.writes = writes
        coder = format.coder(survey, view.columns)
        outcomes = Array(repeating: nil, count: writes.count)
        end = survey.start
        nextID = survey.largestID
    }

    mutating func run() throws -> Result {
        try FileRewrite.checkWritable(file.place)
        try find()
        for index in writes.indices {
            do {
                try decide(index)
            } catch let unstorable as UnstorableValue {
                outcomes[index] = .rejected(.init(reason: unstorable.reason))
            }
        }
        var written: Written?
        if !(deleted.isEmpty && updated.isEmpty && inserted.isEmpty) { written = try write() }
        return Result(outcomes: outcomes.map { $0 ?? .overtaken }, written: written)
    }

    // MARK: Finding

    /// One pass over the file, in which only the records of this batch are kept.
    private mutating func find() throws {
        var wanted: Set<RecordKey> = []
        for write in writes {
            if let key = write.key { wanted.insert(key) }
            if let key = try write.movedKey(view.view.keyFields) { wanted.insert(key) }
        }
        var key = KeyBuffer()
        var ordinal = 0
        var previousEnd = survey.start
        var last: RecordKey?
        try format.scan(file, survey) { record in
            try coder.load(record)
            view.makeKey(coder, ordinal: ordinal, in: &key)
            if let before = last, let index = found[before].map({ $0.count - 1 }) {
                found[before]?[index].nextStart = record.offset
                last = nil
            }
            let range = record.offset..<(record.offset + record.bytes.count)
            let here = RecordKey(bytes: key.bytes)
            if wanted.contains(here) {
                found[here, default: []].append(
                    FoundRecord(
                        ordinal: ordinal, range: range, previousEnd: previousEnd, nextStart: nil,
                        record: coder.record(key: key.bytes, columns: view.columns.count)))
                last = here
            }
            previousEnd = range.upperBound
            ordinal += 1
        }
        end = previousEnd
    }

    // MARK: Deciding

    private mutating func decide(_ index: Int) throws {
        let write = writes[index]
        // Where the file gives the id, an insert has none yet.
        let isNumbered = view.view.schema.identity == .content
        let rows: [FoundRecord]
        if case .insert = write.write, isNumbered {
            rows = []
        } else {
            rows = write.key.flatMap { found[$0] } ?? []
        }
        let target = rows.first.map { rows.count > 1 ? .several : .record($0.record) } ?? WriteTarget.nothing
        outcomes[index] = try write.outcome(on: target) {
            try write.movedKey(view.view.keyFields).flatMap { found[$0]?.first?.record }
        }
        guard outcomes[index] == nil else { return }
        switch (write.write, rows.first) {
        case (.delete, let row?):
            deleted.append(row)
            outcomes[index] = .applied(nil)
        case (.insert(let record), let row?):
            try update(index, row, record, fields: Array(view.columns.indices))
        case (.update(let record, let fields), let row?): try update(index, row, record, fields: fields)
        case (.insert(let record), nil): try insert(index, record)
        case (_, nil): break
        }
    }

    private mutating func insert(_ index: Int, _ record: PackedRecord) throws {
        var id: Int64?
        if survey.idColumn != nil {
            if case .int(let given)? = try writes[index].key?.values().first, case .id = view.key {
                id = given
            } else {
                guard nextID < .max else {
                    throw UnstorableValue(reason: "there is no higher id left to give")
                }
                id = nextID + 1
            }
        }
        let bytes = try coder.inserted(try record.values(), id: id)
        nextID = max(nextID, id ?? 0)
        inserted.append((index, bytes))
    }

    private mutating func update(_ index: Int, _ row: FoundRecord, _ record: PackedRecord, fields: [Int])
        throws
    {
        let values = try record.values()
        let old = try file.bytes(row.range)
        let bytes = try old.withUnsafeBytes { bytes in
            try coder.load(RawRecord(bytes: bytes, offset: row.range.lowerBound))
            return try coder.updated(values, columns: fields)
        }
        updated.append((index, row, bytes))
    }

    // MARK: Writing

    private mutating func write() throws -> Written {
        var edits: [(edit: FileEdit, writes: [(index: Int, offset: Int, length: Int)])] = updated.map {
            (FileEdit(range: $0.record.range, replacement: $0.bytes), [($0.write, 0, $0.bytes.count)])
        }
        edits += removals().map { (FileEdit(range: $0, replacement: []), []) }
        if !inserted.isEmpty { edits.append(appending()) }
        edits.sort { $0.edit.range.lowerBound < $1.edit.range.lowerBound }
        let (starts, stamp) = try FileRewrite(file: file).write(edits.map(\.edit))

        // The outcome is the record as the file gives it back.
        var key = KeyBuffer()
        var places = WrittenPlaces()
        for (start, entry) in zip(starts, edits) {
            for place in entry.writes {
                let bytes = Array(entry.edit.replacement[place.offset..<(place.offset + place.length)])
                let range = (start + place.offset)..<(start + place.offset + place.length)
                let record = try bytes.withUnsafeBytes { bytes in
                    try coder.load(RawRecord(bytes: bytes, offset: range.lowerBound))
                    view.makeKey(coder, ordinal: 0, in: &key)
                    return coder.record(key: key.bytes, columns: view.columns.count)
                }
                outcomes[place.index] = .applied(record)
                places.note(record.key, range)
                // A record may have moved to a key that is there already, and left its own.
                if let old = writes[place.index].key, old != record.key {
                    places.doubt(record.key)
                    places.doubt(old)
                }
            }
        }
        for record in deleted { places.note(record.record.key, nil) }
        var survey = survey
        survey.recordCount += inserted.count - deleted.count
        survey.largestID = nextID
        return Written(survey: survey, stamp: stamp, places: places)
    }

    /// The ranges that go: a record goes with what separates it from the one before, or from the one behind when no
    /// record before it stays.
    private func removals() -> [Range<Int>] {
        var isLeading = !survey.hasHeading
        return deleted.sorted { $0.ordinal < $1.ordinal }.enumerated().map { index, record in
            isLeading = isLeading && record.ordinal == index
            if isLeading { return record.range.lowerBound..<(record.nextStart ?? record.range.upperBound) }
            return record.previousEnd..<record.range.upperBound
        }
    }

    private func appending() -> (FileEdit, [(index: Int, offset: Int, length: Int)]) {
        var bytes: [UInt8] = []
        var places: [(Int, Int, Int)] = []
        var needsSeparator = survey.hasHeading || survey.recordCount > deleted.count
        for entry in inserted {
            if needsSeparator { bytes += survey.separator }
            needsSeparator = true
            places.append((entry.write, bytes.count, entry.bytes.count))
            bytes += entry.bytes
        }
        if survey.recordCount == 0 { bytes += survey.ending }
        return (FileEdit(range: end..<end, replacement: bytes), places)
    }
}
