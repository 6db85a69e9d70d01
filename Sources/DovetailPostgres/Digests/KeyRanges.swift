import Dovetail

/// The column by which the ranges of keys are told apart: the first of the key, where PostgreSQL sorts it as we do.
struct RangeColumn: Sendable {
    /// In which type bounds travel and are compared.
    enum Kind {
        case int, decimal, text, uuid, bytes, date, time, timestamp, timestampWithZone
    }

    let kind: Kind
    /// The column as it is, which an index knows.
    private let plain: String
    /// Whether an index leads to a few ranges. Those of texts are in the order of their collation.
    let hasIndex: Bool
    /// The column in the type and the order of bounds.
    private let compared: String

    /// Nil where one range has to do. A timestamp that no canonical value reaches would be sorted otherwise; its column is
    /// looked at before (``DigestPlan``).
    init?(_ column: ColumnPlan, name: String, of table: TableFacts) {
        guard column.codec.change == .none, column.column.isNotNull else { return nil }
        plain = name
        switch column.column.form.rule {
        case .int2, .int4, .int8:
            kind = .int
            compared = "\(name)::pg_catalog.int8"
        case .numeric:
            kind = .decimal
            compared = name
        case .text where !column.column.form.isTextForm, .blankPadded:
            kind = .text
            compared = "(\(name)::pg_catalog.text) COLLATE pg_catalog.\"C\""
        case .uuid: (kind, compared) = (.uuid, name)
        case .bytes: (kind, compared) = (.bytes, name)
        case .date: (kind, compared) = (.date, name)
        case .time: (kind, compared) = (.time, name)
        case .timestamp: (kind, compared) = (.timestamp, name)
        case .timestampWithZone: (kind, compared) = (.timestampWithZone, name)
        default: return nil
        }
        let constraints = [table.primaryKey] + table.uniqueKeys.map(\.columns)
        hasIndex = kind != .text && constraints.contains { $0.first == column.column.name }
    }

    private var type: (name: String, number: UInt32) {
        switch kind {
        case .int: ("int8", BuiltIn.int8)
        case .decimal: ("numeric", BuiltIn.numeric)
        case .text: ("text", BuiltIn.text)
        case .uuid: ("uuid", BuiltIn.uuid)
        case .bytes: ("bytea", BuiltIn.bytea)
        case .date: ("date", BuiltIn.date)
        case .time: ("time", BuiltIn.time)
        case .timestamp: ("timestamp", BuiltIn.timestamp)
        case .timestampWithZone: ("timestamptz", BuiltIn.timestamptz)
        }
    }

    /// What the column holds where a bound lies, as PostgreSQL's binary form.
    private enum Place {
        case value([UInt8])
        /// Below or above everything that the column can hold: a bound of another type, or beyond its reach.
        case below, above
    }

    private func place(of bound: RecordKey) throws(UnusableBound) -> Place {
        // A bound of ours is the first value of a key, which is less than every key that begins with it.
        guard let values = try? bound.values(), values.count == 1 else { throw UnusableBound() }
        var bytes: [UInt8] = []
        switch (kind, values[0]) {
        case (.int, .int(let number)): bytes.append(bigEndian: number)
        case (.decimal, .decimal(let number)):
            if let parts = DecimalParts(number) {
                // Beyond 16383 decimals no `numeric` reaches.
                guard parts.fraction.count < 16_000, parts.whole.count < 131_000 else {
                    throw UnusableBound()
                }
                NumericForm.append(parts, to: &bytes)
            } else {
                NumericForm.append(special: number, to: &bytes)
            }
        case (.text, .text(let text)):
            guard !text.utf8.contains(0) else { throw UnusableBound() }
            bytes = Array(text.utf8)
        case (.uuid, .uuid(let uuid)):
            bytes.append(bigEndian: uuid.high)
            bytes.append(bigEndian: uuid.low)
        case (.bytes, .bytes(let content)): bytes = content
        case (.date, .date(let date)):
            guard date.days != .max, date.days != .min else {
                bytes.append(bigEndian: date.days)
                break
            }
            let (days, overflow) = date.days.subtractingReportingOverflow(PostgresTime.epochDays)
            // Beyond PostgreSQL's reach there are only the infinities.
            let lower = PostgresTime.days.lowerBound
            bytes.append(
                bigEndian: overflow || days < lower
                    ? lower : days > PostgresTime.days.upperBound ? .max : days)
        case (.time, .time(let time)): bytes.append(bigEndian: time.microseconds)
        case (.timestamp, .timestamp(let moment)), (.timestampWithZone, .timestampWithZone(let moment)):
            guard moment.microseconds != .max, moment.microseconds != .min else {
                bytes.append(bigEndian: moment.microseconds)
                break
            }
            let (count, overflow) = moment.microseconds.subtractingReportingOverflow(
                PostgresTime.epochMicroseconds)
            let lower = PostgresTime.microseconds.lowerBound
            bytes.append(bigEndian: overflow || count < lower ? lower : count)
        default: return try side(of: bound)
        }
        return .value(bytes)
    }

    /// Whether a bound of another type comes before or after the column's values: types have an order too.
    private func side(of bound: RecordKey) throws(UnusableBound) -> Place {
        let some: Value =
            switch kind {
            case .int: .int(0)
            case .decimal: .decimal(.zero)
            case .text: .text("")
            case .uuid: .uuid(UUID128(high: 0, low: 0))
            case .bytes: .bytes([])
            case .date: .date(CalendarDate(days: 0))
            case .time: TimeOfDay(microseconds: 0).map { .time($0) } ?? .null
            case .timestamp: .timestamp(Timestamp(microseconds: 0))
            case .timestampWithZone: .timestampWithZone(Timestamp(microseconds: 0))
            }
        guard let here = RecordKey([some]).bytes.first, let there = bound.bytes.first, here != there else {
            throw UnusableBound()
        }
        return there < here ? .below : .above
    }
}

/// A bound that can't be compared with this key: not one that ``PostgresObservation/sampleKeys(of:count:)`` gave.
struct UnusableBound: Error {}

extension RangeColumn {
    /// Texts and numbers have no fixed place in an array, so each look goes through half of it.
    private static let shortArray = 32
    /// Beyond it, neighbouring integers are one `float8`.
    private static let exactFloats: Int64 = 1 << 53

    /// - Parameter bounds: ascending.
    func range(_ bounds: [RecordKey], _ parameters: inout ParameterList) throws(UnusableBound) -> String {
        var values: [[UInt8]] = []
        var below = 0
        for bound in bounds {
            switch try place(of: bound) {
            case .below: below += 1
            case .value(let bytes): values.append(bytes)
            case .above: break
            }
        }
        let range = expression(values, &parameters)
        return below == 0 ? range : "(\(below) + \(range))"
    }

    /// The rows of some ranges, found by an index, each with the number of its range.
    /// - Parameters:
    ///   - wanted: the ranges, ascending.
    ///   - number: the number that a range is given, by its place in `wanted`.
    ///   - rows: selects columns from the table under a condition.
    func rows(
        of wanted: [Int], _ bounds: [RecordKey], _ parameters: inout ParameterList,
        named number: (Int) -> String,
        selecting rows: (_ columns: String, _ condition: String?) -> String
    ) throws(UnusableBound) -> String {
        var selects: [String] = []
        var inner: [(number: String, from: [UInt8], to: [UInt8])] = []
        for (index, range) in wanted.enumerated() {
            // Range r reaches from bound r - 1 to bound r.
            let from = range > 0 ? try place(of: bounds[range - 1]) : .below
            let to = range < bounds.count ? try place(of: bounds[range]) : .above
            let number = number(index)
            let column = "'\(number)'::pg_catalog.int8 AS dovetail_range"
            switch (from, to) {
            case (.above, _), (_, .below): break
            case (.below, .above): selects.append(rows(column, nil))
            case (.below, .value(let to)):
                selects.append(rows(column, "\(plain) < \(parameters.add(.binary(to, type.number)))"))
            case (.value(let from), .above):
                selects.append(rows(column, "\(plain) >= \(parameters.add(.binary(from, type.number)))"))
            case (.value(let from), .value(let to)): inner.append((number, from, to))
            }
        }
        if !inner.isEmpty {
            let name = "::pg_catalog.\(type.name)[]"
            let from = parameters.add(Self.array(of: type.number, inner.map(\.from))) + name
            let to = parameters.add(Self.array(of: type.number, inner.map(\.to))) + name
            let numbers = inner.map(\.number).joined(separator: ",")
            let found = rows(
                "dovetail_span.range AS dovetail_range",
                "\(plain) >= dovetail_span.low AND \(plain) < dovetail_span.high")
            selects.append(
                """
                SELECT dovetail_found.* FROM ROWS FROM (pg_catalog.unnest(\(from)), pg_catalog.unnest(\(to)),
                    pg_catalog.unnest('{\(numbers)}'::pg_catalog.int8[])) AS dovetail_span (low, high, range)
                    CROSS JOIN LATERAL (\(found) OFFSET 0) AS dovetail_found
                """)
        }
        return selects.isEmpty
            ? rows("'0'::pg_catalog.int8 AS dovetail_range", "false")
            : selects.joined(separator: " UNION ALL ")
    }

    private func expression(_ values: [[UInt8]], _ parameters: inout ParameterList) -> String {
        guard !values.isEmpty else { return "0" }
        switch kind {
        case .int:
            let numbers = values.map { $0.reduce(Int64(0)) { $0 << 8 | Int64($1) } }
            guard numbers.allSatisfy({ $0 > -Self.exactFloats && $0 < Self.exactFloats }) else { break }
            // `width_bucket` has a loop of its own for `float8`. Integers beyond the bounds may lose digits there, but
            // stay beyond them.
            let floats = numbers.map { number in
                var bytes: [UInt8] = []
                bytes.append(bigEndian: Double(number).bitPattern)
                return bytes
            }
            let array = parameters.add(Self.array(of: BuiltIn.float8, floats))
            return "pg_catalog.width_bucket(\(plain)::pg_catalog.float8, \(array)::pg_catalog.float8[])"
        case .text, .decimal, .bytes: return tree(values[...], &parameters)
        default: break
        }
        return "pg_catalog.width_bucket(\(compared), \(array(values[...], &parameters)))"
    }

    /// Comparisons one by one, down to a short array.
    private func tree(_ values: ArraySlice<[UInt8]>, _ parameters: inout ParameterList) -> String {
        guard values.count > Self.shortArray else {
            return
                "(\(values.startIndex) + pg_catalog.width_bucket(\(compared), \(array(values, &parameters))))"
        }
        let middle = (values.startIndex + values.endIndex) / 2
        let bound = parameters.add(.binary(values[middle], type.number))
        let low = tree(values[..<middle], &parameters)
        let high = tree(values[middle...], &parameters)
        return "CASE WHEN \(compared) < \(bound)::pg_catalog.\(type.name) THEN \(low) ELSE \(high) END"
    }

    private func array(_ values: ArraySlice<[UInt8]>, _ parameters: inout ParameterList) -> String {
        "\(parameters.add(Self.array(of: type.number, values)))::pg_catalog.\(type.name)[]"
    }

    static func array(of type: UInt32, _ items: some Collection<[UInt8]>) -> Parameter {
        var bytes: [UInt8] = []
        // Dimensions, whether there may be nulls, the elements' type, length, lower bound.
        for word in [items.isEmpty ? 0 : 1, 0, Int32(bitPattern: type)] { bytes.append(bigEndian: word) }
        if !items.isEmpty {
            bytes.append(bigEndian: Int32(items.count))
            bytes.append(bigEndian: Int32(1))
        }
        for item in items {
            bytes.append(bigEndian: Int32(item.count))
            bytes += item
        }
        return .binary(bytes, 0)
    }
}

/// The parameters of a statement as they are used.
struct ParameterList {
    private(set) var all: [Parameter] = []

    /// Gives the name of a new parameter.
    mutating func add(_ parameter: Parameter) -> String {
        all.append(parameter)
        return "$\(all.count)"
    }
}
