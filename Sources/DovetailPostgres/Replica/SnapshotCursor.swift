import Dovetail
import DovetailEngine
import Synchronization

/// All records of a table in the order of their keys' bytes, in batches of about 256 KB.
///
/// It reads from a connection of its own. The server sends as fast as batches are taken, and waits otherwise.
final class SnapshotCursor: RecordCursor {
    private static let batchBytes = 256 << 10

    private let pool: ConnectionPool
    private let scan: CopyScan
    private let state: Mutex<State>

    private enum State {
        case reading(Link)
        case atEnd
        case finished
    }

    init(_ pool: ConnectionPool, _ link: Link, _ scan: CopyScan) {
        self.pool = pool
        self.scan = scan
        state = Mutex(.reading(link))
    }

    func next() async throws -> RecordBatch? {
        let link: Link
        switch state.withLock({ $0 }) {
        case .reading(let open): link = open
        case .atEnd: return nil
        case .finished:
            throw pool.place.error(.failed, "the look at table \(scan.plan.facts.name) has ended")
        }
        let scan = scan
        let batch = try await link.connection.perform { try scan.next(target: Self.batchBytes, $0) }
        if batch == nil { await release(.atEnd) }
        return batch
    }

    /// Ends the reading, wherever it is.
    func finish() async { await release(.finished) }

    private func release(_ next: State) async {
        let link = state.withLock { state -> Link? in
            guard case .reading(let link) = state else { return nil }
            state = next
            return link
        }
        if let link { await pool.give(back: link) }
    }
}

/// A reading under way.
///
/// Unchecked because it changes. Proof: it is used only inside ``PostgresConnection/perform(_:)`` of the one connection
/// that its cursor holds, whose closures run one after the other on the connection's thread.
final class CopyScan: @unchecked Sendable {
    let plan: ViewPlan
    private var reader: CopyReader
    private var builder = BatchBuilder(capacity: 320 << 10)
    private var sorter: KeySorter?
    private var hasBegun = false
    private var isAtEnd = false

    init(_ plan: ViewPlan) {
        self.plan = plan
        let snapshot = plan.snapshot
        reader = snapshot.reading.reader
        sorter = snapshot.isOrdered ? nil : KeySorter()
    }

    func next(target: Int, _ session: Session) throws -> RecordBatch? {
        guard !isAtEnd else { return nil }
        if !hasBegun {
            try session.beginCopyOut(plan.snapshot.sql)
            hasBegun = true
            try sort(session)
        }
        if let sorter {
            let batch = try sorter.next(target: target)
            isAtEnd = batch == nil
            return batch
        }
        isAtEnd = try !readRows(target, session)
        guard reader.isOrdered else { throw disorder }
        return builder.count > 0 ? builder.seal() : nil
    }

    /// Reads rows until so many bytes are there. False at the end.
    private func readRows(_ target: Int, _ session: Session) throws -> Bool {
        do {
            let goesOn = try session.readCopyData { row in
                try reader.read(row, into: &builder)
                return builder.byteCount < target
            }
            if !goesOn { try reader.finish() }
            return goesOn
        } catch let error as CopyFormatError {
            throw plan.place.error(.unsuitable, "table \(plan.facts.name): \(error.description)")
        }
    }

    /// Reads everything first where the server can't sort.
    private func sort(_ session: Session) throws {
        guard let sorter else { return }
        var goesOn = true
        while goesOn {
            goesOn = try readRows(1 << 20, session)
            try sorter.add(builder.seal())
        }
    }

    private var disorder: ReplicaError {
        let columns = plan.keyColumns.map(\.column.name).joined(separator: ", ")
        return plan.place.error(
            .damaged,
            "table \(plan.facts.name) does not come in the order of \(columns): an index of it is damaged (rebuild it"
                + " with REINDEX), or a timestamp is beyond the year 294246, which is no key")
    }
}
