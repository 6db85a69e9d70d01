public import Dovetail
public import DovetailEngine
import DovetailMemory

/// The replica in memory as a harness: it passes the suite itself, and is the other side of scenarios over a new one.
public struct MemoryHarness: ConformanceHarness {
    public let abilities: ConformanceAbilities

    /// Every type that a record can hold.
    public static let allTypes: [FieldType] = [
        .bool, .int, .double, .decimal, .text, .bytes, .date, .time, .timestamp, .timestampWithZone,
        .interval, .uuid,
        .json, .list(.int), .geometry(GeometryKind(type: "POINT", srid: 4326)), .blob,
    ]

    /// - Parameters:
    ///   - types: what scenarios may store here; beside another replica, the types that it holds too.
    ///   - holdsNaN: whether they may store NaN.
    ///   - addsUpDigests: whether it offers digests, and makes its feeds of them.
    public init(types: [FieldType] = allTypes, holdsNaN: Bool = true, addsUpDigests: Bool = false) {
        abilities = ConformanceAbilities(
            types: types, hasChangeFeed: !addsUpDigests, holdsNaN: holdsNaN, addsUpDigests: addsUpDigests)
    }

    public func make(_ tables: [TableDescription]) async throws -> any Replica {
        MemoryReplica(
            tables: tables.map { description in
                var table = MemoryTable(description)
                table.addsUpDigests = abilities.addsUpDigests
                table.reusesIDs = true
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

    public func insert(_ row: [String: Value], into table: String, of replica: any Replica) async throws {
        await edit(replica, table) { $0.insert(row) }
    }

    public func update(
        _ columns: [String: Value], where key: String, is value: Value, in table: String,
        of replica: any Replica
    ) async throws {
        await edit(replica, table) { table in
            for (id, row) in table.rows where row[key] == value {
                table.update(id) { $0.merge(columns) { _, new in new } }
            }
        }
    }

    public func delete(where key: String, is value: Value, from table: String, of replica: any Replica)
        async throws
    {
        await edit(replica, table) { table in
            for (id, row) in table.rows where row[key] == value { table.delete(id) }
        }
    }

    public func fingerprint(of replica: any Replica) async throws -> String {
        guard let replica = replica as? MemoryReplica else { return "" }
        let observation = try await replica.observe()
        return "\(try await observation.identity(job: "").changeCounter ?? 0)"
    }

    public func destroy(_ replica: any Replica) async {}
}
