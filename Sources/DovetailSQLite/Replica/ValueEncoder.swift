import Dovetail

/// Why a value can't stand in a column, in words for a person.
struct UnstorableValue: Error {
    var reason: String
}

/// Turns values into what a table's columns store, or refuses them: SQLite itself would change them in
/// silence.
struct ValueEncoder {
    private let columns: [ColumnFacts]
    private let codecs: [ColumnCodec]
    private let table: String
    private let kind: SQLiteReplica.Kind

    init(_ plan: ViewPlan) {
        columns = plan.columns
        codecs = plan.codecs
        table = plan.facts.name
        kind = plan.place.kind
    }

    /// What to store for a value of a field.
    /// - Throws: ``UnstorableValue``.
    func stored(_ value: Value, field: Int) throws -> StoredValue {
        let column = columns[field]
        let codec = codecs[field]
        switch value {
        case .null: return .null
        case .bytes(let content): return .bytes(content)
        case .geometry(let geometry): return .bytes(try blob(geometry, column, codec))
        case .list, .blob: throw refusal(column, "it can't hold a value of this kind")
        case .bool(let flag):
            if codec.isTextual || codec.rule == .bool && column.affinity == .text {
                return text(flag ? "true" : "false")
            }
            return try stored(int: flag ? 1 : 0, column, codec)
        case .int(let number): return try stored(int: number, column, codec)
        case .double(let number): return try stored(double: number, column, codec)
        case .decimal(let number):
            if !codec.isTextual, column.affinity != .text, let int = number.int64 { return .int(int) }
            return try stored(text: number.text, column)
        case .text(let content): return try stored(text: content, column)
        case .json(let content): return try stored(text: content, column)
        case .date(let date): return text(date.iso)
        case .time(let time): return text(time.iso)
        case .timestamp(let timestamp): return text(spelling(timestamp.iso, column))
        case .timestampWithZone(let timestamp): return text(spelling(timestamp.isoZ, column))
        case .interval(let interval): return text(interval.iso)
        case .uuid(let uuid): return text(uuid.text)
        }
    }

    private func text(_ text: String) -> StoredValue { .text(Array(text.utf8)) }

    private func stored(int number: Int64, _ column: ColumnFacts, _ codec: ColumnCodec) throws -> StoredValue
    {
        if codec.isTextual { return text(String(number)) }
        switch column.affinity {
        case .text:
            throw refusal(column, "it would turn the number \(number) into text; give it the conversion text")
        case .real:
            guard let exact = Double(exactly: number) else {
                throw refusal(column, "it holds doubles, which can't hold \(number) exactly")
            }
            return .double(exact)
        default: return .int(number)
        }
    }

    private func stored(double number: Double, _ column: ColumnFacts, _ codec: ColumnCodec) throws
        -> StoredValue
    {
        if number.isNaN { throw refusal(column, "SQLite can't hold NaN") }
        if codec.isTextual { return text("\(number)") }
        switch column.affinity {
        case .text:
            throw refusal(column, "it would turn the number \(number) into text; give it the conversion text")
        case .integer, .numeric:
            if codec.rule != .double, Int64(exactly: number) != nil {
                throw refusal(column, "it would turn the double \(number) into an integer")
            }
            return .double(number)
        default: return .double(number)
        }
    }

    private func stored(text content: String, _ column: ColumnFacts) throws -> StoredValue {
        if column.affinity.isNumeric, looksLikeNumber(content) {
            throw refusal(column, "it would turn the text '\(content)' into a number; declare it as TEXT")
        }
        return text(content)
    }

    private func looksLikeNumber(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let start = bytes.firstIndex(where: { !Self.spaces.contains($0) }),
            let end = bytes.lastIndex(where: { !Self.spaces.contains($0) })
        else { return false }
        let first = bytes[start]
        guard first >= 0x30 && first <= 0x39 || first == 0x2b || first == 0x2d || first == 0x2e else {
            return false
        }
        return Double(String(text[start...end])) != nil
    }

    private static let spaces: Set<UInt8> = [0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d]

    /// GeoPackage asks for `T` and milliseconds; SQLite's own functions write a space and no empty fraction.
    private func spelling(_ iso: String, _ column: ColumnFacts) -> String {
        guard kind == .geoPackage else { return iso.replacing("T", with: " ") }
        guard let dot = iso.firstIndex(of: ".") else {
            return iso.hasSuffix("Z") ? iso.dropLast() + ".000Z" : iso
        }
        let digits = iso[iso.index(after: dot)...].prefix { $0.isNumber }
        guard digits.count < 3 else { return iso }
        return iso[..<dot] + "." + digits + String(repeating: "0", count: 3 - digits.count)
            + (iso.hasSuffix("Z") ? "Z" : "")
    }

    private func refusal(_ column: ColumnFacts, _ reason: String) -> UnstorableValue {
        let declared = column.declared.isEmpty ? "" : " (\(column.declared))"
        return UnstorableValue(reason: "column \(column.name)\(declared) of \(table): \(reason)")
    }
}

extension ValueEncoder {
    private func blob(_ geometry: Geometry, _ column: ColumnFacts, _ codec: ColumnCodec) throws -> [UInt8] {
        guard let layer = column.layer else { throw refusal(column, "it is no geometry column") }
        guard geometry.srid == layer.srid else {
            throw refusal(
                column,
                "its layer is in the reference system \(layer.srid), the geometry in \(geometry.srid)")
        }
        let whole = codec.isMulti ? MultiGeometry.wrapping(geometry, for: layer.typeName) : geometry
        let words = (whole.wkb.withUnsafeBytes { WKB.typeName($0) } ?? "").split(separator: " ")
        let type = words.first.map(String.init) ?? "no geometry"
        let dimensions = words.dropFirst().joined()
        guard Self.allows(layer.typeName, type) else {
            throw refusal(column, "its layer holds \(layer.typeName), the geometry is \(type)")
        }
        for (name, rule) in [("Z", layer.z), ("M", layer.m)] {
            let has = dimensions.contains(name)
            if has, rule == 0 { throw refusal(column, "its layer has no \(name) values, the geometry has") }
            if !has, rule == 1 {
                throw refusal(column, "its layer asks for \(name) values, the geometry has none")
            }
        }
        return GeoPackageGeometry.encode(Geometry(srid: layer.srs, canonicalWKB: whole.wkb))
    }

    /// The type hierarchy of the GeoPackage standard, annex G.
    private static func allows(_ layer: String, _ type: String) -> Bool {
        if layer == "GEOMETRY" || layer == type { return true }
        let surfaces: Set<String> = ["POLYGON", "CURVEPOLYGON"]
        let curves: Set<String> = ["LINESTRING", "CIRCULARSTRING", "COMPOUNDCURVE"]
        return switch layer {
        case "CURVE": curves.contains(type)
        case "SURFACE": surfaces.contains(type)
        case "CURVEPOLYGON": type == "POLYGON"
        case "MULTICURVE": type == "MULTILINESTRING"
        case "MULTISURFACE": type == "MULTIPOLYGON"
        case "GEOMETRYCOLLECTION", "GEOMCOLLECTION":
            type.hasPrefix("MULTI") || type == "GEOMETRYCOLLECTION"
        default: false
        }
    }
}
