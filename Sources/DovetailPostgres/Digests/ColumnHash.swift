import Dovetail

/// How the values of one column are hashed inside the server.
///
/// Values with equal hashes have equal canonical bytes, up to the collisions of a random function. PostgreSQL's own
/// hash functions do not promise that: they promise that what PostgreSQL calls equal has equal hashes. `hashint8extended`
/// and those of times fold 64 bits into 32, that of `numeric` knows neither sign nor infinity and joins the place of the
/// point by XOR, those of intervals, `citext` and `jsonb` are as coarse as their equality, and that of geometries sees a box.
/// So only those of `int4`, `float8`, `text`, `uuid` and `bytea` are used, on forms that say everything.
///
/// The hashes of a record's values, each with numbers of its column's own, are joined by XOR, and the result is hashed once
/// more (``RecordHash``): were it added up as it is, as that of `hash_record_extended` would be, two records that exchange a
/// value could leave the sum of a table as it was.
struct ColumnHash: Sendable {
    /// Names what is hashed. Of two columns with the same kind, in whatever database, equal hashes mean equal canonical
    /// bytes, and nearly always the other way round: `integer` and `bigint` are one kind, `text` and `varchar` too.
    let kind: String
    private let shape: Shape
    /// The column in SQL.
    private let name: String
    /// What is made of the value before it is hashed, null where the value is; computed once for both words of a hash. Nil: the
    /// column itself.
    let prepared: String?
    private let isNullable: Bool

    private enum Shape {
        case int, bool, double, text, uuid
        /// An array of one `bytea`: alone it has no hash function that can be called.
        case bytes
        /// A timestamp, prepared as a `float8`, null where that does not tell it from its neighbours; and as ``bytes``, for those.
        case moment(far: String)
        /// A `numeric`; what its hash does not know, an `int4`, is prepared.
        case decimal(String)
    }

    /// - Parameter name: the column in SQL.
    init(_ column: ColumnPlan, name: String) {
        let source = column.column.form
        self.name = name
        (shape, prepared, kind) = {
            let (shape, prepared, kind) = Self.exact(
                source, name, column.server, isNullable: !column.column.isNotNull)
            // What a conversion makes of a value depends on how it came.
            let isPlain = column.codec.change == .none
            return (
                shape, prepared,
                isPlain ? kind : "\(kind):\(source.rule)>\(column.codec.change):\(column.codec.textOf)"
            )
        }()
        isNullable = !column.column.isNotNull
    }

    private static func exact(
        _ source: TypeForm, _ name: String, _ server: ServerFacts, isNullable: Bool
    ) -> (Shape, prepared: String?, kind: String) {
        func sent(_ function: String, _ kind: String) -> (Shape, String?, String) {
            (.bytes, array("pg_catalog.\(function)(\(name))"), kind)
        }
        func array(_ bytes: String) -> String {
            // Null when the value is: an array of a null is none.
            isNullable ? "CASE WHEN \(name) IS NOT NULL THEN ARRAY[\(bytes)] END" : "ARRAY[\(bytes)]"
        }
        switch source.rule {
        case .int2, .int4, .int8: return (.int, nil, "int")
        case .unsigned:
            let hasNoCast = source.type.number == BuiltIn.xid || source.type.number == BuiltIn.cid
            return (.int, hasNoCast ? "\(name)::pg_catalog.text::pg_catalog.int8" : nil, "int")
        case .bool: return (.bool, nil, "bool")
        // Zero has one sign there and NaN one form, as in canonical bytes.
        case .float4, .float8: return (.double, nil, "double")
        case .numeric: return (.decimal(name), sign(name, source, server), "decimal")
        case .money:
            let number = "\(name)::pg_catalog.numeric"
            return (.decimal(number), "pg_catalog.numeric_cmp(\(number), 0)", "decimal")
        case .text, .blankPadded:
            let isText = source.type.number == BuiltIn.text || source.type.number == BuiltIn.varchar
            return (.text, isText ? nil : "\(name)::pg_catalog.text", "text")
        case .inet:
            return (.text, "pg_catalog.textin(pg_catalog.\(source.type.name)_out(\(name)))", "text")
        // The canonical form is made of the text, whichever of the two it comes from.
        case .json, .jsonb: return (.text, "\(name)::pg_catalog.text", "json")
        case .uuid: return (.uuid, nil, "uuid")
        case .bytes: return (.bytes, array("\(name)::pg_catalog.bytea"), "bytes")
        case .date:
            return (.double, Self.distance("daterange", name, "'2000-01-01'::pg_catalog.date"), "date")
        case .time:
            let moment = "pg_catalog.datetime_pl('2000-01-01'::pg_catalog.date, \(name))"
            return (.double, Self.distance("tsrange", moment, "'2000-01-01'::pg_catalog.timestamp"), "time")
        case .timestamp:
            let far = array("pg_catalog.timestamp_send(\(name))")
            return (.moment(far: far), Self.nearDistance("tsrange", name, "timestamp"), "timestamp")
        case .timestampWithZone:
            let far = array("pg_catalog.timestamptz_send(\(name))")
            return (.moment(far: far), Self.nearDistance("tstzrange", name, "timestamptz"), "instant")
        case .interval: return sent("interval_send", "interval")
        // Well-known binary with the reference system inside.
        case .geometry: return (.bytes, array("\(name)::pg_catalog.bytea"), "geometry")
        case .array:
            let (type, kind) = element(source)
            return (.bytes, array("pg_catalog.array_send(\(name)::\(type)[])"), "list of \(kind)")
        }
    }

    /// What ranges measure distances with: by far the cheapest way from a time to a number. In days for dates, in seconds for the others.
    private static func distance(_ range: String, _ value: String, _ from: String) -> String {
        "pg_catalog.\(range)_subdiff(\(value), \(from))"
    }

    /// Seconds since 2000 where they say everything: below 2^52 microseconds, quotients by a million round to different numbers, since
    /// they are a unit in the last place or more apart. Null elsewhere.
    private static func nearDistance(_ range: String, _ name: String, _ type: String) -> String {
        // The zone is left out where the type has none.
        func year(_ year: Int) -> String { "'\(year)-01-01 00:00Z'::pg_catalog.\(type)" }
        return "CASE WHEN \(name) >= \(year(1858)) AND \(name) < \(year(2142))"
            + " THEN \(distance(range, name, year(2000))) END"
    }

    /// Arrays are hashed as they are sent. With the number of the elements' type in it, that has to be a type with the same
    /// number everywhere.
    private static func element(_ source: TypeForm) -> (type: String, kind: String) {
        switch source.element {
        case .geometry: ("pg_catalog.bytea", "geometry")
        case .text where source.type.schema != "pg_catalog" || source.isTextForm: ("pg_catalog.text", "text")
        default: (source.type.sql, source.type.name)
        }
    }

    /// What `hash_numeric` leaves out: whether a number is below, at or above zero, and what tells infinity from NaN.
    private static func sign(_ name: String, _ source: TypeForm, _ server: ServerFacts) -> String {
        let sign = "pg_catalog.numeric_cmp(\(name), 0)"
        // With a precision, numbers are finite.
        guard server.hasInfiniteNumerics, source.modifier < 0 else { return sign }
        return "CASE WHEN \(name) = 'Infinity'::pg_catalog.numeric THEN 2 ELSE \(sign) END"
    }

    /// The hash of a value, an `int8`, never null. A column that can be null and one that can't have the same hashes.
    /// - Parameters:
    ///   - prepared: where ``prepared`` is to be had.
    ///   - numbers: what makes this hash one of this column and this word alone.
    func hash(_ prepared: String, _ numbers: inout Numbers) -> String {
        let seed = numbers.literal()
        // Drawn in any case, so that what follows does not depend on who can be null.
        let (null, no) = (numbers.literal(), numbers.literal())
        let value = self.prepared == nil ? name : prepared
        let hash: String
        switch shape {
        case .bool:
            return isNullable
                ? "CASE WHEN \(value) THEN \(seed) WHEN \(value) IS NULL THEN \(null) ELSE \(no) END"
                : "CASE WHEN \(value) THEN \(seed) ELSE \(no) END"
        case .int: hash = Self.mixed("\(value)::pg_catalog.int8 # \(seed)")
        case .double: hash = "pg_catalog.hashfloat8extended(\(value)::pg_catalog.float8, \(seed))"
        case .decimal(let number):
            hash =
                "pg_catalog.hashint4extended(\(prepared), pg_catalog.hash_numeric_extended(\(number), \(seed)))"
        case .text:
            hash = "pg_catalog.hashtextextended((\(value)) COLLATE pg_catalog.\"C\", \(seed))"
        case .uuid: hash = "pg_catalog.uuid_hash_extended(\(value), \(seed))"
        case .bytes: hash = "pg_catalog.hash_array_extended(\(value), \(seed))"
        case .moment(let far):
            hash =
                "coalesce(pg_catalog.hashfloat8extended(\(value), \(seed)), pg_catalog.hash_array_extended(\(far), \(seed)))"
        }
        return isNullable ? "coalesce(\(hash), \(null))" : hash
    }

    /// An integer as it is, where it is the only one that is joined unhashed.
    func plain(_ prepared: String, _ numbers: inout Numbers) -> String? {
        guard case .int = shape, !isNullable else { return nil }
        return "\(self.prepared == nil ? name : prepared)::pg_catalog.int8 # \(numbers.literal())"
    }

    /// The hash of an `int8`.
    static func mixed(_ number: String) -> String { "pg_catalog.hashint4extended(0, \(number))" }
}

/// The 128-bit hash of a record as two expressions, and the hash of its key.
struct RecordHash: Sendable {
    /// The upper and the lower word, `int8`, of columns and of what was ``prepared``.
    let words: [String]
    /// What is computed once for both words, with the name it is given.
    let prepared: [(name: String, expression: String)]
    /// Says which bucket a record is in: `int8`, of columns alone.
    let bucket: String

    /// - Parameters:
    ///   - key: the columns of the key, which are never null.
    ///   - others: the fields that are no part of it.
    init(key: [ColumnHash], others: [ColumnHash]) {
        var numbers = Numbers(state: 0x646f_7665_7461_696c)
        bucket = Self.joined(key.map { $0.hash($0.prepared.map { "(\($0))" } ?? "", &numbers) })
        let columns = key + others
        prepared = columns.enumerated().compactMap { place, column in
            column.prepared.map { (Self.name(place), $0) }
        }
        words = (0..<2).map { _ in
            Self.joined(
                columns.enumerated().map { place, column in
                    // The first may be joined as it is: no other is.
                    place == 0
                        ? column.plain(Self.name(0), &numbers) ?? column.hash(Self.name(0), &numbers)
                        : column.hash(Self.name(place), &numbers)
                })
        }
    }

    private static func name(_ place: Int) -> String { "dovetail_value\(place)" }

    private static func joined(_ hashes: [String]) -> String {
        ColumnHash.mixed(hashes.joined(separator: " # "))
    }
}

/// The same numbers wherever this runs (SplitMix64): both sides must draw alike.
struct Numbers {
    var state: UInt64

    mutating func next() -> Int64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int64(bitPattern: z ^ (z >> 31))
    }

    /// In quotes, because the least number there is has no literal.
    mutating func literal() -> String { "'\(next())'::pg_catalog.int8" }
}
