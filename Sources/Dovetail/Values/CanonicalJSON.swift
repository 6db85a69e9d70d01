/// Text that is not JSON, or is JSON beyond the limits of `CanonicalJSON`.
public struct JSONSyntaxError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where in the UTF-8 of the text, counted in bytes from 0.
    public let offset: Int
    /// What would have been right there.
    public let expected: String

    /// An error at a byte offset.
    public init(offset: Int, expected: String) {
        self.offset = offset
        self.expected = expected
    }

    /// One line for a person.
    public var description: String { "not valid JSON at byte \(offset): expected \(expected)" }
}

/// One text for each JSON value, so that values from different databases compare as bytes.
///
/// This has its own parser because Foundation's turns numbers into doubles, which makes different
/// numbers equal and rewrites others.
public enum CanonicalJSON {
    /// How deep arrays and objects may nest.
    public static let depthLimit = 512
    /// How many bytes all numbers together may grow when their exponents are written out. Without a
    /// limit, `[1e200000,1e200000,…]` would fill the memory.
    public static let growthLimit = 16 << 20

    /// The canonical text: no white space, keys sorted by their UTF-8 bytes, numbers exact and plain
    /// (`1.0`, `1` and `1e0` are all `1`), strings with the fewest escapes.
    ///
    /// Of equal keys the last wins, as in PostgreSQL's `jsonb`.
    /// - Throws: `JSONSyntaxError` for text outside RFC 8259, a lone surrogate, and the limits above.
    public static func canonical(_ text: String) throws(JSONSyntaxError) -> String {
        var writer = JSONCanonicalizer(text)
        try writer.document()
        return String(decoding: writer.output, as: UTF8.self)
    }
}

/// Reads and writes in one pass; only an object whose keys are out of order is copied again.
private struct JSONCanonicalizer {
    private struct Member {
        var key: [UInt8]
        var written: Range<Int>
    }

    private let input: [UInt8]
    private var position = 0
    private var growth = 0
    private(set) var output: [UInt8] = []

    init(_ text: String) {
        input = Array(text.utf8)
        output.reserveCapacity(input.count)
    }

    mutating func document() throws(JSONSyntaxError) {
        try value(depth: 0)
        skipSpace()
        guard position == input.count else { throw failure("the end of the text") }
    }

    /// The next byte, or 0 at the end: outside strings, where the end is checked, 0 is never right.
    private var next: UInt8 { position < input.count ? input[position] : 0 }

    private func failure(_ expected: String) -> JSONSyntaxError {
        JSONSyntaxError(offset: position, expected: expected)
    }

    private mutating func skipSpace() {
        while next == 0x20 || next == 0x0A || next == 0x0D || next == 0x09 {
            position += 1
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONSyntaxError) {
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): try object(depth: depth + 1)
        case UInt8(ascii: "["): try array(depth: depth + 1)
        case UInt8(ascii: "\""): appendString(try string())
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        case UInt8(ascii: "-"), 0x30...0x39: try number()
        default: throw failure("a value")
        }
    }

    private mutating func word(_ word: String) throws(JSONSyntaxError) {
        guard input[position...].starts(with: word.utf8) else { throw failure("a value") }
        position += word.utf8.count
        output.append(contentsOf: word.utf8)
    }

    private mutating func open(depth: Int) throws(JSONSyntaxError) {
        guard depth <= CanonicalJSON.depthLimit else {
            throw failure("at most \(CanonicalJSON.depthLimit) levels of nesting")
        }
        output.append(input[position])
        position += 1
        skipSpace()
    }

    private mutating func array(depth: Int) throws(JSONSyntaxError) {
        try open(depth: depth)
        if !take(UInt8(ascii: "]")) {
            while true {
                try value(depth: depth)
                skipSpace()
                if take(UInt8(ascii: "]")) { break }
                guard take(UInt8(ascii: ",")) else { throw failure("a comma or ]") }
                output.append(UInt8(ascii: ","))
            }
        }
        output.append(UInt8(ascii: "]"))
    }

    private mutating func object(depth: Int) throws(JSONSyntaxError) {
        try open(depth: depth)
        let start = output.count
        var members: [Member] = []
        var sorted = true
        if !take(UInt8(ascii: "}")) {
            while true {
                skipSpace()
                guard next == UInt8(ascii: "\"") else { throw failure("a key in quotes") }
                let key = try string()
                let from = output.count
                appendString(key)
                skipSpace()
                guard take(UInt8(ascii: ":")) else { throw failure("a colon") }
                output.append(UInt8(ascii: ":"))
                try value(depth: depth)
                if let last = members.last, !last.key.lexicographicallyPrecedes(key) { sorted = false }
                members.append(Member(key: key, written: from..<output.count))
                skipSpace()
                if take(UInt8(ascii: "}")) { break }
                guard take(UInt8(ascii: ",")) else { throw failure("a comma or }") }
                output.append(UInt8(ascii: ","))
            }
        }
        if !sorted { rewrite(members, from: start) }
        output.append(UInt8(ascii: "}"))
    }

    private mutating func rewrite(_ members: [Member], from start: Int) {
        // Of equal keys, the later one comes first, and the others are left out.
        let ordered = members.sorted { left, right in
            if left.key == right.key { return left.written.lowerBound > right.written.lowerBound }
            return left.key.lexicographicallyPrecedes(right.key)
        }
        var sorted: [UInt8] = []
        sorted.reserveCapacity(output.count - start)
        var previous: [UInt8]?
        for member in ordered where member.key != previous {
            if previous != nil { sorted.append(UInt8(ascii: ",")) }
            sorted.append(contentsOf: output[member.written])
            previous = member.key
        }
        output.removeSubrange(start...)
        output.append(contentsOf: sorted)
    }

    private mutating func number() throws(JSONSyntaxError) {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if !take(0x30) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "-")) { _ = take(UInt8(ascii: "+")) }
            try digits()
        }
        let decimal = input[start..<position].withUnsafeBytes { ExactDecimal(utf8: $0) }
        guard let decimal else {
            throw JSONSyntaxError(
                offset: start, expected: "an exponent of at most \(ExactDecimal.exponentLimit)")
        }
        growth += max(0, decimal.textLength - (position - start))
        guard growth <= CanonicalJSON.growthLimit else {
            throw JSONSyntaxError(offset: start, expected: "numbers with smaller exponents")
        }
        output.append(contentsOf: decimal.text.utf8)
    }

    private mutating func digits() throws(JSONSyntaxError) {
        guard (0x30...0x39).contains(next) else { throw failure("a digit") }
        while (0x30...0x39).contains(next) {
            position += 1
        }
    }

    /// The bytes a string stands for.
    private mutating func string() throws(JSONSyntaxError) -> [UInt8] {
        position += 1
        var bytes: [UInt8] = []
        while true {
            let start = position
            while position < input.count, input[position] >= 0x20, input[position] != UInt8(ascii: "\""),
                input[position] != UInt8(ascii: "\\")
            {
                position += 1
            }
            bytes.append(contentsOf: input[start..<position])
            guard position < input.count else { throw failure("a closing quote") }
            if take(UInt8(ascii: "\"")) { return bytes }
            guard take(UInt8(ascii: "\\")) else { throw failure("an escaped control character") }
            try escape(into: &bytes)
        }
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(JSONSyntaxError) {
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(next)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            position += 1
            let scalar = try escapedScalar()
            bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            return
        default: throw failure("one of \" \\ / b f n r t u")
        }
        position += 1
    }

    private mutating func escapedScalar() throws(JSONSyntaxError) -> Unicode.Scalar {
        let start = position - 2
        let unit = try hexUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        let pairing = JSONSyntaxError(offset: start, expected: "a surrogate pair")
        guard unit < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw pairing }
        let low = try hexUnit()
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        else { throw pairing }
        return scalar
    }

    private mutating func hexUnit() throws(JSONSyntaxError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            switch next {
            case 0x30...0x39: value = value << 4 | UInt32(next - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(next - 0x37)
            case 0x61...0x66: value = value << 4 | UInt32(next - 0x57)
            default: throw failure("four hexadecimal digits")
            }
            position += 1
        }
        return value
    }

    private mutating func appendString(_ bytes: [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(contentsOf: [0x5C, byte])
            case 0x08: output.append(contentsOf: [0x5C, UInt8(ascii: "b")])
            case 0x0C: output.append(contentsOf: [0x5C, UInt8(ascii: "f")])
            case 0x0A: output.append(contentsOf: [0x5C, UInt8(ascii: "n")])
            case 0x0D: output.append(contentsOf: [0x5C, UInt8(ascii: "r")])
            case 0x09: output.append(contentsOf: [0x5C, UInt8(ascii: "t")])
            case 0..<0x20:
                let low = byte & 0xF
                output.append(contentsOf: "\\u00".utf8)
                output.append(0x30 + byte >> 4)
                output.append(low < 10 ? 0x30 + low : 0x57 + low)
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
