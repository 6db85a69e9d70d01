import Dovetail

/// The members of a feature that have a meaning here.
struct FeatureParts {
    var id: JSONToken?
    var geometry: JSONToken?
    /// An object; nil when it is null or not there.
    var properties: JSONToken?
    /// Where `null` stands for the properties.
    var nullProperties: JSONToken?
    var boundingBox: JSONToken?
    /// The closing bracket of the feature.
    var end = 0

    /// - Throws: ``ContentProblem`` for an object that is no feature.
    init(_ bytes: UnsafeRawBufferPointer, isStrict: Bool = false) throws(ContentProblem) {
        var cursor = JSONCursor(bytes, isStrict: isStrict)
        var isFeature = false
        var problem: ContentProblem?
        var parts = FeatureParts()
        try cursor.members(depth: 1) { (cursor, name) throws(ContentProblem) in
            let token = try cursor.value(depth: 2)
            func refuse(_ message: String) {
                problem =
                    problem ?? ContentProblem(offset: token.range.lowerBound, line: nil, message: message)
            }
            if cursor.says(name, "type") {
                isFeature = token.kind == .string && cursor.says(token, "Feature")
                if !isFeature {
                    refuse(
                        "a Feature is due, its type is \(String(decoding: bytes[token.range].prefix(40), as: UTF8.self))"
                    )
                }
            } else if cursor.says(name, "id") {
                guard token.kind != .null else { return }
                if token.kind != .string, token.kind != .number { refuse("an id is a text or a number") }
                parts.id = token
            } else if cursor.says(name, "geometry") {
                if token.kind != .object, token.kind != .null { refuse("a geometry is an object or null") }
                parts.geometry = token
            } else if cursor.says(name, "properties") {
                switch token.kind {
                case .object: parts.properties = token
                case .null: parts.nullProperties = token
                default: refuse("properties are an object or null")
                }
            } else if cursor.says(name, "bbox") {
                parts.boundingBox = token
            }
        }
        if let problem { throw problem }
        guard isFeature else {
            throw ContentProblem(offset: 0, line: nil, message: "a Feature is due, this object has no type")
        }
        parts.end = cursor.at - 1
        self = parts
    }

    private init() {}
}

/// Which column a name stands for. Features name their properties in one order mostly, so that a comparison of bytes is
/// enough.
struct NameOrder {
    private var order: [(name: [UInt8], column: Int?)] = []
    private var columns: [[UInt8]: Int] = [:]

    init(_ names: [String] = []) {
        for (index, name) in names.enumerated() { columns[Array(name.utf8)] = index }
    }

    /// The column of a name that was found at a position; nil when it is none.
    mutating func index(_ name: JSONToken, at position: Int, _ cursor: JSONCursor) -> Int? {
        if position < order.count, !name.hasEscapes,
            order[position].name.count == name.inside.count,
            cursor.bytes[name.inside].elementsEqual(order[position].name)
        {
            return order[position].column
        }
        let key = cursor.unescaped(name)
        let column = columns[key]
        if !name.hasEscapes {
            if position < order.count {
                order[position] = (key, column)
            } else if position == order.count {
                order.append((key, column))
            }
        }
        return column
    }

    mutating func learn(_ name: JSONToken, at position: Int, _ cursor: JSONCursor, _ column: Int) {
        let key = cursor.unescaped(name)
        columns[key] = column
        if position < order.count, order[position].name == key { order[position].column = column }
    }
}
