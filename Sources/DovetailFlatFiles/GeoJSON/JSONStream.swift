/// Reads the outer parts of a JSON file, of which only one value at a time is in memory.
struct JSONStream: ~Copyable {
    private var window: FileWindow
    private var at = 0

    init(_ file: OpenFile, from offset: Int) throws {
        window = FileWindow(file, from: offset)
        try window.advance(by: 0)
    }

    /// The place in the file.
    var offset: Int { window.offset + at }

    var bytes: UnsafeRawBufferPointer { window.bytes }

    /// The next byte; nil at the end.
    mutating func peek() throws -> UInt8? {
        if at == window.bytes.count {
            guard !window.isAtEnd else { return nil }
            try window.advance(by: at)
            at = 0
            if window.bytes.isEmpty { return nil }
        }
        return window.bytes[at]
    }

    mutating func skip() { at += 1 }

    /// Passes over white space, and record separators (RFC 8142) where they may stand.
    mutating func skipSpace(separators: Bool = false) throws {
        while let byte = try peek(),
            byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 || separators && byte == 0x1e
        {
            at += 1
        }
    }

    mutating func take(_ byte: UInt8, _ what: String) throws {
        guard let found = try peek() else { throw ended(what) }
        guard found == byte else { throw unexpected(found, what) }
        at += 1
    }

    func ended(_ what: String) -> ContentProblem {
        ContentProblem(
            offset: offset, line: nil, message: "the file ends where \(what) is due; it is cut off")
    }

    func unexpected(_ byte: UInt8, _ what: String) -> ContentProblem {
        let found = byte < 0x20 || byte >= 0x7f ? "byte \(byte)" : "“\(Character(Unicode.Scalar(byte)))”"
        return ContentProblem(offset: offset, line: nil, message: "\(what) is due where \(found) stands")
    }

    /// Finds the end of the value that begins here, and passes over it. The range is of ``bytes``, until the next call.
    mutating func value() throws -> Range<Int> {
        guard let first = try peek() else { throw ended("a value") }
        var extent = ValueExtent(first)
        var scanned = 0
        while true {
            let count = window.bytes.count - at
            if let length = try extent.length(
                UnsafeRawBufferPointer(rebasing: window.bytes[(at + scanned)...]), before: scanned,
                offset: offset)
            {
                let range = at..<(at + length)
                at += length
                return range
            }
            scanned = count
            guard !window.isAtEnd else {
                // A number at the very end has nothing behind it.
                if extent.isScalar, scanned > 0 {
                    let range = at..<(at + scanned)
                    at += scanned
                    return range
                }
                throw ContentProblem(
                    offset: offset, line: nil,
                    message: "the file ends inside the value that begins here; it is cut off")
            }
            try window.advance(by: at)
            at = 0
        }
    }
}

/// Finds the end of a value by its quotes and brackets; what is inside is read later.
private struct ValueExtent {
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    let isScalar: Bool

    init(_ first: UInt8) {
        isScalar = first != UInt8(ascii: "{") && first != UInt8(ascii: "[") && first != UInt8(ascii: "\"")
    }

    /// The length of the value once its end is seen, `before` bytes of which came earlier.
    mutating func length(_ bytes: UnsafeRawBufferPointer, before: Int, offset: Int) throws -> Int? {
        if isScalar {
            let end = bytes.firstIndex {
                $0 <= 0x20 || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "]") || $0 == UInt8(ascii: "}")
            }
            return end.map { before + $0 }
        }
        for index in 0..<bytes.count {
            let byte = bytes[index]
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                    if depth == 0 { return before + index + 1 }
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth > JSONCursor.depthLimit {
                    throw ContentProblem(
                        offset: offset + before + index, line: nil,
                        message: "more than \(JSONCursor.depthLimit) levels of nesting")
                }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return before + index + 1 }
            default: break
            }
        }
        return nil
    }
}
