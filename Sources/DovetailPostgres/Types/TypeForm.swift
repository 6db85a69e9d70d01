import Dovetail

/// How the values of a column travel: which form is asked for, how it is read, and through which type values go back.
///
/// Values travel in PostgreSQL's binary form where that is a form of the value alone. The others travel as text
/// (`column::text`): composites, ranges, `timetz`, `xml`, bit strings, text search, geometric types, `hstore`, and
/// whatever an extension brings. That text depends on settings, which ``SessionSettings`` holds still.
struct TypeForm: Sendable {
    let rule: ColumnCodec.Rule
    /// The rule for the elements of an array.
    let element: ColumnCodec.Rule
    /// The column's type without domains; of an array that of its elements.
    let type: TypeFacts
    /// The modifier that counts for `type`: a length, a precision, a geometry type.
    let modifier: Int32
    let fieldType: FieldType
    /// The cast that makes the column readable, with its colons; empty for none.
    let readingCast: String
    /// The type of a temporary column that takes values for this one.
    let transferType: String
    /// The cast from there to the column, with its colons; empty where assignment does it.
    let writingCast: String

    var isArray: Bool { rule == .array }
    /// Whether the form is the text that PostgreSQL makes of a value.
    var isTextForm: Bool { !readingCast.isEmpty }

    /// - Parameter types: all types that the column's is made of.
    init(_ number: UInt32, modifier: Int32, types: [UInt32: TypeFacts]) {
        let (outer, outerModifier) = Self.resolve(number, modifier, types)
        if let elementNumber = outer.element {
            let declared = types[elementNumber] ?? Self.unknown(elementNumber)
            let (type, modifier) = Self.resolve(elementNumber, outerModifier, types)
            self.type = type
            self.modifier = modifier
            rule = .array
            let scalar = Self.rule(for: type)
            element = scalar ?? .text
            fieldType = .list(Self.fieldType(scalar, type, modifier))
            readingCast = scalar == nil ? "::pg_catalog.text[]" : ""
            let travels = scalar == .inet || scalar == nil ? "pg_catalog.text" : type.sql
            transferType = travels + "[]"
            // A plain array is assigned as it is; the elements of others are converted one by one.
            writingCast = travels == declared.sql ? "" : "::\(declared.sql)[]"
        } else {
            type = outer
            self.modifier = outerModifier
            let scalar = Self.rule(for: outer)
            rule = scalar ?? .text
            element = .text
            fieldType = Self.fieldType(scalar, outer, outerModifier)
            readingCast = scalar == nil ? "::pg_catalog.text" : ""
            let travels = scalar == .inet || scalar == nil ? "pg_catalog.text" : outer.sql
            transferType = travels
            writingCast = travels == outer.sql ? "" : "::\(outer.sql)"
        }
    }

    /// What is under the domains, with the modifier that the innermost of them gives.
    private static func resolve(
        _ number: UInt32, _ modifier: Int32, _ types: [UInt32: TypeFacts]
    ) -> (TypeFacts, Int32) {
        var type = types[number] ?? unknown(number)
        var modifier = modifier
        while let base = type.base {
            modifier = type.modifier
            type = types[base] ?? unknown(base)
        }
        return (type, modifier)
    }

    /// A type that went away between two looks at the catalog.
    private static func unknown(_ number: UInt32) -> TypeFacts {
        TypeFacts(number: number, schema: "pg_catalog", name: "unknown")
    }

    /// How a scalar's binary form is read; nil for types that travel as text.
    private static func rule(for type: TypeFacts) -> ColumnCodec.Rule? {
        if type.kind == .enumeration { return .text }
        guard type.kind == .base, type.element == nil else { return nil }
        switch type.number {
        case BuiltIn.bool: return .bool
        case BuiltIn.int2: return .int2
        case BuiltIn.int4: return .int4
        case BuiltIn.int8: return .int8
        case BuiltIn.oid, BuiltIn.xid, BuiltIn.cid: return .unsigned
        case BuiltIn.float4: return .float4
        case BuiltIn.float8: return .float8
        case BuiltIn.numeric: return .numeric
        case BuiltIn.money: return .money
        case BuiltIn.text, BuiltIn.varchar, BuiltIn.name: return .text
        case BuiltIn.bpchar: return .blankPadded
        case BuiltIn.bytea: return .bytes
        case BuiltIn.date: return .date
        case BuiltIn.time: return .time
        case BuiltIn.timestamp: return .timestamp
        case BuiltIn.timestamptz: return .timestampWithZone
        case BuiltIn.interval: return .interval
        case BuiltIn.uuid: return .uuid
        case BuiltIn.json: return .json
        case BuiltIn.jsonb: return .jsonb
        case BuiltIn.inet, BuiltIn.cidr: return .inet
        default: return GeometryModifier.isGeometry(type) ? .geometry : nil
        }
    }

    private static func fieldType(
        _ rule: ColumnCodec.Rule?, _ type: TypeFacts, _ modifier: Int32
    ) -> FieldType {
        switch rule {
        case .bool: .bool
        case .int2, .int4, .int8, .unsigned: .int
        case .float4, .float8: .double
        case .numeric, .money: .decimal
        case .bytes: .bytes
        case .date: .date
        case .time: .time
        case .timestamp: .timestamp
        case .timestampWithZone: .timestampWithZone
        case .interval: .interval
        case .uuid: .uuid
        case .json, .jsonb: .json
        case .geometry: .geometry(GeometryModifier(modifier, of: type).kind)
        case .text, .blankPadded, .inet, .array, nil: .text
        }
    }
}
