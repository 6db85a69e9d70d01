/// The type of a field, as both sides must be able to hold it.
public indirect enum FieldType: Sendable, Hashable {
    case bool
    case int
    case double
    case decimal
    case text
    case bytes
    case date
    case time
    case timestamp
    case timestampWithZone
    case interval
    case uuid
    case json
    case list(FieldType)
    case geometry(GeometryKind)
    case blob
    /// A store without types for this column: each value keeps its own.
    case any

    /// The word for it in messages and files.
    public var name: String {
        switch self {
        case .bool: "bool"
        case .int: "int"
        case .double: "double"
        case .decimal: "decimal"
        case .text: "text"
        case .bytes: "bytes"
        case .date: "date"
        case .time: "time"
        case .timestamp: "timestamp"
        case .timestampWithZone: "timestamp with zone"
        case .interval: "interval"
        case .uuid: "uuid"
        case .json: "json"
        case .list(let element): "list of \(element.name)"
        case .geometry(let kind): kind.name
        case .blob: "blob"
        case .any: "any"
        }
    }

    /// Whether values of `other` fit here as they are, without a declared conversion.
    public func holds(_ other: FieldType) -> Bool {
        switch (self, other) {
        case (.any, _), (_, .any): true
        case (.geometry(let mine), .geometry(let theirs)): mine.holds(theirs)
        case (.list(let mine), .list(let theirs)): mine.holds(theirs)
        default: self == other
        }
    }
}

/// What a layer says about its geometries.
public struct GeometryKind: Sendable, Hashable {
    /// `POINT`, `MULTIPOLYGON`, … in capitals; `GEOMETRY` when any is allowed.
    public var type: String
    /// The spatial reference of the layer; 0 when undefined.
    public var srid: Int32
    public var hasZ: Bool
    public var hasM: Bool

    public init(type: String, srid: Int32, hasZ: Bool = false, hasM: Bool = false) {
        self.type = type
        self.srid = srid
        self.hasZ = hasZ
        self.hasM = hasM
    }

    public var name: String {
        type.lowercased() + (hasZ ? " z" : "") + (hasM ? " m" : "") + " (EPSG:\(srid))"
    }

    func holds(_ other: GeometryKind) -> Bool {
        srid == other.srid && (type == "GEOMETRY" || type == other.type)
            && (hasZ || !other.hasZ) && (hasM || !other.hasM)
    }
}
