import CLibPQ
import Foundation

/// A value of a statement, in the few types that stores of the package's other parts need.
package enum PlainValue: Sendable, Hashable {
    case null
    case int(Int64)
    case text(String)
    case bytes([UInt8])
}

/// A connection for other parts of the package, which want statements and notices and nothing else of PostgreSQL.
package struct PlainPostgres: Sendable {
    private let connection: PostgresConnection

    /// - Throws: `ReplicaError` in words, or `CancellationError`.
    package static func open(_ address: PostgresStateAddress) async throws -> PlainPostgres {
        let connection = try await PostgresConnection.open(address.settings, name: address.display)
        try await connection.perform(PostgresStateStore.prepare)
        return PlainPostgres(connection: connection)
    }

    /// Runs on the connection's thread.
    /// - Throws: `ReplicaError` for what PostgreSQL refuses, `CancellationError`; and what else `body` throws, as it is.
    package func perform<R: Sendable>(
        _ body: @escaping @Sendable (PlainSession) throws -> R
    ) async throws -> R {
        let result: Result<R, any Error> = try await connection.perform { session in
            do {
                return .success(try body(PlainSession(session: session)))
            } catch let failure as PostgresFailure {
                throw failure
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Ends the connection, after what is still being done on it.
    package func close() async { await connection.close() }
}

/// A connection in blocking use, inside ``PlainPostgres/perform(_:)``.
package struct PlainSession {
    fileprivate let session: Session

    /// Runs one statement with `$1`, `$2` … for values.
    @discardableResult
    package func rows(_ sql: String, _ values: [PlainValue] = []) throws -> [[PlainValue]] {
        let result = try session.execute(
            sql,
            values.map { value in
                switch value {
                case .null: .null
                case .int(let number): .int(number)
                case .text(let text): .text(text)
                case .bytes(let bytes): .bytes(bytes)
                }
            })
        return (0..<result.count).map { row in (0..<result.columnCount).map { result.plain(row, $0) } }
    }

    /// Everything of `body` or nothing of it; each statement sees what was committed before it.
    package func transaction<R>(_ body: () throws -> R) throws -> R {
        try session.transaction(.readCommitted, body)
    }

    /// Waits for notices of channels that are listened to, and gives their texts; none when none came in time.
    package func notices(within milliseconds: Int32) throws -> [String] {
        let handle = try session.handle()
        var entry = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
        if poll(&entry, 1, milliseconds) > 0, PQconsumeInput(handle) != 1 {
            var failure = PostgresFailure(connection: handle)
            failure.connectionLost = true
            throw failure
        }
        var texts: [String] = []
        while let notice = PQnotifies(handle) {
            texts.append(String(cString: notice.pointee.extra))
            PQfreemem(notice)
        }
        return texts
    }
}

extension ResultRows {
    /// A value of a column of `bigint`, `boolean`, `bytea`, or of text.
    fileprivate func plain(_ row: Int, _ column: Int) -> PlainValue {
        guard let value = bytes(row, column) else { return .null }
        switch columnType(column) {
        case 17: return .bytes(Array(value))
        case 20, 21, 23: return int(row, column).map { .int(Int64($0)) } ?? .null
        default: return .text(String(decoding: value, as: UTF8.self))
        }
    }
}

extension PostgresStateAddress {
    /// The schema's name as it stands in statements.
    package var quotedSchema: String { schema.description }
    /// As it stands in the catalog.
    package var schemaText: String { schema.text }
}
