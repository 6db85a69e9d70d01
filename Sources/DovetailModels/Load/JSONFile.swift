import Dovetail
public import Foundation

extension Dataset {
    /// Adds the records of a JSON file: an array of objects, or one object a line. Keys are the names of identifiers and attributes;
    /// a key that is not there, and null, are nil.
    ///
    /// Texts, numbers and truth are what they are in JSON; a `Decimal` is a number or a text, a `Date` is a text as
    /// `2026-03-01T12:00:00Z`, `Data` is in Base64.
    /// - Parameters:
    ///   - key: where the array is, in a file that is one object.
    ///   - unknown: what to do with keys that are no field.
    /// - Throws: ``ModelError`` with the file, the record and the key; then nothing is added. What Foundation throws for a file
    ///   that can't be read.
    public func add<Subject: Model>(
        _ type: Subject.Type, json file: URL, under key: String? = nil, unknown: UnknownFields = .refuse
    ) throws {
        let reader = ModelReader<Subject>()
        let name = reader.definition.name
        let records: [JSONRecord<Subject>] = try JSONFile(file).records(under: key)
        let models: [Subject] = try records.enumerated().map { index, record in
            do throws(ModelReader<Subject>.Problem) {
                try reader.check(names: record.names, unknown)
                return try reader.model { record.found[$0.name] }
            } catch {
                throw ModelError("\(file.relativePath): \(name) \(index + 1): \(error.words)")
            }
        }
        try add(contentsOf: models)
    }
}

/// The objects of a JSON file, each as a record.
private struct JSONFile {
    private let name: String
    private let content: Data

    init(_ file: URL) throws {
        name = file.relativePath
        content = try Data(contentsOf: file)
    }

    func records<Subject>(under key: String?) throws -> [JSONRecord<Subject>] {
        if let key {
            let found = try decode(RecordsUnderKey<Subject>.self, content, "", key: key)
            guard let records = found.records else {
                throw ModelError("\(name): there is no array under “\(key)”")
            }
            return records
        }
        let first = content.first { ![0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf].contains($0) }
        if first == nil { return [] }
        if first == UInt8(ascii: "[") { return try decode([JSONRecord<Subject>].self, content, "") }
        return try content.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated().compactMap {
            line, text in
            if text.allSatisfy({ [0x20, 0x09, 0x0d].contains($0) }) { return nil }
            return try decode(JSONRecord<Subject>.self, Data(text), ", line \(line + 1)")
        }
    }

    private func decode<Content: Decodable>(
        _: Content.Type, _ data: Data, _ place: String, key: String? = nil
    ) throws -> Content {
        let decoder = JSONDecoder()
        if let under = CodingUserInfoKey.under { decoder.userInfo[under] = key }
        do {
            return try decoder.decode(Content.self, from: data)
        } catch let error as DecodingError {
            throw ModelError(
                "\(name)\(place): \(Self.words(error)); it has to be an array of objects, or one a line")
        }
    }

    private static func words(_ error: DecodingError) -> String {
        switch error {
        case .dataCorrupted(let context):
            let inner = context.underlyingError.map {
                ($0 as NSError).userInfo[NSDebugDescriptionErrorKey] ?? $0
            }
            return inner.map { "\($0)" } ?? context.debugDescription
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context):
            let path = context.codingPath.map { $0.intValue.map { "record \($0 + 1)" } ?? $0.stringValue }
            return (path.isEmpty ? "" : path.joined(separator: ", ") + ": ") + context.debugDescription
        @unknown default: return "\(error)"
        }
    }
}

extension CodingUserInfoKey {
    /// Where the array is in a file that is one object.
    fileprivate static let under = CodingUserInfoKey(rawValue: "under")
}

private struct RecordsUnderKey<Subject: Model>: Decodable {
    let records: [JSONRecord<Subject>]?

    init(from decoder: any Decoder) throws {
        let key = CodingUserInfoKey.under.flatMap { decoder.userInfo[$0] as? String } ?? ""
        records = try decoder.container(keyedBy: AnyName.self).decodeIfPresent(
            [JSONRecord<Subject>].self, forKey: AnyName(stringValue: key))
    }
}

private struct AnyName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// An object, read as the fields of a model. Each value is first taken for what its field asks for: trying one type after
/// the other would take three times as long.
private struct JSONRecord<Subject: Model>: Decodable {
    /// All keys, whether they are fields or not.
    let names: [String]
    /// By the names of fields.
    private(set) var found: [String: ModelReader<Subject>.Found] = [:]

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: AnyName.self)
        let keys = container.allKeys
        names = keys.map(\.stringValue)
        for field in Subject.definition.fields {
            let key = AnyName(stringValue: field.name)
            guard container.contains(key) else { continue }
            if let value = Self.value(of: field.type, container, key) {
                found[field.name] = .value(value)
            } else {
                found[field.name] = try container.decode(JSONValue.self, forKey: key).found(field)
            }
        }
    }

    /// Nil: it is something else, or of a type with several forms.
    private static func value(
        of type: FieldType, _ container: KeyedDecodingContainer<AnyName>, _ key: AnyName
    ) -> Value? {
        switch type {
        case .text: (try? container.decodeIfPresent(String.self, forKey: key)).map { $0.fieldValue }
        case .int: (try? container.decodeIfPresent(Int64.self, forKey: key)).map { $0.fieldValue }
        case .double: (try? container.decodeIfPresent(Double.self, forKey: key)).map { $0.fieldValue }
        case .bool: (try? container.decodeIfPresent(Bool.self, forKey: key)).map { $0.fieldValue }
        default: nil
        }
    }
}

/// A value as JSON has it.
indirect enum JSONValue: Decodable {
    case null
    case bool(Bool)
    case int(Int64)
    case number(Double, Decimal?)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let flag = try? container.decode(Bool.self) {
            self = .bool(flag)
        } else if let number = try? container.decode(Int64.self) {
            self = .int(number)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number, try? container.decode(Decimal.self))
        } else if let list = try? container.decode([JSONValue].self) {
            self = .list(list)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// What it is for a field.
    func found<Subject>(_ field: ModelField<Subject>) -> ModelReader<Subject>.Found {
        value(field.type).map { .value($0) } ?? .other(words)
    }

    private func value(_ type: FieldType) -> Value? {
        switch (self, type) {
        case (.null, _): .null
        case (.bool(let flag), .bool): .bool(flag)
        case (.int(let number), .int): .int(number)
        case (.int(let number), .double): Double(exactly: number).map { .double($0) }
        case (.int(let number), .decimal): .decimal(ExactDecimal(number))
        case (.number(let number, _), .double): .double(number)
        case (.number(_, let number?), .decimal): number.fieldValue
        case (.text(let text), .text): .text(text)
        case (.text(let text), .uuid): UUID128(text).map { .uuid($0) }
        case (.text(let text), .bytes): Data(base64Encoded: text)?.fieldValue
        case (.text(let text), .decimal), (.text(let text), .timestampWithZone):
            Array(text.utf8).withUnsafeBytes { TextForm(type).value($0) }
        case (.list(let values), .list(let element)): Self.list(values, element)
        default: nil
        }
    }

    private static func list(_ values: [JSONValue], _ element: FieldType) -> Value? {
        let found = values.compactMap { $0.value(element) }
        return found.count == values.count ? .list(found) : nil
    }

    /// For a message.
    var words: String {
        switch self {
        case .null: "nothing"
        case .bool(let flag): "\(flag)"
        case .int(let number): "\(number)"
        case .number(let number, _): "\(number)"
        case .text(let text): "“\(Value.text(text).words(limit: 40))”"
        case .list: "this list"
        case .object: "an object"
        }
    }
}
