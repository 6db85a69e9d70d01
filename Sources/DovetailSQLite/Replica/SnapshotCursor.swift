import Dovetail
import struct Dovetail.Record
import DovetailEngine
import protocol DovetailEngine.RecordCursor
import GRDB
import GRDBSQLite

/// All records of a table in the order of their keys' bytes, in batches of about 256 KB.
final class SnapshotCursor: RecordCursor {
    private static let batchBytes = 256 << 10

    private let connection: Connection
    private let scan: Scan

    init(_ connection: Connection, _ scan: Scan) {
        self.connection = connection
        self.scan = scan
    }

    func next() async throws -> RecordBatch? {
        let scan = scan
        return try await connection.perform { _ in try scan.next(target: Self.batchBytes) }
    }
}

/// A reading under way.
///
/// Unchecked because both are used from several threads. Proof: a scan is made, stepped and ended only inside
/// ``Connection/perform(_:)``, whose closures run one after the other on the connection's serial queue; the
/// last owner to let go finds it ended, or nobody else left to use it.
final class Scan: @unchecked Sendable {
    private var reader: (any RowReader)?
    private let place: Place
    private let table: String
    private var isFinished = false

    init(_ plan: ViewPlan, _ db: Database, number: Int) throws {
        reader = try plan.reader(db, number: number)
        place = plan.place
        table = plan.facts.name
    }

    func next(target: Int) throws -> RecordBatch? {
        guard let reader else {
            if isFinished { return nil }
            throw place.error(.failed, "the look at table \(table) has ended")
        }
        do {
            let batch = try reader.next(target: target)
            if batch.count > 0 { return batch }
        } catch is KeysOutOfOrder {
            throw place.error(
                .damaged,
                "table \(table) is not in the order that SQLite promises; rebuild its indexes with REINDEX")
        }
        isFinished = true
        self.reader = nil
        return nil
    }

    func end() {
        reader = nil
    }
}
