import CZlib

/// Smaller bytes for what travels: RFC 1951, by zlib.
package enum Deflate {
    /// What surrounds the compressed bytes.
    package enum Format: Sendable {
        /// Nothing.
        case raw
        /// RFC 1950, which HTTP calls “deflate”.
        case zlib

        fileprivate var windowBits: Int32 {
            switch self {
            case .raw: -MAX_WBITS
            case .zlib: MAX_WBITS
            }
        }
    }

    /// Texts shorter than this hardly become smaller.
    private static let shortest = 96
    private static let step = 1 << 16

    /// The bytes, compressed; nil if that doesn't make them smaller.
    package static func deflated(_ bytes: [UInt8], as format: Format = .raw) -> [UInt8]? {
        guard bytes.count >= shortest else { return nil }
        var stream = z_stream()
        // Large inputs are mostly whole texts, where the last percent costs several times the time.
        let level = bytes.count > 1 << 20 ? Z_DEFAULT_COMPRESSION : Z_BEST_COMPRESSION
        let began = deflateInit2_(
            &stream, level, Z_DEFLATED, format.windowBits, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard began == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        // No room for more: what needs more is not smaller.
        return run(&stream, over: bytes, room: bytes.count - 1, CZlib.deflate)
    }

    /// What was compressed; nil if the bytes are damaged, or make more than `limit`, of which no more is kept in memory than
    /// the bytes really make.
    package static func inflated(_ bytes: [UInt8], as format: Format = .raw, limit: Int) -> [UInt8]? {
        var stream = z_stream()
        let began = inflateInit2_(
            &stream, format.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard began == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        return run(&stream, over: bytes, room: limit, CZlib.inflate)
    }

    /// Drives a stream over all of its input; nil unless it ends just there, in the room that there is.
    private static func run(
        _ stream: inout z_stream, over input: [UInt8], room: Int,
        _ work: (UnsafeMutablePointer<z_stream>?, Int32) -> Int32
    ) -> [UInt8]? {
        var output: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: min(step, max(room, 0) + 1))
        var rest = input[...]
        while true {
            let (fed, made, status) = rest.withUnsafeBufferPointer { source in
                piece.withUnsafeMutableBufferPointer { target in
                    let (available, space) = (min(source.count, 1 << 30), target.count)
                    // zlib promises not to write to its input, but its header doesn't say so.
                    stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                    stream.avail_in = UInt32(available)
                    stream.next_out = target.baseAddress
                    stream.avail_out = UInt32(space)
                    let status = work(&stream, available == source.count ? Z_FINISH : Z_NO_FLUSH)
                    return (available - Int(stream.avail_in), space - Int(stream.avail_out), status)
                }
            }
            rest = rest.dropFirst(fed)
            guard output.count + made <= room else { return nil }
            output.append(contentsOf: piece[..<made])
            switch status {
            case Z_STREAM_END: return rest.isEmpty ? output : nil
            case Z_OK, Z_BUF_ERROR:
                // Nothing taken and nothing made: the input ends too early.
                guard fed > 0 || made > 0 else { return nil }
            default: return nil
            }
        }
    }
}
