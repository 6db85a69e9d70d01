import Dovetail
import struct Dovetail.Record
import DovetailEngine
import protocol DovetailEngine.RecordCursor
import GRDB
import GRDBSQLite

/// One consistent look at a file: a connection of its own with one read transaction.
final class SQLiteObservation: Observation {
    private let connection: Connection
    private let look: Look
    private let onFinish: @Sendable () -> Void

    private init(_ connection: Connection, _ look: Look, onFinish: @escaping @Sendable () -> Void) {
        self.connection = connection
        self.look = look
        self.onFinish = onFinish
    }

    static func begin(
        _ place: Place, onFinish: @escaping @Sendable () -> Void
    ) async throws -> SQLiteObservation {
        let connection = try await Connection.look(at: place)
        do {
            let look = try await connection.perform { db in
                // The first read takes the view that all later ones share.
                try db.execute(sql: "BEGIN")
                _ = try Row.fetchOne(db, sql: "SELECT 1 FROM sqlite_schema LIMIT 1")
                try GeoPackageContents.check(db, place)
                return Look(place)
            }
            return SQLiteObservation(connection, look, onFinish: onFinish)
        } catch {
            await connection.close()
            throw error
        }
    }

    func describe() async throws -> [TableDescription] {
        let kind = connection.place.kind
        return try await connection.perform { db in
            try TableInspection(db, kind: kind).tables().map(\.description)
        }
    }

    func identity(job: String) async throws -> ReplicaIdentity {
        let place = connection.place
        return try await connection.perform { db in try ReplicaMarks(place).identity(job: job, db) }
    }

    func snapshot(of view: TableView) async throws -> any RecordCursor {
        let look = look
        let scan = try await connection.perform { db in try look.scan(view, db) }
        return SnapshotCursor(connection, scan)
    }

    func read(_ references: [RecordReference], of view: TableView) async throws -> [Record] {
        let look = look
        return try await connection.perform { db in
            let plan = try look.plan(view, db)
            guard let handle = db.sqliteConnection else { return [] }
            let finder = RecordFinder(plan, handle)
            try finder.prepare(for: references.lazy.map(\.key))
            var records: [Record] = []
            for reference in references {
                let rows = try finder.find(reference.key, locator: reference.locator)
                records.append(contentsOf: rows.lazy.filter(\.takesPart).map(\.record))
            }
            return records
        }
    }

    func changes(of view: TableView, since cursor: FeedCursor) async throws -> ChangedKeys? {
        let look = look
        return try await connection.perform { db in
            try ChangeFeed(look.plan(view, db)).changes(since: cursor, db)
        }
    }

    func feedPosition(of view: TableView) async throws -> FeedCursor? {
        let look = look
        return try await connection.perform { db in try ChangeFeed(look.plan(view, db)).position(db) }
    }

    func isEmpty(_ view: TableView) async throws -> Bool {
        let look = look
        return try await connection.perform { db in
            let plan = try look.plan(view, db)
            let filter = plan.condition.map { " WHERE \($0)" } ?? ""
            guard let handle = db.sqliteConnection else { return true }
            return try !RawStatement(handle, "SELECT 1 FROM \(plan.table)\(filter) LIMIT 1").step()
        }
    }

    func finish() async {
        let look = look
        _ = try? await connection.perform { db in
            look.end()
            if db.isInsideTransaction { try db.execute(sql: "ROLLBACK") }
        }
        await connection.close()
        onFinish()
    }
}

/// What an observation keeps between its calls.
///
/// Unchecked because it changes. Proof: it is used only inside ``Connection/perform(_:)``, whose closures run
/// one after the other on the connection's serial queue.
private final class Look: @unchecked Sendable {
    private let place: Place
    private var plans: [TableView: ViewPlan] = [:]
    private var scans: [Scan] = []

    init(_ place: Place) { self.place = place }

    /// The file can't change under a read transaction, so a plan is made once.
    func plan(_ view: TableView, _ db: Database) throws -> ViewPlan {
        if let plan = plans[view] { return plan }
        let plan = try ViewPlan(db, view, place: place)
        plans[view] = plan
        return plan
    }

    func scan(_ view: TableView, _ db: Database) throws -> Scan {
        let scan = try Scan(plan(view, db), db, number: scans.count + 1)
        scans.append(scan)
        return scan
    }

    func end() {
        for scan in scans { scan.end() }
        scans = []
    }
}
