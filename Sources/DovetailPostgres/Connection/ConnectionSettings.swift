import CLibPQ

/// Where a database is and how to get there: a URL (`postgresql://…`) or `key=value` pairs, as libpq reads them.
///
/// `service=`, `.pgpass`, certificates and the `PG*` variables are libpq's own business and are read when a
/// connection is opened.
struct ConnectionSettings: Sendable {
    /// As given; may hold a password.
    let conninfo: String
    let applicationName: String
    /// What output may show: never a password, nor a part of one.
    let display: String
    /// Why libpq can't use the text, or isn't there; nil when it can.
    let mistake: String?

    init(_ conninfo: String, applicationName: String) {
        self.conninfo = conninfo
        self.applicationName = applicationName
        mistake =
            libpq_load()
            ? Self.mistake(in: conninfo)
            : "can't be read without libpq, PostgreSQL's client library; install it"
                + " (Debian and Ubuntu: apt install libpq5, Homebrew: brew install libpq)"
        display = mistake == nil ? Self.display(Self.parse(conninfo) ?? [:]) : "postgresql"
    }

    /// The options that may be shown; nil when libpq can't read the text.
    ///
    /// libpq's message about it is not used: it quotes the place of the mistake, which can be in a password.
    private static func parse(_ conninfo: String) -> [String: String]? {
        guard let options = PQconninfoParse(conninfo, nil) else { return nil }
        defer { PQconninfoFree(options) }
        return shown(options)
    }

    /// All options that have a value and hold no secret.
    static func shown(_ options: UnsafeMutablePointer<PQconninfoOption>) -> [String: String] {
        var values: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val, !isSecret(option.pointee) {
                values[String(cString: keyword)] = String(cString: value)
            }
            option += 1
        }
        return values
    }

    /// libpq marks what a program should hide when it is typed.
    private static func isSecret(_ option: PQconninfoOption) -> Bool {
        guard let mark = option.dispchar else { return true }
        return String(cString: mark).contains("*")
    }

    private static func mistake(in conninfo: String) -> String? {
        if conninfo.utf8.contains(0) { return "holds a zero byte" }
        for scheme in ["postgresql://", "postgres://"] where conninfo.hasPrefix(scheme) {
            // libpq would take the rest of such a password for a host or a database, and show it.
            let place = conninfo.dropFirst(scheme.count).prefix { $0 != "?" }
            let slash = place.firstIndex(of: "/") ?? place.endIndex
            let signs = place[..<slash].count { $0 == "@" }
            if signs > 1 || place[slash...].contains("@") {
                return
                    "has an @ or a / in the wrong place; in a user or a password write %40 for @ and %2F for /"
            }
        }
        guard parse(conninfo) == nil else { return nil }
        return "is neither a URL nor key=value pairs that libpq can read;"
            + " write special characters in a URL as %XX, and values with spaces as key='value'"
    }

    /// The way from the values to words.
    private static func display(_ values: [String: String]) -> String {
        if let service = values["service"] {
            let others = ["host", "hostaddr", "port", "dbname", "user"].compactMap { key in
                values[key].map { " \(key)=\($0)" }
            }
            return "service=\(service)" + others.joined()
        }
        var text = "postgresql://"
        if let user = values["user"] { text += "\(user)@" }
        let host = values["host"] ?? values["hostaddr"] ?? ""
        let isSocket = host.hasPrefix("/") || host.hasPrefix("@")
        let port = values["port"]
        if !isSocket { text += host + (port.map { ":\($0)" } ?? "") }
        text += "/\(values["dbname"] ?? "")"
        if isSocket { text += "?host=\(host)" + (port.map { "&port=\($0)" } ?? "") }
        return text
    }
}
