public import Dovetail
public import DovetailEngine

/// What the author of a replica provides so that the conformance suite can run against the real store.
///
/// ```swift
/// @Test(arguments: Conformance.checks)
/// func conforms(check: ConformanceCheck) async throws {
///     try await check.run(MyHarness())
/// }
/// ```
public protocol ConformanceHarness: Sendable {
    /// What the store can do; checks of what it can't are passed over.
    var abilities: ConformanceAbilities { get }

    /// A fresh store with these tables, empty. Columns are made for the field types, keys and constraints as described.
    func make(_ tables: [TableDescription]) async throws -> any Replica

    /// Writes as another program would, past the replica: one row, by column.
    func insert(_ row: [String: Value], into table: String, of replica: any Replica) async throws
    /// Sets columns of the rows in which `key` holds `value`.
    func update(
        _ columns: [String: Value], where key: String, is value: Value, in table: String,
        of replica: any Replica
    ) async throws
    /// Deletes the rows in which `key` holds `value`.
    func delete(where key: String, is value: Value, from table: String, of replica: any Replica) async throws

    /// Anything that changes when the store is written to: the bytes of its file, a change counter.
    func fingerprint(of replica: any Replica) async throws -> String
    /// Lets go of a store.
    func destroy(_ replica: any Replica) async
}

/// What a store can do.
public struct ConformanceAbilities: Sendable {
    /// Types of which it gives back any value as it was given.
    public var types: [FieldType]
    public var hasChangeFeed: Bool
    public var holdsMarks: Bool
    public var assignsIDs: Bool
    public var checksUniqueKeys: Bool
    public var checksForeignKeys: Bool
    /// Refuses null in columns that are described as not nullable.
    public var checksRequired: Bool
    /// Doubles may be NaN.
    public var holdsNaN: Bool
    /// Tables may hold several records with one key.
    public var allowsDuplicateKeys: Bool
    /// Its looks are ``DigestingObservation``s.
    public var addsUpDigests: Bool
    /// One store holds several tables.
    public var holdsSeveralTables: Bool
    /// A condition in the store's own language, true where the column `name` holds the text `in`; nil where views have no
    /// conditions.
    public var condition: String?

    public init(
        types: [FieldType], hasChangeFeed: Bool = true, holdsMarks: Bool = true, assignsIDs: Bool = true,
        checksUniqueKeys: Bool = true, checksForeignKeys: Bool = true, checksRequired: Bool = true,
        allowsDuplicateKeys: Bool = true, holdsNaN: Bool = false,
        addsUpDigests: Bool = false, holdsSeveralTables: Bool = true, condition: String? = nil
    ) {
        self.types = types
        self.hasChangeFeed = hasChangeFeed
        self.holdsMarks = holdsMarks
        self.assignsIDs = assignsIDs
        self.checksUniqueKeys = checksUniqueKeys
        self.checksForeignKeys = checksForeignKeys
        self.checksRequired = checksRequired
        self.holdsNaN = holdsNaN
        self.allowsDuplicateKeys = allowsDuplicateKeys
        self.addsUpDigests = addsUpDigests
        self.holdsSeveralTables = holdsSeveralTables
        self.condition = condition
    }
}

/// One thing every replica has to do.
public struct ConformanceCheck: Sendable, CustomStringConvertible {
    /// The behaviour, as a sentence.
    public let description: String
    /// - Throws: ``ConformanceFailure`` when the replica does otherwise; whatever the replica throws.
    public let run: @Sendable (any ConformanceHarness) async throws -> Void

    init(_ description: String, _ run: @escaping @Sendable (any ConformanceHarness) async throws -> Void) {
        self.description = description
        self.run = run
    }
}

/// A replica that does otherwise.
public struct ConformanceFailure: Error, Sendable, CustomStringConvertible {
    public let description: String
}

/// The suite that every replica passes against its real store.
public enum Conformance {
    public static let checks: [ConformanceCheck] =
        looking + writing + feeds + constraints + digests + conditions
}

/// - Throws: ``ConformanceFailure`` unless the condition holds.
func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw ConformanceFailure(description: message()) }
}

/// A table under test, with what the checks need to talk about it.
struct Subject {
    let harness: any ConformanceHarness
    let replica: any Replica
    let table: JobTable

    var view: TableView { table.views.left }

    /// Runs a check on a fresh store with one table.
    static func with(
        _ harness: any ConformanceHarness, fields: [Field], identity: Identity = .match(["id"]),
        uniqueKeys: [[String]] = [], isKeyed: Bool = true, wantsChangeFeed: Bool = false,
        foreignKeys: [TableDescription.ForeignKey] = [], _ body: (Subject) async throws -> Void
    ) async throws {
        let schema = TableSchema("things", fields: fields, identity: identity)
        let description = TableDescription(
            name: "things", columns: fields.map { ColumnDescription(name: $0.name, type: $0.type) },
            primaryKey: isKeyed && identity == .match(["id"]) ? ["id"] : [], foreignKeys: foreignKeys,
            uniqueKeys: uniqueKeys)
        let replica = try await harness.make([description])
        let subject = Subject(
            harness: harness, replica: replica,
            table: JobTable(schema, wantsChangeFeed: wantsChangeFeed))
        do {
            try await body(subject)
        } catch {
            await replica.close()
            await harness.destroy(replica)
            throw error
        }
        await replica.close()
        await harness.destroy(replica)
    }

    func insert(_ values: Value...) async throws {
        var row: [String: Value] = [:]
        for (field, value) in zip(table.schema.fields, values) { row[field.name] = value }
        try await harness.insert(row, into: "things", of: replica)
    }

    /// All records, through a snapshot.
    func snapshot() async throws -> [Record] {
        try await looking { observation in
            let cursor = try await observation.snapshot(of: view)
            var records: [Record] = []
            while let batch = try await cursor.next() { records += batch.records() }
            return records
        }
    }

    /// All records, of which there have to be `count`.
    func snapshot(of count: Int) async throws -> [Record] {
        let records = try await snapshot()
        try expect(records.count == count, "\(records.count) of \(count) records are there")
        return records
    }

    func read(_ references: [RecordReference]) async throws -> [Record] {
        try await looking { try await $0.read(references, of: view) }
    }

    func looking<Result: Sendable>(_ look: (any Observation) async throws -> Result) async throws -> Result {
        let observation = try await replica.observe()
        do {
            let result = try await look(observation)
            await observation.finish()
            return result
        } catch {
            await observation.finish()
            throw error
        }
    }

    func apply(_ writes: [ReplicaWrite]) async throws -> [WriteOutcome] {
        let result = try await replica.apply(writes, to: view)
        try expect(
            result.outcomes.count == writes.count,
            "\(result.outcomes.count) outcomes for \(writes.count) writes")
        return result.outcomes
    }

    /// An insert of a record under its own key.
    func inserting(_ values: Value...) -> ReplicaWrite {
        let key = table.schema.identity == .content ? nil : RecordKey(view.keyFields.map { values[$0] })
        return ReplicaWrite(key: key, expected: nil, write: .insert(PackedRecord(values)))
    }

    /// An update of a record that was read, of the named fields.
    func updating(_ record: Record, _ changes: [String: Value]) throws -> ReplicaWrite {
        var values = try record.fields.values()
        var fields: [Int] = []
        for (name, value) in changes {
            guard let index = table.schema.index(of: name) else { continue }
            values[index] = value
            fields.append(index)
        }
        return ReplicaWrite(
            key: record.key, locator: record.locator, expected: record.fields,
            write: .update(PackedRecord(values), fields: fields.sorted()))
    }

    func deleting(_ record: Record) -> ReplicaWrite {
        ReplicaWrite(key: record.key, locator: record.locator, expected: record.fields, write: .delete)
    }
}
