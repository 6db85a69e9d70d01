import Foundation

/// The name of a document in its set: a relative path such as `notes/today.txt`.
///
/// Names are texts in Unicode's composed form, so that one file is one document on every system. They never lead out of the
/// folder that they are in: no part of one is empty, `.` or `..`.
public struct DocumentName: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    public let text: String

    /// Bytes of UTF-8 at most, of a whole name and of one part between slashes.
    public static let longest = 1024
    public static let longestPart = 255

    /// - Throws: ``DocumentNameError`` that says what is wrong with it.
    public init(_ text: String) throws(DocumentNameError) {
        let composed = text.precomposedStringWithCanonicalMapping
        func refuse(_ reason: String) -> DocumentNameError { DocumentNameError(name: text, reason: reason) }
        guard !composed.isEmpty else { throw refuse("it is empty") }
        guard composed.utf8.count <= Self.longest else {
            throw refuse("it is longer than \(Self.longest) bytes")
        }
        guard !composed.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
            throw refuse("it holds a control character")
        }
        guard !composed.contains("\\") else {
            throw refuse("it holds a backslash; parts are separated by “/”")
        }
        for part in composed.split(separator: "/", omittingEmptySubsequences: false) {
            switch part {
            case "": throw refuse("a part of it is empty; it begins or ends with “/”, or has two in a row")
            case ".", "..": throw refuse("it leads out of its folder")
            default: break
            }
            guard part.utf8.count <= Self.longestPart else {
                throw refuse("a part of it is longer than \(Self.longestPart) bytes")
            }
        }
        self.text = composed
    }

    public var description: String { text }

    public static func < (a: DocumentName, b: DocumentName) -> Bool {
        a.text.utf8.lexicographicallyPrecedes(b.text.utf8)
    }

    public init(from decoder: any Decoder) throws {
        self = try DocumentName(try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

/// A text that can't be the name of a document.
public struct DocumentNameError: Error, Sendable, Hashable, CustomStringConvertible {
    public let name: String
    public let reason: String

    public var description: String { "“\(name)” can't be the name of a document: \(reason)" }
}
