import Dovetail
import DovetailEngine

/// One transaction of a job's state: the session, where the tables are, and whose rows are meant.
///
/// Used only on the connection's thread.
struct StateRows {
    let session: Session
    let schema: SchemaName
    let job: Int64
    let incoming = Incoming()

    /// Whether the transaction has filled the temporary table of incoming records.
    final class Incoming {
        var isUsed = false
    }

    @discardableResult
    func execute(_ sql: String, _ parameters: [Parameter] = []) throws -> ResultRows {
        try session.execute(sql, parameters)
    }

    /// Whether the statement, which asks for one truth value, says yes.
    func holds(_ sql: String, _ parameters: [Parameter]) throws -> Bool {
        try session.execute(sql, parameters).bool(0, 0) ?? false
    }

    /// Runs a statement that joins rows with a list of keys. The server can't know how many rows of a table that just
    /// grew it will meet, and a loop within a loop would take minutes.
    @discardableResult
    func join(_ sql: String, _ parameters: [Parameter]) throws -> ResultRows {
        try session.run("SET LOCAL enable_nestloop = off")
        let result = try session.execute(sql, parameters)
        try session.run("SET LOCAL enable_nestloop = on")
        return result
    }

    // MARK: Tables by their short numbers

    func table(_ name: String) throws -> Int64? {
        try execute("SELECT id FROM \(schema).tables WHERE job = $1 AND name = $2", [.int(job), .text(name)])
            .number(0, 0)
    }

    func makingTable(_ name: String) throws -> Int64 {
        if let id = try table(name) { return id }
        return try execute(
            "INSERT INTO \(schema).tables (job, name) VALUES ($1, $2) RETURNING id", [.int(job), .text(name)]
        ).required(0, 0)
    }

    func tableNames() throws -> [Int64: String] {
        let rows = try execute("SELECT id, name FROM \(schema).tables WHERE job = $1", [.int(job)])
        var names: [Int64: String] = [:]
        for row in 0..<rows.count { names[try rows.required(row, 0)] = rows.text(row, 1) }
        return names
    }

    // MARK: Layouts

    func layout(_ layout: TableLayout) throws -> Int64 {
        try remembered(try StateJSON.encode(layout), in: "layouts", column: "content")
    }

    func layouts() throws -> [Int64: TableLayout] {
        let rows = try execute("SELECT id, content FROM \(schema).layouts WHERE job = $1", [.int(job)])
        var layouts: [Int64: TableLayout] = [:]
        for row in 0..<rows.count {
            layouts[try rows.required(row, 0)] = try StateJSON.decode(
                TableLayout.self, from: rows.text(row, 1) ?? "")
        }
        return layouts
    }

    /// The number of a text that is kept once for each job. The job's row is locked, so nobody else adds it.
    func remembered(_ text: String, in table: String, column: String) throws -> Int64 {
        let known = try execute(
            "SELECT id FROM \(schema).\(table) WHERE job = $1 AND \(column) = $2", [.int(job), .text(text)])
        if let id = known.number(0, 0) { return id }
        return try execute(
            "INSERT INTO \(schema).\(table) (job, \(column)) VALUES ($1, $2) RETURNING id",
            [.int(job), .text(text)]
        ).required(0, 0)
    }

    // MARK: Cursors

    func note(_ cursors: [String: Sides<FeedCursor?>]) throws {
        for (table, sides) in cursors {
            try execute(
                "UPDATE \(schema).tables SET cursors = true, cursor_left = $2, cursor_right = $3 WHERE id = $1",
                [.int(try makingTable(table)), .optional(sides.left?.text), .optional(sides.right?.text)])
        }
    }

    func forgetCursors(_ table: Int64) throws {
        try execute(
            "UPDATE \(schema).tables SET cursors = false, cursor_left = NULL, cursor_right = NULL WHERE id = $1",
            [.int(table)])
    }
}

extension Parameter {
    static func optional(_ text: String?) -> Parameter { text.map { .text($0) } ?? .null }

    static func optional(_ number: Int64?) -> Parameter { number.map { .int($0) } ?? .null }

    /// Keys, as `bytea[]`.
    static func keys(_ keys: some Sequence<RecordKey>) -> Parameter { .byteArrays(keys.map(\.bytes)) }
}

extension ResultRows {
    func number(_ row: Int, _ column: Int) -> Int64? { int(row, column).map(Int64.init) }

    /// A number that is always there.
    /// - Throws: ``StateDamage`` when it isn't.
    func required(_ row: Int, _ column: Int) throws -> Int64 {
        guard let number = number(row, column) else {
            throw StateDamage("an entry lacks its \(columnName(column))")
        }
        return number
    }

    /// A text that is always there.
    func requiredText(_ row: Int, _ column: Int) throws -> String {
        guard let text = text(row, column) else {
            throw StateDamage("an entry lacks its \(columnName(column))")
        }
        return text
    }

    /// Bytes that are always there.
    func array(_ row: Int, _ column: Int) throws -> [UInt8] {
        guard let bytes = bytes(row, column) else {
            throw StateDamage("an entry lacks its \(columnName(column))")
        }
        return Array(bytes)
    }
}

extension String {
    /// PostgreSQL's text has no zero byte; what a store says when it refuses a record may quote one.
    var storable: String { utf8.contains(0) ? replacing("\0", with: "\u{2400}") : self }
}

extension CopyInWriter {
    mutating func field(number: Int64) throws {
        try withUnsafeBytes(of: number.bigEndian) { try field($0) }
    }

    mutating func field(small number: Int16) throws {
        try withUnsafeBytes(of: number.bigEndian) { try field($0) }
    }

    mutating func field(text: String) throws { try field(Array(text.utf8)) }

    mutating func field(bool: Bool) throws { try field([bool ? 1 : 0]) }
}
