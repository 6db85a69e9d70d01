/// The names of the tables that Dovetail keeps in a file: the marks, and the change feeds.
///
/// In a GeoPackage they begin with `gpkg_`, which every reader passes over when it lists layers, and stand in
/// `gpkg_extensions`, as the standard asks of tables of its own.
struct HelperTables: Sendable {
    let mark: String
    /// One row per feed: which table, which columns, which log.
    let feed: String
    /// How far each job has read each feed.
    let reader: String
    private let prefix: String

    init(_ kind: SQLiteReplica.Kind) {
        prefix = kind == .geoPackage ? "gpkg_dovetail_" : "dovetail_"
        mark = prefix + "mark"
        feed = prefix + "feed"
        reader = prefix + "reader"
    }

    /// The log of the feed with this number.
    func log(_ number: Int64) -> String { prefix + "log_\(number)" }

    /// The trigger of the feed with this number.
    func trigger(_ number: Int64, _ event: String) -> String { prefix + "log_\(number)_\(event)" }

    static func isOwn(_ name: String) -> Bool {
        guard let rest = name.split(separator: "dovetail_", maxSplits: 1).last,
            name == "dovetail_" + rest || name == "gpkg_dovetail_" + rest
        else { return false }
        if ["mark", "feed", "reader"].contains(rest) { return true }
        return rest.hasPrefix("log_") && rest.count > 4
            && rest.dropFirst(4).allSatisfy { $0.isASCII && $0.isNumber }
    }
}
