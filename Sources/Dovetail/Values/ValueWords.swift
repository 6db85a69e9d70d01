extension Value {
    /// The value in one line for a person, cut to about `limit` characters.
    public func words(limit: Int) -> String {
        switch self {
        case .null: "null"
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): String(number)
        case .double(let number): "\(number)"
        case .decimal(let number): number.text
        case .text(let text): Self.oneLine(text, limit)
        case .json(let text): Self.oneLine(text, limit)
        case .bytes(let content):
            "\(content.count) bytes \(Self.hex(content.prefix(8)))\(content.count > 8 ? "…" : "")"
        case .date(let date): date.iso
        case .time(let time): time.iso
        case .timestamp(let timestamp): timestamp.iso
        case .timestampWithZone(let timestamp): timestamp.isoZ
        case .interval(let interval): interval.iso
        case .uuid(let uuid): uuid.text
        case .list(let values):
            Self.oneLine("[" + values.map { $0.words(limit: limit) }.joined(separator: ", ") + "]", limit)
        case .geometry(let geometry):
            geometry.wkb.withUnsafeBytes { WKB.wkt($0, maxCharacters: limit) }
        case .blob(let blob): "\(blob.size) bytes, sha256 \(Self.hex(blob.digest.prefix(4)))…"
        }
    }

    /// The value in one line for a person.
    public var words: String { words(limit: 60) }

    /// Control characters would let a value rewrite the reader's terminal, so they are shown, not sent.
    private static func oneLine(_ text: String, _ limit: Int) -> String {
        var line = ""
        var count = 0
        for scalar in text.unicodeScalars {
            if count >= limit { return line + "…" }
            count += 1
            switch scalar {
            case "\n": line += "⏎"
            case "\t": line += "⇥"
            default:
                let control = scalar.properties.generalCategory
                if control == .control || control == .format || control == .lineSeparator
                    || control == .surrogate
                {
                    line += "\\u{\(String(scalar.value, radix: 16))}"
                } else {
                    line.unicodeScalars.append(scalar)
                }
            }
        }
        return line
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            text += byte < 16 ? "0" : ""
            text += String(byte, radix: 16)
        }
        return text
    }
}
