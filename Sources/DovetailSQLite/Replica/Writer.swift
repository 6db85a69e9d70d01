import DovetailEngine
import Foundation
import GRDB

/// The one connection through which a replica writes, opened when first needed.
actor Writer {
    private let place: Place
    private var connection: Task<Connection, any Error>?
    /// The file that the connection is open on: a path may come to name another one.
    private var file: FileIdentity?

    init(_ place: Place) { self.place = place }

    func perform<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws -> Result {
        try await open().perform(body)
    }

    func close() async {
        let open = connection
        connection = nil
        if let open = try? await open?.value { await open.close() }
    }

    private func open() async throws -> Connection {
        let present = FileIdentity(place.path)
        if let connection {
            if present == file { return try await connection.value }
            self.connection = nil
            Task { await (try? connection.value)?.close() }
        }
        file = present
        let place = place
        let opening = Task {
            let connection = try await Connection.write(to: place)
            do {
                try await connection.perform { db in try GeoPackageContents.check(db, place) }
            } catch {
                await connection.close()
                throw error
            }
            return connection
        }
        connection = opening
        do {
            return try await opening.value
        } catch {
            connection = nil
            throw error
        }
    }
}

/// A write transaction that is ended whatever happens.
enum Transaction {
    static func run<Result>(_ db: Database, _ body: () throws -> Result) throws -> Result {
        try db.execute(sql: "BEGIN IMMEDIATE")
        do {
            let result = try body()
            try db.execute(sql: "COMMIT")
            return result
        } catch {
            rollBack(db)
            throw error
        }
    }

    static func rollBack(_ db: Database) {
        // SQLite itself has rolled back after some errors.
        if db.isInsideTransaction { try? db.execute(sql: "ROLLBACK") }
    }
}

/// Which file a path names now.
struct FileIdentity: Equatable {
    private let number: Int?
    private let volume: Int?

    init(_ path: String) {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        number = attributes?[.systemFileNumber] as? Int
        volume = attributes?[.systemNumber] as? Int
    }
}
