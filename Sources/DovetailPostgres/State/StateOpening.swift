import Dovetail
import DovetailEngine
import Foundation

/// Finds, makes and checks the schema of a state and the row of a job.
struct StateOpening {
    let schema: SchemaName
    let job: String
    /// As ``PostgresStateStore/name``.
    let store: String
    var migrations = StateMigrations.all

    /// What a job's memory turned out to be.
    enum Found: Sendable {
        case job(Int64)
        /// There is none yet; or it is damaged, and why.
        case absent(resetReason: String?)
    }

    // MARK: Looking

    /// Finds the job without making anything.
    func look(_ session: Session) throws -> Found {
        do {
            guard case .ours(let version) = try standing(session) else { return .absent(resetReason: nil) }
            guard version == migrations.count else {
                throw StateError.failed(
                    store: store,
                    message: "it was written by an older Dovetail; the next sync brings it up to date")
            }
            guard let found = try row(session) else {
                return .absent(resetReason: try resetReason(session))
            }
            if let suspect = found.suspect { throw StateDamage(suspect) }
            return .job(found.id)
        } catch let damage as StateDamage {
            return .absent(resetReason: "the state is damaged (\(damage.description))")
        }
    }

    private enum Standing {
        case missing
        /// The schema is there, and holds nothing.
        case empty
        case ours(version: Int)
    }

    /// - Throws: ``StateDamage``; ``StateError`` when the schema is someone else's or newer.
    private func standing(_ session: Session) throws -> Standing {
        let found = try session.execute(
            """
            SELECT c.relname FROM pg_catalog.pg_namespace AS n
            LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            WHERE n.nspname = $1
            """, [.text(schema.text)])
        guard found.count > 0 else { return .missing }
        // A job that keeps its state elsewhere may have left its mark there.
        let tables = Set((0..<found.count).compactMap { found.text($0, 0) }).subtracting([
            ReplicaMarks.relation
        ])
        guard !tables.isEmpty else { return .empty }
        guard tables.contains(StateMigrations.marker) else {
            throw StateError.failed(
                store: store,
                message: "the schema holds tables of another program; name another one, as in"
                    + " state: postgresql://HOST/DATABASE?schema=NAME")
        }
        let marker = try session.execute("SELECT version FROM \(schema).\(StateMigrations.marker)")
        guard marker.count == 1, let version = marker.int(0, 0) else {
            throw StateDamage("it says nothing of its format")
        }
        guard version <= migrations.count else {
            throw StateError.failed(
                store: store,
                message: "it was written by a newer Dovetail (format \(version), this one knows up to "
                    + "\(migrations.count)); upgrade Dovetail")
        }
        if version > 0, let missing = StateMigrations.tables.first(where: { !tables.contains($0) }) {
            throw StateDamage("its table \(missing) is missing")
        }
        return .ours(version: version)
    }

    private func row(_ session: Session) throws -> (id: Int64, suspect: String?)? {
        let found = try session.execute(
            "SELECT id, suspect FROM \(schema).jobs WHERE name = $1", [.text(job)])
        return found.count == 0 ? nil : (try found.required(0, 0), found.text(0, 1))
    }

    /// Why the whole schema was made anew, when it was.
    private func resetReason(_ session: Session) throws -> String? {
        try session.execute("SELECT reset_reason FROM \(schema).\(StateMigrations.marker)").text(0, 0)
    }

    // MARK: Making

    /// Finds the job, making whatever is missing. What is damaged is put aside, never deleted.
    func make(_ session: Session) throws -> Int64 {
        if case .job(let id) = try? look(session) { return id }
        let encoding = try session.execute("SELECT current_setting('server_encoding')").text(0, 0) ?? ""
        guard encoding == "UTF8" else {
            throw StateError.failed(
                store: store, message: "the database is in \(encoding); keep the state in one in UTF8")
        }
        return try session.transaction(.readCommitted) {
            // Two that start at once: the second finds what the first one made.
            try session.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                [.text("dovetail schema \(schema.text)")])
            try makeSchema(session)
            return try makeJob(session)
        }
    }

    private func makeSchema(_ session: Session) throws {
        var version = 0
        do {
            switch try standing(session) {
            case .missing:
                try createSchema(session)
                try createMarker(session, resetReason: nil)
            case .empty: try createMarker(session, resetReason: nil)
            case .ours(let found): version = found
            }
        } catch let damage as StateDamage {
            let aside = try setAside(session, damage)
            try createSchema(session)
            try createMarker(
                session,
                resetReason:
                    "the state was damaged (\(damage.description)) and is kept as the schema \(aside)")
        }
        guard version < migrations.count else { return }
        for migration in migrations[version...] { try session.run(migration(schema)) }
        try session.execute(
            "UPDATE \(schema).\(StateMigrations.marker) SET version = $1", [.int(Int64(migrations.count))])
    }

    private func createSchema(_ session: Session) throws {
        do {
            try session.run("CREATE SCHEMA \(schema)")
        } catch let failure as PostgresFailure where failure.sqlState == "42501" {
            throw StateError.forbidden(
                store: store,
                message: "the schema is not there, and the user may not make it (\(failure.words));"
                    + " let an administrator do it once: CREATE SCHEMA \(schema) AUTHORIZATION the_user")
        }
    }

    private func createMarker(_ session: Session, resetReason: String?) throws {
        try session.run(
            "CREATE TABLE \(schema).\(StateMigrations.marker) (version integer NOT NULL, reset_reason text)")
        try session.execute(
            "INSERT INTO \(schema).\(StateMigrations.marker) (version, reset_reason) VALUES (0, $1)",
            [.optional(resetReason)])
    }

    /// Gives the damaged schema another name. Whoever still works in it finds it gone, and fails.
    private func setAside(_ session: Session, _ damage: StateDamage) throws -> String {
        var number = 1
        func name() -> SchemaName { SchemaName(text: "\(schema.text.prefix(40))_damaged_\(number)") }
        while try session.execute(
            "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", [.text(name().text)]
        ).count > 0 { number += 1 }
        do {
            try session.run("ALTER SCHEMA \(schema) RENAME TO \(name())")
        } catch let failure as PostgresFailure where failure.sqlState == "42501" {
            throw StateError.forbidden(
                store: store,
                message: "it is damaged (\(damage.description)), and the user may not put it aside"
                    + " (\(failure.words)); let its owner rename or drop the schema")
        }
        return name().text
    }

    private func makeJob(_ session: Session) throws -> Int64 {
        var reason = try resetReason(session)
        if let found = try row(session) {
            guard let suspect = found.suspect else { return found.id }
            let aside = try setAside(found.id, session)
            reason = "the state was damaged (\(suspect)) and is kept as the job “\(aside)”"
        }
        return try session.execute(
            "INSERT INTO \(schema).jobs (name, identity, reset_reason) VALUES ($1, $2, $3) RETURNING id",
            [.text(job), .text(UUID().uuidString.lowercased()), .optional(reason)]
        ).required(0, 0)
    }

    /// Gives the damaged memory of a job another name. A run that still uses it keeps it.
    private func setAside(_ id: Int64, _ session: Session) throws -> String {
        let lock = StateLock(schema: schema, job: id)
        guard try lock.takeForTransaction(session) else {
            throw StateError.locked(by: try lock.holder(session))
        }
        var number = 1
        while try session.execute(
            "SELECT 1 FROM \(schema).jobs WHERE name = $1", [.text("\(job) (damaged \(number))")]
        ).count > 0 { number += 1 }
        let aside = "\(job) (damaged \(number))"
        try session.execute("UPDATE \(schema).jobs SET name = $2 WHERE id = $1", [.int(id), .text(aside)])
        return aside
    }
}
