import Dovetail

/// The triggers that fill a feed's log, for one way of knowing records.
struct FeedTriggers {
    private let plan: ViewPlan
    private let tables: HelperTables
    /// The columns of the key as SQL names them.
    private let columns: [String]
    let codecs: [ColumnCodec]

    init(_ plan: ViewPlan, _ tables: HelperTables) {
        self.plan = plan
        self.tables = tables
        switch plan.key {
        case .rowid:
            columns = [plan.facts.rowid ?? "rowid"]
            codecs = [ColumnCodec.rowid]
        case .fields(let fields):
            columns = fields.map { plan.columns[$0].name.quoted }
            codecs = fields.map { plan.codecs[$0] }
        }
    }

    /// What the feed is registered under: another key is another feed.
    var columnList: String { columns.joined(separator: ", ") }

    /// The columns of the log; without a type, so that it keeps each value as it is.
    var logColumns: [String] { columns.indices.map { "k\($0 + 1)" } }

    /// The names and the SQL of all triggers of a feed.
    func statements(_ number: Int64) -> [(name: String, sql: String)] {
        let insert = "INSERT INTO \(tables.log(number)) (\(logColumns.joined(separator: ", ")))"
        let old = columns.map { "OLD.\($0)" }.joined(separator: ", ")
        let new = columns.map { "NEW.\($0)" }.joined(separator: ", ")
        let moved = columns.map {
            "OLD.\($0) COLLATE BINARY IS NOT NEW.\($0) OR typeof(OLD.\($0)) <> typeof(NEW.\($0))"
        }
        var parts = [
            ("insert", "AFTER INSERT", "\(insert) VALUES (\(new));"),
            ("delete", "AFTER DELETE", "\(insert) VALUES (\(old));"),
            (
                "update", "AFTER UPDATE",
                "\(insert) SELECT \(old) WHERE \(moved.joined(separator: " OR ")); \(insert) VALUES (\(new));"
            ),
        ]
        if !displacing.isEmpty {
            let own = plan.addressColumns.map { "\($0) IS OLD.\($0)" }.joined(separator: " AND ")
            let replaced = displacing.map { condition in
                "\(insert) SELECT \(columnList) FROM \(plan.facts.name.quoted) WHERE \(condition)"
            }
            parts.append(("replace", "BEFORE INSERT", replaced.map { $0 + ";" }.joined(separator: " ")))
            parts.append(
                (
                    "displace", "BEFORE UPDATE",
                    replaced.map { $0 + " AND NOT (\(own));" }.joined(separator: " ")
                ))
        }
        return parts.map { event, time, body in
            let name = tables.trigger(number, event)
            return (name, "CREATE TRIGGER \(name) \(time) ON \(plan.facts.name.quoted) BEGIN \(body) END")
        }
    }

    /// Conditions that find the rows which `INSERT OR REPLACE` removes: SQLite fires no delete trigger for
    /// them. A row that is replaced under its own key needs none.
    private var displacing: [String] {
        let key = Set(columns)
        var unique = plan.facts.indexes.filter(\.isUnique).compactMap(\.plainColumns)
        if let id = plan.facts.idColumn { unique.append([id]) }
        return unique.map { $0.map(\.quoted) }.filter { Set($0) != key }.map { names in
            names.map { "\($0) = NEW.\($0)" }.joined(separator: " AND ")
        }
    }
}
