import Dovetail
import DovetailEngine
import DovetailFlatFiles
import Foundation

/// A file in a folder of its own, and a job's view of it.
final class FlatFile {
    let folder: URL
    let url: URL
    let replica: FlatFileReplica

    init(
        _ name: String, _ content: String, types: [String: FieldType] = [:],
        remembered: [String: FieldType] = [:]
    ) throws {
        try FileManager.default.createDirectory(at: Self.root, withIntermediateDirectories: true)
        folder = Self.root.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        url = folder.appending(path: name)
        try Data(content.utf8).write(to: url)
        replica = FlatFileReplica(
            path: url.path, kind: name.hasSuffix("sv") ? .csv() : .geoJSON, name: "it",
            types: FlatFileTypes(declared: types, remembered: remembered))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private static let root = FileManager.default.temporaryDirectory.appending(path: "flat-files")

    var text: String { get throws { String(decoding: try Data(contentsOf: url), as: UTF8.self) } }

    func write(_ content: String) throws { try Data(content.utf8).write(to: url) }
    func write(_ bytes: [UInt8]) throws { try Data(bytes).write(to: url) }

    /// The names of all files in the folder.
    var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
    }

    /// The types of the columns, in words.
    func types() async throws -> [String] {
        try await replica.describe()[0].columns.map { "\($0.name) \($0.type.name)" }
    }

    func view(key: [String]) async throws -> TableView {
        let table = try await replica.describe()[0]
        let schema = TableSchema(
            table.name, fields: table.columns.map { Field($0.name, $0.type) }, identity: .match(key))
        return JobTable(schema).views.left
    }

    func records(key: [String]) async throws -> [Record] {
        let view = try await view(key: key)
        let observation = try await replica.observe()
        let cursor = try await observation.snapshot(of: view)
        var records: [Record] = []
        while let batch = try await cursor.next() { records += batch.records() }
        await observation.finish()
        return records
    }

    func values(key: [String]) async throws -> [[Value]] {
        try await records(key: key).map { try $0.fields.values() }
    }

    func apply(_ writes: [ReplicaWrite], key: [String]) async throws -> [WriteOutcome] {
        try await replica.apply(writes, to: try await view(key: key)).outcomes
    }

    /// An update of one column of the record whose key is `key`.
    func updating(_ record: Record, _ column: Int, to value: Value) throws -> ReplicaWrite {
        var values = try record.fields.values()
        values[column] = value
        return ReplicaWrite(
            key: record.key, expected: record.fields, write: .update(PackedRecord(values), fields: [column]))
    }

    func deleting(_ record: Record) -> ReplicaWrite {
        ReplicaWrite(key: record.key, expected: record.fields, write: .delete)
    }

    func inserting(_ values: [Value], key: [Int]) -> ReplicaWrite {
        ReplicaWrite(
            key: RecordKey(key.map { values[$0] }), expected: nil, write: .insert(PackedRecord(values)))
    }

    /// What it says when it is looked at; empty when it says nothing.
    func complaint() async -> String {
        do {
            _ = try await replica.describe()
            return ""
        } catch {
            return "\(error)"
        }
    }
}
