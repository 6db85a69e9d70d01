import Dovetail
import DovetailEngine
import GRDBSQLite

/// How the stored values of one column become values of its field. Plain bits, so that a loop over rows
/// touches no reference counts.
struct ColumnCodec: Sendable, BitwiseCopyable {
    /// What a stored value turns into when it can do so exactly; otherwise it stays what it is.
    enum Rule: UInt8, Sendable {
        case plain, int, double, bool, decimal, date, time, timestamp, timestampWithZone, interval, uuid, json
        case geometry
    }

    let rule: Rule
    /// How texts in the column spell values.
    private let form: TextForm
    /// The column holds the field's values as text.
    let isTextual: Bool
    /// The column may hold the words for true and false.
    let isWordy: Bool
    /// Single geometries stand in the column as multi geometries of one part.
    let isMulti: Bool
    /// The layer's `srs_id`, and what the field calls it.
    let srs: Int32
    let srid: Int32

    init(_ field: Field, _ conversion: Conversion?, _ column: ColumnFacts) {
        let rule = column.layer != nil ? .geometry : Self.rule(for: field.type)
        self.rule = conversion == .bool ? .bool : rule
        form = TextForm(field.type)
        isTextual = conversion == .text
        isWordy = conversion == .bool || conversion == .text
        isMulti = conversion == .multi
        srs = column.layer?.srs ?? 0
        srid = column.layer?.srid ?? 0
    }

    /// The row id itself.
    static let rowid = ColumnCodec(rule: .int)

    private init(rule: Rule) {
        self.rule = rule
        form = .text
        isTextual = false
        isWordy = false
        isMulti = false
        srs = 0
        srid = 0
    }

    private static func rule(for type: FieldType) -> Rule {
        switch type {
        case .int: .int
        case .double: .double
        case .bool: .bool
        case .decimal: .decimal
        case .date: .date
        case .time: .time
        case .timestamp: .timestamp
        case .timestampWithZone: .timestampWithZone
        case .interval: .interval
        case .uuid: .uuid
        case .json: .json
        case .text, .bytes, .list, .geometry, .blob, .any: .plain
        }
    }

    /// Whether a value has exactly one spelling in the column, so that a record can be looked up by it.
    var hasOneSpelling: Bool {
        switch rule {
        case .plain, .int, .date, .time, .uuid: true
        case .double: !isTextual
        default: false
        }
    }

    /// Whether a text in the column is a text in the field, whatever it says.
    var keepsText: Bool {
        switch rule {
        case .plain: true
        case .int, .double: !isTextual
        default: false
        }
    }
}

extension ColumnCodec {
    /// A stored integer as a value.
    func value(int: Int64) -> Value {
        switch rule {
        case .bool where int == 0 || int == 1: .bool(int == 1)
        case .double: Double(exactly: int).map { .double($0) } ?? .int(int)
        case .decimal: .decimal(ExactDecimal(int))
        default: .int(int)
        }
    }

    /// A stored text as a value; nil when it stays text.
    func value(text: UnsafeRawBufferPointer) -> Value? {
        switch rule {
        case .plain, .geometry: nil
        case .int, .double: isTextual ? form.value(text) : nil
        case .bool: isWordy ? TextForm.bool.value(text) : nil
        default: form.value(text)
        }
    }

    /// The geometry in a blob, lent: its reference system and its well-known binary, which may not be
    /// canonical.
    @inline(__always)
    func geometry(
        _ blob: UnsafeRawBufferPointer
    ) -> (srid: Int32, wkb: UnsafeRawBufferPointer)? {
        guard let (raw, wkb) = try? GeoPackageGeometry.decode(blob) else { return nil }
        let part = isMulti ? MultiGeometry.onlyPart(of: wkb) : wkb
        return (raw == srs ? srid : raw, part)
    }

    /// A blob as a value: a geometry where it is one.
    func value(blob: UnsafeRawBufferPointer) -> Value {
        if rule == .geometry, let (srid, wkb) = geometry(blob),
            let canonical = try? WKB.canonical(wkb)
        {
            // EWKB shows its parts only in the canonical form.
            let part =
                isMulti ? canonical.withUnsafeBytes { Array(MultiGeometry.onlyPart(of: $0)) } : canonical
            return .geometry(Geometry(srid: srid, canonicalWKB: part))
        }
        return .bytes(Array(blob))
    }
}
