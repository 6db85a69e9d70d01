import Dovetail
public import DovetailEngine
import GRDB
import Synchronization

/// A replica in an SQLite file or a GeoPackage.
///
/// Looking opens the file read-only, in one read transaction, and leaves every byte as it is. In a file
/// without a write-ahead log SQLite lets nobody commit while someone reads: finish an observation before
/// ``apply(_:to:)``.
///
/// ```swift
/// let replica = SQLiteReplica(path: "data/vejle.gpkg", kind: .geoPackage, name: "vejle")
/// let tables = try await replica.describe()
/// ```
public final class SQLiteReplica: Replica {
    /// What the file is read as.
    public enum Kind: String, Sendable, Hashable {
        /// Any SQLite database.
        case sqlite
        /// A GeoPackage: layers, geometries, extents and spatial indexes are kept as the standard asks.
        case geoPackage
    }

    private let place: Place
    private let writer: Writer
    private let looks = Mutex(0)

    /// What output calls it.
    public var name: String { place.name }

    /// - Parameters:
    ///   - path: The file. It must be there; it is never made.
    ///   - kind: What to read it as.
    ///   - name: What output calls it.
    ///   - busyTimeout: How many seconds to wait for another program that has the file locked.
    public init(path: String, kind: Kind, name: String, busyTimeout: Double = 5) {
        place = Place(path: path, name: name, kind: kind, busyTimeout: busyTimeout)
        writer = Writer(place)
    }

    public func describe() async throws -> [TableDescription] {
        let observation = try await SQLiteObservation.begin(place) {}
        do {
            let tables = try await observation.describe()
            await observation.finish()
            return tables
        } catch {
            await observation.finish()
            throw error
        }
    }

    public func observe() async throws -> any Observation {
        looks.withLock { $0 += 1 }
        do {
            return try await SQLiteObservation.begin(place) { [weak self] in
                self?.looks.withLock { $0 -= 1 }
            }
        } catch {
            looks.withLock { $0 -= 1 }
            throw error
        }
    }

    public func prepare(_ views: [TableView]) async throws {
        let watched = views.filter(\.wantsChangeFeed)
        guard !watched.isEmpty else { return }
        let place = place
        let missing = try await writer.perform { db in
            try watched.filter { try ChangeFeed(ViewPlan(db, $0, place: place)).state(db) == nil }
        }
        guard !missing.isEmpty else { return }
        try await write { db in
            for view in missing { try ChangeFeed(ViewPlan(db, view, place: place)).install(db) }
        }
    }

    public func apply(_ writes: [ReplicaWrite], to view: TableView) async throws -> ApplyResult {
        guard !writes.isEmpty else { return ApplyResult(outcomes: []) }
        let place = place
        return try await write(inTransaction: false) { db in
            let plan = try ViewPlan(db, view, place: place)
            return try ApplyWrites(plan, db, writes).run()
        }
    }

    public func stamp(_ mark: ReplicaMark) async throws -> Bool {
        let place = place
        do {
            try await write { db in try ReplicaMarks(place).stamp(mark, db) }
            return true
        } catch let error as ReplicaError where error.kind == .forbidden {
            return false
        }
    }

    public func acknowledge(job: String, view: TableView, cursor: FeedCursor) async throws {
        let place = place
        try await write { db in
            try ChangeFeed(ViewPlan(db, view, place: place)).acknowledge(job: job, cursor, db)
        }
    }

    public func close() async {
        await writer.close()
    }

    private func write<Result: Sendable>(
        inTransaction: Bool = true, _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws -> Result {
        do {
            return try await writer.perform { db in
                guard inTransaction else { return try body(db) }
                return try Transaction.run(db) { try body(db) }
            }
        } catch let error as ReplicaError where error.kind == .locked {
            guard looks.withLock({ $0 > 0 }) else { throw error }
            throw place.error(
                .locked,
                "\(place.path) is being read by this program or locked by another;"
                    + " finish observations before writing"
            )
        }
    }
}
