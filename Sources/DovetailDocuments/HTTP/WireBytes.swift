/// Writes what travels between clients and hubs: numbers of seven bits to the byte, the lowest first (LEB128), and bytes.
package struct WireWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func byte(_ byte: UInt8) { bytes.append(byte) }

    package mutating func number(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Sequences, places, times and sizes, which are not below 0.
    package mutating func count(_ number: some BinaryInteger) { self.number(UInt64(clamping: number)) }

    package mutating func fixed(_ more: [UInt8]) { bytes.append(contentsOf: more) }

    /// A random number: any length but the full one would be longer on average.
    package mutating func random(_ number: UInt64) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func text(_ text: String) {
        count(text.utf8.count)
        bytes.append(contentsOf: text.utf8)
    }

    /// Bytes that are compressed when that makes them smaller.
    package mutating func blob(_ blob: [UInt8]) {
        if let smaller = Deflate.deflated(blob) {
            count(smaller.count << 1 | 1)
            count(blob.count)
            fixed(smaller)
        } else {
            count(blob.count << 1)
            fixed(blob)
        }
    }
}

/// Reads what came from elsewhere, checking every number. It takes memory in proportion to the bytes that are there, and to what
/// compressed ones make within their limit.
package struct WireReader {
    private let bytes: [UInt8]
    private var position = 0
    /// How many bytes all compressed parts may make.
    private var allowance: Int

    package init(_ bytes: [UInt8], limit: Int) {
        self.bytes = bytes
        allowance = limit
    }

    package var left: Int { bytes.count - position }

    private func damaged(_ what: String) -> WireError { WireError(what: what, place: position) }

    package mutating func byte() throws(WireError) -> UInt8 {
        guard left > 0 else { throw damaged("it ends too early") }
        position += 1
        return bytes[position - 1]
    }

    package mutating func number() throws(WireError) -> UInt64 {
        var number: UInt64 = 0
        for shift in stride(from: 0, through: 63, by: 7) {
            let byte = try byte()
            guard shift < 63 || byte < 2 else { break }
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
        }
        throw damaged("a number has more than 64 bits")
    }

    package mutating func count<Number: FixedWidthInteger>() throws(WireError) -> Number {
        guard let number = Number(exactly: try number()) else { throw damaged("a number is too large") }
        return number
    }

    package mutating func fixed(_ count: Int) throws(WireError) -> [UInt8] {
        guard count >= 0, count <= left else { throw damaged("it ends too early") }
        position += count
        return Array(bytes[(position - count)..<position])
    }

    package mutating func random() throws(WireError) -> UInt64 {
        try fixed(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    package mutating func text() throws(WireError) -> String {
        guard let text = String(validating: try fixed(try count()), as: UTF8.self) else {
            throw damaged("a text in it is not UTF-8")
        }
        return text
    }

    package mutating func blob() throws(WireError) -> [UInt8] {
        let header: Int = try count()
        guard header & 1 == 1 else { return try fixed(header >> 1) }
        let size: Int = try count()
        guard size <= allowance else {
            throw WireError(what: "it makes more than is allowed", place: position, isTooLarge: true)
        }
        guard let blob = Deflate.inflated(try fixed(header >> 1), limit: size), blob.count == size else {
            throw damaged("its compressed part is damaged")
        }
        allowance -= size
        return blob
    }

    /// Many, of which each takes bytes.
    package mutating func list<Element>(
        _ element: (inout WireReader) throws(WireError) -> Element
    ) throws(WireError) -> [Element] {
        let count: Int = try count()
        guard count <= left else { throw damaged("it names more than it has") }
        var list: [Element] = []
        for _ in 0..<count { list.append(try element(&self)) }
        return list
    }

    /// - Throws: when something follows.
    package func finish() throws(WireError) {
        guard left == 0 else { throw damaged("\(left) bytes follow its end") }
    }

    func wrong(_ what: String) -> WireError { damaged(what) }
}

/// Why a message can't be read.
package struct WireError: Error, Sendable, Hashable, CustomStringConvertible {
    package let what: String
    package let place: Int
    package var isTooLarge = false

    package var description: String { "the message can't be read at byte \(place): \(what)" }
}
