import Dovetail
import DovetailEngine

/// Why a value can't stand in a column, in words for a person.
struct UnstorableValue: Error, Sendable, Hashable {
    var reason: String
}

/// Turns values into the binary form that a column's transfer type takes, or refuses them: what PostgreSQL would round,
/// pad, cut off or move would be another value than the one that was agreed.
///
/// What goes through text (``TypeForm/isTextForm``) is judged by the server, and comes back in its spelling.
struct ValueEncoder: Sendable {
    let plan: ColumnPlan
    /// The table's name, for refusals.
    let table: String

    var form: TypeForm { plan.column.form }

    /// Appends length and bytes of a value, or what says null.
    func append(_ value: Value, to bytes: inout [UInt8]) throws(UnstorableValue) {
        if case .null = value {
            bytes.append(bigEndian: Int32(-1))
            return
        }
        let start = bytes.count
        bytes.append(bigEndian: Int32(0))
        do throws(UnstorableValue) {
            try appendContent(converted(value), to: &bytes)
            try close(start, &bytes)
        } catch {
            bytes.removeSubrange(start...)
            throw error
        }
    }

    /// Writes the length of what follows it.
    func close(_ start: Int, _ bytes: inout [UInt8]) throws(UnstorableValue) {
        // PostgreSQL's own limit is 1 GB, for a whole row as well.
        guard let length = Int32(exactly: bytes.count - start - 4), length < 1 << 30 else {
            throw refusal("PostgreSQL can't hold a value of \(bytes.count - start - 4) bytes")
        }
        bytes.replace(bigEndian: length, at: start)
    }

    /// The value as the column holds it, under the declared conversion.
    private func converted(_ value: Value) -> Value {
        switch plan.conversion {
        case nil: return value
        case .multi:
            guard case .geometry(let geometry) = value else { return value }
            return .geometry(
                MultiGeometry.wrapping(
                    geometry, for: GeometryModifier(form.modifier, of: form.type).typeName))
        case .bool:
            guard case .bool(let flag) = value else { return value }
            switch form.fieldType {
            case .int: return .int(flag ? 1 : 0)
            case .decimal: return .decimal(ExactDecimal(flag ? 1 : 0))
            case .text: return .text(flag ? "true" : "false")
            default: return value
            }
        case .text: return form.fieldType == .text ? Self.spelled(value) : value
        }
    }

    /// The text form of a value, where it has one.
    private static func spelled(_ value: Value) -> Value {
        switch value {
        case .bool(let flag): .text(flag ? "true" : "false")
        case .int(let number): .text(String(number))
        case .double(let number): .text("\(number)")
        case .decimal(let number): .text(number.text)
        case .date(let date): .text(date.iso)
        case .time(let time): .text(time.iso)
        case .timestamp(let timestamp): .text(timestamp.iso)
        case .timestampWithZone(let timestamp): .text(timestamp.isoZ)
        case .interval(let interval): .text(interval.iso)
        case .uuid(let uuid): .text(uuid.text)
        case .json(let text): .text(text)
        case .null, .text, .bytes, .list, .geometry, .blob: value
        }
    }

    /// Appends the bytes of a value that is not null.
    private func appendContent(_ value: Value, to bytes: inout [UInt8]) throws(UnstorableValue) {
        guard form.isArray else { return try appendScalar(value, form.rule, to: &bytes) }
        guard case .list(let items) = value else { throw misfit(value) }
        try appendArray(items, to: &bytes)
    }

    /// Appends one value of the column's type, or one element of its array.
    func appendScalar(
        _ value: Value, _ rule: ColumnCodec.Rule, to bytes: inout [UInt8]
    ) throws(UnstorableValue) {
        switch (rule, value) {
        case (.bool, .bool(let flag)): bytes.append(flag ? 1 : 0)
        case (.int2, _), (.int4, _), (.int8, _), (.unsigned, _):
            try append(int: value, rule, to: &bytes)
        case (.float4, _), (.float8, _): try append(double: value, rule, to: &bytes)
        case (.numeric, _), (.money, _): try append(decimal: value, rule, to: &bytes)
        case (.text, .text(let text)), (.blankPadded, .text(let text)), (.inet, .text(let text)):
            try append(text: text, to: &bytes)
        case (.bytes, .bytes(let content)): bytes.append(contentsOf: content)
        case (.date, .date(let date)): try append(date: date, to: &bytes)
        case (.time, .time(let time)):
            try checkPrecision(time.microseconds, value)
            bytes.append(bigEndian: time.microseconds)
        case (.timestamp, .timestamp(let timestamp)), (.timestampWithZone, .timestampWithZone(let timestamp)):
            try append(timestamp: timestamp, value, to: &bytes)
        case (.timestamp, .text(let text)), (.timestampWithZone, .text(let text)):
            guard let far = PostgresTime.far(text, withZone: rule == .timestampWithZone) else {
                throw misfit(value)
            }
            bytes.append(bigEndian: far)
        case (.interval, .interval(let interval)): try append(interval: interval, to: &bytes)
        case (.uuid, .uuid(let uuid)):
            bytes.append(bigEndian: uuid.high)
            bytes.append(bigEndian: uuid.low)
        case (.json, .json(let text)), (.json, .text(let text)): try append(json: text, value, to: &bytes)
        case (.jsonb, .json(let text)):
            bytes.append(1)
            try append(jsonb: text, to: &bytes)
        case (.geometry, .geometry(let geometry)): try append(geometry: geometry, to: &bytes)
        default: throw misfit(value)
        }
    }

    func misfit(_ value: Value) -> UnstorableValue {
        let advice: String =
            switch (form.fieldType, value) {
            case (.text, .int), (.text, .double), (.text, .decimal), (.text, .bool), (.text, .uuid),
                (.text, .date), (.text, .timestamp), (.text, .timestampWithZone), (.text, .json):
                "; give it the conversion text"
            default: ""
            }
        return refusal("it can't hold a \(value.typeWord)\(advice)")
    }

    func refusal(_ reason: String) -> UnstorableValue {
        let column = plan.column
        return UnstorableValue(reason: "column \(column.name) (\(column.declared)) of \(table): \(reason)")
    }
}

extension Value {
    /// The word for its type in refusals.
    var typeWord: String {
        switch self {
        case .null: "null"
        case .bool: "truth value"
        case .int, .double, .decimal: "number"
        case .text: "text"
        case .bytes: "sequence of bytes"
        case .date: "date"
        case .time: "time of day"
        case .timestamp: "timestamp without zone"
        case .timestampWithZone: "timestamp with zone"
        case .interval: "interval"
        case .uuid: "uuid"
        case .json: "JSON value"
        case .list: "list"
        case .geometry: "geometry"
        case .blob: "file kept elsewhere"
        }
    }
}
