#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One cell of a row: where its content is, in bytes from the beginning of what was read.
struct CSVCell {
    var start: Int
    var end: Int
    /// It stands in quotes, which the range leaves out.
    var isQuoted: Bool
    /// It has quotes in it, which stand double.
    var hasEscapes: Bool
}

/// Takes rows apart as RFC 4180 says.
///
/// Our own, because the libraries of the field (SwiftCSV, CSV.swift, CodableCSV) hand over texts and not where they stand:
/// rows that nobody changes could not keep their bytes, and an empty text in quotes not be told from nothing.
struct CSVRowReader {
    let delimiter: UInt8
    private static let quote = UInt8(ascii: "\"")

    /// A row without its line break, and where the next one begins.
    struct Row {
        var end: Int
        var next: Int
    }

    /// Reads one row. Nil when it does not end in these bytes and `isLast` is false.
    /// - Throws: ``ContentProblem`` with an offset from the beginning of the bytes.
    @inline(__always)
    func row(
        in bytes: UnsafeRawBufferPointer, from start: Int, isLast: Bool, cells: inout [CSVCell]
    ) throws(ContentProblem) -> Row? {
        cells.removeAll(keepingCapacity: true)
        let count = bytes.count
        var at = start
        while true {
            if at < count, bytes[at] == Self.quote {
                guard let end = try quoted(bytes, at, isLast, &cells) else { return nil }
                at = end
            } else {
                let begin = at
                while at < count {
                    let byte = bytes[at]
                    if byte == delimiter || byte == 0x0a || byte == 0x0d { break }
                    at += 1
                }
                if at == count, !isLast { return nil }
                cells.append(CSVCell(start: begin, end: at, isQuoted: false, hasEscapes: false))
            }
            guard at < count else { return isLast ? Row(end: at, next: at) : nil }
            switch bytes[at] {
            case delimiter: at += 1
            case 0x0a: return Row(end: at, next: at + 1)
            default:
                // Whether LF follows this CR is known only with the next byte.
                guard at + 1 < count || isLast else { return nil }
                return Row(end: at, next: at + 1 < count && bytes[at + 1] == 0x0a ? at + 2 : at + 1)
            }
        }
    }

    /// Reads a cell in quotes, and returns where it ends; nil when that is not in these bytes.
    private func quoted(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ isLast: Bool, _ cells: inout [CSVCell]
    ) throws(ContentProblem) -> Int? {
        var at = start + 1
        var hasEscapes = false
        while true {
            guard let base = bytes.baseAddress, at < bytes.count,
                let found = memchr(base + at, Int32(Self.quote), bytes.count - at)
            else {
                guard isLast else { return nil }
                throw ContentProblem(
                    offset: start, line: nil, message: "the quote that opens here is never closed")
            }
            at = UnsafeRawPointer(found) - base
            guard at + 1 < bytes.count || isLast else { return nil }
            guard at + 1 < bytes.count, bytes[at + 1] == Self.quote else { break }
            hasEscapes = true
            at += 2
        }
        cells.append(CSVCell(start: start + 1, end: at, isQuoted: true, hasEscapes: hasEscapes))
        let end = at + 1
        if end < bytes.count, bytes[end] != delimiter, bytes[end] != 0x0a, bytes[end] != 0x0d {
            throw ContentProblem(
                offset: end, line: nil,
                message:
                    "after the closing quote comes “\(String(decoding: bytes[end...].prefix(1), as: UTF8.self))”;"
                    + " a quote inside a value is written twice")
        }
        return end
    }
}

/// Looks for bytes that are no UTF-8.
enum UTF8Check {
    /// Where the first wrong byte is; nil when all are right.
    static func firstInvalid(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var at = 0
        let count = bytes.count
        while at < count {
            while at + 8 <= count,
                bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
            {
                at += 8
            }
            guard at < count else { break }
            let byte = bytes[at]
            if byte < 0x80 {
                at += 1
                continue
            }
            guard let length = sequence(bytes, at) else { return at }
            at += length
        }
        return nil
    }

    /// The length of the sequence that begins here; nil when it is none (RFC 3629).
    private static func sequence(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int? {
        let first = bytes[at]
        func follows(_ index: Int, _ low: UInt8 = 0x80, _ high: UInt8 = 0xbf) -> Bool {
            index < bytes.count && bytes[index] >= low && bytes[index] <= high
        }
        switch first {
        case 0xc2...0xdf: return follows(at + 1) ? 2 : nil
        case 0xe0...0xef:
            let low: UInt8 = first == 0xe0 ? 0xa0 : 0x80
            let high: UInt8 = first == 0xed ? 0x9f : 0xbf
            return follows(at + 1, low, high) && follows(at + 2) ? 3 : nil
        case 0xf0...0xf4:
            let low: UInt8 = first == 0xf0 ? 0x90 : 0x80
            let high: UInt8 = first == 0xf4 ? 0x8f : 0xbf
            return follows(at + 1, low, high) && follows(at + 2) && follows(at + 3) ? 4 : nil
        default: return nil
        }
    }
}
