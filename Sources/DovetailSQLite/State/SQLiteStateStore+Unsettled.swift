public import Dovetail
public import DovetailEngine
import GRDB

extension SQLiteStateStore {
    public func unsettled(of table: String) async throws -> Unsettled {
        try await read { db in try Unsettlement(db).unsettled(of: table) }
    }

    public func pendingKeys(of table: String) async throws -> [RecordKey] {
        try await read { db in try Unsettlement(db).pendingKeys(of: table) }
    }

    public func openIntents(of table: String) async throws -> [JournalEntry] {
        try await read { db in try Journal(db).intents(of: table) }
    }

    public func conflicts() async throws -> [ConflictRecord] {
        try await read { db in try Unsettlement(db).conflicts() }
    }

    public func rejections() async throws -> [RejectionRecord] {
        try await read { db in try Unsettlement(db).rejections() }
    }

    public func decide(_ resolutions: [ConflictRecord.ID: Resolution?]) async throws {
        guard !resolutions.isEmpty else { return }
        try await write(durable: true) { [name] db in
            for (id, resolution) in resolutions { try Unsettlement(db).decide(id, resolution, store: name) }
        }
    }
}
