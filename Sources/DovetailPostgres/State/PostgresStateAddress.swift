/// Where a state in PostgreSQL is: a database, and the schema in it.
///
/// ```
/// postgresql://sync@db.example.org/fkg                     the schema dovetail
/// postgresql://sync@db.example.org/fkg?schema=benches      another one
/// service=fkg schema=benches                               libpq's other form
/// ```
///
/// `schema` is Dovetail's own; everything else in the address is libpq's.
public struct PostgresStateAddress: Sendable {
    /// Why a text is no such address. It never repeats any of the text, which may hold a password.
    public struct Mistake: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// The schema when the address names none.
    public static let defaultSchema = "dovetail"
    /// Longer names are cut off by PostgreSQL.
    private static let longestName = 63

    let settings: ConnectionSettings
    let schema: SchemaName

    /// What output calls it, without credentials.
    public var display: String { "\(settings.display), schema \(schema.text)" }

    /// - Parameter text: `postgresql://…` or `key=value` pairs, as libpq reads them, with `schema=NAME` among its
    ///   parameters or without.
    public init(_ text: String) throws(Mistake) {
        try self.init(text, otherwise: Self.defaultSchema)
    }

    /// The same with another schema when the address names none.
    package init(_ text: String, otherwise schema: String) throws(Mistake) {
        let (conninfo, names) = text.contains("://") ? Self.takenFromURL(text) : Self.takenFromPairs(text)
        guard names.count < 2 else { throw Mistake(description: "names two schemas") }
        let name: String? = if let name = names.first { try Self.decoded(name) } else { nil }
        try self.init(conninfo: conninfo, schema: name ?? schema)
    }

    private static func takenFromURL(_ url: String) -> (conninfo: String, names: [Substring]) {
        guard let mark = url.firstIndex(of: "?") else { return (url, []) }
        let parts = url[url.index(after: mark)...].split(separator: "&")
        let others = parts.filter { !$0.hasPrefix("schema=") }
        return (
            url[..<mark] + (others.isEmpty ? "" : "?" + others.joined(separator: "&")),
            parts.filter { $0.hasPrefix("schema=") }.map { $0.dropFirst("schema=".count) }
        )
    }

    /// A word outside of quotes; with spaces in its name the schema needs a URL.
    private static func takenFromPairs(_ text: String) -> (conninfo: String, names: [Substring]) {
        var (conninfo, names) = ("", [Substring]())
        var isQuoted = false
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            if !isQuoted, word.hasPrefix("schema=") {
                names.append(word.dropFirst("schema=".count))
            } else {
                conninfo += (conninfo.isEmpty ? "" : " ") + word
            }
            if word.count(where: { $0 == "'" }) % 2 == 1 { isQuoted.toggle() }
        }
        return (conninfo, names)
    }

    /// - Parameter conninfo: a URL or key=value pairs, as libpq reads them.
    init(conninfo: String, schema name: String) throws(Mistake) {
        guard !name.isEmpty, name.utf8.count <= Self.longestName, !name.utf8.contains(0) else {
            throw Mistake(
                description: "names a schema that can't be; its name has 1 to \(Self.longestName) bytes")
        }
        self.schema = SchemaName(text: name)
        settings = ConnectionSettings(conninfo, applicationName: "dovetail")
        if let mistake = settings.mistake { throw Mistake(description: mistake) }
    }

    /// Takes `%XX` apart.
    private static func decoded(_ text: Substring) throws(Mistake) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let digits = String(rest.prefix(2)), digits.utf8.count == 2,
                let code = UInt8(digits, radix: 16)
            else { throw Mistake(description: "has a % in the schema's name; write %25 for it") }
            bytes.append(code)
            rest = rest.dropFirst(2)
        }
        guard let name = String(validating: bytes, as: UTF8.self) else {
            throw Mistake(description: "names a schema in something else than UTF-8")
        }
        return name
    }
}

/// The name of a schema; in a text it appears quoted, so that `"\(schema).jobs"` is a table.
struct SchemaName: Sendable, Hashable, CustomStringConvertible {
    let text: String

    var description: String { "\"" + text.replacing("\"", with: "\"\"") + "\"" }
}
