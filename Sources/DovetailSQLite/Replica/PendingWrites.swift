import Dovetail
import DovetailEngine
import GRDB

/// Writes that stood in each other's way: tried again as long as that helps, and untied where they form a
/// ring.
struct PendingWrites {
    let batch: ApplyWrites

    init(_ batch: ApplyWrites) { self.batch = batch }

    /// Settles all of them: each goes through in the end, or is rejected.
    func settle(_ writes: [PendingWrite]) throws {
        var pending = writes
        while !pending.isEmpty {
            pending = try retry(pending)
            let knotted = pending.count
            pending = try untie(pending)
            if batch.isCareful { pending = try closeRings(pending) }
            if pending.count == knotted { break }
        }
        for write in pending { batch.reject(write) }
    }

    /// Tries again, from the end and from the start in turn, until a round changes nothing: a row of writes
    /// of which each waits for its neighbour is through after two rounds.
    private func retry(_ writes: [PendingWrite]) throws -> [PendingWrite] {
        var pending = writes
        while !pending.isEmpty {
            let before = pending.count
            pending = try pending.reversed().compactMap { try batch.carryOut($0.index) }
            if pending.count == before { return pending }
        }
        return pending
    }

    /// Writes updates that exchange unique values among themselves: first all of them get values that nothing
    /// else has, then their own. What fails even so is left out, and the rest is tried again.
    private func untie(_ writes: [PendingWrite]) throws -> [PendingWrite] {
        var ring = writes.filter { $0.row != nil && updatedFields($0) != nil }
        while ring.count > 1 {
            try batch.db.execute(sql: "SAVEPOINT ring")
            var addresses: [RowAddress] = []
            var failed = try exchange(ring, &addresses)
            if failed.isEmpty {
                try batch.db.execute(sql: "RELEASE ring")
                for (write, address) in zip(ring, addresses) {
                    batch.succeed(write.index, from: write.row, at: address)
                }
                let done = Set(ring.map(\.index))
                return writes.filter { !done.contains($0.index) }
            }
            try batch.db.execute(sql: "ROLLBACK TO ring; RELEASE ring")
            failed.formIntersection(ring.map(\.index))
            ring.removeAll { failed.contains($0.index) }
        }
        return writes
    }

    /// Parks all rows of the ring and writes them. Gives back the writes that could not be made.
    private func exchange(_ ring: [PendingWrite], _ addresses: inout [RowAddress]) throws -> Set<Int> {
        var failed: Set<Int> = []
        for write in ring {
            guard let row = write.row, let fields = updatedFields(write) else { continue }
            let address = try attempt(write.index) { try batch.writer.park(row.address, fields: fields) }
            guard let address else { return [write.index] }
            addresses.append(address)
        }
        for (position, write) in ring.enumerated() {
            guard case .update(let record, let fields) = batch.writes[write.index].write else { continue }
            let address = try attempt(write.index) {
                try batch.writer.update(addresses[position], to: record, fields: fields)
            }
            if let address { addresses[position] = address } else { failed.insert(write.index) }
        }
        return failed
    }

    /// Nil when the store refuses this one write.
    private func attempt(_ index: Int, _ body: () throws -> RowAddress) throws -> RowAddress? {
        do {
            return try body()
        } catch let failure as SQLiteFailure {
            _ = try batch.rejection(for: failure, index)
            return nil
        } catch is UnstorableValue {
            return nil
        }
    }

    private func updatedFields(_ write: PendingWrite) -> [Int]? {
        if case .update(_, let fields) = batch.writes[write.index].write { fields } else { nil }
    }
}
