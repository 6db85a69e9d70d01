import Foundation

/// Whether a document's rules allow a text.
struct RuleCheck {
    let rules: DocumentRules
    let document: DocumentName

    /// - Parameters:
    ///   - text: nil: the document is to be deleted.
    ///   - parent: nil: there was none.
    /// - Throws: ``HubError/Kind/refused`` with the reason.
    func check(_ text: [UInt8]?, after parent: [UInt8]?) throws(HubError) {
        guard let text else {
            if rules.appendOnly, parent != nil {
                throw refusal("text may only be added to it, so it can't be deleted")
            }
            return
        }
        if let largest = rules.largest, text.count > largest {
            throw refusal("it would have \(text.count) bytes, and \(largest) are allowed")
        }
        if rules.appendOnly, let parent, let place = Self.firstDifference(parent, text) {
            throw refusal(
                "text may only be added at its end, and line \(Self.line(of: place, in: parent)) was changed or removed"
            )
        }
        try checkCharacters(text)
    }

    private func checkCharacters(_ text: [UInt8]) throws(HubError) {
        switch rules.characters {
        case .any: return
        case .ascii:
            guard let place = text.firstIndex(where: { $0 >= 0x80 || $0 == 0 }) else { return }
            throw refusal("line \(Self.line(of: place, in: text)) has a character that is not ASCII")
        case .utf8:
            if let place = text.firstIndex(of: 0) {
                throw refusal("line \(Self.line(of: place, in: text)) has a NUL")
            }
            guard String(validating: text, as: UTF8.self) == nil else { return }
            throw refusal("line \(Self.lineOfBadUTF8(text)) is not UTF-8; save the file in that encoding")
        }
    }

    func refusal(_ reason: String) -> HubError {
        HubError(.refused, "“\(document)” was not changed: \(reason)")
    }

    /// Where a text stops beginning as another one; nil: it does not.
    private static func firstDifference(_ parent: [UInt8], _ text: [UInt8]) -> Int? {
        let isBeginning = parent.withUnsafeBytes { parent in
            text.withUnsafeBytes { text in
                guard parent.count <= text.count else { return false }
                guard let old = parent.baseAddress, let new = text.baseAddress else { return true }
                return memcmp(old, new, parent.count) == 0
            }
        }
        if isBeginning { return nil }
        return zip(parent, text).enumerated().first { $0.element.0 != $0.element.1 }?.offset
            ?? min(parent.count, text.count)
    }

    /// Counted from 1.
    private static func line(of place: Int, in text: [UInt8]) -> Int {
        text[..<place].count { $0 == UInt8(ascii: "\n") } + 1
    }

    private static func lineOfBadUTF8(_ text: [UInt8]) -> Int {
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return (lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0) + 1
    }
}
