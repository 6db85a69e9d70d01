import DovetailEngine
import Foundation

/// Small things of a state file that are kept as text.
enum StateJSON {
    static func encode(_ content: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        // The same content is the same text: layouts are found again by it.
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(content), as: UTF8.self)
    }

    static func decode<Content: Decodable>(_: Content.Type, from text: String) throws -> Content {
        try JSONDecoder().decode(Content.self, from: Data(text.utf8))
    }
}
