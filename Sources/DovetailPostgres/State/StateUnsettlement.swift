import Dovetail
import DovetailEngine

/// Conflicts, rejections, and keys to be looked at again.
struct StateUnsettlement {
    let rows: StateRows
    private static let tables = ["conflicts", "rejections", "pending"]

    // MARK: Writing

    /// Takes away what no longer stands: what is said to be settled, and whatever now agrees or is gone.
    func settle(_ memory: Memory) throws {
        var settled: [String: Set<RecordKey>] = [:]
        for (table, key) in memory.settled + memory.gone { settled[table, default: []].insert(key) }
        for (table, record) in memory.agreed { settled[table, default: []].insert(record.key) }
        for (name, keys) in settled {
            guard let table = try rows.table(name) else { continue }
            for unsettled in Self.tables {
                // Most often nothing waits, and a million keys need not be sent.
                let waits = try rows.holds(
                    "SELECT EXISTS (SELECT 1 FROM \(rows.schema).\(unsettled) WHERE tbl = $1)", [.int(table)])
                if waits { try delete(keys, from: unsettled, table) }
            }
        }
    }

    private func delete(_ keys: some Sequence<RecordKey>, from unsettled: String, _ table: Int64) throws {
        try rows.join(
            """
            DELETE FROM \(rows.schema).\(unsettled) AS u USING unnest($2::bytea[]) AS k(key)
            WHERE u.tbl = $1 AND sha256(u.key) = sha256(k.key)
            """, [.int(table), .keys(keys)])
    }

    func forget(_ table: Int64) throws {
        for unsettled in Self.tables {
            try rows.execute("DELETE FROM \(rows.schema).\(unsettled) WHERE tbl = $1", [.int(table)])
        }
    }

    func add(_ memory: Memory) throws {
        for (name, found) in Dictionary(grouping: memory.conflicts, by: \.table) {
            let table = try rows.makingTable(name)
            var records = try former(found.map(\.key), "conflicts", Self.conflictColumns, table) {
                try Self.conflict($0, $1, table: name)
            }
            for record in found { records[record.key] = record.succeeding(records[record.key]) }
            try delete(records.keys, from: "rejections", table)
            try delete(records.keys, from: "conflicts", table)
            try copy(conflicts: records.values.sorted { $0.key < $1.key }, table)
        }
        for (name, found) in Dictionary(grouping: memory.rejections, by: \.table) {
            let table = try rows.makingTable(name)
            var records = try former(found.map(\.key), "rejections", Self.rejectionColumns, table) {
                try Self.rejection($0, $1, table: name)
            }
            for record in found { records[record.key] = record.succeeding(records[record.key]) }
            // A record waits for one thing at a time.
            try delete(records.keys, from: "conflicts", table)
            try delete(records.keys, from: "rejections", table)
            try copy(rejections: records.values.sorted { $0.key < $1.key }, table)
        }
        for (name, found) in Dictionary(grouping: memory.pending, by: \.table) {
            try rows.execute(
                """
                INSERT INTO \(rows.schema).pending (tbl, key) SELECT $1, key FROM unnest($2::bytea[]) AS k(key)
                ON CONFLICT (tbl, sha256(key)) DO NOTHING
                """, [.int(try rows.makingTable(name)), .keys(found.map(\.key))])
        }
    }

    /// What stands about these keys.
    private func former<Record>(
        _ keys: [RecordKey], _ unsettled: String, _ columns: String, _ table: Int64,
        _ read: (ResultRows, Int) throws -> (RecordKey, Record)
    ) throws -> [RecordKey: Record] {
        let found = try rows.join(
            """
            SELECT \(columns) FROM \(rows.schema).\(unsettled) AS u
            WHERE u.tbl = $1 AND sha256(u.key) IN (SELECT sha256(k.key) FROM unnest($2::bytea[]) AS k(key))
            """, [.int(table), .keys(Set(keys))])
        var records: [RecordKey: Record] = [:]
        for row in 0..<found.count {
            let (key, record) = try read(found, row)
            records[key] = record
        }
        return records
    }

    private func copy(conflicts: [ConflictRecord], _ table: Int64) throws {
        let sql =
            "COPY \(rows.schema).conflicts (tbl, key, short, since, resolution, content) FROM STDIN (FORMAT binary)"
        _ = try rows.session.copyIn(sql) { copy in
            try copy.header()
            for record in conflicts {
                try copy.row(6)
                try copy.field(number: table)
                try copy.field(record.key.bytes)
                try copy.field(text: record.id.text)
                try copy.field(number: record.since)
                if let resolution = record.resolution {
                    try copy.field(resolution.stateBytes)
                } else {
                    try copy.null()
                }
                try copy.field(record.stateBytes)
            }
            try copy.trailer()
        }
    }

    private func copy(rejections: [RejectionRecord], _ table: Int64) throws {
        let sql =
            "COPY \(rows.schema).rejections (tbl, \(Self.rejectionColumns)) FROM STDIN (FORMAT binary)"
        _ = try rows.session.copyIn(sql) { copy in
            try copy.header()
            for record in rejections {
                try copy.row(8)
                try copy.field(number: table)
                try copy.field(record.key.bytes)
                try copy.field(small: record.rejection.side == .left ? 0 : 1)
                try copy.field(text: record.rejection.reason.storable)
                for side in Side.allCases {
                    if let seen = record.rejection.seen[side] {
                        try copy.field(text: seen.hex)
                    } else {
                        try copy.null()
                    }
                }
                try copy.field(bool: record.isRetried)
                try copy.field(number: record.since)
            }
            try copy.trailer()
        }
    }

    // MARK: Reading

    func conflicts() throws -> [ConflictRecord] {
        let found = try rows.execute(
            """
            SELECT \(Self.conflictColumns), t.name FROM \(rows.schema).conflicts AS u
            JOIN \(rows.schema).tables AS t ON t.id = u.tbl WHERE t.job = $1 ORDER BY t.name, u.key
            """, [.int(rows.job)])
        return try (0..<found.count).map {
            try Self.conflict(found, $0, table: try found.requiredText($0, 4)).record
        }
    }

    func rejections() throws -> [RejectionRecord] {
        let found = try rows.execute(
            """
            SELECT \(Self.rejectionColumns), t.name FROM \(rows.schema).rejections AS u
            JOIN \(rows.schema).tables AS t ON t.id = u.tbl WHERE t.job = $1 ORDER BY t.name, u.key
            """, [.int(rows.job)])
        return try (0..<found.count).map {
            try Self.rejection(found, $0, table: try found.requiredText($0, 7)).record
        }
    }

    func unsettled(of name: String) throws -> Unsettled {
        var unsettled = Unsettled()
        guard let table = try rows.table(name) else { return unsettled }
        let refused = try rows.execute(
            "SELECT \(Self.rejectionColumns) FROM \(rows.schema).rejections WHERE tbl = $1 AND NOT retried",
            [.int(table)])
        for row in 0..<refused.count {
            let (key, record) = try Self.rejection(refused, row, table: name)
            unsettled.rejections[key] = record.rejection
        }
        let decided = try rows.execute(
            "SELECT key, resolution FROM \(rows.schema).conflicts WHERE tbl = $1 AND resolution IS NOT NULL",
            [.int(table)])
        for row in 0..<decided.count {
            unsettled.resolutions[RecordKey(bytes: try decided.array(row, 0))] = try Resolution(
                stateBytes: try decided.array(row, 1))
        }
        return unsettled
    }

    func pendingKeys(of name: String) throws -> [RecordKey] {
        guard let table = try rows.table(name) else { return [] }
        let found = try rows.execute(
            """
            SELECT key FROM \(rows.schema).conflicts WHERE tbl = $1
            UNION SELECT key FROM \(rows.schema).rejections WHERE tbl = $1
            UNION SELECT key FROM \(rows.schema).pending WHERE tbl = $1
            UNION SELECT key FROM \(rows.schema).changes WHERE job = $2 AND outcome = 'open' AND tbl = $1
            ORDER BY key
            """, [.int(table), .int(rows.job)])
        return try (0..<found.count).map { RecordKey(bytes: try found.array($0, 0)) }
    }

    // MARK: Deciding

    func decide(_ resolutions: [ConflictRecord.ID: Resolution?], store: String) throws {
        let found = try rows.execute(
            """
            SELECT \(Self.conflictColumns), t.name, u.tbl, u.short FROM \(rows.schema).conflicts AS u
            JOIN \(rows.schema).tables AS t ON t.id = u.tbl WHERE t.job = $1 AND u.short = ANY ($2)
            """, [.int(rows.job), .texts(resolutions.keys.map(\.text))])
        var named: [String: [(table: Int64, record: ConflictRecord)]] = [:]
        for row in 0..<found.count {
            let record = try Self.conflict(found, row, table: try found.requiredText(row, 4)).record
            named[try found.requiredText(row, 6), default: []].append((try found.required(row, 5), record))
        }
        var decided: [Int64: (keys: [RecordKey], resolutions: [[UInt8]])] = [:]
        for (id, resolution) in resolutions {
            var meant = named[id.text] ?? []
            if meant.count > 1, let resolution {
                // Two records may share a short name; the digests tell which one the person saw.
                meant = meant.filter { resolution.isAbout($0.record) }
            }
            guard !meant.isEmpty else {
                throw StateError.failed(store: store, message: "there is no open conflict \(id.text)")
            }
            for (table, record) in meant {
                decided[table, default: ([], [])].keys.append(record.key)
                decided[table, default: ([], [])].resolutions.append(resolution?.stateBytes ?? [])
            }
        }
        for (table, decided) in decided {
            try rows.join(
                """
                UPDATE \(rows.schema).conflicts AS u SET resolution = NULLIF(d.resolution, ''::bytea)
                FROM unnest($2::bytea[], $3::bytea[]) AS d(key, resolution)
                WHERE u.tbl = $1 AND sha256(u.key) = sha256(d.key)
                """, [.int(table), .keys(decided.keys), .byteArrays(decided.resolutions)])
        }
    }

    // MARK: Rows

    private static let conflictColumns = "key, since, resolution, content"
    private static let rejectionColumns = "key, side, reason, seen_left, seen_right, retried, since"

    private static func conflict(
        _ rows: ResultRows, _ row: Int, table: String
    ) throws -> (key: RecordKey, record: ConflictRecord) {
        let key = RecordKey(bytes: try rows.array(row, 0))
        let resolution = rows.isNull(row, 2) ? nil : try Resolution(stateBytes: try rows.array(row, 2))
        return (
            key,
            try ConflictRecord(
                table: table, key: key, since: try rows.required(row, 1), resolution: resolution,
                stateBytes: try rows.array(row, 3))
        )
    }

    private static func rejection(
        _ rows: ResultRows, _ row: Int, table: String
    ) throws -> (key: RecordKey, record: RejectionRecord) {
        let key = RecordKey(bytes: try rows.array(row, 0))
        let seen = Sides(
            left: rows.text(row, 3).flatMap { Digest(hex: $0) },
            right: rows.text(row, 4).flatMap { Digest(hex: $0) })
        let rejection = Unsettled.Rejection(
            side: try rows.required(row, 1) == 0 ? .left : .right, reason: try rows.requiredText(row, 2),
            seen: seen)
        return (
            key,
            RejectionRecord(
                table: table, key: key, rejection: rejection, isRetried: rows.bool(row, 5) ?? false,
                since: try rows.required(row, 6))
        )
    }
}
