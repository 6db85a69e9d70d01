import Dovetail
import DovetailEngine

/// One record as it stands in the file, lent.
struct RawRecord {
    /// The record's own bytes, without what stands between it and its neighbours.
    var bytes: UnsafeRawBufferPointer
    /// Where it begins in the file.
    var offset: Int
}

/// What a whole look at a file found out.
struct Survey: Sendable {
    var columns: [SurveyedColumn]
    var recordCount: Int
    /// Where the first record begins, or would.
    var start: Int
    /// Whether something that stays, such as a line of headings, stands before the first record as a record would.
    var hasHeading = false
    /// What stands between two records: as between the last two that are there, or as is usual.
    var separator: [UInt8]
    /// What follows the last record when the file had none.
    var ending: [UInt8] = []
    /// The column that is the record's own id: integers that every record has.
    var idColumn: String?
    /// The largest of these ids.
    var largestID: Int64 = 0
    var detail: Detail

    /// What only the format understands.
    enum Detail: Sendable {
        case csv(CSVDialect)
        case geoJSON(GeoJSONLayout)
    }

    func column(_ name: String) -> SurveyedColumn? { columns.first { $0.name == name } }
}

/// A column as a look at the file found it.
struct SurveyedColumn: Sendable {
    var name: String
    var type: FieldType
    /// Why it is of this type.
    var reason: String
}

/// A column of a view with how it is read.
struct BoundColumn: Sendable {
    var name: String
    var codec: CellCodec
}

/// What is particular to one format: where records are in a file, and how one is read and written.
protocol FlatFormat: Sendable {
    /// Looks at the whole file: that it is well-formed, what columns there are, and of which types.
    /// - Throws: ``ContentProblem``, ``ReplicaError``.
    func survey(_ file: OpenFile, _ types: FlatFileTypes) throws -> Survey

    /// Hands over every record in the order of the file. What is lent is gone when `body` returns.
    func scan(_ file: OpenFile, _ survey: Survey, _ body: (RawRecord) throws -> Void) throws

    /// What reads and writes records for some columns.
    func coder(_ survey: Survey, _ columns: [BoundColumn]) -> any RecordCoder
}

/// Reads and writes records for the columns of one view. Used by one task at a time.
protocol RecordCoder: AnyObject {
    /// Takes a record apart; the others speak of this one until the next.
    /// - Throws: ``ContentProblem``.
    func load(_ record: RawRecord) throws
    /// Appends the packed value of a column.
    func put(_ column: Int, into builder: inout BatchBuilder)
    /// Appends the value of a column as part of a key.
    func append(_ column: Int, to key: inout KeyBuffer)
    /// The record's own id; nil when it has none.
    var id: Int64? { get }
    /// The bytes of a new record with these values.
    func inserted(_ values: [Value], id: Int64?) throws -> [UInt8]
    /// The bytes of the loaded record with other values in some columns; everything else stays as it was.
    func updated(_ values: [Value], columns: [Int]) throws -> [UInt8]
}

extension RecordCoder {
    /// The loaded record, packed.
    func record(key: [UInt8], columns: Int) -> Record {
        var builder = BatchBuilder(capacity: 512)
        builder.beginRecord()
        builder.put(raw: key)
        builder.endKey()
        builder.endLocator()
        for column in 0..<columns { put(column, into: &builder) }
        builder.endRecord()
        return builder.seal().records()[0]
    }
}

/// Builds the bytes of one key after the other.
struct KeyBuffer {
    private(set) var bytes: [UInt8] = []
    private let nullTag = RecordKey([Value.null]).bytes[0]
    private let intTag = RecordKey([Value.int(0)]).bytes[0]
    private let textTag = RecordKey([Value.text("")]).bytes[0]

    init() { bytes.reserveCapacity(64) }

    mutating func begin() { bytes.removeAll(keepingCapacity: true) }

    mutating func appendNull() { bytes.append(nullTag) }

    mutating func append(int number: Int64) {
        bytes.append(intTag)
        withUnsafeBytes(of: (UInt64(bitPattern: number) ^ 1 << 63).bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(text: UnsafeRawBufferPointer) {
        bytes.append(textTag)
        for byte in text {
            bytes.append(byte)
            if byte == 0 { bytes.append(0xff) }
        }
        bytes.append(0)
    }

    mutating func append(_ value: Value) {
        bytes.append(contentsOf: RecordKey(CollectionOfOne(value)).bytes)
    }
}
