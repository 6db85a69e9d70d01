public import Dovetail

/// The words by which a job file declares the types of a flat file's columns.
public enum TypeWords {
    /// How types are written, for messages.
    public static let form =
        "bool, int, double, decimal, text, date, time, timestamp, timestamp with zone, interval, uuid, json, bytes, "
        + "or a geometry such as point, polygon 25832, geometry z"

    private static let plain: [FieldType] = [
        .bool, .int, .double, .decimal, .text, .bytes, .date, .time, .timestamp, .timestampWithZone,
        .interval, .uuid, .json,
    ]

    private static let geometries: Set<String> = [
        "GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
        "GEOMETRYCOLLECTION",
    ]

    /// The type that some words stand for: `int`, `point 25832`, `multipolygon z`, and what ``FieldType/name`` gives.
    /// A geometry without a number is in EPSG:4326. Nil for other words.
    public static func type(_ words: String) -> FieldType? {
        let lower = words.lowercased()
        if let type = plain.first(where: { $0.name == lower }) { return type }
        var parts = lower.split(whereSeparator: { " ():".contains($0) }).map(String.init)[...]
        guard let first = parts.popFirst()?.uppercased(), geometries.contains(first) else { return nil }
        var kind = GeometryKind(type: first, srid: 4326)
        while let part = parts.popFirst() {
            switch part {
            case "z" where !kind.hasZ: kind.hasZ = true
            case "m" where !kind.hasM: kind.hasM = true
            case "zm": (kind.hasZ, kind.hasM) = (true, true)
            case "epsg" where !parts.isEmpty: break
            default:
                guard let srid = Int32(part), srid >= 0, parts.isEmpty else { return nil }
                kind.srid = srid
            }
        }
        return .geometry(kind)
    }
}

/// What is said about the columns of a flat file beside the file itself.
public struct FlatFileTypes: Sendable, Hashable {
    /// Types that a person declared, by column. They win. In GeoJSON they make columns; in CSV the first line does.
    public var declared: [String: FieldType]
    /// Types by which an earlier run knew the columns: a value that came since then does not change them.
    public var remembered: [String: FieldType]

    public init(declared: [String: FieldType] = [:], remembered: [String: FieldType] = [:]) {
        self.declared = declared
        self.remembered = remembered
    }

    func type(of column: String) -> (type: FieldType, reason: String)? {
        if let type = declared[column] { return (type, "declared") }
        if let type = remembered[column] { return (type, "as in the last run") }
        return nil
    }
}
