extension FieldType {
    private static let plain: [FieldType] = [
        .bool, .int, .double, .decimal, .text, .bytes, .date, .time, .timestamp, .timestampWithZone,
        .interval, .uuid, .json, .blob, .any,
    ]

    private static let geometries: Set<String> = [
        "GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
        "GEOMETRYCOLLECTION",
    ]

    /// The type that some words stand for: what ``name`` gives, and shorter words for geometries: `point 25832`,
    /// `multipolygon z`. A geometry without a number is in EPSG:4326. Nil for other words.
    public init?(words: String) {
        let lower = words.lowercased()
        if let type = Self.plain.first(where: { $0.name == lower }) {
            self = type
            return
        }
        let list = "list of "
        if lower.hasPrefix(list) {
            guard let element = FieldType(words: String(lower.dropFirst(list.count))) else { return nil }
            self = .list(element)
            return
        }
        var parts = lower.split(whereSeparator: { " ():".contains($0) }).map(String.init)[...]
        guard let first = parts.popFirst()?.uppercased(), Self.geometries.contains(first) else { return nil }
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
        self = .geometry(kind)
    }
}
