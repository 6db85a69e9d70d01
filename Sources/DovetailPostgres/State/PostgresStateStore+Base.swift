public import Dovetail
public import DovetailEngine

extension PostgresStateStore {
    public func base(of table: String, mirrored: Bool) async throws -> any RecordCursor {
        guard let id = try await read({ try $0.table(table) }) ?? nil else { return StateEmptyCursor() }
        return try await baseCursor(table: id, mirrored: mirrored)
    }

    public func base(of table: String, keys: [RecordKey]) async throws -> [BaseRecord] {
        try await read { rows in
            guard let id = try rows.table(table) else { return [] }
            return try StateBase(rows: rows, table: id).records(keys)
        } ?? []
    }

    public func baseKeys(of table: String, in ranges: [KeyRange]) async throws -> [RecordKey] {
        guard !ranges.isEmpty else { return [] }
        return try await read { rows in
            guard let id = try rows.table(table) else { return [] }
            return try StateBase(rows: rows, table: id).keys(in: ranges)
        } ?? []
    }

    public func baseCount(of table: String) async throws -> Int {
        try await read { rows in
            guard let id = try rows.table(table) else { return 0 }
            return try StateBase(rows: rows, table: id).count()
        } ?? 0
    }

    /// Open writes of the table are laid out anew too, so that an interrupted insert is still recognised. The table's
    /// cursors are forgotten: what a new field holds, only a look at everything can tell.
    public func relayout(_ table: String, to layout: TableLayout, moving: [Int?]) async throws {
        try await write { rows in
            let id = try rows.makingTable(table)
            try StateBase(rows: rows, table: id).relayout(moving)
            let layoutID = try rows.layout(layout)
            try StateJournal(rows: rows).relayout(id, to: layoutID, moving: moving)
            try StateUnsettlement(rows: rows).forget(id)
            try rows.execute(
                "UPDATE \(rows.schema).tables SET layout = $2 WHERE id = $1", [.int(id), .int(layoutID)])
            try rows.forgetCursors(id)
        }
    }

    /// The tables' cursors are forgotten with their base.
    public func forgetBase(of tables: [String]) async throws {
        try await write { rows in
            for table in tables {
                guard let id = try rows.table(table) else { continue }
                try StateBase(rows: rows, table: id).clear()
                try rows.forgetCursors(id)
            }
        }
    }

    // MARK: What did not agree

    public func unsettled(of table: String) async throws -> Unsettled {
        try await read { try StateUnsettlement(rows: $0).unsettled(of: table) } ?? Unsettled()
    }

    public func pendingKeys(of table: String) async throws -> [RecordKey] {
        try await read { try StateUnsettlement(rows: $0).pendingKeys(of: table) } ?? []
    }

    public func openIntents(of table: String) async throws -> [JournalEntry] {
        try await read { try StateJournal(rows: $0).intents(of: table) } ?? []
    }

    public func conflicts() async throws -> [ConflictRecord] {
        try await read { try StateUnsettlement(rows: $0).conflicts() } ?? []
    }

    public func rejections() async throws -> [RejectionRecord] {
        try await read { try StateUnsettlement(rows: $0).rejections() } ?? []
    }

    public func decide(_ resolutions: [ConflictRecord.ID: Resolution?]) async throws {
        guard !resolutions.isEmpty else { return }
        let name = name
        try await write { try StateUnsettlement(rows: $0).decide(resolutions, store: name) }
    }
}
