import Dovetail
import GRDB

extension PendingWrites {
    /// Makes writes together whose records refer to each other in a ring, so that none can be the first.
    ///
    /// Those whose references stay open even so are left out, and the rest is tried again.
    func closeRings(_ writes: [PendingWrite]) throws -> [PendingWrite] {
        var ring = writes
        while ring.count > 1 {
            let indices = Set(ring.map(\.index))
            let upkeep = batch.upkeep
            try batch.db.execute(sql: "SAVEPOINT rings")
            let outsiders = try batch.withOpenReferences {
                var failed: Set<Int> = []
                for write in ring {
                    if let left = try batch.carryOut(write.index) { failed.insert(left.index) }
                }
                return failed.isEmpty && batch.hasOpenReferences ? try dangling(among: indices) : failed
            }
            if outsiders.isEmpty, !batch.hasOpenReferences {
                try batch.db.execute(sql: "RELEASE rings")
                return writes.filter { !indices.contains($0.index) }
            }
            try batch.db.execute(sql: "ROLLBACK TO rings; RELEASE rings")
            batch.forget(indices)
            batch.upkeep = upkeep
            if outsiders.isEmpty { return writes }
            ring.removeAll { outsiders.contains($0.index) }
        }
        return writes
    }

    /// The writes whose rows refer to nothing, as SQLite's own check finds them. It reads the whole table,
    /// which only a batch with such rings pays for.
    private func dangling(among indices: Set<Int>) throws -> Set<Int> {
        let rows = try Row.fetchAll(
            batch.db, sql: "PRAGMA main.foreign_key_check(\(batch.plan.facts.name.quoted))")
        let open = Set(rows.compactMap { $0["rowid"] as Int64? })
        return indices.filter { index in
            if case .rowid(let rowid)?? = batch.applied[index] { open.contains(rowid) } else { false }
        }
    }
}
