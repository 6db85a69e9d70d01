import Dovetail
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Which columns of a COPY are what: first the fields in the order of the schema, then what else is asked for.
struct RowLayout: Sendable {
    /// How many of the columns are fields.
    var fields: Int
    /// The columns that make up the key, in its order.
    var key: [Int]
    /// The column whose binary form is the locator.
    var locator: Int?
}

/// The stream of a COPY is not what was asked for.
struct CopyFormatError: Error, Sendable, CustomStringConvertible {
    let description: String
}

/// Turns the rows of a binary COPY into packed records, allocating nothing for the common types.
struct RowPacker: ~Copyable {
    private struct Place {
        var start = 0
        /// -1 for null.
        var length = -1
    }

    private let codecs: UnsafeMutableBufferPointer<ColumnCodec>
    private let key: UnsafeMutableBufferPointer<Int>
    private let places: UnsafeMutableBufferPointer<Place>
    private let fields: Int
    private let locator: Int
    private var packer = FieldPacker()
    private var lastKey = LastKey()

    /// - Parameter codecs: one for each column, the fields first.
    init(_ codecs: [ColumnCodec], layout: RowLayout) {
        self.codecs = .allocate(capacity: codecs.count)
        _ = self.codecs.initialize(from: codecs)
        key = .allocate(capacity: layout.key.count)
        _ = key.initialize(from: layout.key)
        places = .allocate(capacity: codecs.count)
        places.initialize(repeating: Place())
        fields = layout.fields
        locator = layout.locator ?? -1
    }

    deinit {
        codecs.deallocate()
        key.deallocate()
        places.deallocate()
    }

    /// Whether every key so far came at or after the one before it.
    private(set) var isOrdered = true

    /// Appends the row that starts at an offset. Returns where it ends, nil when its end has not come yet.
    @inline(__always)
    mutating func append(
        _ bytes: UnsafeRawBufferPointer, at start: Int, to builder: inout BatchBuilder
    ) throws(CopyFormatError) -> Int? {
        guard let end = try locate(bytes, start) else { return nil }
        builder.beginRecord()
        for index in 0..<key.count {
            let column = key[index]
            guard places[column].length >= 0 else {
                builder.putKeyNull()
                continue
            }
            guard packKey(content(bytes, column), codecs[column], &builder) else { throw damaged(column) }
        }
        builder.endKey()
        if lastKey.replace(with: builder.endedKey) < 0 { isOrdered = false }
        if locator >= 0, places[locator].length > 0 { builder.put(raw: content(bytes, locator)) }
        builder.endLocator()
        for column in 0..<fields {
            guard places[column].length >= 0 else {
                builder.putNull()
                continue
            }
            guard packer.pack(content(bytes, column), codecs[column], &builder) else { throw damaged(column) }
        }
        builder.endRecord()
        return end
    }

    @inline(__always)
    private func content(_ bytes: UnsafeRawBufferPointer, _ column: Int) -> UnsafeRawBufferPointer {
        let place = places[column]
        return UnsafeRawBufferPointer(rebasing: bytes[place.start..<place.start + place.length])
    }

    /// Finds the values of a row; nil when not all of it is there.
    @inline(__always)
    private func locate(_ bytes: UnsafeRawBufferPointer, _ start: Int) throws(CopyFormatError) -> Int? {
        guard let base = bytes.baseAddress, start + 2 <= bytes.count else { return nil }
        let count = Int(Int16(bigEndian: base.loadUnaligned(fromByteOffset: start, as: Int16.self)))
        guard count == codecs.count else {
            throw CopyFormatError(description: "a row has \(count) columns where \(codecs.count) are due")
        }
        var position = start + 2
        for column in 0..<count {
            guard position + 4 <= bytes.count else { return nil }
            let length = Int(Int32(bigEndian: base.loadUnaligned(fromByteOffset: position, as: Int32.self)))
            position += 4
            places[column] = Place(start: position, length: length)
            if length > 0 { position += length }
            guard position <= bytes.count, length >= -1 else { return nil }
        }
        return position
    }

    @inline(never)
    private func damaged(_ column: Int) -> CopyFormatError {
        CopyFormatError(
            description:
                "the values of column \(column + 1) are not of the type it had; its type was changed meanwhile"
        )
    }
}

extension RowPacker {
    /// A value that is not null as a part of the key.
    @inline(__always)
    private mutating func packKey(
        _ raw: UnsafeRawBufferPointer, _ codec: ColumnCodec, _ builder: inout BatchBuilder
    ) -> Bool {
        guard codec.change == .none else { return packRareKey(raw, codec, &builder) }
        switch codec.rule {
        case .int4 where raw.count == 4: builder.putKey(int: Int64(BigEndian.int32(raw)))
        case .int8 where raw.count == 8: builder.putKey(int: BigEndian.int64(raw))
        case .int2 where raw.count == 2: builder.putKey(int: Int64(BigEndian.int16(raw)))
        case .text: builder.putKey(text: raw)
        case .blankPadded: builder.putKey(text: FieldPacker.withoutPadding(raw))
        case .uuid where raw.count == 16: builder.putKey(uuid: BigEndian.uuid(raw))
        case .bool where raw.count == 1: builder.putKey(bool: raw[0] != 0)
        case .date where raw.count == 4:
            guard let date = PostgresTime.date(BigEndian.int32(raw)) else { return false }
            builder.putKey(date: date)
        case .timestamp where raw.count == 8, .timestampWithZone where raw.count == 8:
            guard let timestamp = PostgresTime.timestamp(BigEndian.int64(raw)) else {
                return packRareKey(raw, codec, &builder)
            }
            builder.putKey(timestamp: timestamp, withZone: codec.rule == .timestampWithZone)
        default: return packRareKey(raw, codec, &builder)
        }
        return true
    }

    /// By way of the packed value, in a builder of its own.
    @inline(never)
    private mutating func packRareKey(
        _ raw: UnsafeRawBufferPointer, _ codec: ColumnCodec, _ builder: inout BatchBuilder
    ) -> Bool {
        var single = BatchBuilder(capacity: 128)
        single.beginRecord()
        single.endKey()
        single.endLocator()
        guard packer.pack(raw, codec, &single) else { return false }
        single.endRecord()
        guard let record = single.seal().records().first else { return false }
        if let value = try? record.fields.value(at: 0) {
            builder.putKey(value)
        } else {
            // A text in no known encoding: its bytes.
            record.fields.bytes.dropFirst(5).withUnsafeBytes { builder.putKey(text: $0) }
        }
        return true
    }
}

/// The key of the row before, in memory of its own.
private struct LastKey: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private var capacity = 256
    private var count = -1

    init() { base = .allocate(byteCount: capacity, alignment: 8) }

    deinit { base.deallocate() }

    /// Takes the next key. Less than zero when it comes before the one it replaces.
    @inline(__always)
    mutating func replace(with key: UnsafeRawBufferPointer) -> Int {
        var order = 0
        if count >= 0, let next = key.baseAddress {
            let shared = min(count, key.count)
            order = Int(memcmp(next, base, shared))
            if order == 0 { order = key.count - count }
        }
        if key.count > capacity {
            base.deallocate()
            capacity = 2 * key.count
            base = .allocate(byteCount: capacity, alignment: 8)
        }
        if let start = key.baseAddress { base.copyMemory(from: start, byteCount: key.count) }
        count = key.count
        return order
    }
}
