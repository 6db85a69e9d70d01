public import Dovetail
public import DovetailEngine
import GRDB

extension SQLiteStateStore {
    public func base(of table: String, mirrored: Bool) async throws -> any DovetailEngine.RecordCursor {
        guard let path = access.path else { return EmptyCursor() }
        let id = try await read { db in try TableName.id(of: table, db) }
        guard let id else { return EmptyCursor() }
        let base = BaseTable(id: id)
        if mirrored, access.isWritable, try await read({ db in try !base.hasLinkIndex(db) }) {
            try await write { db in try base.indexLinks(db) }
        }
        let name = name
        return try await StateFailure.translating(name, path) {
            let queue = try StateFile(path: path, job: "").connectForReading()
            return try await BaseCursor(queue, table: base, mirrored: mirrored, store: name, path: path)
        }
    }

    public func base(of table: String, keys: [RecordKey]) async throws -> [BaseRecord] {
        try await read { db in
            guard let id = try TableName.id(of: table, db) else { return [] }
            return try BaseTable(id: id).records(keys, db)
        }
    }

    public func baseKeys(of table: String, in ranges: [KeyRange]) async throws -> [RecordKey] {
        guard !ranges.isEmpty else { return [] }
        return try await read { db in
            guard let id = try TableName.id(of: table, db) else { return [] }
            return try BaseTable(id: id).keys(in: ranges, db)
        }
    }

    public func baseCount(of table: String) async throws -> Int {
        try await read { db in
            guard let id = try TableName.id(of: table, db) else { return 0 }
            return try BaseTable(id: id).count(db)
        }
    }

    /// Open writes of the table are laid out anew too, so that an interrupted insert is still recognised. The
    /// table's cursors are forgotten: what a new field holds, only a look at everything can tell.
    public func relayout(_ table: String, to layout: TableLayout, moving: [Int?]) async throws {
        try await write { db in
            let id = try TableName.making(table, db)
            try BaseTable(id: id).relayout(moving, db)
            let layoutID = try TableName.layout(layout, db)
            try Journal(db).relayout(id, to: layoutID, moving: moving)
            for unsettled in ["conflicts", "rejections", "pending"] {
                try db.execute(sql: "DELETE FROM \(unsettled) WHERE tbl = ?", arguments: [id])
            }
            try db.execute(sql: "UPDATE tables SET layout = ? WHERE id = ?", arguments: [layoutID, id])
            try TableName.forgetCursors(id, db)
        }
    }

    /// The tables' cursors are forgotten with their base.
    public func forgetBase(of tables: [String]) async throws {
        try await write { db in
            for table in tables {
                guard let id = try TableName.id(of: table, db) else { continue }
                try BaseTable(id: id).clear(db)
                try TableName.forgetCursors(id, db)
            }
        }
    }
}

/// Tables and layouts by the short numbers under which rows know them.
enum TableName {
    static func id(of name: String, _ db: Database) throws -> Int64? {
        try Int64.fetchOne(db, sql: "SELECT id FROM tables WHERE name = ?", arguments: [name])
    }

    static func making(_ name: String, _ db: Database) throws -> Int64 {
        if let id = try id(of: name, db) { return id }
        try db.execute(sql: "INSERT INTO tables (name) VALUES (?)", arguments: [name])
        let id = db.lastInsertedRowID
        try BaseTable(id: id).create(db)
        return id
    }

    static func all(_ db: Database) throws -> [Int64: String] {
        var names: [Int64: String] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT id, name FROM tables") { names[row[0]] = row[1] }
        return names
    }

    static func layout(_ layout: TableLayout, _ db: Database) throws -> Int64 {
        let content = try StateJSON.encode(layout)
        let known = try Int64.fetchOne(
            db, sql: "SELECT id FROM layouts WHERE content = ?", arguments: [content])
        if let known { return known }
        try db.execute(sql: "INSERT INTO layouts (content) VALUES (?)", arguments: [content])
        return db.lastInsertedRowID
    }

    static func layouts(_ db: Database) throws -> [Int64: TableLayout] {
        var layouts: [Int64: TableLayout] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT id, content FROM layouts") {
            layouts[row[0]] = try StateJSON.decode(TableLayout.self, from: row[1])
        }
        return layouts
    }

    static func note(_ cursors: [String: Sides<FeedCursor?>], _ db: Database) throws {
        for (table, sides) in cursors {
            try db.execute(
                sql: "UPDATE tables SET cursors = 1, cursor_left = ?, cursor_right = ? WHERE id = ?",
                arguments: [sides.left?.text, sides.right?.text, try making(table, db)])
        }
    }

    static func forgetCursors(_ id: Int64, _ db: Database) throws {
        try db.execute(
            sql: "UPDATE tables SET cursors = 0, cursor_left = NULL, cursor_right = NULL WHERE id = ?",
            arguments: [id])
    }
}
