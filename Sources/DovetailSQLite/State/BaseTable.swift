import Dovetail
import DovetailEngine
import GRDB

/// The base of one table: a SQLite table of its own, stored in the order of its keys.
///
/// `rest` is ``BaseRecord/rest``; `link` repeats the right locator, by which the right side of a linked table
/// reads the base. Its index is made when that order is first asked for.
struct BaseTable {
    let id: Int64
    private var name: String { "base_\(id)" }

    func create(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS \(name) (
                    key BLOB PRIMARY KEY, left BLOB NOT NULL, rest BLOB NOT NULL, link BLOB) WITHOUT ROWID
                """)
    }

    /// Number of records: kept with the table's name, because counting them would read them all.
    func count(_ db: Database) throws -> Int {
        try Int.fetchOne(db, sql: "SELECT count FROM tables WHERE id = ?", arguments: [id]) ?? 0
    }

    private func addToCount(_ change: Int, _ db: Database) throws {
        guard change != 0 else { return }
        try db.execute(sql: "UPDATE tables SET count = count + ? WHERE id = ?", arguments: [change, id])
    }

    func clear(_ db: Database) throws {
        try db.execute(sql: "DELETE FROM \(name)")
        try db.execute(sql: "UPDATE tables SET count = 0 WHERE id = ?", arguments: [id])
    }

    func upsert(_ records: some Sequence<BaseRecord>, _ db: Database) throws {
        // Two statements, because one that replaces doesn't say whether there was something to replace.
        let insert = try StateStatement(
            db, "INSERT OR IGNORE INTO \(name) (key, left, rest, link) VALUES (?1, ?2, ?3, ?4)")
        let update = try StateStatement(
            db, "UPDATE \(name) SET left = ?2, rest = ?3, link = ?4 WHERE key = ?1")
        var added = 0
        // What the record before was, new or known, the next one mostly is too.
        var isKnown = false
        for record in records {
            if isKnown {
                try bind(record, to: update)
                try update.run()
                if db.changesCount > 0 { continue }
            }
            try bind(record, to: insert)
            try insert.run()
            isKnown = db.changesCount == 0
            if !isKnown {
                added += 1
            } else {
                try bind(record, to: update)
                try update.run()
            }
        }
        try addToCount(added, db)
    }

    private func bind(_ record: BaseRecord, to statement: borrowing StateStatement) throws {
        try statement.bind(record.key.bytes, at: 1)
        try statement.bind(record.left.bytes, at: 2)
        try statement.bind(record.rest, at: 3)
        if record.rightLocator.isEmpty {
            try statement.bind(nil as Int64?, at: 4)
        } else {
            try statement.bind(record.rightLocator, at: 4)
        }
    }

    func delete(_ keys: some Sequence<RecordKey>, _ db: Database) throws {
        let delete = try StateStatement(db, "DELETE FROM \(name) WHERE key = ?")
        var removed = 0
        for key in keys {
            try delete.bind(key.bytes, at: 1)
            try delete.run()
            removed += db.changesCount
        }
        try addToCount(-removed, db)
    }

    func records(_ keys: [RecordKey], _ db: Database) throws -> [BaseRecord] {
        let select = try StateStatement(db, "SELECT left, rest FROM \(name) WHERE key = ?")
        var records: [BaseRecord] = []
        var former: RecordKey?
        for key in keys.sorted() where key != former {
            former = key
            try select.bind(key.bytes, at: 1)
            if try select.step() {
                records.append(try BaseRecord(key: key, left: select.array(0), rest: select.array(1)))
            }
            select.reset()
        }
        return records
    }

    func keys(in ranges: [KeyRange], _ db: Database) throws -> [RecordKey] {
        // Keys begin with a tag: the empty key comes before them all, and 0xff after.
        let select = try StateStatement(
            db, "SELECT key FROM \(name) WHERE key >= ? AND key < ? ORDER BY key")
        var keys: [RecordKey] = []
        for range in ranges {
            try select.bind(range.from?.bytes ?? [], at: 1)
            try select.bind(range.to?.bytes ?? [0xff], at: 2)
            while try select.step() { keys.append(RecordKey(bytes: select.array(0))) }
            select.reset()
        }
        return keys
    }

    /// Rewrites every record into another layout, a few thousand at a time.
    func relayout(_ moving: [Int?], _ db: Database) throws {
        var last: RecordKey?
        while true {
            let records = try records(after: last, limit: 4096, db)
            guard let end = records.last?.key else { return }
            try upsert(try records.map { try $0.moved(moving) }, db)
            last = end
        }
    }

    private func records(after key: RecordKey?, limit: Int, _ db: Database) throws -> [BaseRecord] {
        let condition = key == nil ? "" : "WHERE key > ?"
        let select = try StateStatement(
            db, "SELECT key, left, rest FROM \(name) \(condition) ORDER BY key LIMIT \(limit)")
        if let key { try select.bind(key.bytes, at: 1) }
        var records: [BaseRecord] = []
        while try select.step() {
            let key = RecordKey(bytes: select.array(0))
            records.append(try BaseRecord(key: key, left: select.array(1), rest: select.array(2)))
        }
        return records
    }

    // MARK: Batches

    /// A place in an order of the base. Several records may share a right locator, so the key is part of it.
    struct Place: Sendable {
        var link: [UInt8]?
        var key: [UInt8]
    }

    /// The next records after `place` in key order, as frames of key, left form and rest.
    func batch(after place: Place?, bytes: Int, _ db: Database) throws -> (RecordBatch, Place)? {
        let condition = place == nil ? "" : "WHERE key > ?"
        let select = try StateStatement(db, "SELECT key, left, rest FROM \(name) \(condition) ORDER BY key")
        if let place { try select.bind(place.key, at: 1) }
        var builder = BatchBuilder(capacity: bytes + bytes / 8)
        while builder.byteCount < bytes, try select.step() {
            builder.beginRecord()
            builder.put(raw: select.bytes(0))
            builder.endKey()
            builder.put(raw: select.bytes(1))
            builder.endLocator()
            builder.put(raw: select.bytes(2))
            builder.endRecord()
        }
        guard builder.count > 0 else { return nil }
        // The statement still stands on the last row that was taken.
        let end = Place(key: builder.byteCount < bytes ? [] : select.array(0))
        return (builder.seal(), end)
    }

    /// The next records in the order of their right locators, as frames of locator, right form and the rest
    /// of ``BaseRecord/seenFromRight``.
    func mirroredBatch(
        after place: Place?, bytes: Int, links: MirroredOrder, _ db: Database
    ) throws -> (RecordBatch, Place)? {
        let select = try StateStatement(db, links.select(from: name, continuing: place != nil))
        if let place {
            try select.bind(place.link ?? [], at: 1)
            try select.bind(place.key, at: 2)
        }
        var builder = BatchBuilder(capacity: bytes + bytes / 8)
        while builder.byteCount < bytes, try select.step() {
            let (key, left, rest) = (select.bytes(1), select.bytes(2), select.bytes(3))
            guard let right = Self.rightForm(rest) else { throw StateDamage("a record of \(name)") }
            builder.beginRecord()
            builder.put(raw: select.bytes(0))
            builder.endKey()
            builder.put(raw: right.count == 0 ? left : right)
            builder.endLocator()
            builder.put(counted: right.count == 0 ? right : left)
            builder.put(counted: UnsafeRawBufferPointer(start: nil, count: 0))
            builder.put(counted: key)
            builder.endRecord()
        }
        guard builder.count > 0 else { return nil }
        let isLast = builder.byteCount < bytes
        let end = isLast ? Place(link: [], key: []) : Place(link: select.array(0), key: select.array(1))
        return (builder.seal(), end)
    }

    /// The right form in a rest, none where it is as the left one; nil when the rest is damaged.
    private static func rightForm(_ rest: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard rest.count >= 4 else { return rest.count == 0 ? rest : nil }
        let count = Int(UInt32(littleEndian: rest.loadUnaligned(as: UInt32.self)))
        guard count <= rest.count - 4 else { return nil }
        return UnsafeRawBufferPointer(rebasing: rest[4..<(4 + count)])
    }

    /// Makes the index of the mirrored order. An empty table goes without: filling it is faster.
    func indexLinks(_ db: Database) throws {
        let index = "\(name)_link"
        guard try !hasLinkIndex(db),
            try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM \(name))") == true
        else { return }
        try db.execute(sql: "CREATE INDEX \(index) ON \(name) (link, key) WHERE link IS NOT NULL")
    }

    func hasLinkIndex(_ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = '\(name)_link')")
            == true
    }

    /// Sorts the links for one connection that may not make an index.
    func sortLinks(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE sorted_links (link BLOB, key BLOB, PRIMARY KEY (link, key)) WITHOUT ROWID;
                INSERT INTO sorted_links
                    SELECT link, key FROM main.\(name) WHERE link IS NOT NULL ORDER BY link, key;
                """)
    }
}

/// Where the order of right locators comes from.
enum MirroredOrder: Sendable {
    case index
    /// Sorted for this connection alone, see ``BaseTable/sortLinks(_:)``.
    case temporary

    func select(from base: String, continuing: Bool) -> String {
        let condition = continuing ? "AND (o.link, o.key) > (?, ?)" : ""
        switch self {
        case .index:
            return """
                SELECT link, key, left, rest FROM \(base) AS o WHERE link IS NOT NULL \(condition)
                ORDER BY link, key
                """
        case .temporary:
            return """
                SELECT o.link, o.key, b.left, b.rest FROM temp.sorted_links AS o
                CROSS JOIN \(base) AS b ON b.key = o.key WHERE true \(condition) ORDER BY o.link, o.key
                """
        }
    }
}

extension BatchBuilder {
    /// Length and bytes, as ``ByteWriter`` counts them.
    fileprivate mutating func put(counted bytes: UnsafeRawBufferPointer) {
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: bytes.count).littleEndian) { put(raw: $0) }
        put(raw: bytes)
    }
}
