import Dovetail
import DovetailConformance
import DovetailEngine
import DovetailMemory
import DovetailSQLite
import Foundation
import Testing

@Suite("Scenarios over files")
struct FileScenarioTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Scenarios")
    static let files = (try? Scenario.files(in: folder)) ?? []

    @Test("a scenario holds between two SQLite files", arguments: files)
    func sqlite(file: URL) async throws {
        try await ScenarioRunner(left: SQLiteHarness(kind: .sqlite), right: SQLiteHarness(kind: .sqlite))
            .run(try Scenario(file))
    }

    @Test("a scenario holds between two GeoPackages that are observed by change feeds", arguments: files)
    func geoPackage(file: URL) async throws {
        let (left, right) = (SQLiteHarness(kind: .geoPackage), SQLiteHarness(kind: .geoPackage))
        try await ScenarioRunner(left: left, right: right, usesFeeds: true).run(try Scenario(file))
    }

    @Test("a scenario holds between an SQLite file and a GeoPackage, written one by one", arguments: files)
    func mixed(file: URL) async throws {
        let (left, right) = (SQLiteHarness(kind: .sqlite), SQLiteHarness(kind: .geoPackage))
        try await ScenarioRunner(left: left, right: right, chunkSize: 1).run(
            try Scenario(file, mirrored: true))
    }

    @Test("a scenario holds between memory and an SQLite file", arguments: files)
    func memory(file: URL) async throws {
        try await ScenarioRunner(left: RowsInMemory(), right: SQLiteHarness(kind: .sqlite)).run(
            try Scenario(file))
    }
}

/// The replica in memory, as far as scenarios need it.
private struct RowsInMemory: ConformanceHarness {
    var abilities: ConformanceAbilities {
        ConformanceAbilities(types: [
            .bool, .int, .double, .text, .geometry(GeometryKind(type: "POINT", srid: 4326)),
        ])
    }

    func make(_ tables: [TableDescription]) async throws -> any Replica {
        MemoryReplica(
            tables: tables.map { description in
                var table = MemoryTable(description)
                table.check = { row in
                    let empty = description.columns.first { !$0.isNullable && (row[$0.name] ?? .null).isNull }
                    return empty.map { "\($0.name) must not be null" }
                }
                return table
            })
    }

    private func edit(
        _ replica: any Replica, _ table: String, _ change: @escaping @Sendable (inout MemoryTable) -> Void
    ) async {
        guard let replica = replica as? MemoryReplica else { return }
        await replica.edit(table, change)
    }

    func insert(_ row: [String: Value], into table: String, of replica: any Replica) async throws {
        await edit(replica, table) { $0.insert(row) }
    }

    func update(
        _ columns: [String: Value], where key: String, is value: Value, in table: String,
        of replica: any Replica
    ) async throws {
        await edit(replica, table) { table in
            for (id, row) in table.rows where row[key] == value {
                table.update(id) { $0.merge(columns) { _, new in new } }
            }
        }
    }

    func delete(where key: String, is value: Value, from table: String, of replica: any Replica) async throws
    {
        await edit(replica, table) { table in
            for (id, row) in table.rows where row[key] == value { table.delete(id) }
        }
    }

    func fingerprint(of replica: any Replica) async throws -> String {
        let observation = try await replica.observe()
        return "\(try await observation.identity(job: "").changeCounter ?? 0)"
    }

    func destroy(_ replica: any Replica) async {}
}
