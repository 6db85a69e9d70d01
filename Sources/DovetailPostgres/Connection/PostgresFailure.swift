import CLibPQ

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
        connectionLost = PQstatus(connection) == CONNECTION_BAD
        if message.isEmpty { message = "libpq gives no reason" }
    }

    /// The first two characters of the SQLSTATE.
    var sqlClass: Substring { sqlState.prefix(2) }

    /// PostgreSQL's words in one line.
    var words: String {
        var text = message.split(separator: "\n").joined(separator: " ")
        if let detail { text += " (\(detail.split(separator: "\n").joined(separator: " ")))" }
        if let hint { text += "; \(hint.split(separator: "\n").joined(separator: " "))" }
        return text
    }
}

/// The text of libpq without the line ends it puts behind it.
func trimmed(_ text: UnsafePointer<CChar>?) -> String {
    guard let text else { return "" }
    var words = String(cString: text)
    while let last = words.last, last.isWhitespace { words.removeLast() }
    return words
}
