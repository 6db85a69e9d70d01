/// A batch as bytes, to hand it to another process of the same version.
extension RecordBatch {
    /// Names the form of the bytes: processes that say another one can't hand each other batches.
    public static let framesFormat = 1

    /// The records that begin within `limit` bytes from `start`, as one run of bytes, and where the next ones begin; nil:
    /// that was all. Complexity: O(bytes).
    /// - Parameter start: 0, or what was given as `next`.
    public func frames(from start: Int = 0, limit: Int) -> (bytes: [UInt8], next: Int?) {
        var end = start
        while end < storage.used, end - start < limit {
            let frame = FrameCursor(storage).frame(at: end)
            end += FrameCursor.header + frame.key.count + frame.second.count + frame.third.count
        }
        let bytes = UnsafeRawBufferPointer(start: storage.base, count: storage.used)[start..<end]
        return (Array(bytes), end < storage.used ? end : nil)
    }

    /// The batch that ``frames(from:limit:)`` gave as bytes.
    /// - Throws: ``PackingError`` when the lengths in it lead beyond its end.
    public init(frames bytes: [UInt8]) throws {
        var count = 0
        var offset = 0
        while offset < bytes.count {
            guard bytes.count - offset >= FrameCursor.header else { throw PackingError("it ends too early") }
            var end = offset + FrameCursor.header
            bytes.withUnsafeBytes { bytes in
                for part in 0..<3 {
                    end += Int(bytes.loadUnaligned(fromByteOffset: offset + 4 * part, as: UInt32.self))
                }
            }
            guard end <= bytes.count else { throw PackingError("it ends too early") }
            offset = end
            count += 1
        }
        let base = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 8)
        bytes.withUnsafeBytes { source in
            if let start = source.baseAddress { base.copyMemory(from: start, byteCount: source.count) }
        }
        self.init(storage: BatchStorage(base: base, used: bytes.count), count: count)
    }

    /// The same records, each without its locator: for a replica in which places move from run to run. Complexity: O(bytes).
    public func withoutLocators() -> RecordBatch {
        var builder = BatchBuilder(capacity: max(byteCount, 64))
        var cursor = FrameCursor(storage)
        while let frame = cursor.next() {
            builder.beginRecord()
            builder.put(raw: frame.key)
            builder.endKey()
            builder.endLocator()
            builder.put(raw: frame.third)
            builder.endRecord()
        }
        return builder.seal()
    }
}
