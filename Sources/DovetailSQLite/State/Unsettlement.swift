import Dovetail
import DovetailEngine
import GRDB

/// Conflicts, rejections, and keys to be looked at again.
struct Unsettlement {
    private static let tables = ["conflicts", "rejections", "pending"]
    private let db: Database

    init(_ db: Database) { self.db = db }

    /// Takes away what no longer stands: what is said to be settled, and whatever now agrees or is gone.
    func settle(_ memory: Memory) throws {
        var settled: [String: [RecordKey]] = [:]
        for (table, key) in memory.settled + memory.gone { settled[table, default: []].append(key) }
        for (table, record) in memory.agreed { settled[table, default: []].append(record.key) }
        for (table, keys) in settled {
            guard let id = try TableName.id(of: table, db) else { continue }
            for unsettled in Self.tables {
                // Most often nothing waits, and a million keys need not be looked for.
                let waits = try Bool.fetchOne(
                    db, sql: "SELECT EXISTS (SELECT 1 FROM \(unsettled) WHERE tbl = ?)", arguments: [id])
                guard waits == true else { continue }
                let delete = try StateStatement(db, "DELETE FROM \(unsettled) WHERE tbl = ? AND key = ?")
                for key in keys {
                    try delete.bind(id, at: 1)
                    try delete.bind(key.bytes, at: 2)
                    try delete.run()
                }
            }
        }
    }

    func add(_ memory: Memory) throws {
        for conflict in memory.conflicts {
            let id = try TableName.making(conflict.table, db)
            let record = conflict.succeeding(try self.conflict(id, conflict.key))
            try db.execute(
                sql: "DELETE FROM rejections WHERE tbl = ? AND key = ?",
                arguments: [id, Blob(record.key.bytes)])
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO conflicts (tbl, key, short, since, resolution, content)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id, Blob(record.key.bytes), record.id.text, record.since,
                    record.resolution.map { Blob($0.stateBytes) }, Blob(record.stateBytes),
                ])
        }
        for rejection in memory.rejections {
            let id = try TableName.making(rejection.table, db)
            let record = rejection.succeeding(try self.rejection(id, rejection.key))
            // A record waits for one thing at a time.
            try db.execute(
                sql: "DELETE FROM conflicts WHERE tbl = ? AND key = ?",
                arguments: [id, Blob(record.key.bytes)])
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO rejections
                        (tbl, key, side, reason, seen_left, seen_right, retried, since)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id, Blob(record.key.bytes), record.rejection.side == .left ? 0 : 1,
                    record.rejection.reason,
                    record.rejection.seen.left?.hex, record.rejection.seen.right?.hex, record.isRetried,
                    record.since,
                ])
        }
        for (table, key) in memory.pending {
            try db.execute(
                sql: "INSERT OR IGNORE INTO pending (tbl, key) VALUES (?, ?)",
                arguments: [try TableName.making(table, db), Blob(key.bytes)])
        }
    }

    // MARK: Reading

    func conflicts() throws -> [ConflictRecord] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT name, key, since, resolution, content FROM conflicts JOIN tables ON tables.id = tbl
                ORDER BY name, key
                """
        ).map { try Self.conflict($0, table: $0["name"]) }
    }

    func rejections() throws -> [RejectionRecord] {
        try Row.fetchAll(
            db, sql: "SELECT * FROM rejections JOIN tables ON tables.id = tbl ORDER BY name, key"
        ).map { try Self.rejection($0, table: $0["name"]) }
    }

    func unsettled(of table: String) throws -> Unsettled {
        var unsettled = Unsettled()
        guard let id = try TableName.id(of: table, db) else { return unsettled }
        let refused = try Row.fetchAll(
            db, sql: "SELECT * FROM rejections WHERE tbl = ? AND NOT retried", arguments: [id])
        for row in refused {
            let record = try Self.rejection(row, table: table)
            unsettled.rejections[record.key] = record.rejection
        }
        let decided = try Row.fetchAll(
            db, sql: "SELECT key, resolution FROM conflicts WHERE tbl = ? AND resolution IS NOT NULL",
            arguments: [id])
        for row in decided {
            unsettled.resolutions[RecordKey(bytes: try row.bytes("key"))] =
                try Resolution(stateBytes: try row.bytes("resolution"))
        }
        return unsettled
    }

    func pendingKeys(of table: String) throws -> [RecordKey] {
        guard let id = try TableName.id(of: table, db) else { return [] }
        return try Row.fetchAll(
            db,
            sql: """
                SELECT key FROM conflicts WHERE tbl = :table
                UNION SELECT key FROM rejections WHERE tbl = :table
                UNION SELECT key FROM pending WHERE tbl = :table
                UNION SELECT key FROM changes WHERE outcome = 'open' AND tbl = :table ORDER BY key
                """,
            arguments: ["table": id]
        ).map { RecordKey(bytes: try $0.bytes("key")) }
    }

    // MARK: Deciding

    func decide(_ id: ConflictRecord.ID, _ resolution: Resolution?, store: String) throws {
        let named = try Row.fetchAll(
            db,
            sql: """
                SELECT tbl, name, key, since, resolution, content
                FROM conflicts JOIN tables ON tables.id = tbl WHERE short = ?
                """,
            arguments: [id.text])
        var meant = named
        if named.count > 1, let resolution {
            // Two records may share a short name; the digests tell which one the person saw.
            meant = try named.filter { resolution.isAbout(try Self.conflict($0, table: $0["name"])) }
        }
        guard !meant.isEmpty else {
            throw StateError.failed(store: store, message: "there is no open conflict \(id.text)")
        }
        for row in meant {
            try db.execute(
                sql: "UPDATE conflicts SET resolution = ? WHERE tbl = ? AND key = ?",
                arguments: [
                    resolution.map { Blob($0.stateBytes) }, row["tbl"] as Int64, Blob(try row.bytes("key")),
                ])
        }
    }

    // MARK: Rows

    private func conflict(_ table: Int64, _ key: RecordKey) throws -> ConflictRecord? {
        try Row.fetchOne(
            db, sql: "SELECT key, since, resolution, content FROM conflicts WHERE tbl = ? AND key = ?",
            arguments: [table, Blob(key.bytes)]
        ).map { try Self.conflict($0, table: "") }
    }

    private func rejection(_ table: Int64, _ key: RecordKey) throws -> RejectionRecord? {
        try Row.fetchOne(
            db, sql: "SELECT * FROM rejections WHERE tbl = ? AND key = ?",
            arguments: [table, Blob(key.bytes)]
        ).map { try Self.rejection($0, table: "") }
    }

    private static func conflict(_ row: Row, table: String) throws -> ConflictRecord {
        let resolution: Blob? = row["resolution"]
        return try ConflictRecord(
            table: table, key: RecordKey(bytes: try row.bytes("key")), since: row["since"],
            resolution: try resolution.map { try Resolution(stateBytes: $0.bytes) },
            stateBytes: try row.bytes("content"))
    }

    private static func rejection(_ row: Row, table: String) throws -> RejectionRecord {
        let side: Int64 = row["side"]
        let left: String? = row["seen_left"]
        let right: String? = row["seen_right"]
        let seen = Sides(left: left.flatMap { Digest(hex: $0) }, right: right.flatMap { Digest(hex: $0) })
        return RejectionRecord(
            table: table, key: RecordKey(bytes: try row.bytes("key")),
            rejection: Unsettled.Rejection(
                side: side == 0 ? .left : .right, reason: row["reason"], seen: seen),
            isRetried: row["retried"], since: row["since"])
    }
}
