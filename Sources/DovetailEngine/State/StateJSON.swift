import Foundation

/// Small things of a state store that are kept as text, the same in every store.
package enum StateJSON {
    package static func encode(_ content: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        // The same content is the same text: layouts are found again by it.
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(content), as: UTF8.self)
    }

    package static func decode<Content: Decodable>(_: Content.Type, from text: String) throws -> Content {
        try JSONDecoder().decode(Content.self, from: Data(text.utf8))
    }
}

/// Why a state store can't be trusted.
package struct StateDamage: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
