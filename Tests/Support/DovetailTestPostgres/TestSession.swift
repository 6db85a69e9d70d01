import CLibPQ
import Dispatch

/// A connection for tests, as psql: SQL in, text out. It is not the code under test.
///
/// `@unchecked` because of the pointer: libpq is called only on `queue`, which is serial, and in `deinit`, where
/// nobody else is left.
public final class TestSession: @unchecked Sendable {
    private let connection: OpaquePointer
    private let queue = DispatchQueue(label: "dovetail.test.postgres")

    private init(_ connection: OpaquePointer) { self.connection = connection }

    deinit { PQfinish(connection) }

    /// - Throws: ``NoServer`` when there is none, or ``Failure``.
    public static func open(_ conninfo: String) async throws -> TestSession {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result {
                        guard libpq_load() else { throw NoServer(reason: "libpq is missing") }
                        guard let connection = PQconnectdb(conninfo) else {
                            throw NoServer(reason: "no memory for a connection")
                        }
                        guard PQstatus(connection) == CONNECTION_OK else {
                            defer { PQfinish(connection) }
                            throw NoServer(reason: String(cString: PQerrorMessage(connection)))
                        }
                        PQsetNoticeProcessor(connection, { _, _ in }, nil)
                        return TestSession(connection)
                    })
            }
        }
    }

    /// Runs one or more statements; gives the rows of the last.
    /// - Throws: ``Failure``.
    @discardableResult
    public func run(_ sql: String) async throws -> [[String?]] {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try self.execute(sql) }) }
        }
    }

    /// The first value of the last statement.
    public func value(_ sql: String) async throws -> String? {
        try await run(sql).first?.first ?? nil
    }

    private func execute(_ sql: String) throws -> [[String?]] {
        let result = PQexec(connection, sql)
        defer { PQclear(result) }
        let status = PQresultStatus(result)
        guard status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK else {
            throw Failure(message: String(cString: PQerrorMessage(connection)), sql: sql)
        }
        return (0..<PQntuples(result)).map { row in
            (0..<PQnfields(result)).map { column in
                guard PQgetisnull(result, row, column) == 0, let text = PQgetvalue(result, row, column) else {
                    return nil
                }
                return String(cString: text)
            }
        }
    }

    /// What PostgreSQL said, and to what.
    public struct Failure: Error, CustomStringConvertible {
        public var message: String
        public var sql: String
        public var description: String { "\(message)in: \(sql)" }
    }
}

/// Connection strings, taken apart by libpq.
public enum Conninfo {
    public static func parse(_ text: String) -> [String: String] {
        guard let options = PQconninfoParse(text, nil) else { return [:] }
        defer { PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return values
    }

    /// The same with some options changed; nil takes one away.
    public static func changing(_ text: String, _ changes: [String: String?]) -> String {
        var values = parse(text)
        for (key, value) in changes { values[key] = value }
        return values.sorted { $0.key < $1.key }.map { "\($0.key)=\(quoted($0.value))" }
            .joined(separator: " ")
    }

    private static func quoted(_ value: String) -> String {
        let escaped = value.map { $0 == "'" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined()
        return "'\(escaped)'"
    }
}
