import Dovetail

/// Turns the binary form of one value into its packed form, allocating nothing for the common types.
struct FieldPacker: ~Copyable {
    private var text = TextScratch()
    private var geometries = GeometryForm()

    /// Appends a value that is not null. False for bytes that are no value of the type: the column is another one
    /// than when it was looked at.
    @inline(__always)
    mutating func pack(
        _ raw: UnsafeRawBufferPointer, _ codec: ColumnCodec, _ builder: inout BatchBuilder
    ) -> Bool {
        guard codec.change == .none else { return packChanged(raw, codec, &builder) }
        switch codec.rule {
        case .text: builder.put(text: raw)
        case .int4:
            guard raw.count == 4 else { return false }
            builder.put(int: Int64(BigEndian.int32(raw)))
        case .int8:
            guard raw.count == 8 else { return false }
            builder.put(int: BigEndian.int64(raw))
        case .float8:
            guard raw.count == 8 else { return false }
            builder.put(double: Double(bitPattern: UInt64(bitPattern: BigEndian.int64(raw))))
        case .bool:
            guard raw.count == 1 else { return false }
            builder.put(bool: raw[0] != 0)
        case .timestamp, .timestampWithZone:
            guard raw.count == 8 else { return false }
            let withZone = codec.rule == .timestampWithZone
            guard let timestamp = PostgresTime.timestamp(BigEndian.int64(raw)) else {
                return packFar(BigEndian.int64(raw), withZone: withZone, &builder)
            }
            builder.put(timestamp: timestamp, withZone: withZone)
        case .uuid:
            guard raw.count == 16 else { return false }
            builder.put(uuid: BigEndian.uuid(raw))
        case .date:
            guard raw.count == 4, let date = PostgresTime.date(BigEndian.int32(raw)) else { return false }
            builder.put(date: date)
        case .numeric:
            guard NumericForm.write(raw, to: &text) else { return false }
            builder.put(decimal: text.bytes)
        case .bytes: builder.put(bytes: raw)
        case .geometry: geometries.pack(raw, &builder)
        case .array: return packArray(raw, codec.element, &builder)
        default: return packRare(raw, codec.rule, &builder)
        }
        return true
    }

    @inline(never)
    private mutating func packRare(
        _ raw: UnsafeRawBufferPointer, _ rule: ColumnCodec.Rule, _ builder: inout BatchBuilder
    ) -> Bool {
        switch rule {
        case .int2:
            guard raw.count == 2 else { return false }
            builder.put(int: Int64(BigEndian.int16(raw)))
        case .unsigned:
            guard raw.count == 4 else { return false }
            builder.put(int: Int64(UInt32(bitPattern: BigEndian.int32(raw))))
        case .float4:
            guard raw.count == 4 else { return false }
            builder.put(double: Double(Float(bitPattern: UInt32(bitPattern: BigEndian.int32(raw)))))
        case .money:
            guard raw.count == 8 else { return false }
            NumericForm.write(hundredths: BigEndian.int64(raw), to: &text)
            builder.put(decimal: text.bytes)
        case .blankPadded: builder.put(text: Self.withoutPadding(raw))
        case .time:
            guard raw.count == 8, let time = TimeOfDay(microseconds: BigEndian.int64(raw)) else {
                return false
            }
            builder.put(time: time)
        case .interval:
            guard raw.count == 16 else { return false }
            builder.put(
                interval: CalendarInterval(
                    months: BigEndian.int32(UnsafeRawBufferPointer(rebasing: raw[12...])),
                    days: BigEndian.int32(UnsafeRawBufferPointer(rebasing: raw[8...])),
                    microseconds: BigEndian.int64(raw)))
        case .json: pack(json: raw, &builder)
        case .jsonb:
            // One byte says which binary form it is; so far there is one, and it is the text.
            guard raw.first == 1 else { return false }
            pack(json: UnsafeRawBufferPointer(rebasing: raw[1...]), &builder)
        case .inet:
            guard InetForm.write(raw, to: &text) else { return false }
            builder.put(text: text.bytes)
        default: return false
        }
        return true
    }

    /// What `char(n)` adds and what PostgreSQL itself doesn't compare.
    static func withoutPadding(_ raw: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var count = raw.count
        while count > 0, raw[count - 1] == 0x20 { count -= 1 }
        return UnsafeRawBufferPointer(rebasing: raw[..<count])
    }

    /// JSON beyond the limits of the canonical form, and what a SQL_ASCII database holds instead of it, stays text.
    private func pack(json raw: UnsafeRawBufferPointer, _ builder: inout BatchBuilder) {
        if let value = TextForm.json(raw) {
            builder.put(value)
        } else {
            builder.put(text: raw)
        }
    }

    @inline(never)
    private func packFar(_ microseconds: Int64, withZone: Bool, _ builder: inout BatchBuilder) -> Bool {
        builder.put(.text(PostgresTime.farText(microseconds, withZone: withZone)))
        return true
    }
}

extension FieldPacker {
    /// A value of a column with a declared conversion.
    @inline(never)
    private mutating func packChanged(
        _ raw: UnsafeRawBufferPointer, _ codec: ColumnCodec, _ builder: inout BatchBuilder
    ) -> Bool {
        switch (codec.change, codec.rule) {
        case (_, .text), (_, .blankPadded):
            let text = codec.rule == .text ? raw : Self.withoutPadding(raw)
            if let value = codec.converted(text: text) {
                builder.put(value)
            } else {
                builder.put(text: text)
            }
            return true
        case (.bool, .int2), (.bool, .int4), (.bool, .int8), (.bool, .unsigned), (.bool, .numeric):
            if let flag = Self.flag(raw, codec.rule) {
                builder.put(bool: flag)
                return true
            }
        case (.multi, .geometry):
            GeometryForm.packPart(raw, &builder)
            return true
        default: break
        }
        return pack(raw, ColumnCodec(codec.rule, element: codec.element), &builder)
    }

    /// A number that stands for false or true: 0 or 1.
    private static func flag(_ raw: UnsafeRawBufferPointer, _ rule: ColumnCodec.Rule) -> Bool? {
        let number: Int64?
        switch (rule, raw.count) {
        case (.int2, 2): number = Int64(BigEndian.int16(raw))
        case (.int4, 4), (.unsigned, 4): number = Int64(BigEndian.int32(raw))
        case (.int8, 8): number = BigEndian.int64(raw)
        case (.numeric, _):
            var text = TextScratch()
            guard NumericForm.write(raw, to: &text), text.bytes.count == 1 else { return nil }
            number = Int64(text.bytes[0]) - 0x30
        default: number = nil
        }
        return number == 0 ? false : number == 1 ? true : nil
    }

    /// An array as a list, of more dimensions as a list of lists. Its lower bounds are no part of the value.
    private mutating func packArray(
        _ raw: UnsafeRawBufferPointer, _ element: ColumnCodec.Rule, _ builder: inout BatchBuilder
    ) -> Bool {
        guard raw.count >= 12 else { return false }
        let dimensions = Int(BigEndian.int32(raw))
        guard (0...6).contains(dimensions), raw.count >= 12 + 8 * dimensions else { return false }
        guard dimensions > 0 else {
            let list = builder.beginList()
            builder.endList(list)
            return raw.count == 12
        }
        var position = 12 + 8 * dimensions
        return packDimension(0, of: dimensions, raw, &position, element, &builder) && position == raw.count
    }

    private mutating func packDimension(
        _ dimension: Int, of dimensions: Int, _ raw: UnsafeRawBufferPointer, _ position: inout Int,
        _ element: ColumnCodec.Rule, _ builder: inout BatchBuilder
    ) -> Bool {
        let count = Int(BigEndian.int32(UnsafeRawBufferPointer(rebasing: raw[(12 + 8 * dimension)...])))
        let list = builder.beginList()
        for _ in 0..<max(count, 0) {
            if dimension + 1 < dimensions {
                guard packDimension(dimension + 1, of: dimensions, raw, &position, element, &builder) else {
                    return false
                }
                continue
            }
            guard position + 4 <= raw.count else { return false }
            let length = Int(BigEndian.int32(UnsafeRawBufferPointer(rebasing: raw[position...])))
            position += 4
            if length < 0 {
                builder.putNull()
                continue
            }
            guard position + length <= raw.count else { return false }
            let content = UnsafeRawBufferPointer(rebasing: raw[position..<position + length])
            guard pack(content, ColumnCodec(element), &builder) else { return false }
            position += length
        }
        builder.endList(list)
        return true
    }
}

/// Numbers as they come from the network. The caller has looked at the length.
enum BigEndian {
    @inline(__always)
    static func int16(_ raw: UnsafeRawBufferPointer) -> Int16 {
        Int16(bigEndian: raw.loadUnaligned(as: Int16.self))
    }
    @inline(__always)
    static func int32(_ raw: UnsafeRawBufferPointer) -> Int32 {
        Int32(bigEndian: raw.loadUnaligned(as: Int32.self))
    }
    @inline(__always)
    static func int64(_ raw: UnsafeRawBufferPointer) -> Int64 {
        Int64(bigEndian: raw.loadUnaligned(as: Int64.self))
    }
    @inline(__always)
    static func uuid(_ raw: UnsafeRawBufferPointer) -> UUID128 {
        UUID128(
            high: UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
}
