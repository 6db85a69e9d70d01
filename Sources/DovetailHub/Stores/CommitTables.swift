import DovetailDocuments
import DovetailPostgres

/// The few ways in which the SQL of SQLite and of PostgreSQL differ here.
struct CommitDialect: Sendable {
    /// Before the names of tables.
    var prefix: String
    var bytes: String
    var number: String
    /// Sorted by bytes.
    var text: String
    var identity: String
    /// What locks the rows of a SELECT until the transaction ends.
    var locking: String

    static let sqlite = CommitDialect(
        prefix: "", bytes: "BLOB", number: "INTEGER", text: "TEXT", identity: "INTEGER PRIMARY KEY",
        locking: "")

    static func postgres(schema: String) -> CommitDialect {
        CommitDialect(
            prefix: schema + ".", bytes: "bytea", number: "bigint", text: "text COLLATE \"C\"",
            identity: "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", locking: " FOR UPDATE")
    }
}

/// The logs of sets in tables, in one transaction of whichever database.
///
/// A set's commits and conflicts take their places from the set's row, which a transaction keeps until it ends. So they become
/// visible in the order of their places, and nobody who reads past a place misses one before it.
struct CommitTables {
    let dialect: CommitDialect
    /// Runs a statement with `$1`, `$2` … for values.
    let rows: (_ sql: String, _ values: [PlainValue]) throws -> [[PlainValue]]

    func table(_ name: String) -> String { dialect.prefix + name }

    // MARK: Format

    /// Of the tables below.
    static let format: Int64 = 1

    /// The statements that make the tables of a new store.
    static func creation(_ dialect: CommitDialect) -> [String] {
        let (number, text, bytes, prefix) = (dialect.number, dialect.text, dialect.bytes, dialect.prefix)
        return [
            "CREATE TABLE \(prefix)hub (format \(number) NOT NULL, epoch \(number) NOT NULL)",
            "CREATE TABLE \(prefix)sets (id \(dialect.identity), name \(text) NOT NULL UNIQUE, place \(number) NOT NULL)",
            """
            CREATE TABLE \(prefix)documents (
                id \(dialect.identity), set_id \(number) NOT NULL, name \(text) NOT NULL, sequence \(number) NOT NULL,
                place \(number) NOT NULL, hash \(bytes), size \(number) NOT NULL, author \(text) NOT NULL,
                time \(number) NOT NULL, oldest \(number) NOT NULL, UNIQUE (set_id, name))
            """,
            """
            CREATE TABLE \(prefix)commits (
                document \(number) NOT NULL, set_id \(number) NOT NULL, sequence \(number) NOT NULL,
                place \(number) NOT NULL, parent \(bytes), result \(bytes), size \(number) NOT NULL,
                author \(text) NOT NULL, time \(number) NOT NULL, key \(bytes) NOT NULL, delta \(bytes) NOT NULL)
            """,
            "CREATE UNIQUE INDEX commits_sequence ON \(prefix)commits (document, sequence)",
            "CREATE UNIQUE INDEX commits_place ON \(prefix)commits (set_id, place)",
            "CREATE UNIQUE INDEX commits_key ON \(prefix)commits (set_id, key)",
            """
            CREATE TABLE \(prefix)texts (
                document \(number) NOT NULL, sequence \(number) NOT NULL, text \(bytes) NOT NULL,
                PRIMARY KEY (document, sequence))
            """,
            """
            CREATE TABLE \(prefix)conflicts (
                set_id \(number) NOT NULL, id \(text) NOT NULL, document \(text) NOT NULL, client \(text) NOT NULL,
                base \(bytes), mine \(bytes), theirs \(bytes), epoch \(number) NOT NULL, sequence \(number) NOT NULL,
                time \(number) NOT NULL, resolution \(text), chosen \(bytes), PRIMARY KEY (set_id, id))
            """,
            """
            CREATE TABLE \(prefix)tokens (
                hash \(bytes) NOT NULL PRIMARY KEY, name \(text) NOT NULL, sets \(text) NOT NULL,
                may_write \(number) NOT NULL, created \(number) NOT NULL, revoked \(number))
            """,
        ]
    }

    func create(epoch: UInt64) throws {
        for statement in Self.creation(dialect) { _ = try rows(statement, []) }
        _ = try rows(
            "INSERT INTO \(table("hub")) (format, epoch) VALUES ($1, $2)",
            [.int(Self.format), .int(Int64(bitPattern: epoch))])
    }

    /// - Throws: ``HubError`` when another version of Dovetail made the tables.
    func checkFormat(of store: String) throws {
        let format = try rows("SELECT format FROM \(table("hub"))", []).first?.first
        guard format == .int(Self.format) else {
            throw HubError(
                .unavailable,
                "\(store) was made by another version of Dovetail; run that one, or bring this one up to date"
            )
        }
    }

    // MARK: Epoch

    func epoch() throws -> UInt64 {
        var row = RowReader(try rows("SELECT epoch FROM \(table("hub"))", []).first ?? [])
        return UInt64(bitPattern: try row.number())
    }

    func renewEpoch() throws {
        let old = try epoch()
        var new = UInt64.random(in: 1...(.max))
        while new == old { new = .random(in: 1...(.max)) }
        _ = try rows("UPDATE \(table("hub")) SET epoch = $1", [.int(Int64(bitPattern: new))])
    }

    // MARK: Sets and heads

    func sets() throws -> [String] {
        try rows(
            """
            SELECT name FROM \(table("sets")) AS s
            WHERE EXISTS (SELECT 1 FROM \(table("documents")) AS d WHERE d.set_id = s.id) ORDER BY name
            """, []
        ).map { row in
            var row = RowReader(row)
            return try row.text()
        }
    }

    struct StoredSet {
        var id: Int64
        var place: Int64
    }

    private func find(_ set: String, locking: String = "") throws -> StoredSet? {
        try rows("SELECT id, place FROM \(table("sets")) WHERE name = $1\(locking)", [.text(set)]).first.map {
            var row = RowReader($0)
            return StoredSet(id: try row.number(), place: try row.number())
        }
    }

    /// The set, which no other transaction writes to until this one ends.
    func holding(_ set: String) throws -> StoredSet {
        if let found = try find(set, locking: dialect.locking) { return found }
        _ = try rows(
            "INSERT INTO \(table("sets")) (name, place) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING",
            [.text(set)])
        guard let made = try find(set, locking: dialect.locking) else {
            throw RowReader.damaged("the set \(set) can't be found")
        }
        return made
    }

    func nextPlace(of set: StoredSet) throws -> Int64 {
        _ = try rows(
            "UPDATE \(table("sets")) SET place = $1 WHERE id = $2", [.int(set.place + 1), .int(set.id)])
        return set.place + 1
    }

    private static let headColumns = "id, name, sequence, place, hash, size, author, time, oldest"

    func heads(of set: String) throws -> (place: Int64, heads: [StoredHead]) {
        guard let set = try find(set) else { return (0, []) }
        let heads = try rows(
            "SELECT \(Self.headColumns) FROM \(table("documents")) WHERE set_id = $1 ORDER BY name",
            [.int(set.id)]
        ).map { try Self.head($0).head }
        return (set.place, heads)
    }

    func head(of document: DocumentName, in set: String) throws -> (id: Int64, head: StoredHead)? {
        try rows(
            """
            SELECT \(Self.headColumns) FROM \(table("documents"))
            WHERE set_id = (SELECT id FROM \(table("sets")) WHERE name = $1) AND name = $2
            """, [.text(set), .text(document.text)]
        ).first.map(Self.head)
    }

    private static func head(_ values: [PlainValue]) throws -> (id: Int64, head: StoredHead) {
        var row = RowReader(values)
        let id = try row.number()
        let head = StoredHead(
            document: try row.document(), sequence: try row.number(), place: try row.number(),
            hash: try row.hash(), size: Int(try row.number()), author: try row.text(), time: try row.number(),
            oldest: try row.number())
        return (id, head)
    }

    // MARK: Commits

    func append(_ commit: Commit, snapshot: [UInt8]?, to set: String) throws -> AppendOutcome {
        let held = try holding(set)
        if let known = try self.commit(with: commit.key, in: set) { return .known(known) }
        let found = try head(of: commit.document, in: set)
        guard (found?.head).isFollowed(by: commit) else { return .stale(found?.head) }
        var commit = commit
        commit.place = try nextPlace(of: held)
        let head = StoredHead(of: commit, oldest: found?.head.oldest ?? 1)
        let id = try keep(head, id: found?.id, set: held.id)
        try insert(commit, document: id, set: held.id)
        if let snapshot { try keep(snapshot, document: id, at: commit.sequence) }
        return .appended(commit)
    }

    func insert(_ commit: Commit, document: Int64, set: Int64) throws {
        _ = try rows(
            """
            INSERT INTO \(table("commits"))
                (document, set_id, sequence, place, parent, result, size, author, time, key, delta)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """,
            [
                .int(document), .int(set), .int(commit.sequence), .int(commit.place),
                .optional(commit.parent?.bytes),
                .optional(commit.result?.bytes), .int(Int64(commit.size)), .text(commit.author),
                .int(commit.time),
                .bytes(commit.key.bytes), .bytes(commit.delta),
            ])
    }

    func keep(_ head: StoredHead, id: Int64?, set: Int64) throws -> Int64 {
        let values: [PlainValue] = [
            .int(head.sequence), .int(head.place), .optional(head.hash?.bytes), .int(Int64(head.size)),
            .text(head.author), .int(head.time),
        ]
        if let id {
            _ = try rows(
                """
                UPDATE \(table("documents"))
                SET sequence = $1, place = $2, hash = $3, size = $4, author = $5, time = $6 WHERE id = $7
                """, values + [.int(id)])
            return id
        }
        let made = try rows(
            """
            INSERT INTO \(table("documents")) (sequence, place, hash, size, author, time, oldest, set_id, name)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id
            """, values + [.int(head.oldest), .int(set), .text(head.document.text)])
        var row = RowReader(made.first ?? [])
        return try row.number()
    }

    private static func columns(withDeltas: Bool) -> String {
        "d.name, c.sequence, c.place, c.parent, c.result, c.size, c.author, c.time, c.key"
            + (withDeltas ? ", c.delta" : "")
    }

    /// From commits with their documents, in a set that the first value names.
    private var source: String {
        """
        FROM \(table("commits")) AS c JOIN \(table("documents")) AS d ON d.id = c.document
        WHERE c.set_id = (SELECT id FROM \(table("sets")) WHERE name = $1)
        """
    }

    private static func commit(_ values: [PlainValue]) throws -> Commit {
        var row = RowReader(values)
        return Commit(
            document: try row.document(), sequence: try row.number(), place: try row.number(),
            parent: try row.hash(), result: try row.hash(), size: Int(try row.number()),
            author: try row.text(),
            time: try row.number(), key: try row.key(), delta: row.isAtEnd ? [] : try row.bytes())
    }

    func commit(with key: CommitKey, in set: String) throws -> Commit? {
        try rows(
            "SELECT \(Self.columns(withDeltas: true)) \(source) AND c.key = $2",
            [.text(set), .bytes(key.bytes)]
        ).first.map(Self.commit)
    }

    func commits(
        of document: DocumentName, in set: String, sequences: ClosedRange<Int64>, limit: Int,
        newestFirst: Bool,
        withDeltas: Bool
    ) throws -> [Commit] {
        guard let (id, _) = try head(of: document, in: set) else { return [] }
        return try rows(
            """
            SELECT \(Self.columns(withDeltas: withDeltas))
            FROM \(table("commits")) AS c JOIN \(table("documents")) AS d ON d.id = c.document
            WHERE c.document = $1 AND c.sequence BETWEEN $2 AND $3
            ORDER BY c.sequence \(newestFirst ? "DESC" : "ASC") LIMIT $4
            """, [.int(id), .int(sequences.lowerBound), .int(sequences.upperBound), .int(Int64(limit))]
        ).map(Self.commit)
    }

    func commits(of set: String, after place: Int64, limit: Int) throws -> [Commit] {
        try rows(
            "SELECT \(Self.columns(withDeltas: true)) \(source) AND c.place > $2 ORDER BY c.place LIMIT $3",
            [.text(set), .int(place), .int(Int64(limit))]
        ).map(Self.commit)
    }

    // MARK: Whole texts

    func snapshot(
        of document: DocumentName, in set: String, before sequence: Int64
    ) throws -> (sequence: Int64, text: [UInt8])? {
        guard let (id, _) = try head(of: document, in: set) else { return nil }
        return try rows(
            """
            SELECT sequence, text FROM \(table("texts"))
            WHERE document = $1 AND sequence <= $2 ORDER BY sequence DESC LIMIT 1
            """, [.int(id), .int(sequence)]
        ).first.map {
            var row = RowReader($0)
            return (try row.number(), try row.bytes())
        }
    }

    func keep(_ text: [UInt8], of document: DocumentName, in set: String, at sequence: Int64) throws {
        guard let (id, _) = try head(of: document, in: set) else { return }
        try keep(text, document: id, at: sequence)
    }

    func keep(_ text: [UInt8], document: Int64, at sequence: Int64) throws {
        _ = try rows(
            """
            INSERT INTO \(table("texts")) (document, sequence, text) VALUES ($1, $2, $3)
            ON CONFLICT (document, sequence) DO UPDATE SET text = excluded.text
            """, [.int(document), .int(sequence), .bytes(text)])
    }

    func prune(_ document: DocumentName, in set: String, before sequence: Int64) throws {
        _ = try holding(set)
        guard let (id, head) = try head(of: document, in: set), head.oldest < sequence else { return }
        let first = try rows(
            """
            SELECT c.result, (SELECT count(*) FROM \(table("texts")) AS t
                WHERE t.document = c.document AND t.sequence = c.sequence)
            FROM \(table("commits")) AS c WHERE c.document = $1 AND c.sequence = $2
            """, [.int(id), .int(sequence)]
        ).first
        guard let first, first[0] == .null || first[1] == .int(1) else {
            throw HubError.nothingToBeginWith(document, at: sequence)
        }
        for name in ["commits", "texts"] {
            _ = try rows(
                "DELETE FROM \(table(name)) WHERE document = $1 AND sequence < $2",
                [.int(id), .int(sequence)])
        }
        _ = try rows(
            "UPDATE \(table("documents")) SET oldest = $1 WHERE id = $2", [.int(sequence), .int(id)])
    }
}
