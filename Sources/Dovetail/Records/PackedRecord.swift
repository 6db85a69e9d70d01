/// The canonical bytes of one record: its fields' packed values, one after the other, in the order of the schema.
///
/// Two records are equal exactly when these bytes are equal. The schema is held once per table, not here.
public struct PackedRecord: Sendable, Hashable {
    public let bytes: [UInt8]

    /// Takes bytes that are already packed.
    public init(bytes: [UInt8]) { self.bytes = bytes }

    public init(_ values: some Sequence<Value>) {
        var writer = ByteWriter(reserving: 128)
        for value in values { writer.put(value) }
        bytes = writer.bytes
    }

    /// All values. Complexity: O(bytes).
    /// - Throws: ``PackingError`` when the bytes are damaged or a text is not valid UTF-8.
    public func values() throws -> [Value] {
        var reader = ByteReader(bytes)
        var values: [Value] = []
        while !reader.isAtEnd { values.append(try reader.value()) }
        return values
    }

    /// The packed bytes of each field, without building values. Complexity: O(fields).
    public func slices() throws -> [ArraySlice<UInt8>] {
        var slices: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let tag = bytes[start]
            var end = start + 1
            if let size = PackedLayout.fixedPayload(of: tag) {
                end += size
            } else {
                guard start + 5 <= bytes.count else { throw PackingError("it ends too early") }
                let count =
                    Int(bytes[start + 1]) | Int(bytes[start + 2]) << 8 | Int(bytes[start + 3]) << 16
                    | Int(bytes[start + 4]) << 24
                end += 4 + count
            }
            guard end <= bytes.count else { throw PackingError("it ends too early") }
            slices.append(bytes[start..<end])
            start = end
        }
        return slices
    }

    /// Where the packed field that begins at `start` ends, in the bytes of a record; nil when they are damaged.
    @inlinable
    public static func end(ofFieldAt start: Int, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard start < bytes.count else { return nil }
        if let size = PackedLayout.fixedPayload(of: bytes[start]) {
            return start + 1 + size <= bytes.count ? start + 1 + size : nil
        }
        guard start + 5 <= bytes.count else { return nil }
        let count = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start + 1, as: UInt32.self)))
        return start + 5 + count <= bytes.count ? start + 5 + count : nil
    }

    /// The value of field `index`.
    /// - Throws: ``PackingError`` when there is no such field.
    public func value(at index: Int) throws -> Value {
        var reader = ByteReader(bytes)
        for _ in 0..<index { try reader.skipValue() }
        return try reader.value()
    }

    /// A copy in which the fields of `replacements` have other packed bytes.
    public func replacing(_ replacements: [Int: ArraySlice<UInt8>]) throws -> PackedRecord {
        var writer = ByteWriter(reserving: bytes.count)
        for (index, slice) in try slices().enumerated() {
            writer.put(raw: replacements[index] ?? slice)
        }
        return PackedRecord(bytes: writer.bytes)
    }

    /// The digest by which this record is recognised in a saved plan or a decision.
    public var digest: Digest { Digest(of: bytes) }
}

/// A record as a replica handed it over: what identifies it, where it lives there, and its fields.
public struct Record: Sendable, Hashable {
    public var key: RecordKey
    /// Where the replica finds the record again quickly (a row id, a feature id); empty when the key says it.
    public var locator: [UInt8]
    public var fields: PackedRecord

    public init(key: RecordKey, locator: [UInt8] = [], fields: PackedRecord) {
        self.key = key
        self.locator = locator
        self.fields = fields
    }
}
