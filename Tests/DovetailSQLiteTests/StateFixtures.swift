import DovetailConformance
import DovetailEngine
import DovetailSQLite
import Foundation
import Testing

@Suite("Conformance of the embedded state store")
struct SQLiteStateConformanceTests {
    @Test("SQLite", arguments: StateStoreConformance.checks)
    func sqlite(check: StateStoreCheck) async throws { try await check.run(SQLiteStateHarness()) }
}

/// A state file in a folder of its own.
final class SQLiteStateHarness: StateStoreHarness {
    private let folder = FileManager.default.temporaryDirectory.path + "/dovetail-state-\(UUID().uuidString)"
    private var path: String { folder + "/.dovetail/job.state" }

    func open() async throws -> (any StateStore)? { try SQLiteStateStore.open(path: path, job: "job") }

    func openForReading() async throws -> (any StateStore)? {
        let store = try SQLiteStateStore.openForReading(path: path, job: "job")
        return store
    }

    func destroy() async { try? FileManager.default.removeItem(atPath: folder) }
}

/// Runs `body` with a folder of its own, and removes it.
func withStateFolder(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/dovetail-state-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder)
}
