public import Dovetail

/// The words by which a job file declares the types of a flat file's columns.
public enum TypeWords {
    /// How types are written, for messages.
    public static let form =
        "bool, int, double, decimal, text, date, time, timestamp, timestamp with zone, interval, uuid, json, bytes, "
        + "or a geometry such as point, polygon 25832, geometry z"

    /// The type that some words stand for: `int`, `point 25832`, `multipolygon z`, and what `FieldType.name` gives.
    /// Nil for other words, and for types that no flat file holds.
    public static func type(_ words: String) -> FieldType? {
        switch FieldType(words: words) {
        case .list, .blob, .any, nil: nil
        case let type: type
        }
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
