import CLibPQ
import Foundation

/// An error as PostgreSQL tells it, with all of its fields.
struct PostgresFailure: Error, Sendable, Hashable {
    /// Five characters; empty when libpq itself failed, as after a lost connection.
    var sqlState = ""
    var message: String
    var detail: String?
    var hint: String?
    var schema: String?
    var table: String?
    var column: String?
    var dataType: String?
    var constraint: String?
    /// Where in the statement, counted in characters from 1.
    var position: Int?
    /// What a function or `COPY` adds: which line, which column.
    var context: String?
    /// The connection can't be used any more.
    var connectionLost = false
    /// The setting of the user's that ended the statement, as `statement_timeout = 30s`.
    var timeout: String?

    init(sqlState: String = "", message: String) {
        self.sqlState = sqlState
        self.message = message
    }

    /// Reads a result that is an error.
    init(result: OpaquePointer) {
        func field(_ code: Character) -> String? {
            guard let ascii = code.asciiValue, let text = PQresultErrorField(result, Int32(ascii)) else {
                return nil
            }
            return String(cString: text)
        }
        // The letters are PG_DIAG_… of libpq, which Swift doesn't see.
        sqlState = field("C") ?? ""
        message = field("M") ?? trimmed(PQresultErrorMessage(result))
        detail = field("D")
        hint = field("H")
        schema = field("s")
        table = field("t")
        column = field("c")
        dataType = field("d")
        constraint = field("n")
        position = field("P").flatMap { Int($0) }
        context = field("W")
    }

    /// What libpq says about its last call. Such messages name host, user and database, and never a password.
    init(connection: OpaquePointer) {
        message = trimmed(PQerrorMessage(connection))
        connectionLost = isLost(connection)
        if message.isEmpty { message = "libpq gives no reason" }
    }

    /// The first two characters of the SQLSTATE.
    var sqlClass: Substring { sqlState.prefix(2) }

    /// PostgreSQL's words in one line.
    var words: String {
        var text = Self.oneLine(message)
        if let detail { text += " (\(Self.oneLine(detail)))" }
        if let hint { text += "; \(Self.oneLine(hint))" }
        return text
    }

    /// libpq sets off what it adds by tabs.
    private static func oneLine(_ text: String) -> String {
        text.split { $0 == "\n" || $0 == "\t" }.joined(separator: " ")
    }
}

/// Whether nobody is at the other end of a connection any more.
///
/// A write that failed is told by libpq before it knows of the end: after a crash of the server, which gives no SQLSTATE,
/// the connection looks sound until it was read to its end. For use after an error that is libpq's own.
func isLost(_ connection: OpaquePointer) -> Bool {
    // What had arrived before the end is some megabytes at most; a server that goes on sending is there.
    for _ in 0..<1000 where PQstatus(connection) == CONNECTION_OK {
        var entry = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 0) > 0, PQconsumeInput(connection) == 1 else { break }
    }
    return PQstatus(connection) != CONNECTION_OK
}

/// The text of libpq without the line ends it puts behind it.
func trimmed(_ text: UnsafePointer<CChar>?) -> String {
    guard let text else { return "" }
    var words = String(cString: text)
    while let last = words.last, last.isWhitespace { words.removeLast() }
    return words
}
