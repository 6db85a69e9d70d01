/// The JSON form of a value in plans and output: null, booleans, integers and text as themselves, everything else as
/// an object with the type's name, so that reading gives back the very same value.
extension Value: Codable {
    private struct TypeKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .bool(let flag): try Self.encode(flag, to: encoder)
        case .int(let number): try Self.encode(number, to: encoder)
        case .text(let text): try Self.encode(text, to: encoder)
        case .double(let number): try Self.encode("\(number)", as: "double", to: encoder)
        case .decimal(let number): try Self.encode(number.text, as: "decimal", to: encoder)
        case .bytes(let content): try Self.encode(Self.hex(content), as: "bytes", to: encoder)
        case .date(let date): try Self.encode(date.iso, as: "date", to: encoder)
        case .time(let time): try Self.encode(time.iso, as: "time", to: encoder)
        case .timestamp(let timestamp): try Self.encode(timestamp.iso, as: "timestamp", to: encoder)
        case .timestampWithZone(let timestamp): try Self.encode(timestamp.isoZ, as: "instant", to: encoder)
        case .interval(let interval): try Self.encode(interval.iso, as: "interval", to: encoder)
        case .uuid(let uuid): try Self.encode(uuid.text, as: "uuid", to: encoder)
        case .json(let text): try Self.encode(text, as: "json", to: encoder)
        case .list(let values): try Self.encode(values, as: "list", to: encoder)
        case .geometry(let geometry):
            var container = encoder.container(keyedBy: TypeKey.self)
            try container.encode(Self.hex(geometry.wkb), forKey: TypeKey("wkb"))
            try container.encode(geometry.srid, forKey: TypeKey("srid"))
        case .blob(let blob):
            var container = encoder.container(keyedBy: TypeKey.self)
            try container.encode(Self.hex(blob.digest), forKey: TypeKey("blob"))
            try container.encode(blob.size, forKey: TypeKey("size"))
        }
    }

    private static func encode(_ value: some Encodable, to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }

    private static func encode(_ value: some Encodable, as type: String, to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: TypeKey.self)
        try container.encode(value, forKey: TypeKey(type))
    }

    public init(from decoder: any Decoder) throws {
        if let typed = try? decoder.container(keyedBy: TypeKey.self), let key = typed.allKeys.first {
            let type =
                typed.contains(TypeKey("wkb"))
                ? "wkb" : typed.contains(TypeKey("blob")) ? "blob" : key.stringValue
            guard let value = try Self.decode(type, typed) else {
                throw DecodingError.dataCorrupted(
                    .init(codingPath: decoder.codingPath, debugDescription: "no value of type “\(type)”"))
            }
            self = value
            return
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .bool(flag)
        } else if let number = try? container.decode(Int64.self) {
            self = .int(number)
        } else {
            self = .text(try container.decode(String.self))
        }
    }

    private static func decode(_ type: String, _ container: KeyedDecodingContainer<TypeKey>) throws -> Value?
    {
        let key = TypeKey(type)
        if type == "list" { return .list(try container.decode([Value].self, forKey: key)) }
        let text = try container.decode(String.self, forKey: key)
        switch type {
        case "double": return Double(text).map { .double($0) }
        case "decimal": return ExactDecimal(text).map { .decimal($0) }
        case "bytes": return bytes(hex: text).map { .bytes($0) }
        case "date": return CalendarDate(iso: text).map { .date($0) }
        case "time": return TimeOfDay(iso: text).map { .time($0) }
        case "timestamp": return Timestamp.parse(text).map { .timestamp($0.timestamp) }
        case "instant": return Timestamp.parse(text).map { .timestampWithZone($0.timestamp) }
        case "interval": return CalendarInterval(iso: text).map { .interval($0) }
        case "uuid": return UUID128(text).map { .uuid($0) }
        case "json": return .json(text)
        case "wkb":
            let srid = try container.decode(Int32.self, forKey: TypeKey("srid"))
            return bytes(hex: text).map { .geometry(Geometry(srid: srid, canonicalWKB: $0)) }
        case "blob":
            let size = try container.decode(UInt64.self, forKey: TypeKey("size"))
            return bytes(hex: text).map { .blob(BlobReference(digest: $0, size: size)) }
        default: return nil
        }
    }

    private static func bytes(hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16)
            else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }
}
