/// Many packed records in one block of memory, in key order.
///
/// A record costs its bytes plus 12 bytes of lengths; nothing is allocated per record. Sides hand over batches of
/// a few hundred kilobytes, so that memory stays bounded however long a table is.
public struct RecordBatch: Sendable {
    let storage: BatchStorage
    /// Number of records.
    public let count: Int

    /// Bytes used by the records and their lengths.
    public var byteCount: Int { storage.used }

    /// The records one by one, as values. For the edges: each allocates.
    public func records() -> [Record] {
        var records: [Record] = []
        records.reserveCapacity(count)
        var cursor = FrameCursor(storage)
        while let frame = cursor.next() {
            records.append(
                Record(
                    key: RecordKey(bytes: Array(frame.key)), locator: Array(frame.second),
                    fields: PackedRecord(bytes: Array(frame.third))))
        }
        return records
    }

    public init(_ records: some Sequence<Record>) {
        var builder = BatchBuilder()
        for record in records { builder.append(record) }
        self = builder.seal()
    }

    init(storage: BatchStorage, count: Int) {
        self.storage = storage
        self.count = count
    }
}

/// Finds records of a batch in key order by their keys. Costs 4 bytes a record, and O(log n) comparisons a search.
public struct BatchIndex: Sendable {
    private let batch: RecordBatch
    private let offsets: [UInt32]

    /// - Parameter batch: in key order, at most 4 GB.
    public init(_ batch: RecordBatch) {
        self.batch = batch
        var offsets: [UInt32] = []
        offsets.reserveCapacity(batch.count)
        var cursor = FrameCursor(batch.storage)
        while true {
            let offset = cursor.place
            guard cursor.next() != nil else { break }
            offsets.append(UInt32(offset))
        }
        self.offsets = offsets
    }

    /// The first record with a key; nil when there is none.
    public func record(_ key: RecordKey) -> Record? {
        key.bytes.withUnsafeBytes { wanted in
            var (low, high) = (0, offsets.count)
            while low < high {
                let middle = (low + high) / 2
                if compareKeys(frame(middle).key, wanted) < 0 { low = middle + 1 } else { high = middle }
            }
            guard low < offsets.count else { return nil }
            let frame = frame(low)
            guard compareKeys(frame.key, wanted) == 0 else { return nil }
            return Record(
                key: key, locator: Array(frame.second), fields: PackedRecord(bytes: Array(frame.third)))
        }
    }

    private func frame(_ place: Int) -> Frame { FrameCursor(batch.storage).frame(at: Int(offsets[place])) }
}

/// The memory behind a batch.
///
/// Unchecked because it holds a raw pointer. Proof: only ``BatchBuilder``, which owns it alone, ever writes to it,
/// and gives it up when the batch is sealed; afterwards the bytes are only read, and freed by the last reader.
final class BatchStorage: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let used: Int

    init(base: UnsafeMutableRawPointer, used: Int) {
        self.base = base
        self.used = used
    }

    deinit { base.deallocate() }
}

/// Builds a ``RecordBatch`` at the speed of memory: values are written straight into the block.
///
/// ```swift
/// builder.beginRecord()
/// builder.put(…)            // key bytes
/// builder.endKey()
/// builder.put(…)            // locator bytes, may be none
/// builder.endLocator()
/// builder.put(…)            // packed values, field by field
/// builder.endRecord()
/// ```
public struct BatchBuilder: ~Copyable {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    @usableFromInline var used = 0
    @usableFromInline var frame = 0
    @usableFromInline var mark = 0
    /// Bytes of lengths before each record.
    @usableFromInline static let header = 12
    @usableFromInline var finished = 0
    /// Records finished so far.
    @inlinable public var count: Int { finished }

    /// Bytes written so far; a reader seals the batch when this passes its target size.
    @inlinable public var byteCount: Int { used }

    public init(capacity: Int = 1 << 16) {
        self.capacity = max(capacity, 64)
        base = .allocate(byteCount: self.capacity, alignment: 8)
    }

    deinit { base.deallocate() }

    @inlinable @inline(__always)
    mutating func reserve(_ bytes: Int) {
        if used + bytes > capacity { grow(bytes) }
    }

    @inline(never) @usableFromInline
    mutating func grow(_ bytes: Int) {
        let larger = max(capacity * 2, used + bytes)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 8)
        moved.copyMemory(from: base, byteCount: used)
        base.deallocate()
        base = moved
        capacity = larger
    }

    /// Starts a record; an unfinished one before it is dropped.
    @inlinable public mutating func beginRecord() {
        if frame != used, mark != 0 { used = frame }
        frame = used
        reserve(Self.header)
        used += Self.header
        mark = used
    }

    @inlinable public mutating func endKey() { close(0) }
    @inlinable public mutating func endLocator() { close(4) }

    @inlinable public mutating func endRecord() {
        close(8)
        finished += 1
        mark = 0
        frame = used
    }

    @inlinable @inline(__always)
    mutating func close(_ offset: Int) {
        base.storeBytes(
            of: UInt32(truncatingIfNeeded: used - mark), toByteOffset: frame + offset, as: UInt32.self)
        mark = used
    }

    @inlinable public mutating func put(byte: UInt8) {
        reserve(1)
        base.storeBytes(of: byte, toByteOffset: used, as: UInt8.self)
        used += 1
    }

    @inlinable @inline(__always)
    mutating func store(_ tag: UInt8, _ number: UInt64) {
        reserve(9)
        base.storeBytes(of: tag, toByteOffset: used, as: UInt8.self)
        base.storeBytes(of: number.littleEndian, toByteOffset: used + 1, as: UInt64.self)
        used += 9
    }

    @inlinable public mutating func put(raw: UnsafeRawBufferPointer) {
        reserve(raw.count)
        if let source = raw.baseAddress {
            base.advanced(by: used).copyMemory(from: source, byteCount: raw.count)
        }
        used += raw.count
    }

    @inlinable public mutating func put(raw: [UInt8]) {
        raw.withUnsafeBytes { put(raw: $0) }
    }

    /// A packed null.
    @inlinable public mutating func putNull() { put(byte: Tag.null) }
    /// A packed truth value.
    @inlinable public mutating func put(bool: Bool) { put(byte: bool ? Tag.yes : Tag.no) }
    /// A packed integer.
    @inlinable public mutating func put(int: Int64) { store(Tag.int, UInt64(bitPattern: int)) }
    /// A packed double in its canonical bits.
    @inlinable public mutating func put(double: Double) { store(Tag.double, double.canonicalBits) }
    /// A packed text from UTF-8 bytes; validity is checked later, and only of records that changed.
    @inlinable public mutating func put(text: UnsafeRawBufferPointer) { put(Tag.text, counted: text) }
    /// Packed bytes.
    @inlinable public mutating func put(bytes: UnsafeRawBufferPointer) { put(Tag.bytes, counted: bytes) }

    /// A packed geometry from canonical WKB.
    @inlinable public mutating func put(srid: Int32, canonicalWKB wkb: UnsafeRawBufferPointer) {
        reserve(9 + wkb.count)
        base.storeBytes(of: Tag.geometry, toByteOffset: used, as: UInt8.self)
        base.storeBytes(
            of: UInt32(truncatingIfNeeded: wkb.count + 4).littleEndian, toByteOffset: used + 1,
            as: UInt32.self)
        base.storeBytes(of: srid.littleEndian, toByteOffset: used + 5, as: Int32.self)
        used += 9
        put(raw: wkb)
    }

    /// Any packed value, by way of ``Value``.
    public mutating func put(_ value: Value) {
        var writer = ByteWriter()
        writer.put(value)
        put(raw: writer.bytes)
    }

    /// An integer as part of a key.
    @inlinable public mutating func putKey(int: Int64) {
        store(Tag.int, (UInt64(bitPattern: int) ^ 1 << 63).bigEndian)
    }

    /// A text as part of a key.
    @inlinable public mutating func putKey(text: UnsafeRawBufferPointer) {
        reserve(2 + text.count * 2)
        base.storeBytes(of: Tag.text, toByteOffset: used, as: UInt8.self)
        used += 1
        for byte in text {
            base.storeBytes(of: byte, toByteOffset: used, as: UInt8.self)
            used += 1
            if byte == 0 {
                base.storeBytes(of: 0xff, toByteOffset: used, as: UInt8.self)
                used += 1
            }
        }
        base.storeBytes(of: 0, toByteOffset: used, as: UInt8.self)
        used += 1
    }

    @inlinable @inline(__always)
    mutating func put(_ tag: UInt8, counted: UnsafeRawBufferPointer) {
        reserve(5 + counted.count)
        base.storeBytes(of: tag, toByteOffset: used, as: UInt8.self)
        base.storeBytes(
            of: UInt32(truncatingIfNeeded: counted.count).littleEndian, toByteOffset: used + 1,
            as: UInt32.self)
        if let source = counted.baseAddress {
            base.advanced(by: used + 5).copyMemory(from: source, byteCount: counted.count)
        }
        used += 5 + counted.count
    }

    public mutating func append(_ record: Record) {
        appendFrame(key: record.key.bytes, record.locator, record.fields.bytes)
    }

    mutating func appendFrame(key: [UInt8], _ second: [UInt8], _ third: [UInt8]) {
        beginRecord()
        put(raw: key)
        endKey()
        put(raw: second)
        endLocator()
        put(raw: third)
        endRecord()
    }

    /// The finished batch; the builder starts anew with memory of the same size.
    public mutating func seal() -> RecordBatch {
        if mark != 0 { used = frame }
        let batch = RecordBatch(storage: BatchStorage(base: base, used: used), count: count)
        base = .allocate(byteCount: capacity, alignment: 8)
        used = 0
        frame = 0
        mark = 0
        finished = 0
        return batch
    }
}

/// Three byte ranges of one record: key, locator and values; of the base: key, base record, nothing.
struct Frame {
    let key: UnsafeRawBufferPointer
    let second: UnsafeRawBufferPointer
    let third: UnsafeRawBufferPointer
}

/// Walks the frames of a batch. Valid as long as the storage is held, which it does itself.
struct FrameCursor {
    static let header = BatchBuilder.header
    private let storage: BatchStorage
    private var offset = 0

    init(_ storage: BatchStorage) { self.storage = storage }

    var isAtEnd: Bool { offset >= storage.used }
    /// Where the next frame begins.
    var place: Int { offset }

    /// The frame under the cursor, without moving.
    func peek() -> Frame? {
        offset < storage.used ? frame(at: offset) : nil
    }

    mutating func next() -> Frame? {
        guard offset < storage.used else { return nil }
        let frame = frame(at: offset)
        offset += Self.header + frame.key.count + frame.second.count + frame.third.count
        return frame
    }

    func frame(at offset: Int) -> Frame {
        let start = UnsafeRawPointer(storage.base) + offset
        let a = Int(start.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
        let b = Int(start.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        let c = Int(start.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        let body = start + Self.header
        return Frame(
            key: UnsafeRawBufferPointer(start: body, count: a),
            second: UnsafeRawBufferPointer(start: body + a, count: b),
            third: UnsafeRawBufferPointer(start: body + a + b, count: c))
    }
}

/// Byte order of keys.
@inline(__always)
func compareKeys(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let shared = min(a.count, b.count)
    if shared > 0, let x = a.baseAddress, let y = b.baseAddress {
        let order = memoryCompare(x, y, shared)
        if order != 0 { return order }
    }
    return a.count - b.count
}

@inline(__always)
func sameBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    guard a.count > 0, let x = a.baseAddress, let y = b.baseAddress else { return true }
    return memoryCompare(x, y, a.count) == 0
}
