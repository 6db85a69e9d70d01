public import DovetailEngine
import Dovetail
import Synchronization

/// A replica in a flat file: CSV, GeoJSON, or GeoJSON line by line.
///
/// The file is one table, called as the file is. Looking reads it through an open descriptor and changes nothing.
/// Writing makes a new file beside it and puts that in its place: readers see the old file or the new one. Records
/// that are not written keep their bytes.
///
/// A flat file holds no mark, has no change feed, checks no constraints, and knows no conditions.
///
/// ```swift
/// let replica = FlatFileReplica(path: "data/benches.csv", kind: .csv(), name: "benches")
/// let tables = try await replica.describe()
/// ```
public final class FlatFileReplica: Replica {
    /// What the file is read as.
    public enum Kind: Sendable, Hashable {
        /// Comma-separated values with a line of column names. Without a delimiter the first lines tell it.
        case csv(delimiter: Character? = nil)
        /// A feature collection, or features one after the other; the content tells which.
        case geoJSON
    }

    private struct Known: Sendable {
        var stamp: FileStamp
        var survey: Survey
        var written = WrittenPlaces()
    }

    private let place: FilePlace
    private let format: any FlatFormat
    private let types: FlatFileTypes
    /// The last look, and the types that columns were first found to have: they stay as long as the replica lives.
    private let known = Mutex<Known?>(nil)
    private let found = Mutex<[String: SurveyedColumn]>([:])

    /// What output calls it.
    public var name: String { place.name }

    /// - Parameters:
    ///   - path: The file. It must be there; it is never made.
    ///   - kind: What to read it as.
    ///   - name: What output calls it.
    ///   - table: What its one table is called; without it, as the file without its ending.
    ///   - types: What is known of its columns beside what stands in it.
    public init(
        path: String, kind: Kind, name: String, table: String? = nil, types: FlatFileTypes = FlatFileTypes()
    ) {
        place = FilePlace(path: path, name: name, table: table ?? Self.tableName(path))
        self.types = types
        switch kind {
        case .csv(let delimiter): format = CSVFormat(delimiter: delimiter?.asciiValue)
        case .geoJSON: format = GeoJSONFormat()
        }
    }

    /// The file's name without its folder and ending.
    public static func tableName(_ path: String) -> String {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        guard let dot = file.lastIndex(of: "."), dot != file.startIndex else { return file }
        return String(file[..<dot])
    }

    /// Each batch writes the file anew.
    public var batchSize: Int { 65536 }

    // MARK: Looking

    public func describe() async throws -> [TableDescription] {
        let survey = try look().known.survey
        return [
            TableDescription(
                name: place.table,
                columns: survey.columns.map {
                    ColumnDescription(name: $0.name, type: $0.type, typeReason: $0.reason)
                }, idColumn: survey.idColumn,
                contentReason: survey.idColumn == nil
                    ? "a flat file gives its records no ids that stay, so a changed record can't be told from a new one"
                    : nil)
        ]
    }

    public func observe() async throws -> any Observation {
        let (file, known) = try look()
        return FlatFileObservation(file, format, known.survey, written: known.written)
    }

    /// Opens the file and knows what is in it. A content that was looked at already is not read again.
    private func look() throws -> (file: OpenFile, known: Known) {
        let file = try OpenFile(place)
        if let known = known.withLock({ $0 }), known.stamp == file.stamp { return (file, known) }
        let survey = try place.reading(file) { try format.survey(file, types) }
        let fresh = Known(stamp: file.stamp, survey: settle(survey))
        known.withLock { $0 = fresh }
        return (file, fresh)
    }

    /// Columns keep the types that they were found to have first.
    private func settle(_ survey: Survey) -> Survey {
        var survey = survey
        found.withLock { found in
            survey.columns = survey.columns.map { column in
                if let first = found[column.name] { return first }
                if column.type != .any { found[column.name] = column }
                return column
            }
            // In a file without fixed columns a column stays known when its last value is gone.
            if case .geoJSON = survey.detail {
                let here = Set(survey.columns.map(\.name))
                survey.columns += found.values.filter { !here.contains($0.name) }.sorted { $0.name < $1.name }
            }
        }
        return survey
    }

    // MARK: Writing

    public func prepare(_ views: [TableView]) async throws {}

    public func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        guard !writes.isEmpty else { return ApplyResult(outcomes: []) }
        let (file, looked) = try look()
        let view = try FlatView(view, looked.survey, place)
        if case .position = view.key {
            throw place.error(
                .unsuitable,
                "\(place.path) gives its records no ids that stay, so records matched by content can't be written;"
                    + " write match: [FIELD]")
        }
        return try place.reading(file) {
            var batch = ApplyWrites(file, format, looked.survey, view, writes)
            let result = try batch.run()
            if let written = result.written {
                known.withLock {
                    $0 = Known(stamp: written.stamp, survey: written.survey, written: written.places)
                }
            }
            return ApplyResult(outcomes: result.outcomes)
        }
    }

    /// A flat file has no place for a mark.
    public func stamp(_ mark: ReplicaMark) async throws -> Bool { false }

    public func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {}

    public func close() async {}
}
