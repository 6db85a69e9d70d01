import Dovetail
import DovetailEngine
import GRDBSQLite

/// Where a row is, for a statement that reads or writes just it.
enum RowAddress: Hashable {
    case rowid(Int64)
    /// Values of the primary key, in a table without row ids.
    case primaryKey([StoredValue])
    /// A row of a view, which can't be found again.
    case nowhere
}

/// A row that was looked for.
struct FoundRow {
    var address: RowAddress
    var record: Record
    /// Whether it meets the view's condition.
    var takesPart: Bool
}

/// Finds single records of a table by key, with one prepared statement for each way of finding.
///
/// It belongs to the queue of its connection.
final class RecordFinder {
    private let plan: ViewPlan
    private let connection: OpaquePointer
    private let encoder: ValueEncoder
    private let packer: RowPacker
    private var byAddress: RawStatement?
    private var byKey: RawStatement?
    /// Addresses by key, when a pass over the table found them.
    private var passed: [RecordKey: [RowAddress]]?

    init(_ plan: ViewPlan, _ connection: OpaquePointer) {
        self.plan = plan
        self.connection = connection
        encoder = ValueEncoder(plan)
        packer = RowPacker(plan.codecs, layout: Self.layout(plan), isUTF8: plan.facts.usesUTF8)
    }

    /// Prepares for these keys: where no index leads to them, one pass over the table finds them all.
    func prepare(for keys: some Sequence<RecordKey>) throws {
        guard case .fields(let fields) = plan.key else { return }
        let keys = Set(keys)
        let isExact = fields.allSatisfy { plan.codecs[$0].hasOneSpelling }
        if plan.keyHasIndex, isExact, keys.allSatisfy(Self.isWhole) { return }
        guard !keys.isEmpty else { return }
        try pass(for: keys, fields)
    }

    /// All rows with this key.
    func find(_ key: RecordKey, locator: [UInt8]) throws -> [FoundRow] {
        guard case .fields(let fields) = plan.key else {
            guard let rowid = Self.rowid(of: key) else { return [] }
            return try read(.rowid(rowid)).map { [$0] } ?? []
        }
        if plan.keyIsUnique, let rowid = Self.rowid(inLocator: locator),
            let row = try read(.rowid(rowid)), row.record.key == key
        {
            return [row]
        }
        if let passed {
            return try (passed[key] ?? []).compactMap(read).filter { $0.record.key == key }
        }
        return try lookUp(key, fields)
    }

    /// The row at an address.
    func read(_ address: RowAddress) throws -> FoundRow? {
        guard address != .nowhere else { return nil }
        let statement = try byAddress ?? RawStatement(connection, select("WHERE \(plan.addressCondition)"))
        byAddress = statement
        defer { statement.reset() }
        switch address {
        case .rowid(let rowid): try statement.bind(.int(rowid), at: 1)
        case .primaryKey(let values):
            for (index, value) in values.enumerated() { try statement.bind(value, at: index + 1) }
        case .nowhere: break
        }
        return try statement.step() ? row(statement) : nil
    }

    /// Says that a row has come to be, or has moved, so that a pass over the table stays right.
    func note(_ key: RecordKey, at address: RowAddress) {
        guard passed != nil else { return }
        if passed?[key]?.contains(address) != true { passed?[key, default: []].append(address) }
    }

    private func lookUp(_ key: RecordKey, _ fields: [Int]) throws -> [FoundRow] {
        var bound: [StoredValue] = []
        do {
            for (field, value) in zip(fields, try key.values()) {
                bound.append(try encoder.stored(value, field: field))
            }
        } catch is UnstorableValue {
            // What the column can't hold isn't there.
            return []
        }
        let tests = fields.map { plan.columns[$0].name.quoted + " IS ?" }.joined(separator: " AND ")
        let statement = try byKey ?? RawStatement(connection, select("WHERE \(tests)"))
        byKey = statement
        defer { statement.reset() }
        for (index, value) in bound.enumerated() { try statement.bind(value, at: index + 1) }
        var rows: [FoundRow] = []
        while try statement.step() {
            // A collation or an affinity may call values equal that are not.
            if let row = row(statement), row.record.key == key { rows.append(row) }
        }
        return rows
    }

    private func pass(for keys: Set<RecordKey>, _ fields: [Int]) throws {
        var found: [RecordKey: [RowAddress]] = [:]
        let columns = fields.map { plan.columns[$0].name.quoted } + plan.addressColumns
        let statement = try RawStatement(
            connection, "SELECT \(columns.joined(separator: ", ")) FROM \(plan.table)")
        let packer = RowPacker(
            fields.map { plan.codecs[$0] }, layout: RowLayout(key: .fields(Array(fields.indices))),
            isUTF8: plan.facts.usesUTF8)
        while try statement.step() {
            let key = packer.key(statement)
            guard keys.contains(key) else { continue }
            found[key, default: []].append(address(statement, from: fields.count))
        }
        passed = found
    }

    private func row(_ statement: RawStatement) -> FoundRow? {
        guard let record = packer.record(statement) else { return nil }
        let first = plan.columns.count + 1
        return FoundRow(
            address: address(statement, from: first), record: record,
            takesPart: sqlite3_column_int(statement.handle, Int32(first - 1)) != 0)
    }

    private func address(_ statement: RawStatement, from first: Int) -> RowAddress {
        if plan.facts.rowid != nil { return .rowid(sqlite3_column_int64(statement.handle, Int32(first))) }
        let count = plan.addressColumns.count
        guard count > 0 else { return .nowhere }
        return .primaryKey((first..<first + count).map { statement.stored(Int32($0)) })
    }

    private func select(_ tail: String) -> String {
        let takesPart = plan.condition.map { "CASE WHEN \($0) THEN 1 ELSE 0 END" } ?? "1"
        let list = plan.fieldList + [takesPart] + plan.addressColumns
        return "SELECT \(list.joined(separator: ", ")) FROM \(plan.table) \(tail)"
    }

    private static func layout(_ plan: ViewPlan) -> RowLayout {
        let rowid = Int32(plan.columns.count + 1)
        return switch plan.key {
        case .rowid: RowLayout(key: .rowid(rowid))
        case .fields(let fields):
            RowLayout(key: .fields(fields), locator: plan.hasLocator ? rowid : nil)
        }
    }

    /// The row id that a key or a locator says.
    static func rowid(of key: RecordKey) -> Int64? {
        guard key.bytes.count == 9, case .int(let number)? = try? key.values().first else { return nil }
        return number
    }

    static func rowid(inLocator locator: [UInt8]) -> Int64? {
        guard locator.count == 8 else { return nil }
        return locator.withUnsafeBytes { Int64(littleEndian: $0.loadUnaligned(as: Int64.self)) }
    }

    /// Whether the values of a key say all of it: bytes that are no UTF-8 are lost in them.
    private static func isWhole(_ key: RecordKey) -> Bool {
        (try? key.values()).map { RecordKey($0) == key } ?? false
    }
}

extension ViewPlan {
    /// The columns that say where a row is, as SQL.
    var addressColumns: [String] {
        if let rowid = facts.rowid { return [rowid] }
        return facts.hasNoRowid ? facts.primaryKey.map(\.quoted) : []
    }

    /// The condition that finds a row by its address.
    var addressCondition: String {
        addressColumns.map { facts.hasNoRowid ? $0 + " IS ?" : $0 + " = ?" }.joined(separator: " AND ")
    }
}
