import Dovetail
import DovetailEngine
import GRDB

/// The marks by which a file is recognised, in a small table of its own.
struct ReplicaMarks {
    private let place: Place
    private let tables: HelperTables

    init(_ place: Place) {
        self.place = place
        tables = HelperTables(place.kind)
    }

    func identity(job: String, _ db: Database) throws -> ReplicaIdentity {
        var marks: [ReplicaMark] = []
        if try db.tableExists(tables.mark) {
            let rows = try Row.fetchAll(
                db,
                sql: "SELECT side, state, generation FROM \(tables.mark) WHERE job = ? ORDER BY side, state",
                arguments: [job])
            marks = rows.compactMap { row in
                guard let side = Side(rawValue: row["side"]) else { return nil }
                return ReplicaMark(job: job, side: side, state: row["state"], generation: row["generation"])
            }
        }
        return ReplicaIdentity(marks: marks, changeCounter: changeCounter(db))
    }

    func stamp(_ mark: ReplicaMark, _ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS \(tables.mark) (
                    job TEXT NOT NULL, side TEXT NOT NULL, state TEXT NOT NULL, generation INTEGER NOT NULL,
                    PRIMARY KEY (job, side))
                """)
        if place.kind == .geoPackage { try GeoPackageContents.registerHelper(tables.mark, db) }
        try db.execute(
            sql: """
                INSERT INTO \(tables.mark) (job, side, state, generation) VALUES (?, ?, ?, ?)
                ON CONFLICT (job, side) DO UPDATE SET state = excluded.state, generation = excluded.generation
                """,
            arguments: [mark.job, mark.side.rawValue, mark.state, mark.generation])
    }

    /// SQLite counts the transactions of a file in its header: a file restored from a backup shows a lower count. That
    /// serves where no mark is left, on a side that is only read.
    private func changeCounter(_ db: Database) -> Int64? {
        db.sqliteConnection.flatMap { FileHeader($0) }?.changeCounter
    }
}
