public import Dovetail
public import DovetailEngine

/// A row of a ``MemoryReplica``: values by column.
public typealias MemoryRow = [String: Value]

/// A table held in memory, with the constraints a database would have.
public struct MemoryTable: Sendable {
    public var description: TableDescription
    /// Rows by the store's own id.
    public internal(set) var rows: [Int64: MemoryRow] = [:]
    /// Refuses a row, with the words of a database; nil: it is fine.
    public var check: (@Sendable (MemoryRow) -> String?)?
    /// What the store makes of a row it is given: rounding, trimming, computed columns.
    public var normalise: (@Sendable (MemoryRow) -> MemoryRow)?

    /// Whether it offers digests, from which its change feed is then made, instead of a log.
    public var addsUpDigests = false

    /// Whether the highest id is given anew once its row was deleted, as SQLite does where a table does not forbid it.
    public var reusesIDs = false

    var nextID: Int64 = 1
    /// Ids of changed rows with the row as it was, so that a key change names both keys.
    var log: [(id: Int64, before: MemoryRow?)] = []
    var keepsLog = false

    public init(_ description: TableDescription) {
        self.description = description
    }

    /// A table whose columns have the names and types of a schema, and which calls nothing its key.
    public init(_ schema: TableSchema) {
        self.init(
            TableDescription(
                name: schema.name,
                columns: schema.fields.map { ColumnDescription(name: $0.name, type: $0.type) }))
    }

    /// Adds a row, and returns its id.
    @discardableResult
    public mutating func insert(_ row: MemoryRow, id: Int64? = nil) -> Int64 {
        let id = id ?? nextID
        nextID = max(nextID, id + 1)
        note(id)
        rows[id] = row
        return id
    }

    public mutating func update(_ id: Int64, _ change: (inout MemoryRow) -> Void) {
        guard var row = rows[id] else { return }
        note(id)
        change(&row)
        rows[id] = row
    }

    public mutating func delete(_ id: Int64) {
        note(id)
        rows[id] = nil
        if reusesIDs, id == nextID - 1 { nextID = (rows.keys.max() ?? 0) + 1 }
    }

    mutating func note(_ id: Int64) {
        if keepsLog { log.append((id, rows[id])) }
    }

    // MARK: The view of a job

    func fields(_ row: MemoryRow, _ view: TableView) -> PackedRecord {
        PackedRecord(view.columns.map { row[$0.column] ?? .null })
    }

    func key(_ id: Int64, _ row: MemoryRow, _ view: TableView) -> RecordKey {
        let positions = view.keyFields
        if positions.isEmpty { return RecordKey([Value.int(id)]) }
        return RecordKey(positions.map { row[view.columns[$0].column] ?? .null })
    }

    func record(_ id: Int64, _ row: MemoryRow, _ view: TableView) -> Record {
        let locator = view.keyFields.isEmpty ? [] : RecordKey([Value.int(id)]).bytes
        return Record(key: key(id, row, view), locator: locator, fields: fields(row, view))
    }
}

/// The rows of a table by key, for as long as a batch is carried out.
struct KeyIndex {
    private var ids: [RecordKey: [Int64]] = [:]
    private var keys: [Int64: RecordKey] = [:]

    init(_ table: MemoryTable, _ view: TableView) {
        for (id, row) in table.rows { put(id, row, table, view) }
    }

    func ids(of key: RecordKey) -> [Int64] { ids[key]?.sorted() ?? [] }

    mutating func put(_ id: Int64, _ row: MemoryRow, _ table: MemoryTable, _ view: TableView) {
        remove(id)
        let key = table.key(id, row, view)
        keys[id] = key
        ids[key, default: []].append(id)
    }

    mutating func remove(_ id: Int64) {
        guard let key = keys.removeValue(forKey: id) else { return }
        ids[key]?.removeAll { $0 == id }
    }
}
