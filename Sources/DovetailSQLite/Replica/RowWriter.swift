import Dovetail
import DovetailEngine
import GRDB
import GRDBSQLite

/// Writes single rows, with one prepared statement for each set of columns.
///
/// It belongs to the queue of its connection.
final class RowWriter {
    /// Whether a trigger may leave part of its work behind when it refuses.
    let mayFailPartly: Bool
    /// `ON CONFLICT REPLACE` on a constraint would delete other rows unasked. The override is left out
    /// elsewhere, since it reaches into triggers, and those of a spatial index replace on purpose.
    private let onConflict: String
    private let plan: ViewPlan
    private let connection: OpaquePointer
    private let encoder: ValueEncoder
    private var statements: [Form: RawStatement] = [:]
    private var parked = 0

    private enum Form: Hashable {
        case insert([Int], withID: Bool)
        case update([Int])
        case delete
        case park(String)
    }

    init(_ plan: ViewPlan, _ db: Database, _ connection: OpaquePointer) throws {
        self.plan = plan
        self.connection = connection
        encoder = ValueEncoder(plan)
        let triggers = try String.fetchAll(
            db, sql: "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?)",
            arguments: [plan.facts.name])
        let table = try String.fetchOne(
            db, sql: "SELECT sql FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower(?)",
            arguments: [plan.facts.name])
        onConflict = table?.uppercased().contains("ON CONFLICT") == true ? " OR ABORT" : ""
        mayFailPartly = triggers.contains { $0.uppercased().contains("FAIL") }
    }

    /// Inserts a record and says where it is.
    func insert(_ record: PackedRecord, key: RecordKey?) throws -> RowAddress {
        let slices = try record.slices()
        var fields: [Int] = []
        var values: [StoredValue] = []
        for (field, column) in plan.columns.enumerated() where !column.isGenerated {
            let value = try value(slices, field)
            // The store fills what it has a default for and can't be null.
            if value == .null, column.isNotNull, column.hasDefault { continue }
            fields.append(field)
            values.append(value)
        }
        var id: Int64?
        if plan.view.schema.identity == .id, let key, let number = RecordFinder.rowid(of: key),
            !fields.contains(where: { plan.columns[$0].name == plan.facts.idColumn })
        {
            id = number
        }
        let statement = try statement(.insert(fields, withID: id != nil)) {
            var names = fields.map { plan.columns[$0].name.quoted }
            if id != nil, let rowid = plan.facts.rowid { names.append(rowid) }
            guard !names.isEmpty else { return "INSERT INTO \(plan.table) DEFAULT VALUES" }
            let places = names.map { _ in "?" }.joined(separator: ", ")
            return
                "INSERT\(onConflict) INTO \(plan.table) (\(names.joined(separator: ", "))) VALUES (\(places))"
        }
        if let id { values.append(.int(id)) }
        try run(statement, values)
        if plan.facts.hasNoRowid { return try primaryKey(slices) }
        return .rowid(sqlite3_last_insert_rowid(connection))
    }

    /// Writes some fields of a row, and says where it is then.
    func update(_ address: RowAddress, to record: PackedRecord, fields: [Int]) throws -> RowAddress {
        let slices = try record.slices()
        let fields = fields.filter { !plan.columns[$0].isGenerated }
        guard !fields.isEmpty else { return address }
        let values = try fields.map { try value(slices, $0) }
        let statement = try statement(.update(fields)) {
            let set = fields.map { plan.columns[$0].name.quoted + " = ?" }.joined(separator: ", ")
            return "UPDATE\(onConflict) \(plan.table) SET \(set) WHERE \(plan.addressCondition)"
        }
        try run(statement, values + address.values)
        let written = Dictionary(
            zip(fields.map { plan.columns[$0].name }, values), uniquingKeysWith: { _, last in last })
        return moved(address, by: written)
    }

    func delete(_ address: RowAddress) throws -> RowAddress? {
        let statement = try statement(.delete) { "DELETE FROM \(plan.table) WHERE \(plan.addressCondition)" }
        try run(statement, address.values)
        return nil
    }

    /// Puts values that nothing else has into the unique columns among `fields`, so that others can take the
    /// old ones. Says where the row is then.
    func park(_ address: RowAddress, fields: [Int]) throws -> RowAddress {
        var unique = Set(plan.facts.indexes.filter(\.isUnique).flatMap { $0.columns.compactMap { $0 } })
        unique.formUnion(plan.facts.primaryKey)
        var address = address
        for field in fields where unique.contains(plan.columns[field].name) {
            let column = plan.columns[field]
            let statement = try statement(.park(column.name)) {
                "UPDATE\(onConflict) \(plan.table) SET \(column.name.quoted) = ?"
                    + " WHERE \(plan.addressCondition)"
            }
            var lastFailure: SQLiteFailure?
            for value in parkingPlaces(column) {
                do {
                    try run(statement, [value] + address.values)
                    lastFailure = nil
                    address = moved(address, by: [column.name: value])
                    break
                } catch let failure as SQLiteFailure {
                    lastFailure = failure
                }
            }
            if let lastFailure { throw lastFailure }
        }
        return address
    }

    private func parkingPlaces(_ column: ColumnFacts) -> [StoredValue] {
        parked += 1
        let number = StoredValue.int(Int64.min / 2 + Int64.random(in: 0..<1 << 40) + Int64(parked))
        let text = StoredValue.text(Array("dovetail parked \(UInt64.random(in: 0 ... .max)) \(parked)".utf8))
        let value = column.affinity.isNumeric ? number : text
        return column.isNotNull || column.keyPosition > 0 ? [value] : [.null, value]
    }
}

extension RowWriter {
    private func value(_ slices: [ArraySlice<UInt8>], _ field: Int) throws -> StoredValue {
        guard field < slices.count else { throw UnstorableValue(reason: "the record has too few fields") }
        var reader = ByteReader(slices[field])
        do {
            return try encoder.stored(try reader.value(), field: field)
        } catch let error as PackingError {
            throw UnstorableValue(reason: "column \(plan.columns[field].name): \(error)")
        }
    }

    private func statement(_ form: Form, _ sql: () -> String) throws -> RawStatement {
        if let statement = statements[form] { return statement }
        let statement = try RawStatement(connection, sql())
        statements[form] = statement
        return statement
    }

    private func run(_ statement: RawStatement, _ values: [StoredValue]) throws {
        for (index, value) in values.enumerated() { try statement.bind(value, at: index + 1) }
        try statement.run()
        // Big values need not wait for the next row to be let go of.
        sqlite3_clear_bindings(statement.handle)
        guard sqlite3_changes(connection) > 0 else {
            throw UnstorableValue(reason: "a trigger of \(plan.facts.name) set the write aside")
        }
    }

    private func primaryKey(_ slices: [ArraySlice<UInt8>]) throws -> RowAddress {
        let values = try plan.facts.primaryKey.map { name in
            guard let field = plan.columns.firstIndex(where: { $0.name == name }) else {
                throw UnstorableValue(reason: "column \(name) of the primary key is not mapped")
            }
            return try value(slices, field)
        }
        return .primaryKey(values)
    }

    /// The address of a row after these columns got new values.
    private func moved(_ address: RowAddress, by written: [String: StoredValue]) -> RowAddress {
        switch address {
        case .rowid:
            guard let id = plan.facts.idColumn, case .int(let number)? = written[id] else { return address }
            return .rowid(number)
        case .primaryKey(let values):
            return .primaryKey(zip(plan.facts.primaryKey, values).map { written[$0] ?? $1 })
        case .nowhere: return address
        }
    }

    /// SQLite's words for a refusal, with the columns where it doesn't name them.
    func rejection(for failure: SQLiteFailure) -> WriteOutcome.Rejection {
        switch failure.constraint {
        case .unique: return .init(reason: failure.message, dependsOnOthers: true)
        case .reference:
            let keys = plan.facts.foreignKeys.map { key in
                key.columns.joined(separator: ", ")
                    + " → \(key.table) (\(key.targetColumns.joined(separator: ", ")))"
            }
            let words = keys.isEmpty ? "records of another table refer to it" : keys.joined(separator: "; ")
            return .init(reason: "\(failure.message): \(words)", dependsOnOthers: true)
        case nil: return .init(reason: failure.message)
        }
    }
}

extension RowAddress {
    /// What to bind to find the row.
    var values: [StoredValue] {
        switch self {
        case .rowid(let rowid): [.int(rowid)]
        case .primaryKey(let values): values
        case .nowhere: []
        }
    }
}
