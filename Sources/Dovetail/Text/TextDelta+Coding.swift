/// Why a delta can't be read or applied.
public enum TextDeltaError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The bytes are no delta: what is wrong, and how many bytes of them were read by then.
    case damaged(String, at: Int)
    /// The bytes are a delta of another version of Dovetail.
    case unknownVersion(UInt8)
    /// The text that it makes would be larger than allowed, in bytes.
    case tooLarge(size: Int, limit: Int)
    /// The text that it is to be applied to is not the one that it was made from.
    case parentDiffers
    /// What it makes is not the text that it was made for.
    case resultDiffers

    public var description: String {
        switch self {
        case .damaged(let what, let place):
            "the delta of a text is damaged at byte \(place): \(what); ask for it again, or for the whole text"
        case .unknownVersion(let version):
            "the delta of a text has version \(version), and this Dovetail reads version \(TextDelta.version): "
                + "bring both sides to the same version"
        case .tooLarge(let size, let limit):
            "the delta of a text makes \(size) bytes, and \(limit) are allowed: raise the limit or divide the text"
        case .parentDiffers:
            "the delta was made from another text than the one it is applied to: fetch the current text first"
        case .resultDiffers:
            "the delta did not make the text that was announced: ask for it again, or for the whole text"
        }
    }
}

extension TextDelta {
    static let version: UInt8 = 1

    /// The delta as bytes: its version, the size of the result, the number of steps, the three numbers of each step,
    /// and all inserted bytes. Numbers take seven bits to the byte, the lowest first (LEB128).
    ///
    /// What is inserted stands together at the end because it compresses better so. The size of the parent follows
    /// from the rest.
    public func encoded() -> [UInt8] {
        var bytes = [Self.version]
        bytes.reserveCapacity(inserted.count + steps.count * 6 + 16)
        Self.put(resultSize, into: &bytes)
        Self.put(steps.count, into: &bytes)
        for step in steps {
            Self.put(step.kept, into: &bytes)
            Self.put(step.dropped, into: &bytes)
            Self.put(step.inserted, into: &bytes)
        }
        bytes.append(contentsOf: inserted)
        return bytes
    }

    /// Reads a delta that came from elsewhere.
    ///
    /// - Parameters:
    ///   - bytes: what ``encoded()`` made. It takes memory in proportion to their number only.
    ///   - limit: how large the text may be that it makes, in bytes.
    /// - Throws: ``TextDeltaError`` for anything else, and for a text that would be larger.
    public init(decoding bytes: [UInt8], limit: Int) throws(TextDeltaError) {
        var reader = DeltaReader(bytes)
        let version = try reader.byte()
        guard version == Self.version else { throw .unknownVersion(version) }
        let resultSize = try reader.number()
        guard resultSize <= limit else { throw .tooLarge(size: resultSize, limit: limit) }
        let count = try reader.number()
        // A step takes three bytes at least, so a count that lies reserves nothing.
        guard count <= reader.left / 3 else { throw reader.damaged("it names more steps than it has") }
        var steps: [Step] = []
        steps.reserveCapacity(count)
        var (made, insertedSize, dropped) = (0, 0, 0)
        for _ in 0..<count {
            let step = Step(
                kept: try reader.number(), dropped: try reader.number(), inserted: try reader.number())
            // No sum overflows: numbers are below 2^56, and the first sum stays below the size of the result.
            made += step.kept + step.inserted
            insertedSize += step.inserted
            dropped += step.dropped
            guard made <= resultSize else { throw reader.damaged("its steps make more than its result") }
            guard dropped <= DeltaReader.largest else { throw reader.damaged("its steps pass over too much") }
            steps.append(step)
        }
        guard insertedSize == reader.left else {
            throw reader.damaged("\(reader.left) bytes to insert follow where its steps want \(insertedSize)")
        }
        self.init(
            parentSize: resultSize - insertedSize + dropped, resultSize: resultSize, steps: steps,
            inserted: reader.rest())
    }

    private static func put(_ number: Int, into bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}

/// Reads the numbers of a delta, checking every one.
private struct DeltaReader {
    /// Eight bytes of seven bits: no text is as large, and sums of a few such numbers don't overflow.
    static let largest = 1 << 56 - 1

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var left: Int { bytes.count - position }

    func rest() -> [UInt8] { Array(bytes[position...]) }

    func damaged(_ what: String) -> TextDeltaError { .damaged(what, at: position) }

    mutating func byte() throws(TextDeltaError) -> UInt8 {
        guard position < bytes.count else { throw damaged("it ends too early") }
        position += 1
        return bytes[position - 1]
    }

    mutating func number() throws(TextDeltaError) -> Int {
        var number = 0
        for shift in stride(from: 0, to: 56, by: 7) {
            let byte = try byte()
            number |= Int(byte & 0x7F) << shift
            if byte < 0x80 { return number }
        }
        throw damaged("a number has more than eight bytes")
    }
}
