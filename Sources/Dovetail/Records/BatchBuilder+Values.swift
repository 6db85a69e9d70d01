/// The values that replicas with typed columns write, straight into the block.
extension BatchBuilder {
    /// A packed date.
    @inlinable public mutating func put(date: CalendarDate) {
        reserve(5)
        base.storeBytes(of: Tag.date, toByteOffset: used, as: UInt8.self)
        base.storeBytes(of: date.days.littleEndian, toByteOffset: used + 1, as: Int32.self)
        used += 5
    }

    /// A packed time of day.
    @inlinable public mutating func put(time: TimeOfDay) {
        store(Tag.time, UInt64(bitPattern: time.microseconds))
    }

    /// A packed wall-clock time, or instant.
    @inlinable public mutating func put(timestamp: Timestamp, withZone: Bool) {
        store(withZone ? Tag.timestampWithZone : Tag.timestamp, UInt64(bitPattern: timestamp.microseconds))
    }

    /// A packed interval.
    @inlinable public mutating func put(interval: CalendarInterval) {
        reserve(17)
        base.storeBytes(of: Tag.interval, toByteOffset: used, as: UInt8.self)
        base.storeBytes(of: interval.months.littleEndian, toByteOffset: used + 1, as: Int32.self)
        base.storeBytes(of: interval.days.littleEndian, toByteOffset: used + 5, as: Int32.self)
        base.storeBytes(of: interval.microseconds.littleEndian, toByteOffset: used + 9, as: Int64.self)
        used += 17
    }

    /// A packed UUID.
    @inlinable public mutating func put(uuid: UUID128) {
        reserve(17)
        base.storeBytes(of: Tag.uuid, toByteOffset: used, as: UInt8.self)
        base.storeBytes(of: uuid.high.littleEndian, toByteOffset: used + 1, as: UInt64.self)
        base.storeBytes(of: uuid.low.littleEndian, toByteOffset: used + 9, as: UInt64.self)
        used += 17
    }

    /// A packed decimal from its one plain notation, as ``ExactDecimal/text`` writes it.
    @inlinable public mutating func put(decimal text: UnsafeRawBufferPointer) {
        put(Tag.decimal, counted: text)
    }

    /// Begins a packed list; the values put until ``endList(_:)`` are its elements.
    @inlinable public mutating func beginList() -> Int {
        reserve(5)
        base.storeBytes(of: Tag.list, toByteOffset: used, as: UInt8.self)
        used += 5
        // Relative to the record, so that the block may move meanwhile.
        return used - frame
    }

    /// Ends the list whose beginning this is.
    @inlinable public mutating func endList(_ start: Int) {
        let length = UInt32(truncatingIfNeeded: used - frame - start)
        base.storeBytes(of: length.littleEndian, toByteOffset: frame + start - 4, as: UInt32.self)
    }
}

/// Parts of keys.
extension BatchBuilder {
    /// A null as part of a key.
    @inlinable public mutating func putKeyNull() { put(byte: Tag.null) }
    /// A truth value as part of a key.
    @inlinable public mutating func putKey(bool: Bool) { put(bool: bool) }

    /// A date as part of a key.
    @inlinable public mutating func putKey(date: CalendarDate) {
        reserve(5)
        base.storeBytes(of: Tag.date, toByteOffset: used, as: UInt8.self)
        let flipped = (UInt32(bitPattern: date.days) ^ 1 << 31).bigEndian
        base.storeBytes(of: flipped, toByteOffset: used + 1, as: UInt32.self)
        used += 5
    }

    /// A wall-clock time, or instant, as part of a key.
    @inlinable public mutating func putKey(timestamp: Timestamp, withZone: Bool) {
        let tag = withZone ? Tag.timestampWithZone : Tag.timestamp
        store(tag, (UInt64(bitPattern: timestamp.microseconds) ^ 1 << 63).bigEndian)
    }

    /// A UUID as part of a key.
    @inlinable public mutating func putKey(uuid: UUID128) {
        reserve(17)
        base.storeBytes(of: Tag.uuid, toByteOffset: used, as: UInt8.self)
        base.storeBytes(of: uuid.high.bigEndian, toByteOffset: used + 1, as: UInt64.self)
        base.storeBytes(of: uuid.low.bigEndian, toByteOffset: used + 9, as: UInt64.self)
        used += 17
    }

    /// Any value as part of a key, by way of ``RecordKey``.
    public mutating func putKey(_ value: Value) { put(raw: RecordKey(CollectionOfOne(value)).bytes) }

    /// The key of the record at hand. Valid between ``endKey()`` and the next bytes put.
    @inlinable public var endedKey: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + frame + Self.header, count: mark - frame - Self.header)
    }
}
