import Dovetail
import DovetailEngine
import Foundation
import GRDB

/// The tables of a state file, and how a file is known to be one.
enum StateSchema {
    /// "Dvtl". Never change.
    static let applicationID: UInt32 = 0x4476_746c
    /// Grows with every migration; a file with a greater one comes from a newer Dovetail.
    static let version = 1
    /// Checked each time the file is opened.
    static let smallTables = [
        "job", "tables", "layouts", "redactions", "runs", "conflicts", "rejections", "pending",
    ]

    /// Migrations are appended, never changed.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1: base, journal and conflicts") { db in
            try db.execute(
                sql: """
                    CREATE TABLE job (
                        name TEXT NOT NULL, identity TEXT NOT NULL, generation INTEGER NOT NULL DEFAULT 0,
                        pending_generation INTEGER, marked_left INTEGER NOT NULL DEFAULT 0,
                        marked_right INTEGER NOT NULL DEFAULT 0, counter_left INTEGER, counter_right INTEGER,
                        reset_reason TEXT, last_quiet INTEGER, last_run INTEGER NOT NULL DEFAULT 0);
                    CREATE TABLE tables (
                        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, layout INTEGER, count INTEGER NOT NULL DEFAULT 0,
                        cursors INTEGER NOT NULL DEFAULT 0, cursor_left TEXT, cursor_right TEXT);
                    CREATE TABLE layouts (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE);
                    CREATE TABLE redactions (id INTEGER PRIMARY KEY, rule TEXT NOT NULL UNIQUE);
                    CREATE TABLE runs (
                        number INTEGER PRIMARY KEY, kind TEXT NOT NULL, started INTEGER NOT NULL,
                        ended INTEGER, status TEXT NOT NULL, generation INTEGER NOT NULL,
                        counts TEXT, message TEXT);
                    -- place: the run's number << 32, plus the place within the run
                    CREATE TABLE changes (
                        place INTEGER PRIMARY KEY, tbl INTEGER NOT NULL, side INTEGER NOT NULL,
                        key BLOB NOT NULL, verb TEXT NOT NULL, outcome TEXT NOT NULL DEFAULT 'open',
                        reason TEXT, layout INTEGER, redaction INTEGER NOT NULL DEFAULT 0, content BLOB NOT NULL);
                    CREATE INDEX open_changes ON changes (tbl, key) WHERE outcome = 'open';
                    CREATE INDEX open_places ON changes (outcome) WHERE outcome = 'open';
                    CREATE INDEX unlabelled_changes ON changes (tbl) WHERE layout IS NULL;
                    CREATE TABLE conflicts (
                        tbl INTEGER NOT NULL, key BLOB NOT NULL, short TEXT NOT NULL, since INTEGER NOT NULL,
                        resolution BLOB, content BLOB NOT NULL, PRIMARY KEY (tbl, key)) WITHOUT ROWID;
                    CREATE INDEX conflicts_short ON conflicts (short);
                    CREATE TABLE rejections (
                        tbl INTEGER NOT NULL, key BLOB NOT NULL, side INTEGER NOT NULL, reason TEXT NOT NULL,
                        seen_left TEXT, seen_right TEXT, retried INTEGER NOT NULL, since INTEGER NOT NULL,
                        PRIMARY KEY (tbl, key)) WITHOUT ROWID;
                    CREATE TABLE pending (
                        tbl INTEGER NOT NULL, key BLOB NOT NULL, PRIMARY KEY (tbl, key)) WITHOUT ROWID;
                    """)
            try db.execute(sql: "PRAGMA application_id = \(applicationID)")
            try db.execute(sql: "PRAGMA user_version = 1")
        }
        return migrator
    }

    /// Fills an empty database.
    static func fill(_ queue: DatabaseQueue, job: String, resetReason: String?) throws {
        try migrator.migrate(queue)
        try queue.write { db in
            try db.execute(
                sql: "INSERT INTO job (name, identity, reset_reason) VALUES (?, ?, ?)",
                arguments: [job, UUID().uuidString.lowercased(), resetReason])
        }
    }
}

/// The first bytes of a file, by which it is recognised before SQLite touches it.
struct StateHeader {
    let bytes: [UInt8]

    /// - Throws: ``StateDamage`` when this is no database, ``StateError`` when it is someone else's or newer.
    func check(path: String) throws {
        guard !bytes.isEmpty else { throw StateDamage("it is empty") }
        guard bytes.count >= 100, bytes.starts(with: "SQLite format 3\0".utf8) else {
            throw StateDamage("it is not a database")
        }
        guard number(at: 68) == StateSchema.applicationID else {
            throw StateError.failed(
                store: path, message: "it is a database of another program; choose another path for the state"
            )
        }
        try Self.check(version: Int(number(at: 60)), path: path)
    }

    static func check(version: Int, path: String) throws {
        guard version <= StateSchema.version else {
            throw StateError.failed(
                store: path,
                message: "it was written by a newer Dovetail (format \(version), this one knows up to "
                    + "\(StateSchema.version)); upgrade Dovetail")
        }
    }

    private func number(at offset: Int) -> UInt32 {
        bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
