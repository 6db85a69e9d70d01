/// The settings under which values are read.
///
/// Binary forms depend on no setting. The text of composites, ranges, geometric types and the like does, so every
/// session that reads holds these still, whatever the database, the role or the environment says. A session in
/// which the user's defaults and triggers run sets them only around its reading (`locally`), because `CURRENT_DATE`
/// in a default is to mean the user's day, not that of UTC.
enum SessionSettings {
    static let reading: [(name: String, value: String)] = [
        ("DateStyle", "ISO, YMD"), ("IntervalStyle", "iso_8601"), ("TimeZone", "UTC"),
        ("bytea_output", "hex"), ("extra_float_digits", "1"), ("lc_monetary", "C"), ("xmlbinary", "base64"),
        ("xmloption", "content"),
    ]

    /// Puts them back to what the user has, until the transaction ends or they are set again.
    static var users: String {
        reading.map { "SET LOCAL \($0.name) TO DEFAULT" }.joined(separator: "; ")
    }

    /// One statement that sets them all; `locally`: until the transaction ends.
    static func sql(locally: Bool = false) -> String {
        let calls = reading.map { "pg_catalog.set_config('\($0.name)', '\($0.value)', \(locally))" }
        return "SELECT " + calls.joined(separator: ", ")
    }
}

/// What is known of a server once connected.
struct ServerFacts: Sendable, Hashable {
    /// As `server_version_num`: 150018.
    var version: Int
    /// The encoding of the database.
    var encoding: String

    /// The client encoding under which texts come as the database has them. A database in SQL_ASCII has bytes of no
    /// known encoding: they are kept as they are, as SQLite's are.
    var clientEncoding: String { encoding == "SQL_ASCII" ? "SQL_ASCII" : "UTF8" }

    /// Before 17, what means an infinite interval was a long one.
    var hasInfiniteIntervals: Bool { version >= 170_000 }
    var hasInfiniteNumerics: Bool { version >= 140_000 }
}
