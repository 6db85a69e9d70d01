import CLibPQ

/// Writes into a running `COPY … FROM STDIN`, in blocks.
///
/// For `FORMAT binary` call ``header()`` first, then ``row(_:)`` and its fields, and ``trailer()`` last.
struct CopyInWriter: ~Copyable {
    /// Large enough that a call of libpq costs nothing, small enough to stay in the processor's cache.
    private static let capacity = 1 << 16

    private let connection: OpaquePointer
    private let canceller: Canceller
    private let block: UnsafeMutableRawBufferPointer
    private var used = 0

    init(_ connection: OpaquePointer, _ canceller: Canceller) {
        self.connection = connection
        self.canceller = canceller
        block = .allocate(byteCount: Self.capacity, alignment: 8)
    }

    deinit { block.deallocate() }

    /// Bytes as they are.
    mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            if used == block.count { try flush() }
            let part = rest.prefix(block.count - used)
            UnsafeMutableRawBufferPointer(rebasing: block[used...]).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: part))
            used += part.count
            rest = rest.dropFirst(part.count)
        }
    }

    mutating func write(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }

    mutating func header() throws {
        // The signature, no flags, no extension.
        try write(Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0] + [0, 0, 0, 0] + [0, 0, 0, 0])
    }

    /// Begins a row of so many fields.
    mutating func row(_ fields: Int) throws { try number(Int16(fields)) }

    /// A value in its binary form.
    mutating func field(_ bytes: UnsafeRawBufferPointer) throws {
        try number(Int32(bytes.count))
        try write(bytes)
    }

    mutating func field(_ bytes: [UInt8]) throws {
        try number(Int32(bytes.count))
        try write(bytes)
    }

    mutating func null() throws { try number(Int32(-1)) }

    mutating func trailer() throws { try number(Int16(-1)) }

    private mutating func number<Number: FixedWidthInteger>(_ number: Number) throws {
        let size = MemoryLayout<Number>.size
        if block.count - used < size { try flush() }
        block.storeBytes(of: number.bigEndian, toByteOffset: used, as: Number.self)
        used += size
    }

    /// Hands what was gathered to libpq, and notices a cancellation.
    mutating func flush() throws {
        if canceller.isCancelled { throw CancellationError() }
        guard used > 0 else { return }
        defer { used = 0 }
        let start = block.baseAddress?.assumingMemoryBound(to: CChar.self)
        guard PQputCopyData(connection, start, Int32(used)) == 1 else {
            throw PostgresFailure(connection: connection)
        }
    }
}
