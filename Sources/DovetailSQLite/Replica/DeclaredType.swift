import Dovetail

/// SQLite's rule for what a column does to values that are put into it.
enum Affinity: UInt8, Sendable {
    case none, text, numeric, integer, real

    /// By the words of the declaration, in SQLite's order.
    init(declared: String, strict: Bool) {
        let words = declared.uppercased()
        self =
            if strict && words == "ANY" {
                .none
            } else if words.contains("INT") {
                .integer
            } else if words.contains("CHAR") || words.contains("CLOB") || words.contains("TEXT") {
                .text
            } else if words.isEmpty || words.contains("BLOB") {
                .none
            } else if words.contains("REAL") || words.contains("FLOA") || words.contains("DOUB") {
                .real
            } else {
                .numeric
            }
    }

    var isNumeric: Bool { self == .numeric || self == .integer || self == .real }
}

/// The field type that a declaration stands for.
enum DeclaredType {
    static func fieldType(of declared: String, in kind: SQLiteReplica.Kind) -> FieldType {
        let words = declared.uppercased()
        let word = String(words.prefix { $0 != "(" }).trimmed
        switch word {
        case "": return .any
        case "ANY": return .any
        case "BOOLEAN", "BOOL": return .bool
        case "DATE": return .date
        case "TIME": return .time
        case "DATETIME", "TIMESTAMP": return kind == .geoPackage ? .timestampWithZone : .timestamp
        case "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "DATETIMETZ": return .timestampWithZone
        case "JSON": return .json
        case "UUID", "GUID": return .uuid
        case "DECIMAL", "NUMERIC": return .decimal
        default: break
        }
        // These contain INT, but what they hold is nobody's integer.
        if geometryWords.contains(word) { return .bytes }
        switch Affinity(declared: declared, strict: false) {
        case .integer: return .int
        case .text: return .text
        case .real: return .double
        case .none: return .bytes
        case .numeric: return .any
        }
    }

    private static let geometryWords: Set<String> = [
        "GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
        "GEOMETRYCOLLECTION", "GEOMCOLLECTION", "CURVE", "SURFACE", "CURVEPOLYGON", "CIRCULARSTRING",
        "COMPOUNDCURVE", "MULTICURVE", "MULTISURFACE",
    ]
}

extension String {
    fileprivate var trimmed: String {
        var rest = self[...]
        while rest.last == " " { rest.removeLast() }
        while rest.first == " " { rest.removeFirst() }
        return String(rest)
    }
}
