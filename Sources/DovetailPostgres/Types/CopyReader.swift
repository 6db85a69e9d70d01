import Dovetail

/// Takes apart the stream of `COPY … TO STDOUT (FORMAT binary)`, however it is cut into pieces.
///
/// ```swift
/// var reader = CopyReader(RowPacker(codecs, layout: layout))
/// while let piece = copy.next() { try reader.read(piece, into: &builder) }
/// try reader.finish()
/// ```
struct CopyReader: ~Copyable {
    private enum State { case header, rows, ended }

    private static let signature: [UInt8] = [
        0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00,
    ]

    private var packer: RowPacker
    private var state = State.header
    /// The beginning of something whose end has not come yet. libpq hands over whole rows, so this is rarely used.
    private var rest: [UInt8] = []

    init(_ packer: consuming RowPacker) { self.packer = packer }

    /// Whether the rows came in the order of their keys' bytes.
    var isOrdered: Bool { packer.isOrdered }

    /// Appends the rows of the next piece.
    @inline(__always)
    mutating func read(
        _ piece: UnsafeRawBufferPointer, into builder: inout BatchBuilder
    ) throws(CopyFormatError) {
        guard rest.isEmpty else { return try readJoined(piece, &builder) }
        let end = try readWhole(piece, &builder)
        if end < piece.count { rest.append(contentsOf: piece[end...]) }
    }

    /// To be called when the stream is over.
    func finish() throws(CopyFormatError) {
        guard state == .ended, rest.isEmpty else {
            throw CopyFormatError(description: "the rows end too early")
        }
    }

    @inline(never)
    private mutating func readJoined(
        _ piece: UnsafeRawBufferPointer, _ builder: inout BatchBuilder
    ) throws(CopyFormatError) {
        rest.append(contentsOf: piece)
        let joined = rest
        rest = []
        var failure: CopyFormatError?
        let end = joined.withUnsafeBytes { bytes -> Int in
            do throws(CopyFormatError) {
                return try readWhole(bytes, &builder)
            } catch {
                failure = error
                return bytes.count
            }
        }
        if let failure { throw failure }
        rest = Array(joined[end...])
    }

    /// Reads what is there whole, and returns where that ends.
    @inline(__always)
    private mutating func readWhole(
        _ bytes: UnsafeRawBufferPointer, _ builder: inout BatchBuilder
    ) throws(CopyFormatError) -> Int {
        var position = 0
        if state == .header {
            guard let start = try headerEnd(bytes) else { return 0 }
            position = start
            state = .rows
        }
        while state == .rows, position + 2 <= bytes.count {
            if bytes.loadUnaligned(fromByteOffset: position, as: UInt16.self) == 0xffff {
                state = .ended
                position += 2
                break
            }
            guard let end = try packer.append(bytes, at: position, to: &builder) else { return position }
            position = end
        }
        guard state != .ended || position == bytes.count else {
            throw CopyFormatError(description: "bytes follow the last row")
        }
        return position
    }

    private func headerEnd(_ bytes: UnsafeRawBufferPointer) throws(CopyFormatError) -> Int? {
        guard bytes.count >= 19 else { return nil }
        let flags = BigEndian.int32(UnsafeRawBufferPointer(rebasing: bytes[11...]))
        // The upper half of the flags changes the format; so far none is known.
        guard bytes[..<11].elementsEqual(Self.signature), flags >> 16 == 0 else {
            throw CopyFormatError(description: "this is no binary COPY")
        }
        let end = 19 + Int(max(BigEndian.int32(UnsafeRawBufferPointer(rebasing: bytes[15...])), 0))
        return end <= bytes.count ? end : nil
    }
}
