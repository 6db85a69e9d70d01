import Dovetail

/// How the values of one column are hashed inside the server.
///
/// Values with equal hashes have equal canonical bytes, up to the collisions of a random function. PostgreSQL's own
/// hash functions do not promise that: they promise that what PostgreSQL calls equal has equal hashes. `hashint8extended`
/// and those of times fold 64 bits into 32, that of `numeric` knows neither sign nor infinity and joins the place of the
/// point by XOR, those of intervals, `citext` and `jsonb` are as coarse as their equality, and that of geometries sees a box.
/// So only those of `int4`, `float8`, `text`, `uuid` and `bytea` are used, on forms that say everything.
///
/// Hashes are chained: each is the seed of the next. Where values were joined by XOR, or by adding as
/// `hash_record_extended` does it, two records that exchange a value could leave the sum of a table as it was.
struct ColumnHash: Sendable {
    /// Names what is hashed. Of two columns with the same kind, in whatever database, equal hashes mean equal canonical
    /// bytes, and nearly always the other way round: `integer` and `bigint` are one kind, `text` and `varchar` too.
    let kind: String
    private let shape: Shape
    /// The form that is hashed, null where the value is.
    private let form: String
    /// What is null where the value is, and nowhere else: a composite of nulls calls itself null and is none.
    private let probe: String
    private let isNullable: Bool

    private enum Shape {
        case int, bool, double, text, uuid, bytes
        /// A `numeric`, with what of it the hash does not know, as an `int4`.
        case decimal(sign: String)
    }

    /// - Parameter name: the column in SQL.
    init(_ column: ColumnPlan, name: String) {
        let source = column.column.form
        let (shape, form, kind) = Self.exact(source, name, column.server)
        self.shape = shape
        self.form = form
        // What a conversion makes of a value depends on how it came.
        self.kind =
            column.codec.change == .none
            ? kind : "\(kind):\(source.rule)>\(column.codec.change):\(column.codec.textOf)"
        isNullable = !column.column.isNotNull
        probe = source.isTextForm ? form : name
    }

    private static func exact(
        _ source: TypeForm, _ name: String, _ server: ServerFacts
    ) -> (Shape, form: String, kind: String) {
        func sent(_ function: String, _ kind: String) -> (Shape, String, String) {
            (.bytes, "pg_catalog.\(function)(\(name))", kind)
        }
        switch source.rule {
        case .int2, .int4, .int8: return (.int, "\(name)::pg_catalog.int8", "int")
        case .unsigned:
            let hasNoCast = source.type.number == BuiltIn.xid || source.type.number == BuiltIn.cid
            return (.int, "\(name)\(hasNoCast ? "::pg_catalog.text" : "")::pg_catalog.int8", "int")
        case .bool: return (.bool, name, "bool")
        // Zero has one sign there and NaN one form, as in canonical bytes.
        case .float4, .float8: return (.double, "\(name)::pg_catalog.float8", "double")
        case .numeric: return (.decimal(sign: sign(name, source, server)), name, "decimal")
        case .money:
            let number = "\(name)::pg_catalog.numeric"
            return (.decimal(sign: "pg_catalog.numeric_cmp(\(number), 0)"), number, "decimal")
        case .text, .blankPadded: return (.text, "\(name)::pg_catalog.text", "text")
        case .inet:
            return (
                .text, "pg_catalog.textin(pg_catalog.\(source.type.name)_out(\(name)))", "text"
            )
        // The canonical form is made of the text, whichever of the two it comes from.
        case .json, .jsonb: return (.text, "\(name)::pg_catalog.text", "json")
        case .uuid: return (.uuid, name, "uuid")
        case .bytes: return (.bytes, name, "bytes")
        case .date: return sent("date_send", "date")
        case .time: return sent("time_send", "time")
        case .timestamp: return sent("timestamp_send", "timestamp")
        case .timestampWithZone: return sent("timestamptz_send", "instant")
        case .interval: return sent("interval_send", "interval")
        // Well-known binary with the reference system inside.
        case .geometry: return (.bytes, "\(name)::pg_catalog.bytea", "geometry")
        case .array: return array(source, name)
        }
    }

    /// Arrays as they are sent, with the number of the elements' type in it, so of types that have one number everywhere.
    private static func array(_ source: TypeForm, _ name: String) -> (Shape, form: String, kind: String) {
        let type: String
        let kind: String
        switch source.element {
        case .geometry: (type, kind) = ("pg_catalog.bytea", "geometry")
        case .text where source.type.schema != "pg_catalog" || source.isTextForm:
            (type, kind) = ("pg_catalog.text", "text")
        default: (type, kind) = (source.type.sql, source.type.name)
        }
        return (.bytes, "pg_catalog.array_send(\(name)::\(type)[])", "list of \(kind)")
    }

    /// What `hash_numeric` leaves out: whether a number is below, at or above zero, and what tells infinity from NaN.
    private static func sign(_ name: String, _ source: TypeForm, _ server: ServerFacts) -> String {
        let sign = "pg_catalog.numeric_cmp(\(name), 0)"
        // With a precision, numbers are finite.
        guard server.hasInfiniteNumerics, source.modifier < 0 else { return sign }
        return "CASE WHEN \(name) = 'Infinity'::pg_catalog.numeric THEN 2 ELSE \(sign) END"
    }

    /// The hash of the column's value with the hash of what came before it, both `int8`. Never null: a null is hashed as some
    /// value, and told from it by ``nullMark(_:)``.
    /// - Parameter salt: a number of this column's own.
    func link(after seed: String, salt: Int64) -> String {
        switch shape {
        case .int: return "pg_catalog.hashint4extended(0, \(value("0")) # \(seed))"
        case .bool: return "pg_catalog.hashint4extended(CASE WHEN \(form) THEN 1 ELSE 0 END, \(seed))"
        // The hash of zero is the seed itself, so that zeros would leave no trace of where they were.
        case .double: return "pg_catalog.hashfloat8extended(\(value("0")), \(seed) # \(Self.literal(salt)))"
        case .decimal(let sign):
            let digits = "pg_catalog.hash_numeric_extended(\(value("0")), \(seed))"
            return "pg_catalog.hashint4extended(\(isNullable ? "coalesce(\(sign), 0)" : sign), \(digits))"
        case .text:
            return "pg_catalog.hashtextextended(\(value("''")) COLLATE pg_catalog.\"C\", \(seed))"
        case .uuid:
            let some = "'00000000-0000-0000-0000-000000000000'::pg_catalog.uuid"
            return "pg_catalog.uuid_hash_extended(\(value(some)), \(seed))"
        case .bytes:
            return "pg_catalog.hash_array_extended(ARRAY[\(value("''::pg_catalog.bytea"))], \(seed))"
        }
    }

    /// A number that stands for the column being null; nil when it never is. A column that can be null and one that
    /// can't have the same hashes.
    func nullMark(_ mark: Int64) -> String? {
        isNullable ? "CASE WHEN \(probe) IS NULL THEN \(Self.literal(mark)) ELSE 0 END" : nil
    }

    private func value(_ substitute: String) -> String {
        isNullable ? "coalesce(\(form), \(substitute))" : "(\(form))"
    }

    /// In quotes, because the least number there is has no literal.
    static func literal(_ number: Int64) -> String { "'\(number)'::pg_catalog.int8" }
}

/// The 128-bit hash of a record as two expressions, and the hash of its key.
struct RecordHash: Sendable {
    /// The upper and the lower word, `int8`.
    let words: [String]
    /// Says which bucket a record is in: `int8`.
    let bucket: String

    /// - Parameters:
    ///   - key: the columns of the key, which are never null.
    ///   - others: the fields that are no part of it.
    init(key: [ColumnHash], others: [ColumnHash]) {
        var numbers = Numbers(state: 0x646f_7665_7461_696c)
        bucket = Self.chain(key, &numbers)
        words = (0..<2).map { _ in Self.chain(key + others, &numbers) }
    }

    private static func chain(_ columns: [ColumnHash], _ numbers: inout Numbers) -> String {
        var marks = [ColumnHash.literal(numbers.next())]
        // Drawn for each column, so that its marks do not depend on which of the others can be null.
        for column in columns {
            let mark = numbers.next()
            if let mark = column.nullMark(mark) { marks.append(mark) }
        }
        var hash = "(\(marks.joined(separator: " # ")))"
        for column in columns { hash = column.link(after: hash, salt: numbers.next()) }
        return hash
    }

    /// The same numbers wherever this runs (SplitMix64): both sides must draw alike.
    private struct Numbers {
        var state: UInt64

        mutating func next() -> Int64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return Int64(bitPattern: z ^ (z >> 31))
        }
    }
}
