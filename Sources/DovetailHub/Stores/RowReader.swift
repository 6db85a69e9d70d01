import DovetailDocuments
import DovetailPostgres

/// Reads the values of a row one after the other. What is not as it was written is damage, in words.
struct RowReader {
    private var values: ArraySlice<PlainValue>

    init(_ values: [PlainValue]) { self.values = values[...] }

    var isAtEnd: Bool { values.isEmpty }

    static func damaged(_ what: String) -> HubError {
        HubError(
            .damaged, "the hub's store is damaged (\(what)); check the disk, and restore a backup")
    }

    private mutating func next() throws(HubError) -> PlainValue {
        guard let value = values.popFirst() else { throw Self.damaged("an entry is missing") }
        return value
    }

    mutating func optionalNumber() throws(HubError) -> Int64? {
        switch try next() {
        case .int(let number): number
        case .null: nil
        default: throw Self.damaged("a number is something else")
        }
    }

    mutating func number() throws(HubError) -> Int64 {
        guard let number = try optionalNumber() else { throw Self.damaged("a number is missing") }
        return number
    }

    mutating func optionalText() throws(HubError) -> String? {
        switch try next() {
        case .text(let text): text
        case .null: nil
        default: throw Self.damaged("a name is something else")
        }
    }

    mutating func text() throws(HubError) -> String {
        guard let text = try optionalText() else { throw Self.damaged("a name is missing") }
        return text
    }

    mutating func optionalBytes() throws(HubError) -> [UInt8]? {
        switch try next() {
        case .bytes(let bytes): bytes
        case .null: nil
        default: throw Self.damaged("a text is something else")
        }
    }

    mutating func bytes() throws(HubError) -> [UInt8] {
        guard let bytes = try optionalBytes() else { throw Self.damaged("a text is missing") }
        return bytes
    }

    mutating func hash() throws(HubError) -> TextHash? {
        guard let bytes = try optionalBytes() else { return nil }
        guard let hash = TextHash(bytes: bytes) else { throw Self.damaged("a hash has another length") }
        return hash
    }

    mutating func key() throws(HubError) -> CommitKey {
        guard let key = CommitKey(bytes: try bytes()) else { throw Self.damaged("a key has another length") }
        return key
    }

    mutating func document() throws(HubError) -> DocumentName {
        let name = try text()
        do { return try DocumentName(name) } catch { throw Self.damaged("\(error)") }
    }

    mutating func resolution() throws(HubError) -> DocumentConflict.Resolution? {
        let (word, text) = (try optionalText(), try optionalBytes())
        guard let word else { return nil }
        guard let resolution = DocumentConflict.Resolution(stored: word, text) else {
            throw Self.damaged("a conflict is decided as “\(word)”")
        }
        return resolution
    }
}

extension DocumentConflict.Resolution {
    /// A word, and the text that was chosen.
    var stored: (word: String?, text: [UInt8]?) {
        switch self {
        case .mine: ("mine", nil)
        case .theirs: ("theirs", nil)
        case .both: ("both", nil)
        case .text(let text): ("text", text)
        }
    }

    init?(stored word: String, _ text: [UInt8]?) {
        switch (word, text) {
        case ("mine", nil): self = .mine
        case ("theirs", nil): self = .theirs
        case ("both", nil): self = .both
        case ("text", let text?): self = .text(text)
        default: return nil
        }
    }
}

extension PlainValue {
    static func optional(_ bytes: [UInt8]?) -> PlainValue { bytes.map { .bytes($0) } ?? .null }
}
