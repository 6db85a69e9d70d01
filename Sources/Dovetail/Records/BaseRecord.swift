/// What both sides last agreed on about one record: the form in which each side gave it back.
///
/// The forms differ where a store normalises what it is given (rounding, HTML, a type it can't hold). Each side is
/// compared with its own form, so a store's habit is never taken for an edit.
public struct BaseRecord: Sendable, Hashable {
    public var key: RecordKey
    public var left: PackedRecord
    public var right: PackedRecord
    public var leftLocator: [UInt8]
    public var rightLocator: [UInt8]

    public init(
        key: RecordKey, left: PackedRecord, right: PackedRecord, leftLocator: [UInt8] = [],
        rightLocator: [UInt8] = []
    ) {
        self.key = key
        self.left = left
        self.right = right
        self.leftLocator = leftLocator
        self.rightLocator = rightLocator
    }

    /// What a state store keeps beside the key and the left form: empty when the right form equals the left one
    /// and there are no locators; else the right form (empty: as left) and the locators, each with its length.
    public var rest: [UInt8] {
        if left == right, leftLocator.isEmpty, rightLocator.isEmpty { return [] }
        var writer = ByteWriter()
        writer.put(counted: left == right ? [] : right.bytes)
        writer.put(counted: leftLocator)
        writer.put(counted: rightLocator)
        return writer.bytes
    }

    /// Reads what a state store kept.
    /// - Throws: ``PackingError`` when `rest` is damaged.
    public init(key: RecordKey, left: [UInt8], rest: [UInt8]) throws {
        let left = PackedRecord(bytes: left)
        guard !rest.isEmpty else {
            self.init(key: key, left: left, right: left)
            return
        }
        var reader = ByteReader(rest)
        let right = Array(try reader.counted())
        self.init(
            key: key, left: left, right: right.isEmpty ? left : PackedRecord(bytes: right),
            leftLocator: Array(try reader.counted()), rightLocator: Array(try reader.counted()))
    }

    /// This record as the other side would name it.
    public var mirrored: BaseRecord {
        BaseRecord(
            key: key, left: right, right: left, leftLocator: rightLocator, rightLocator: leftLocator)
    }

    /// The right form inside a frame of a base batch, without copying.
    static func rightForm(_ frame: Frame) -> UnsafeRawBufferPointer {
        guard frame.third.count >= 4 else { return frame.second }
        let count = Int(frame.third.loadUnaligned(as: UInt32.self))
        guard count > 0, count + 4 <= frame.third.count else { return frame.second }
        return UnsafeRawBufferPointer(rebasing: frame.third[4..<(4 + count)])
    }
}

extension RecordBatch {
    /// A batch of base records, for ``MergeJoin``.
    public init(base records: some Sequence<BaseRecord>) {
        var builder = BatchBuilder()
        for record in records { builder.append(base: record) }
        self = builder.seal()
    }
}

/// Batches of base records which say that both sides agreed on the records of a batch, made one after the other.
public struct AgreedBatches: Sendable {
    private var cursor: FrameCursor
    /// Where a batch is large enough.
    private let size = 1 << 20

    public init(_ batch: RecordBatch) { cursor = FrameCursor(batch.storage) }

    public mutating func next() -> RecordBatch? {
        var builder = BatchBuilder(capacity: size + size / 8)
        while builder.byteCount < size, let frame = cursor.next() {
            builder.beginRecord()
            builder.put(raw: frame.key)
            builder.endKey()
            builder.put(raw: frame.third)
            builder.endLocator()
            builder.endRecord()
        }
        return builder.count == 0 ? nil : builder.seal()
    }
}

extension BatchBuilder {
    public mutating func append(base record: BaseRecord) {
        appendFrame(key: record.key.bytes, record.left.bytes, record.rest)
    }
}

extension RecordBatch {
    /// The records of a batch of base frames, as values.
    /// - Throws: ``PackingError`` when the bytes are damaged.
    public func baseRecords() throws -> [BaseRecord] {
        var records: [BaseRecord] = []
        var cursor = FrameCursor(storage)
        while let frame = cursor.next() {
            records.append(
                try BaseRecord(
                    key: RecordKey(bytes: Array(frame.key)), left: Array(frame.second),
                    rest: Array(frame.third)))
        }
        return records
    }
}

extension BaseRecord {
    /// This record under another layout: field `i` takes the bytes of the old field `moving[i]`, or null.
    /// - Throws: ``PackingError`` when a record is damaged.
    public func moved(_ moving: [Int?]) throws -> BaseRecord {
        var record = self
        record.left = try left.moved(moving)
        record.right = left == right ? record.left : try right.moved(moving)
        return record
    }
}

extension PackedRecord {
    /// This record under another layout: field `i` takes the bytes of the old field `moving[i]`, or null.
    /// - Throws: ``PackingError`` when the record is damaged.
    public func moved(_ moving: [Int?]) throws -> PackedRecord {
        let slices = try slices()
        var writer = ByteWriter(reserving: bytes.count)
        for position in moving {
            if let position, slices.indices.contains(position) {
                writer.put(raw: slices[position])
            } else {
                writer.put(.null)
            }
        }
        return PackedRecord(bytes: writer.bytes)
    }
}
