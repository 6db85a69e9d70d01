import Dovetail
import Foundation

/// A JSON document as it stands, before it is known what each part means.
package indirect enum ScenarioTree: Decodable, Sendable {
    case null
    case flag(Bool)
    case int(Int64)
    case double(Double)
    case text(String)
    case list([ScenarioTree])
    case object([String: ScenarioTree])

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Int64.self) {
            self = .int(number)
        } else if let number = try? container.decode(Double.self) {
            self = .double(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([ScenarioTree].self) {
            self = .list(list)
        } else {
            self = .object(try container.decode([String: ScenarioTree].self))
        }
    }
}

/// One part of a scenario file, with the place it stands at, for messages.
struct ScenarioPart {
    let tree: ScenarioTree
    let place: String

    func failure(_ message: String) -> ScenarioFileError { ScenarioFileError(place: place, message: message) }

    // MARK: Objects

    /// The parts of an object, all of them known.
    /// - Throws: ``ScenarioFileError`` naming a key that means nothing here.
    func object(_ known: Set<String>) throws -> [String: ScenarioPart] {
        guard case .object(let parts) = tree else { throw failure("an object is due here") }
        if let unknown = parts.keys.sorted().first(where: { !known.contains($0) }) {
            throw failure(
                "“\(unknown)” means nothing here; known are \(known.sorted().joined(separator: ", "))")
        }
        return named(parts)
    }

    /// The parts of an object whose keys are the author's own.
    func entries() throws -> [(key: String, part: ScenarioPart)] {
        guard case .object(let parts) = tree else { throw failure("an object is due here") }
        return named(parts).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private func named(_ parts: [String: ScenarioTree]) -> [String: ScenarioPart] {
        var named: [String: ScenarioPart] = [:]
        for (key, part) in parts { named[key] = ScenarioPart(tree: part, place: "\(place).\(key)") }
        return named
    }

    // MARK: Lists and single values

    func list() throws -> [ScenarioPart] {
        guard case .list(let parts) = tree else { throw failure("a list is due here") }
        return parts.enumerated().map { ScenarioPart(tree: $0.element, place: "\(place)[\($0.offset + 1)]") }
    }

    func text() throws -> String {
        guard case .text(let text) = tree else { throw failure("a text is due here") }
        return text
    }

    func texts() throws -> [String] { try list().map { try $0.text() } }

    func int() throws -> Int {
        guard case .int(let number) = tree else { throw failure("a whole number is due here") }
        return Int(number)
    }

    func flag() throws -> Bool {
        guard case .flag(let flag) = tree else { throw failure("true or false is due here") }
        return flag
    }

    /// One of the words of a type.
    func word<Word: RawRepresentable & CaseIterable>(_ type: Word.Type) throws -> Word
    where Word.RawValue == String {
        let text = try text()
        guard let word = Word(rawValue: text) else {
            throw failure("“\(text)” is none of \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return word
    }

    // MARK: Values of fields

    /// The value of a field, written plainly: numbers and texts as themselves, a point as `[x, y]`, dates as text.
    func value(of type: FieldType) throws -> Value {
        switch (tree, type) {
        case (.null, _): return .null
        case (.flag(let flag), .bool): return .bool(flag)
        case (.int(let number), .int), (.int(let number), .any): return .int(number)
        case (.int(let number), .double): return .double(Double(number))
        case (.double(let number), .double): return .double(number)
        case (.text(let text), .any): return .text(text)
        case (.text(let text), _):
            if let value = Self.value(text, of: type) { return value }
        case (.list, .list(let element)): return .list(try list().map { try $0.value(of: element) })
        case (.list, .geometry(let kind)):
            let ordinates = try list().map { try $0.value(of: .double) }
            if case .double(let x)? = ordinates.first, case .double(let y)? = ordinates.last,
                ordinates.count == 2
            {
                return .geometry(Conformance.point(x, y, srid: kind.srid))
            }
        default: break
        }
        throw failure("this is no \(type.name)")
    }

    /// A value written as text.
    static func value(_ text: String, of type: FieldType) -> Value? {
        switch type {
        case .text, .any: .text(text)
        case .int: Int64(text).map { .int($0) }
        case .double: Double(text).map { .double($0) }
        case .decimal: ExactDecimal(text).map { .decimal($0) }
        case .date: CalendarDate(iso: text).map { .date($0) }
        case .time: TimeOfDay(iso: text).map { .time($0) }
        case .timestamp: Timestamp.parse(text).map { .timestamp($0.timestamp) }
        case .timestampWithZone: Timestamp.parse(text).map { .timestampWithZone($0.timestamp) }
        case .uuid: UUID128(text).map { .uuid($0) }
        default: nil
        }
    }
}

/// A scenario file that can't be read.
public struct ScenarioFileError: Error, Sendable, CustomStringConvertible {
    /// The file, and the part of it: `edits.json: steps[3].sync`.
    public let place: String
    public let message: String

    public var description: String { "\(place): \(message)" }
}
