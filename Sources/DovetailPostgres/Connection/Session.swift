import CLibPQ
import Dispatch
import Foundation

/// How a transaction sees what others write.
enum TransactionMode: String {
    /// Each statement sees what was committed before it.
    case readCommitted = "READ COMMITTED"
    /// All statements see one moment.
    case repeatableRead = "REPEATABLE READ"
    /// All statements see one moment, and none writes.
    case snapshot = "REPEATABLE READ READ ONLY"
    case serializable = "SERIALIZABLE"
}

/// A message that is no error.
struct Notice: Sendable, Hashable {
    var sqlState: String
    var message: String
}

/// A connection in blocking use: only on its thread, inside ``PostgresConnection/perform(_:)``.
final class Session {
    /// Settings of the user that end statements, as PostgreSQL writes them; `0` when off.
    private struct Timeouts {
        var statement = "0"
        var statementMilliseconds = 0
        var lock = "0"
    }

    let canceller: Canceller
    let serverVersion: Int
    let backendPID: Int32
    /// Nil once it is closed.
    private var connection: OpaquePointer?
    private let log = NoticeLog()
    private var timeouts = Timeouts()
    /// The copy that is being read.
    var openCopy: CopyOutState = .none

    /// Takes over an open connection.
    init(_ connection: OpaquePointer) {
        self.connection = connection
        canceller = Canceller(connection)
        serverVersion = Int(PQserverVersion(connection))
        backendPID = PQbackendPID(connection)
        // The log lives as long as the session, which finishes the connection.
        PQsetNoticeReceiver(
            connection,
            { log, result in
                guard let log, let result else { return }
                Unmanaged<NoticeLog>.fromOpaque(log).takeUnretainedValue().append(result)
            }, Unmanaged.passUnretained(log).toOpaque())
    }

    deinit { finish() }

    /// The last notices, oldest first.
    var notices: [Notice] { log.notices }

    func clearNotices() { log.notices.removeAll() }

    /// Whether statements can still be sent.
    var isOpen: Bool { connection.map { PQstatus($0) == CONNECTION_OK } ?? false }

    /// Whether a transaction is open, be it failed.
    var isInTransaction: Bool {
        guard let connection else { return false }
        let status = PQtransactionStatus(connection)
        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR || status == PQTRANS_ACTIVE
    }

    // MARK: - Statements

    /// Runs one statement and gives its rows in binary form.
    @discardableResult
    func execute(_ sql: String, _ parameters: [Parameter] = []) throws -> ResultRows {
        let handle = try handleAtRest()
        let wires = parameters.map(\.wire)
        // The pointers of all values must be valid at once, so they lie in one block.
        let block = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, wires.reduce(0) { $0 + ($1.bytes?.count ?? 0) }), alignment: 1)
        defer { block.deallocate() }
        var values: [UnsafePointer<CChar>?] = []
        var offset = 0
        for wire in wires {
            guard let bytes = wire.bytes else {
                values.append(nil)
                continue
            }
            let place = UnsafeMutableRawBufferPointer(rebasing: block[offset...])
            place.copyBytes(from: bytes)
            // An empty value needs an address too, or it would be null.
            let start = UnsafeRawPointer(place.baseAddress ?? block.baseAddress)
            values.append(start?.assumingMemoryBound(to: CChar.self))
            offset += bytes.count
        }
        let types = wires.map(\.type)
        let lengths = wires.map { Int32($0.bytes?.count ?? 0) }
        let formats = wires.map { Int32($0.isBinary ? 1 : 0) }
        return try statement {
            PQexecParams(handle, sql, Int32(wires.count), types, values, lengths, formats, 1)
        }
    }

    /// Runs one or more statements without parameters; gives the rows of the last as text.
    @discardableResult
    func run(_ sql: String) throws -> ResultRows {
        let handle = try handleAtRest()
        return try statement { PQexec(handle, sql) }
    }

    /// Everything of `body` or nothing of it.
    @discardableResult
    func transaction<R>(_ mode: TransactionMode, _ body: () throws -> R) throws -> R {
        try begin(mode)
        do {
            let result = try body()
            try commit()
            return result
        } catch {
            rollback()
            throw error
        }
    }

    func begin(_ mode: TransactionMode) throws {
        try run("BEGIN ISOLATION LEVEL \(mode.rawValue)")
    }

    func commit() throws {
        // PostgreSQL answers to the COMMIT of a failed transaction that it rolled back, which is no error to it.
        guard try run("COMMIT").commandTag == "COMMIT" else {
            throw PostgresFailure(sqlState: "25P02", message: "the transaction had failed before its end")
        }
    }

    /// Ends a transaction without a trace, also in a cancelled task. If that fails, the server does it when the
    /// connection ends.
    func rollback() {
        guard let connection, isOpen else { return }
        endCopyOutQuietly()
        guard isInTransaction, let result = PQexec(connection, "ROLLBACK") else { return }
        PQclear(result)
    }

    // MARK: - The frame of each statement

    /// Fixes what the form of values depends on, and reads the timeouts that the user set.
    func pin() throws {
        let rows = try run(
            """
            SET client_encoding = 'UTF8'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
            SET TimeZone = 'UTC'; SET bytea_output = 'hex'; SET extra_float_digits = 3;
            SET standard_conforming_strings = on;
            """
                + "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
                + " (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'statement_timeout')")
        timeouts.statement = rows.text(0, 0) ?? "0"
        timeouts.lock = rows.text(0, 1) ?? "0"
        timeouts.statementMilliseconds = Int(rows.text(0, 2) ?? "0") ?? 0
    }

    func handle() throws -> OpaquePointer {
        guard let connection else {
            var failure = PostgresFailure(message: "the connection is closed")
            failure.connectionLost = true
            throw failure
        }
        return connection
    }

    /// For what begins something: libpq would silently read away a copy that is under way.
    func handleAtRest() throws -> OpaquePointer {
        guard case .none = openCopy else {
            throw PostgresFailure(message: "a copy is still being read on this connection; end it first")
        }
        return try handle()
    }

    /// Waits for one statement's result, which may be cancelled meanwhile.
    func statement(_ body: () -> OpaquePointer?) throws -> ResultRows {
        let begun = ContinuousClock.now
        return try canceller.running {
            let result = try accepted(body(), begun)
            let status = PQresultStatus(result)
            guard status != PGRES_COPY_OUT, status != PGRES_COPY_IN, status != PGRES_COPY_BOTH else {
                PQclear(result)
                leaveCopy()
                throw PostgresFailure(message: "COPY is not run as a plain statement")
            }
            return ResultRows(result)
        }
    }

    /// The result, unless it is an error. Takes the result over when it throws.
    func accepted(_ result: OpaquePointer?, _ begun: ContinuousClock.Instant) throws -> OpaquePointer {
        let handle = try handle()
        guard let result else { throw PostgresFailure(connection: handle) }
        switch PQresultStatus(result) {
        case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE, PGRES_NONFATAL_ERROR, PGRES_EMPTY_QUERY:
            defer { PQclear(result) }
            throw failure(result, begun)
        default: return result
        }
    }

    private func failure(_ result: OpaquePointer, _ begun: ContinuousClock.Instant) -> PostgresFailure {
        guard PQresultStatus(result) != PGRES_EMPTY_QUERY else {
            return PostgresFailure(sqlState: "42601", message: "the statement is empty")
        }
        var failure = PostgresFailure(result: result)
        if failure.sqlState.isEmpty, let connection { failure.connectionLost = isLost(connection) }
        if !isOpen { failure.connectionLost = true }
        let elapsed = ContinuousClock.now - begun
        // The message is in the server's language, and someone else's cancel has the same SQLSTATE: the time tells.
        if failure.sqlState == "57014", timeouts.statementMilliseconds > 0,
            elapsed >= .milliseconds(timeouts.statementMilliseconds)
        {
            failure.timeout = "statement_timeout = \(timeouts.statement)"
        }
        if failure.sqlState == "55P03", timeouts.lock != "0" {
            failure.timeout = "lock_timeout = \(timeouts.lock)"
        }
        return failure
    }

    /// Ends the connection. The session is not used afterwards.
    func finish() {
        guard let connection else { return }
        self.connection = nil
        canceller.close()
        PQfinish(connection)
    }
}

/// Keeps the last notices; written by libpq while it works for the session, on the session's thread.
final class NoticeLog {
    static let capacity = 100
    var notices: [Notice] = []

    func append(_ result: OpaquePointer) {
        let failure = PostgresFailure(result: result)
        if notices.count == Self.capacity { notices.removeFirst() }
        notices.append(Notice(sqlState: failure.sqlState, message: failure.message))
    }
}
