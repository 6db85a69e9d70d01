import Dovetail

extension ValueEncoder {
    func append(text: String, to bytes: inout [UInt8]) throws(UnstorableValue) {
        var text = text
        let reason = text.withUTF8 { self.reason(against: UnsafeRawBufferPointer($0)) }
        if let reason { throw refusal(reason) }
        bytes.append(contentsOf: text.utf8)
    }

    /// Appends length and bytes of a packed text, whatever its encoding is.
    func append(packedText text: ArraySlice<UInt8>, to bytes: inout [UInt8]) throws(UnstorableValue) {
        let reason = text.withUnsafeBytes { raw -> String? in
            if plan.server.encoding != "SQL_ASCII", !Self.isUTF8(raw) { return "the text is not valid UTF-8" }
            return self.reason(against: raw)
        }
        if let reason { throw refusal(reason) }
        let start = bytes.count
        bytes.append(bigEndian: Int32(0))
        bytes.append(contentsOf: text)
        try close(start, &bytes)
    }

    private static func isUTF8(_ text: UnsafeRawBufferPointer) -> Bool {
        text.allSatisfy { $0 < 0x80 } || String(validating: text, as: UTF8.self) != nil
    }

    /// Why the column would refuse or change a text; nil when it takes it.
    private func reason(against text: UnsafeRawBufferPointer) -> String? {
        if text.contains(0) { return "PostgreSQL can't hold a zero byte in a text" }
        if plan.server.encoding == "LATIN1", let letter = Self.beyondLatin1(text) {
            return "the database is in LATIN1, which has no “\(letter)”"
        }
        let type = form.type
        if type.kind == .enumeration { return reason(againstLabel: text) }
        switch type.number {
        case BuiltIn.varchar where form.modifier >= 4:
            return reason(tooLong: text, limit: Int(form.modifier) - 4)
        case BuiltIn.bpchar:
            // The number of blanks at the end is the column's business and not a part of the value.
            if text.last == 0x20 { return "it doesn't keep blanks at the end of a text" }
            return form.modifier >= 4 ? reason(tooLong: text, limit: Int(form.modifier) - 4) : nil
        case BuiltIn.name where text.count > 63: return "a name has at most 63 bytes, this text \(text.count)"
        case BuiltIn.char where text.count > 1 || (text.first ?? 0) > 0x7f:
            return "it holds one ASCII character, this text has \(text.count) bytes"
        case BuiltIn.timetz where (0...6).contains(form.modifier):
            return Self.decimals(text) > Int(form.modifier) ? "it would round \(words(text))" : nil
        default: return nil
        }
    }

    private func reason(tooLong text: UnsafeRawBufferPointer, limit: Int) -> String? {
        guard text.count > limit else { return nil }
        // In SQL_ASCII every byte counts as a character.
        let isCounted = plan.server.encoding == "SQL_ASCII"
        let count = isCounted ? text.count : text.count { $0 & 0xc0 != 0x80 }
        return count > limit ? "the text has \(count) characters, more than \(limit)" : nil
    }

    private func reason(againstLabel text: UnsafeRawBufferPointer) -> String? {
        if form.type.labels.contains(where: { text.elementsEqual($0.utf8) }) { return nil }
        let known = form.type.labels.prefix(20).joined(separator: ", ")
        let more = form.type.labels.count > 20 ? ", …" : ""
        return "it has no label \(words(text)); it has: \(known)\(more)"
    }

    private func words(_ text: UnsafeRawBufferPointer) -> String {
        "“\(Self.shortened(String(decoding: text, as: UTF8.self)))”"
    }

    private static func beyondLatin1(_ text: UnsafeRawBufferPointer) -> Unicode.Scalar? {
        // All that LATIN1 has starts with one of these bytes.
        guard text.contains(where: { $0 > 0xc3 }) else { return nil }
        return String(decoding: text, as: UTF8.self).unicodeScalars.first { $0.value > 0xff }
    }

    /// Decimals of a second that say something.
    private static func decimals(_ text: UnsafeRawBufferPointer) -> Int {
        guard let point = text.firstIndex(of: UInt8(ascii: ".")) else { return 0 }
        let digits = text[(point + 1)...].prefix { $0 >= 0x30 && $0 <= 0x39 }
        return (digits.lastIndex { $0 != 0x30 } ?? point) - point
    }

    // MARK: JSON

    /// A `json` column holds any JSON text; one beyond the limits of the canonical form went by as a text.
    func append(json text: String, _ value: Value, to bytes: inout [UInt8]) throws(UnstorableValue) {
        if case .text = value, (try? CanonicalJSON.canonical(text)) != nil { throw misfit(value) }
        if text.utf8.contains(0) { throw refusal("PostgreSQL can't hold a zero byte in a text") }
        bytes.append(contentsOf: text.utf8)
    }

    /// `jsonb` holds texts and numbers as PostgreSQL does: no zero characters, and numbers within `numeric`.
    func append(jsonb text: String, to bytes: inout [UInt8]) throws(UnstorableValue) {
        let json = Array(text.utf8)
        var position = 0
        while position < json.count {
            switch json[position] {
            case UInt8(ascii: "\""): try passString(json, &position)
            case 0x30...0x39: try passNumber(json, &position)
            default: position += 1
            }
        }
        bytes.append(contentsOf: json)
    }

    private func passString(_ json: [UInt8], _ position: inout Int) throws(UnstorableValue) {
        position += 1
        while position < json.count, json[position] != UInt8(ascii: "\"") {
            if json[position] == UInt8(ascii: "\\") {
                if json[(position + 1)...].starts(with: "u0000".utf8) {
                    throw refusal("jsonb can't hold the character \\u0000")
                }
                position += 1
            }
            position += 1
        }
        position += 1
    }

    private func passNumber(_ json: [UInt8], _ position: inout Int) throws(UnstorableValue) {
        let whole = json[position...].prefix { $0 >= 0x30 && $0 <= 0x39 }
        position = whole.endIndex
        var decimals = 0
        if position < json.count, json[position] == UInt8(ascii: ".") {
            let fraction = json[(position + 1)...].prefix { $0 >= 0x30 && $0 <= 0x39 }
            decimals = fraction.count
            position = fraction.endIndex
        }
        guard whole.count <= 131_072, decimals <= 16_383 else {
            throw refusal("jsonb has at most 131072 digits before the point of a number and 16383 after it")
        }
    }
}
