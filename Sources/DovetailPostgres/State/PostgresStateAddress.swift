/// Where a state in PostgreSQL is: a database, and the schema in it.
///
/// ```
/// postgresql://sync@db.example.org/fkg                     the schema dovetail
/// postgresql://sync@db.example.org/fkg?schema=benches      another one
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

    /// - Parameter url: `postgresql://…`, as libpq reads it, with `schema=NAME` among its parameters or without.
    public init(_ url: String) throws(Mistake) {
        var schema: String?
        var conninfo = url
        if let mark = url.firstIndex(of: "?") {
            var others: [Substring] = []
            for part in url[url.index(after: mark)...].split(separator: "&") {
                guard part.hasPrefix("schema=") else {
                    others.append(part)
                    continue
                }
                guard schema == nil else { throw Mistake(description: "names two schemas") }
                schema = try Self.decoded(part.dropFirst("schema=".count))
            }
            conninfo = String(url[..<mark]) + (others.isEmpty ? "" : "?" + others.joined(separator: "&"))
        }
        try self.init(conninfo: conninfo, schema: schema ?? Self.defaultSchema)
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
