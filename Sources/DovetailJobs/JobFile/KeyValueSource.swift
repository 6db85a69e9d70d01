/// `host=db dbname=fkg` and `service=fkg`: the second form in which PostgreSQL's own library takes a source.
///
/// It is recognised and masked here; reading it is that library's business.
enum KeyValueSource {
    /// libpq's words, as far as a text can begin with them; others only follow.
    private static let keywords: Set<String> = [
        "application_name", "channel_binding", "client_encoding", "connect_timeout", "dbname",
        "fallback_application_name", "gssencmode", "gsslib", "host", "hostaddr", "keepalives",
        "keepalives_count",
        "keepalives_idle", "keepalives_interval", "krbsrvname", "load_balance_hosts", "options", "passfile",
        "password", "port", "replication", "require_auth", "requirepeer", "scram_client_key",
        "scram_server_key",
        "service", "servicefile", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert",
        "sslcertmode", "sslcompression", "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslnegotiation",
        "sslpassword", "sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout", "user",
    ]

    /// Whether a text begins with a word of libpq's and a `=`.
    static func matches(_ text: String) -> Bool { keyword(at: text[...]) != nil }

    /// The text with the values of secrets as `***`.
    ///
    /// A value in quotes ends with them. Any other ends where the next word of libpq's begins: what stands
    /// between was perhaps meant to be the rest of a password, and is hidden too.
    static func mask(_ text: String, isSecret: (String) -> Bool) -> String {
        var result = ""
        var rest = text[...]
        var hides = false
        while !rest.isEmpty {
            if let (name, value) = keyword(at: rest) {
                hides = isSecret(name)
                result += rest[..<value]
                rest = rest[value...]
                let end = endOfValue(rest)
                result += hides ? "***" : String(rest[..<end])
                rest = rest[end...]
            } else {
                let end = rest.dropFirst().firstIndex { $0.isWhitespace } ?? rest.endIndex
                if !hides { result += rest[..<end] }
                rest = rest[end...]
            }
        }
        return result
    }

    /// The word that `text` begins with, spaces before it skipped, and where its value begins.
    private static func keyword(at text: Substring) -> (name: String, value: Substring.Index)? {
        let start = text.drop { $0.isWhitespace }
        let name = start.prefix { $0.isASCII && ($0.isLowercase || $0 == "_") }
        guard keywords.contains(String(name)) else { return nil }
        let afterName = start[name.endIndex...].drop { $0.isWhitespace }
        guard afterName.first == "=" else { return nil }
        return (String(name), afterName.dropFirst().drop { $0.isWhitespace }.startIndex)
    }

    private static func endOfValue(_ text: Substring) -> Substring.Index {
        guard text.first == "'" else { return text.firstIndex { $0.isWhitespace } ?? text.endIndex }
        var index = text.index(after: text.startIndex)
        while index < text.endIndex {
            let character = text[index]
            index = text.index(after: index)
            if character == "'" { return index }
            if character == "\\", index < text.endIndex { index = text.index(after: index) }
        }
        return index
    }
}
