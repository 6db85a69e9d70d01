import Dovetail

/// A JSON value as it stands in some bytes.
struct JSONToken {
    enum Kind { case string, number, yes, no, null, object, array }

    var kind: Kind
    /// All of it, quotes and brackets included.
    var range: Range<Int>
    /// Whether a string has escapes.
    var hasEscapes = false

    /// What is between the quotes of a string.
    var inside: Range<Int> { (range.lowerBound + 1)..<(range.upperBound - 1) }
}

/// Reads JSON from bytes that hold one value whole: exactly as RFC 8259 says, no key twice in an object.
struct JSONCursor {
    static let depthLimit = 512

    let bytes: UnsafeRawBufferPointer
    var at: Int
    /// Whether names are compared with each other: done once for each content, by the survey.
    let isStrict: Bool

    init(_ bytes: UnsafeRawBufferPointer, at: Int = 0, isStrict: Bool = false) {
        self.bytes = bytes
        self.at = at
        self.isStrict = isStrict
    }

    /// The next byte, or 0 at the end, which is never right outside a string.
    var next: UInt8 { at < bytes.count ? bytes[at] : 0 }

    func failure(_ message: String) -> ContentProblem {
        ContentProblem(offset: at, line: nil, message: message)
    }

    private func expected(_ what: String) -> ContentProblem {
        if at >= bytes.count { return failure("it ends where \(what) is due") }
        let found =
            bytes[at] < 0x20 || bytes[at] >= 0x7f
            ? "byte \(bytes[at])" : "“\(Character(Unicode.Scalar(bytes[at])))”"
        return failure("\(what) is due where \(found) stands")
    }

    mutating func skipSpace() {
        while next == 0x20 || next == 0x0a || next == 0x0d || next == 0x09 { at += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        at += 1
        return true
    }

    // MARK: Values

    mutating func value(depth: Int = 1) throws(ContentProblem) -> JSONToken {
        skipSpace()
        let start = at
        switch next {
        case UInt8(ascii: "\""): return try string()
        case UInt8(ascii: "{"):
            try members(depth: depth) { (cursor, _) throws(ContentProblem) in
                _ = try cursor.value(depth: depth + 1)
            }
            return JSONToken(kind: .object, range: start..<at)
        case UInt8(ascii: "["):
            try elements(depth: depth) { (cursor) throws(ContentProblem) in
                _ = try cursor.value(depth: depth + 1)
            }
            return JSONToken(kind: .array, range: start..<at)
        case UInt8(ascii: "t"): return try word("true", .yes)
        case UInt8(ascii: "f"): return try word("false", .no)
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), 0x30...0x39:
            try number()
            return JSONToken(kind: .number, range: start..<at)
        default: throw expected("a value")
        }
    }

    private mutating func word(_ word: StaticString, _ kind: JSONToken.Kind) throws(ContentProblem)
        -> JSONToken
    {
        let start = at
        guard at + word.utf8CodeUnitCount <= bytes.count,
            (0..<word.utf8CodeUnitCount).allSatisfy({ bytes[at + $0] == word.utf8Start[$0] })
        else { throw expected("a value") }
        at += word.utf8CodeUnitCount
        return JSONToken(kind: kind, range: start..<at)
    }

    private mutating func number() throws(ContentProblem) {
        _ = take(UInt8(ascii: "-"))
        if !take(0x30) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "-")) { _ = take(UInt8(ascii: "+")) }
            try digits()
        }
    }

    private mutating func digits() throws(ContentProblem) {
        guard next &- 0x30 < 10 else { throw expected("a digit") }
        while next &- 0x30 < 10 { at += 1 }
    }

    // MARK: Lists and objects

    mutating func elements(
        depth: Int, _ body: (inout JSONCursor) throws(ContentProblem) -> Void
    ) throws(ContentProblem) {
        guard depth <= Self.depthLimit else {
            throw failure("more than \(Self.depthLimit) levels of nesting")
        }
        guard take(UInt8(ascii: "[")) else { throw expected("[") }
        skipSpace()
        if take(UInt8(ascii: "]")) { return }
        while true {
            skipSpace()
            try body(&self)
            skipSpace()
            if take(UInt8(ascii: "]")) { return }
            guard take(UInt8(ascii: ",")) else { throw expected("a comma or ]") }
        }
    }

    /// Walks the members of an object; `body` reads the value.
    mutating func members(
        depth: Int, _ body: (inout JSONCursor, JSONToken) throws(ContentProblem) -> Void
    ) throws(ContentProblem) {
        guard depth <= Self.depthLimit else {
            throw failure("more than \(Self.depthLimit) levels of nesting")
        }
        guard take(UInt8(ascii: "{")) else { throw expected("{") }
        skipSpace()
        if take(UInt8(ascii: "}")) { return }
        var names = NameCheck()
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw expected("a name in quotes") }
            let name = try string()
            if isStrict, !names.isNew(name, in: self) {
                at = name.range.lowerBound
                throw failure(
                    "the name \(String(decoding: bytes[name.range].prefix(60), as: UTF8.self)) stands twice")
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw expected("a colon") }
            skipSpace()
            try body(&self, name)
            skipSpace()
            if take(UInt8(ascii: "}")) { return }
            guard take(UInt8(ascii: ",")) else { throw expected("a comma or }") }
        }
    }

    // MARK: Strings

    mutating func string() throws(ContentProblem) -> JSONToken {
        let start = at
        at += 1
        var hasEscapes = false
        while true {
            while at < bytes.count, bytes[at] >= 0x20, bytes[at] != UInt8(ascii: "\""),
                bytes[at] != UInt8(ascii: "\\")
            {
                at += 1
            }
            guard at < bytes.count else { throw expected("a closing quote") }
            if take(UInt8(ascii: "\"")) {
                return JSONToken(kind: .string, range: start..<at, hasEscapes: hasEscapes)
            }
            guard take(UInt8(ascii: "\\")) else {
                throw failure("a control character in a string; write it as \\u00…")
            }
            hasEscapes = true
            try escape { _ in }
        }
    }

    /// Reads what follows a backslash.
    private mutating func escape(_ emit: (Unicode.Scalar) -> Void) throws(ContentProblem) {
        let plain: Unicode.Scalar
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = Unicode.Scalar(next)
        case UInt8(ascii: "b"): plain = "\u{8}"
        case UInt8(ascii: "f"): plain = "\u{c}"
        case UInt8(ascii: "n"): plain = "\n"
        case UInt8(ascii: "r"): plain = "\r"
        case UInt8(ascii: "t"): plain = "\t"
        case UInt8(ascii: "u"):
            at += 1
            emit(try escapedScalar())
            return
        default: throw expected("one of \" \\ / b f n r t u after a backslash")
        }
        at += 1
        emit(plain)
    }

    private mutating func escapedScalar() throws(ContentProblem) -> Unicode.Scalar {
        let unit = try hexUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        let half = failure("half of a surrogate pair, which is no character")
        guard unit < 0xdc00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw half }
        let low = try hexUnit()
        guard (0xdc00...0xdfff).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
        else { throw half }
        return scalar
    }

    private mutating func hexUnit() throws(ContentProblem) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            switch next {
            case 0x30...0x39: value = value << 4 | UInt32(next - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(next - 0x37)
            case 0x61...0x66: value = value << 4 | UInt32(next - 0x57)
            default: throw expected("four hexadecimal digits")
            }
            at += 1
        }
        return value
    }

    /// The UTF-8 that a string stands for.
    func unescaped(_ token: JSONToken) -> [UInt8] {
        guard token.hasEscapes else { return Array(bytes[token.inside]) }
        var result: [UInt8] = []
        result.reserveCapacity(token.inside.count)
        var cursor = JSONCursor(bytes, at: token.inside.lowerBound)
        while cursor.at < token.inside.upperBound {
            if cursor.take(UInt8(ascii: "\\")) {
                // It was read once, so it is right.
                try? cursor.escape { result.append(contentsOf: String($0).utf8) }
            } else {
                result.append(bytes[cursor.at])
                cursor.at += 1
            }
        }
        return result
    }

    /// Whether a string says `word`.
    func says(_ token: JSONToken, _ word: String) -> Bool {
        if !token.hasEscapes { return bytes[token.inside].elementsEqual(word.utf8) }
        return unescaped(token).elementsEqual(word.utf8)
    }

    /// The text of a string.
    func text(_ token: JSONToken) -> String { String(decoding: unescaped(token), as: UTF8.self) }

    func lent(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[range])
    }
}

/// Tells names that an object has already.
private struct NameCheck {
    private var few: [Range<Int>] = []
    private var many: Set<[UInt8]> = []

    mutating func isNew(_ name: JSONToken, in cursor: JSONCursor) -> Bool {
        if !many.isEmpty || name.hasEscapes || few.count == 12 {
            if many.isEmpty { many = Set(few.map { Array(cursor.bytes[$0]) }) }
            return many.insert(cursor.unescaped(name)).inserted
        }
        for other in few where other.count == name.inside.count {
            if cursor.bytes[other].elementsEqual(cursor.bytes[name.inside]) { return false }
        }
        few.append(name.inside)
        return true
    }
}
