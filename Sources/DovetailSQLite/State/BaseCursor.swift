import Dovetail
import DovetailEngine
import GRDB

/// Reads the base of one table in batches, on a connection and in a read transaction of its own.
///
/// Batches are made on the connection's thread, never on the cooperative pool.
actor BaseCursor: DovetailEngine.RecordCursor {
    private static let batchBytes = 1 << 18
    private let queue: DatabaseQueue
    private let table: BaseTable
    private let links: MirroredOrder?
    private let failing: (store: String, path: String?)
    private var place: BaseTable.Place?
    private var isAtEnd = false

    /// - Parameter queue: A reading connection that nobody else uses.
    init(_ queue: DatabaseQueue, table: BaseTable, mirrored: Bool, store: String, path: String?) async throws
    {
        self.queue = queue
        self.table = table
        failing = (store, path)
        links = try await queue.uncancelled { db in
            try db.beginTransaction(.deferred)
            // SQLite settles which moment is read at the first read, not at the begin.
            _ = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM job)")
            guard mirrored else { return nil }
            if try table.hasLinkIndex(db) { return .index }
            try table.sortLinks(db)
            return .temporary
        }
    }

    func next() async throws -> RecordBatch? {
        guard !isAtEnd else { return nil }
        try Task.checkCancellation()
        let (table, place, links) = (table, place, links)
        let found = try await StateFailure.translating(failing.store, failing.path) {
            try await queue.uncancelled { db in
                if let links {
                    return try table.mirroredBatch(after: place, bytes: Self.batchBytes, links: links, db)
                }
                return try table.batch(after: place, bytes: Self.batchBytes, db)
            }
        }
        guard let (batch, end) = found else {
            finish()
            return nil
        }
        self.place = end
        if batch.byteCount < Self.batchBytes { finish() }
        return batch
    }

    /// Lets go of the connection and its read transaction, so that a writer can tidy up its log.
    private func finish() {
        isAtEnd = true
        // Failing leaves it to the end of this cursor.
        try? queue.close()
    }
}

/// The base of a table of which nothing is known yet.
struct EmptyCursor: DovetailEngine.RecordCursor {
    func next() async throws -> RecordBatch? { nil }
}
