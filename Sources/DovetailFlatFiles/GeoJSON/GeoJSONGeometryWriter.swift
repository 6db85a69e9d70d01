import Dovetail

/// Writes a geometry object, with the shortest digits that read back the same.
struct GeoJSONGeometryWriter {
    private let wkb: [UInt8]
    private var at = 0
    private var text = ""

    /// - Throws: ``UnstorableValue`` for arcs and measures, which GeoJSON has none of, and numbers that are none.
    static func text(of geometry: Geometry) throws(UnstorableValue) -> String {
        var writer = GeoJSONGeometryWriter(wkb: geometry.wkb)
        try writer.geometry()
        return writer.text
    }

    private init(wkb: [UInt8]) { self.wkb = wkb }

    private mutating func word() throws(UnstorableValue) -> UInt32 {
        guard at + 4 <= wkb.count else { throw UnstorableValue(reason: "the geometry is damaged") }
        defer { at += 4 }
        return (0..<4).reduce(0 as UInt32) { $0 | UInt32(wkb[at + $1]) << (8 * UInt32($1)) }
    }

    private mutating func ordinate() throws(UnstorableValue) -> Double {
        guard at + 8 <= wkb.count else { throw UnstorableValue(reason: "the geometry is damaged") }
        defer { at += 8 }
        return Double(
            bitPattern: (0..<8).reduce(0 as UInt64) { $0 | UInt64(wkb[at + $1]) << (8 * UInt64($1)) })
    }

    private mutating func header() throws(UnstorableValue) -> (kind: UInt32, ordinates: Int) {
        at += 1
        let code = try word()
        let kind = code % 1000
        guard (1...7).contains(kind) else {
            throw UnstorableValue(reason: "GeoJSON has points, lines and polygons, and no arcs or surfaces")
        }
        switch code / 1000 {
        case 0: return (kind, 2)
        case 1: return (kind, 3)
        case 3: return (kind, 4)
        default: throw UnstorableValue(reason: "GeoJSON has no measures (M) without heights (Z)")
        }
    }

    private mutating func geometry() throws(UnstorableValue) {
        let (kind, ordinates) = try header()
        let name = FlatGeometry.kinds[Int(kind) - 1].geoJSON
        text += "{\"type\":\"\(name)\",\"\(kind == 7 ? "geometries" : "coordinates")\":"
        try content(kind, ordinates)
        text += "}"
    }

    private mutating func content(_ kind: UInt32, _ ordinates: Int) throws(UnstorableValue) {
        switch kind {
        case 1: try position(ordinates, mayBeEmpty: true)
        case 2: try list { (writer) throws(UnstorableValue) in try writer.position(ordinates) }
        case 3:
            try list { (writer) throws(UnstorableValue) in
                try writer.list { (writer) throws(UnstorableValue) in try writer.position(ordinates) }
            }
        case 4...6:
            try list { (writer) throws(UnstorableValue) in
                _ = try writer.header()
                try writer.content(kind - 3, ordinates)
            }
        default: try list { (writer) throws(UnstorableValue) in try writer.geometry() }
        }
    }

    private mutating func list(
        _ part: (inout GeoJSONGeometryWriter) throws(UnstorableValue) -> Void
    ) throws(UnstorableValue) {
        let count = try word()
        text += "["
        for index in 0..<count {
            if index > 0 { text += "," }
            try part(&self)
        }
        text += "]"
    }

    private mutating func position(_ count: Int, mayBeEmpty: Bool = false) throws(UnstorableValue) {
        var numbers: [Double] = []
        for _ in 0..<count { numbers.append(try ordinate()) }
        if mayBeEmpty, numbers.allSatisfy(\.isNaN) {
            text += "[]"
            return
        }
        guard numbers.allSatisfy(\.isFinite) else {
            throw UnstorableValue(reason: "GeoJSON has no NaN and no infinity")
        }
        text += "[" + numbers.map { CellCodec.text(of: $0) }.joined(separator: ",") + "]"
    }
}
