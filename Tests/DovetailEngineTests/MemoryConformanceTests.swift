import Dovetail
import DovetailConformance
import DovetailEngine
import DovetailMemory
import Testing

@Suite("Conformance of the replica in memory")
struct MemoryConformanceTests {
    @Test("memory", arguments: Conformance.checks)
    func conforms(check: ConformanceCheck) async throws {
        try await check.run(MemoryHarness())
    }
}

struct MemoryHarness: ConformanceHarness {
    var abilities: ConformanceAbilities {
        ConformanceAbilities(
            types: [
                .bool, .int, .double, .decimal, .text, .bytes, .date, .time, .timestamp, .timestampWithZone,
                .interval, .uuid, .json, .list(.int), .geometry(GeometryKind(type: "POINT", srid: 4326)),
                .blob,
            ], holdsNaN: true)
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
        guard let replica = replica as? MemoryReplica else { return "" }
        let observation = try await replica.observe()
        return "\(try await observation.identity(job: "").changeCounter ?? 0)"
    }

    func destroy(_ replica: any Replica) async {}
}
