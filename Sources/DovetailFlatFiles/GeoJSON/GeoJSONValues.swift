import Dovetail
import DovetailEngine

/// JSON values as values of fields, and back.
enum GeoJSONValues {
    /// What kind of value a token is.
    static func type(of token: JSONToken, _ cursor: JSONCursor) -> GuessedType {
        switch token.kind {
        case .null: return .nothing
        case .yes, .no: return .bool
        case .object, .array: return .json
        case .number:
            let bytes = cursor.lent(token.range)
            return NumberShape(bytes)?.type(bytes) ?? .decimal
        case .string:
            return token.hasEscapes ? .text : GuessedType.ofTime(cursor.lent(token.inside)) ?? .text
        }
    }

    /// The value of a token in a column. One that is not of the column's type stays what it is.
    static func value(_ token: JSONToken, _ cursor: JSONCursor, _ codec: CellCodec) -> Value {
        if codec.rule == .json, codec.conversion == nil, token.kind != .null {
            return json(token, cursor)
        }
        switch token.kind {
        case .null: return .null
        case .yes, .no: return .bool(token.kind == .yes)
        case .object where codec.rule == .geometry:
            let read = GeoJSONGeometryReader.geometry(cursor.bytes, token.range, srid: codec.srid)
            return read.map { .geometry(codec.inField($0.geometry)) } ?? json(token, cursor)
        case .object, .array: return json(token, cursor)
        case .number: return number(cursor.lent(token.range), codec)
        case .string:
            if token.hasEscapes { return cursor.unescaped(token).withUnsafeBytes { string($0, codec) } }
            return string(cursor.lent(token.inside), codec)
        }
    }

    private static func json(_ token: JSONToken, _ cursor: JSONCursor) -> Value {
        let text = String(decoding: cursor.bytes[token.range], as: UTF8.self)
        // Beyond its limits even the canonical form gives up; the text is then its own.
        return (try? CanonicalJSON.canonical(text)).map { .json($0) } ?? .text(text)
    }

    private static func number(_ text: UnsafeRawBufferPointer, _ codec: CellCodec) -> Value {
        switch codec.rule {
        case .int where codec.conversion == nil:
            if let number = CellCodec.int(text) ?? ExactDecimal(utf8: text)?.int64 { return .int(number) }
        case .double where codec.conversion == nil:
            if let number = CellCodec.double(text) { return .double(number) }
        case .decimal where codec.conversion == nil:
            if let number = ExactDecimal(utf8: text) { return .decimal(number) }
        case .bool where codec.conversion == .bool:
            if let value = codec.value(text) { return value }
        default: break
        }
        switch NumberShape(text)?.type(text) ?? .decimal {
        case .int, .wideInt: if let number = CellCodec.int(text) { return .int(number) }
        case .double: if let number = CellCodec.double(text) { return .double(number) }
        default: break
        }
        return ExactDecimal(utf8: text).map { .decimal($0) } ?? .text(String(decoding: text, as: UTF8.self))
    }

    private static func string(_ text: UnsafeRawBufferPointer, _ codec: CellCodec) -> Value {
        if isString(codec), let value = codec.value(text) { return value }
        return .text(String(decoding: text, as: UTF8.self))
    }

    /// Whether values of a column stand as JSON strings.
    private static func isString(_ codec: CellCodec) -> Bool {
        if codec.conversion == .text { return true }
        switch codec.rule {
        case .int, .double, .decimal, .json, .geometry, .none: return false
        case .bool: return codec.conversion == .bool && !codec.isNumericBool
        case .any, .text, .date, .time, .timestamp, .timestampWithZone, .interval, .uuid, .bytes: return true
        }
    }

    // MARK: Writing

    /// The JSON of a value in a column.
    /// - Throws: ``UnstorableValue`` when it would not come back as the value.
    static func text(of value: Value, _ codec: CellCodec) throws -> [UInt8] {
        let text: String
        switch value {
        case .null: return Array("null".utf8)
        case .geometry(let geometry):
            guard geometry.srid == codec.srid else {
                throw codec.refusal(
                    "the file is in the reference system \(codec.srid), the geometry in \(geometry.srid)")
            }
            text = try GeoJSONGeometryWriter.text(of: codec.inColumn(geometry))
        case .json(let content) where codec.conversion != .text: text = content
        case .double(let number) where !number.isFinite && codec.conversion != .text:
            throw codec.refusal("JSON has no NaN and no infinity")
        case .decimal(let number) where !number.isFinite && codec.conversion != .text:
            throw codec.refusal("JSON has no NaN and no infinity")
        case .int, .double, .decimal:
            let plain = codec.rule == .any ? value.words(limit: .max) : try codec.text(of: value)
            text = codec.conversion == .text ? quoted(plain) : plain
        case .bool:
            let plain = try codec.rule == .any ? value.words : codec.text(of: value)
            text = isString(codec) && codec.rule != .any ? quoted(plain) : plain
        default: text = quoted(try codec.text(of: value))
        }
        let bytes = Array(text.utf8)
        let back = bytes.withUnsafeBytes { bytes -> Value? in
            var cursor = JSONCursor(bytes)
            return (try? cursor.value()).map { Self.value($0, cursor, codec) }
        }
        guard back == value else {
            throw codec.refusal("\(value.words(limit: 40)) is no \(codec.type.name)")
        }
        return bytes
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\0"..<" ":
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
