import Dovetail
import DovetailConformance
import DovetailEngine
import DovetailMemory
import DovetailPrograms
import Foundation
import Synchronization
import Testing

/// Replicas in memory, each behind a server at the other end of two real pipes.
final class PipedHarness: ConformanceHarness {
    private let memory = MemoryHarness()
    private let takesFrames: Bool
    private let behind = Mutex<[ObjectIdentifier: any Replica]>([:])

    init(takesFrames: Bool) { self.takesFrames = takesFrames }

    var abilities: ConformanceAbilities { memory.abilities }

    func make(_ tables: [TableDescription]) async throws -> any Replica {
        let served = try await memory.make(tables)
        let program = try piped(served, takesFrames: takesFrames)
        behind.withLock { $0[ObjectIdentifier(program)] = served }
        return program
    }

    private func served(_ replica: any Replica) throws -> any Replica {
        let program = try #require(replica as? ProgramReplica)
        return try #require(behind.withLock { $0[ObjectIdentifier(program)] })
    }

    func insert(_ row: [String: Value], into table: String, of replica: any Replica) async throws {
        try await memory.insert(row, into: table, of: served(replica))
    }

    func update(
        _ columns: [String: Value], where key: String, is value: Value, in table: String,
        of replica: any Replica
    ) async throws {
        try await memory.update(columns, where: key, is: value, in: table, of: served(replica))
    }

    func delete(where key: String, is value: Value, from table: String, of replica: any Replica) async throws
    {
        try await memory.delete(where: key, is: value, from: table, of: served(replica))
    }

    func fingerprint(of replica: any Replica) async throws -> String {
        try await memory.fingerprint(of: served(replica))
    }

    func destroy(_ replica: any Replica) async {
        guard let program = replica as? ProgramReplica else { return }
        behind.withLock { $0[ObjectIdentifier(program)] = nil }
    }
}

/// A replica that reaches another one through two pipes.
func piped(
    _ replica: any Replica, patience: Duration = .seconds(60), takesFrames: Bool = true
) throws -> ProgramReplica {
    var there: [Int32] = [-1, -1]
    var back: [Int32] = [-1, -1]
    try #require(pipe(&there) == 0 && pipe(&back) == 0)
    let (reading, writing) = (there[0], back[1])
    Task { await ReplicaServer(replica).serve(reading: reading, writing: writing) }
    return ProgramReplica(
        reading: back[0], writing: there[1], name: "piped", patience: patience, takesFrames: takesFrames)
}
